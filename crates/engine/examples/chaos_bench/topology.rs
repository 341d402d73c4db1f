//! A topology whose bolts misbehave, and the account of what became of each root.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tidemill_engine::{
    Bolt, BuildError, ComponentError, Done, Emitter, FailReason, MessageId, Next, Ref, Retries,
    RetryPolicy, Spout, SpoutEmitter, Topology, TopologyBuilder, tuple,
};

tuple! {
    /// A number that names its root.
    pub(crate) struct Number { value: i64 }
}

/// What became of each root: how often it was acked and how often it was given up.
#[derive(Debug)]
pub(crate) struct Account {
    acked: Vec<u8>,
    failed: Vec<u8>,
}

/// The same, shared.
pub(crate) type Shared = Arc<Mutex<Account>>;

impl Account {
    /// An account of the roots below `roots`.
    pub(crate) fn new(roots: usize) -> Shared {
        // Written to once, so that the system gives the memory now and what grows later is the engine's.
        let touched = || {
            let mut ends = std::hint::black_box(vec![1; roots]);
            ends.fill(0);
            ends
        };
        Arc::new(Mutex::new(Self { acked: touched(), failed: touched() }))
    }

    /// Roots acked once, roots given up once, and all others, which must be none.
    pub(crate) fn sums(&self) -> (usize, usize, usize) {
        let mut sums = (0, 0, 0);
        for ends in self.acked.iter().zip(&self.failed) {
            match ends {
                (1, 0) => sums.0 += 1,
                (0, 1) => sums.1 += 1,
                _ => sums.2 += 1,
            }
        }
        sums
    }
}

struct Numbers {
    next: u64,
    end: u64,
    account: Shared,
}

impl Numbers {
    fn note(&self, id: MessageId, acked: bool) {
        let mut account = self.account.lock().unwrap_or_else(PoisonError::into_inner);
        let list = if acked { &mut account.acked } else { &mut account.failed };
        if let Some(times) = usize::try_from(id).ok().and_then(|id| list.get_mut(id)) {
            *times = times.saturating_add(1);
        }
    }
}

impl Spout for Numbers {
    type Out = Number;

    fn next(&mut self, out: &mut SpoutEmitter<'_, Number>) -> Result<Next, ComponentError> {
        for _ in 0..out.room().min(64) {
            if self.next == self.end {
                return Ok(Next::Finished);
            }
            out.emit(self.next, Number::borrow(self.next.cast_signed()));
            self.next += 1;
        }
        Ok(Next::More)
    }

    fn ack(&mut self, id: MessageId) {
        self.note(id, true);
    }

    fn fail(&mut self, id: MessageId, _: &FailReason) {
        self.note(id, false);
    }

    fn retries(&self) -> Retries {
        Retries::Engine(RetryPolicy {
            limit: 5,
            backoff_first: Duration::from_millis(1),
            backoff_max: Duration::from_millis(20),
        })
    }
}

/// What a bolt does to one tuple in so many.
#[derive(Clone, Copy)]
enum Vice {
    Panics,
    Fails,
    Forgets,
}

/// Passes numbers on, but for its vice.
struct Bad {
    vice: Vice,
    every: u64,
    /// Counted over all instances, or a bolt that panics would never come to its next panic.
    executed: Arc<AtomicU64>,
}

impl Bolt for Bad {
    type In = Number;
    type Out = Number;

    fn execute(
        &mut self,
        tuple: Ref<'_, Number>,
        out: &mut Emitter<'_, Number>,
    ) -> Result<Done, ComponentError> {
        let executed = self.executed.fetch_add(1, Ordering::Relaxed) + 1;
        if !executed.is_multiple_of(self.every) {
            out.emit(tuple);
            return Ok(Done::Ack);
        }
        match self.vice {
            // As a panic, but without the hook that prints it.
            Vice::Panics => std::panic::resume_unwind(Box::new("on purpose")),
            Vice::Fails => Ok(Done::Fail),
            Vice::Forgets => Ok(Done::Defer),
        }
    }
}

struct End;

impl Bolt for End {
    type In = Number;
    type Out = ();

    fn execute(
        &mut self,
        _: Ref<'_, Number>,
        _: &mut Emitter<'_, ()>,
    ) -> Result<Done, ComponentError> {
        Ok(Done::Ack)
    }
}

/// A spout of `roots` numbers; bolts that panic on every thousandth tuple, fail one in a hundred and forget one
/// in a thousand, on two workers; and an end.
///
/// # Errors
/// None: it is a sound topology.
pub(crate) fn topology(roots: u64, account: &Shared) -> Result<Topology, BuildError> {
    let mut builder = TopologyBuilder::new("chaos");
    builder.message_timeout(Duration::from_millis(200));
    let account = Arc::clone(account);
    let spout = move || Numbers { next: 0, end: roots, account: Arc::clone(&account) };
    let mut from = builder.spout("numbers", spout).handle();
    let vices = [
        ("panics", Vice::Panics, 1000),
        ("fails", Vice::Fails, 100),
        ("forgets", Vice::Forgets, 1000),
    ];
    for (name, vice, every) in vices {
        let executed = Arc::new(AtomicU64::new(0));
        let bad = move || Bad { vice, every, executed: Arc::clone(&executed) };
        from = builder.bolt(name, bad).fields(&from, &["value"]).parallelism(2).handle();
    }
    builder.bolt("end", || End).shuffle(&from).parallelism(2);
    builder.build()
}
