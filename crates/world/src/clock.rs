//! What time it is, and how to wait for a time.
//!
//! Two times are kept apart. **Wall time** (`wall_ms`, milliseconds since 1970 UTC) goes into records and
//! may jump. A [`Moment`] is nanoseconds since the clock was made; it never goes back and is what
//! time-outs and latencies are made of.

use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time that never goes back: nanoseconds since its clock was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// This moment and `duration` more; stays at the end of time instead of overflowing.
    pub fn after(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }

    /// How long after `earlier` this is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A future that is ready at its moment, for any executor.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The door to time.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970 UTC. May jump when the machine's clock is set.
    fn wall_ms(&self) -> i64;

    /// The present moment. Never goes back.
    fn now(&self) -> Moment;

    /// A future that is ready once [`now`](Clock::now) is at or past `moment`.
    fn sleep_until(&self, moment: Moment) -> Sleep;

    /// A future that is ready after `duration`.
    fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now().after(duration))
    }
}

/// The machine's clock.
#[derive(Debug)]
pub struct RealClock {
    origin: Instant,
    timers: OnceLock<Arc<Timers>>,
}

impl RealClock {
    /// A clock whose [`Moment`]s count from now.
    pub fn new() -> Self {
        Self { origin: Instant::now(), timers: OnceLock::new() }
    }
}

impl Default for RealClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for RealClock {
    fn wall_ms(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn now(&self) -> Moment {
        Moment(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn sleep_until(&self, moment: Moment) -> Sleep {
        let deadline =
            self.origin.checked_add(Duration::from_nanos(moment.0)).unwrap_or_else(|| {
                // Further away than the clock can name: a century is as good as never.
                self.origin + Duration::from_secs(3_153_600_000)
            });
        let timers = Arc::clone(self.timers.get_or_init(Timers::start));
        Box::pin(RealSleep { deadline, timers, waker: None })
    }
}

/// One thread that wakes the sleepers of this clock, started by the first of them.
#[derive(Debug, Default)]
struct Timers {
    queue: Mutex<BinaryHeap<Timer>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Timer {
    deadline: Instant,
    waker: Arc<Mutex<Waker>>,
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.deadline == other.deadline
    }
}
impl Eq for Timer {}
impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Timer {
    /// The earliest deadline is the greatest, so that the heap gives it first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.deadline.cmp(&self.deadline)
    }
}

impl Timers {
    fn start() -> Arc<Self> {
        let timers = Arc::new(Self::default());
        let mine = Arc::clone(&timers);
        // Without the thread a sleeper would never wake; a machine that cannot start one
        // thread more cannot run this program, and says so when the next is asked for.
        let _ = std::thread::Builder::new().name("timers".into()).spawn(move || mine.run());
        timers
    }

    fn run(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let now = Instant::now();
            while queue.peek().is_some_and(|timer| timer.deadline <= now) {
                if let Some(timer) = queue.pop() {
                    timer.waker.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
                }
            }
            queue = match queue.peek().map(|timer| timer.deadline) {
                Some(deadline) => {
                    let wait = deadline.saturating_duration_since(now);
                    self.changed.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn add(&self, timer: Timer) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let first = queue.peek().is_none_or(|head| timer.deadline < head.deadline);
        queue.push(timer);
        if first {
            self.changed.notify_one();
        }
    }
}

struct RealSleep {
    deadline: Instant,
    timers: Arc<Timers>,
    waker: Option<Arc<Mutex<Waker>>>,
}

impl Future for RealSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        match &self.waker {
            Some(shared) => {
                shared.lock().unwrap_or_else(PoisonError::into_inner).clone_from(context.waker())
            }
            None => {
                let shared = Arc::new(Mutex::new(context.waker().clone()));
                self.waker = Some(Arc::clone(&shared));
                self.timers.add(Timer { deadline: self.deadline, waker: shared });
            }
        }
        Poll::Pending
    }
}
