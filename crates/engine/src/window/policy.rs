//! How windows are cut: length, slide, and whose time it is.

use std::time::Duration;

/// How long a window is, or how far it moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// So many tuples; at least one.
    Count(usize),
    /// So much time; at least a millisecond.
    Time(Duration),
}

impl Span {
    /// What is wrong with it.
    fn fault(self) -> Option<&'static str> {
        match self {
            Self::Count(0) => Some("is no tuples; use at least 1"),
            Self::Time(time) if time.as_millis() == 0 => {
                Some("is less than a millisecond; use at least 1 ms")
            }
            Self::Time(time) if time > SPAN_MAX => Some("is longer than a thousand years"),
            Self::Count(_) | Self::Time(_) => None,
        }
    }

    /// A time in milliseconds; `None` for a count.
    pub(crate) fn millis(self) -> Option<i64> {
        match self {
            Self::Count(_) => None,
            Self::Time(time) => i64::try_from(time.as_millis()).ok(),
        }
    }
}

/// Sums of spans and timestamps must not overflow.
const SPAN_MAX: Duration = Duration::from_secs(1_000 * 366 * 24 * 3_600);

/// When a tuple that is in a window is acked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holding {
    /// When it has left its last window: a window that fails, or dies with its bolt, is replayed whole, as in Storm.
    /// Its root stays in flight meanwhile, so the tuples of a window count against
    /// [`max_pending`](crate::TopologyBuilder::max_pending), and no unit holds more than 65,536.
    #[default]
    UntilExpired,
    /// When it enters: windows may hold millions of tuples, and a bolt that dies loses those that are open.
    NotAtAll,
}

/// Whose time windows go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    Processing,
    Event { lag_ms: i64, idle_after: Option<Duration> },
}

/// Where one window ends and the next begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Sliding { length: Span, slide: Span },
    Session { gap: Duration },
}

/// A way of cutting a stream into windows.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    pub(crate) cut: Cut,
    pub(crate) time: Time,
    pub(crate) holding: Holding,
}

impl Windows {
    /// Windows that follow one another without overlap.
    pub fn tumbling(length: Span) -> Self {
        Self::sliding(length, length)
    }

    /// Windows of `length`, one each `slide`. A slide shorter than the length makes them overlap; a longer one leaves
    /// tuples out. One may be a count and the other a time.
    pub fn sliding(length: Span, slide: Span) -> Self {
        Self::new(Cut::Sliding { length, slide })
    }

    /// Windows of tuples of one key that follow one another in less than `gap`; the key is what
    /// [`WindowBolt::key`](crate::WindowBolt::key) writes.
    pub fn session(gap: Duration) -> Self {
        Self::new(Cut::Session { gap })
    }

    fn new(cut: Cut) -> Self {
        Self { cut, time: Time::Processing, holding: Holding::default() }
    }

    /// Windows go by the tuples' own timestamps. A window closes once the watermark has reached its end: the smallest
    /// of the greatest timestamps of all input streams, less `lag`, once each stream has spoken (Storm's
    /// `WaterMarkEventGenerator`). A tuple behind the watermark is late.
    pub fn event_time(mut self, lag: Duration) -> Self {
        let lag_ms = i64::try_from(lag.min(SPAN_MAX).as_millis()).unwrap_or(0);
        self.time = Time::Event { lag_ms, idle_after: None };
        self
    }

    /// An input stream on which nothing came for so long holds the watermark back no more. Without this a silent
    /// stream does so for ever, as in Storm. Only after [`event_time`](Self::event_time).
    pub fn idle_after(mut self, idle: Duration) -> Self {
        if let Time::Event { idle_after, .. } = &mut self.time {
            *idle_after = Some(idle);
        }
        self
    }

    /// When tuples are acked.
    pub fn holding(mut self, holding: Holding) -> Self {
        self.holding = holding;
        self
    }

    /// What is wrong with it: the setting and why.
    pub(crate) fn fault(&self) -> Option<(&'static str, &'static str)> {
        match self.cut {
            Cut::Sliding { length, slide } => {
                let length = length.fault().map(|why| ("length", why));
                length.or_else(|| slide.fault().map(|why| ("slide", why)))
            }
            Cut::Session { gap } => Span::Time(gap).fault().map(|why| ("gap", why)),
        }
    }

    /// How many tuples a window surely holds before it comes out.
    pub(crate) fn held_at_least(&self) -> Option<usize> {
        match (self.holding, self.cut) {
            (Holding::UntilExpired, Cut::Sliding { slide: Span::Count(slide), .. }) => Some(slide),
            _ => None,
        }
    }

    /// How often the bolt must tick: a quarter of what it waits for is late enough, and a second keeps message
    /// timeouts from passing.
    pub(crate) fn tick(&self) -> Duration {
        const TICK_MIN: Duration = Duration::from_millis(1);
        const TICK_MAX: Duration = Duration::from_secs(1);
        let waited = match (self.time, self.cut) {
            (Time::Event { idle_after, .. }, _) => idle_after,
            (Time::Processing, Cut::Session { gap }) => Some(gap),
            (Time::Processing, Cut::Sliding { slide: Span::Time(slide), .. }) => Some(slide),
            (Time::Processing, Cut::Sliding { slide: Span::Count(_), .. }) => None,
        };
        waited.map_or(TICK_MAX, |time| (time / 4).clamp(TICK_MIN, TICK_MAX))
    }
}
