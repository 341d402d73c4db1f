//! A component's panic ends the component's instance, not its worker.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::run::Run;
use crate::task::TaskState;

/// The wait before the third restart in a row; it doubles from there. The first restart is at once: one bad tuple
/// among good ones must not stop the stream.
const BACKOFF_FIRST: Duration = Duration::from_millis(10);
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Calls into a component. A panic comes back as its text; whoever called drops the instance.
#[inline]
pub(crate) fn guarded<R>(act: impl FnOnce() -> R) -> Result<R, String> {
    // The instance is not used again after a panic, and what else `act` touches is the engine's own, which
    // holds no broken invariant across a call into a component.
    catch_unwind(AssertUnwindSafe(act)).map_err(|panic| text(&*panic))
}

#[cold]
fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "no message".to_owned())
}

/// Drops an instance whose destructor may panic like the rest of it.
pub(crate) fn discard<C>(instance: Option<C>) {
    drop(guarded(|| drop(instance)));
}

/// Counts panics in a row and spaces out the restarts.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    in_row: u32,
}

impl Supervisor {
    /// The instance did something without panicking.
    #[inline]
    pub(crate) fn succeeded(&mut self) {
        self.in_row = 0;
    }

    /// The instance is gone, or could not be made. Pauses the unit unless this is the first time.
    #[cold]
    pub(crate) fn lost(&mut self, task: &mut TaskState, what: &str, run: &mut Run) {
        self.in_row = self.in_row.saturating_add(1);
        let now = run.clock.now();
        task.report(&what, now);
        if self.in_row > 1 {
            let factor = 1u32.checked_shl(self.in_row - 2).unwrap_or(u32::MAX);
            let pause = BACKOFF_FIRST.saturating_mul(factor).min(BACKOFF_MAX);
            let until = now.after(pause);
            run.paused_until = run.paused_until.max(Some(until));
        }
    }
}
