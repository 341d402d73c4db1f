//! Roots that fail again and again in an exactly-once topology.
//!
//! A root that fails takes its epoch back, and comes again under the same id. It is counted here until an epoch is
//! committed; past the limit it is dead, and goes to the stream of dead letters instead. One whose dead letter
//! fails as often is done without: nobody wants it.

use std::collections::{BTreeMap, VecDeque};

use crate::context::OutputStream;
use crate::error::FailReason;
use crate::policy::{MessageId, Retries};
use crate::run::Run;
use crate::target::AnyStreams;
use crate::tracker::Emission;
use crate::tuple_ref::Repr;
use crate::value::{Items, ListRef, Value};

/// See the module.
#[derive(Default)]
pub(crate) struct Poison {
    limit: u32,
    failed: BTreeMap<MessageId, (u32, FailReason)>,
    due: VecDeque<Buried>,
}

/// A dead letter to be emitted.
pub(crate) struct Buried {
    pub(crate) emission: Emission,
    pub(crate) bytes: Vec<u8>,
    pub(crate) reason: FailReason,
    pub(crate) attempts: u32,
}

impl Poison {
    /// Takes the limit from the spout's policy; one that replays by itself has the engine's default.
    pub(crate) fn allow(&mut self, retries: &Retries) {
        let policy = match retries {
            Retries::Engine(policy) => *policy,
            Retries::Spout => Default::default(),
        };
        self.limit = policy.limit;
    }

    /// A root has failed in the epoch that is being built.
    pub(crate) fn failed(&mut self, id: MessageId, reason: FailReason) {
        let entry = self.failed.entry(id).or_insert_with(|| (0, reason.clone()));
        *entry = (entry.0.saturating_add(1), reason);
    }

    /// Whether a root may not be emitted as itself any more.
    #[inline]
    pub(crate) fn is_dead(&self, id: MessageId) -> bool {
        !self.failed.is_empty()
            && self.failed.get(&id).is_some_and(|(attempts, _)| *attempts > self.limit)
    }

    /// Keeps a dead root until it can be emitted.
    pub(crate) fn bury(&mut self, emission: Emission, bytes: Vec<u8>) {
        if let Some((attempts, reason)) = self.failed.get(&emission.id)
            && *attempts <= self.limit.saturating_mul(2).saturating_add(1)
        {
            let (attempts, reason) = (*attempts, reason.clone());
            self.due.push_back(Buried { emission, bytes, reason, attempts });
        }
    }

    /// The next one to be emitted.
    pub(crate) fn next_due(&mut self) -> Option<Buried> {
        self.due.pop_front()
    }

    /// Whether any is to be emitted.
    pub(crate) fn has_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// The epoch is taken back: what was to be emitted comes again.
    pub(crate) fn undo(&mut self) {
        self.due.clear();
    }

    /// The epoch was committed: all that was in it is done.
    pub(crate) fn settle(&mut self) {
        self.failed.clear();
    }
}

/// Emits a root on the stream of dead letters: what it is, its fields as written, why, and after how many attempts.
pub(crate) fn push_dead(
    dead_letters: &mut AnyStreams,
    outputs: &[OutputStream],
    (emission, bytes, reason, attempts): (Emission, &[u8], &FailReason, u32),
    run: &mut Run,
) -> u64 {
    let stream = outputs.get(emission.to.stream as usize);
    let count = stream.map_or(0, |stream| stream.fields.len());
    let values = ListRef(Items::Encoded { bytes, count });
    let reason = reason.to_string();
    let fields = [
        Value::I64(emission.id.cast_signed()),
        Value::Str(&reason),
        Value::I64(i64::from(attempts)),
        Value::Str(stream.map_or("", |stream| &stream.stream)),
        Value::List(values),
    ];
    let streams = dead_letters.list.iter_mut();
    streams.map(|stream| stream.push(None, Repr::Values(&fields), run, None)).sum()
}
