//! A clock turned by hand.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::clock::{Clock, Moment, Sleep};

/// Where wall time starts in a simulation: 1 January 2026, UTC.
const WALL_START_MS: i64 = 1_767_225_600_000;

/// A clock that stands until it is turned.
#[derive(Debug, Default)]
pub struct SimClock(Arc<Mutex<Face>>);

#[derive(Debug, Default)]
struct Face {
    now: Moment,
    sleepers: Vec<(Moment, Waker)>,
}

impl SimClock {
    /// Turns the clock and wakes those whose moment has come.
    pub fn advance(&self, duration: Duration) {
        let mut face = lock(&self.0);
        face.now = face.now.after(duration);
        let now = face.now;
        let (due, asleep) = face.sleepers.drain(..).partition(|(moment, _)| *moment <= now);
        face.sleepers = asleep;
        drop(face);
        let due: Vec<(Moment, Waker)> = due;
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }
}

impl Clock for SimClock {
    fn wall_ms(&self) -> i64 {
        let elapsed_ms = i64::try_from(lock(&self.0).now.0 / 1_000_000).unwrap_or(i64::MAX);
        WALL_START_MS.saturating_add(elapsed_ms)
    }

    fn now(&self) -> Moment {
        lock(&self.0).now
    }

    fn sleep_until(&self, moment: Moment) -> Sleep {
        Box::pin(SimSleep { face: Arc::clone(&self.0), moment })
    }
}

struct SimSleep {
    face: Arc<Mutex<Face>>,
    moment: Moment,
}

impl Future for SimSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut face = lock(&self.face);
        if face.now >= self.moment {
            return Poll::Ready(());
        }
        face.sleepers.push((self.moment, context.waker().clone()));
        Poll::Pending
    }
}

fn lock(face: &Mutex<Face>) -> MutexGuard<'_, Face> {
    face.lock().unwrap_or_else(PoisonError::into_inner)
}
