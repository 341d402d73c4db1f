//! ListTransactions (key 66): the transactional ids of this broker (KIP-664).
//!
//! Versions: 1 only those that are open for longer than so many milliseconds (KIP-994), 2 only those whose id a pattern
//! matches as a whole (KIP-1152).

use std::collections::BTreeSet;

use regex::{Regex, RegexBuilder};
use tidemill_wire::list_transactions::{
    ListTransactionsRequest, ListTransactionsResponse, TransactionState,
};
use tidemill_wire::{ErrorCode, Text};

use crate::answer::Answer;
use crate::context::Call;
use crate::transactions::metadata::{Metadata, State};

/// Bytes that a pattern may take when it is compiled, and while it matches.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// Lists what passes every filter.
pub(crate) async fn handle(
    call: &Call,
    request: ListTransactionsRequest,
) -> Answer<ListTransactionsResponse> {
    let Ok(pattern) = request.transactional_id_pattern.as_ref().map(compile).transpose() else {
        let error_code = ErrorCode::InvalidRegularExpression.code();
        return Answer::Now(ListTransactionsResponse { error_code, ..Default::default() });
    };
    let state = |name: &Text| State::ALL.into_iter().find(|state| state.name() == &**name);
    let states: BTreeSet<State> = request.state_filters.iter().filter_map(state).collect();
    let producers: BTreeSet<i64> = request.producer_id_filters.iter().copied().collect();
    let now_ms = call.shared.world.clock().wall_ms();
    let wanted = |id: &str, found: &Metadata| {
        (request.state_filters.is_empty() || states.contains(&found.state))
            && (producers.is_empty() || producers.contains(&found.producer.id))
            && (request.duration_filter < 0
                || now_ms.saturating_sub(found.start_ms) > request.duration_filter)
            && pattern.as_ref().is_none_or(|pattern| pattern.is_match(id))
    };
    let views = call.shared.transactions.list(wanted).into_iter();
    let transaction_states = views.map(|view| TransactionState {
        transactional_id: Text::from(&*view.id),
        producer_id: view.metadata.producer.id,
        transaction_state: Text::from_static(view.metadata.state.name()),
    });
    Answer::Now(ListTransactionsResponse {
        transaction_states: transaction_states.collect(),
        unknown_state_filters: request
            .state_filters
            .iter()
            .filter(|name| state(name).is_none())
            .cloned()
            .collect(),
        ..Default::default()
    })
}

/// A pattern that must match from the first to the last character.
fn compile(pattern: &Text) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .build()
}
