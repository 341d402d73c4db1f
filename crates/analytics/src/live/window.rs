//! Which time a tab looks at.

use crate::period::{DAY_MS, HOUR_MS, MINUTE_MS, Period, ceil, floor};
use crate::views::site::Site;

#[cfg(test)]
mod tests;

/// How far back a tab looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// A quarter of an hour.
    Minutes15,
    /// An hour.
    Hour,
    /// Four hours.
    #[default]
    Hours4,
    /// A day.
    Day,
    /// A week.
    Week,
    /// Thirty days.
    Month,
    /// Everything there is.
    All,
}

/// A window that is fixed to a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchored {
    /// The time.
    pub period: Period,
    /// Whether it ends now; else it ends at the site's newest hit.
    pub now: bool,
}

impl Window {
    const ALL: [Self; 7] =
        [Self::Minutes15, Self::Hour, Self::Hours4, Self::Day, Self::Week, Self::Month, Self::All];

    /// Its name in a question.
    pub fn label(self) -> &'static str {
        match self {
            Self::Minutes15 => "15m",
            Self::Hour => "1h",
            Self::Hours4 => "4h",
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
            Self::All => "all",
        }
    }

    /// The window with this name.
    pub fn by_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|window| window.label() == label)
    }

    fn length_ms(self) -> Option<i64> {
        match self {
            Self::Minutes15 => Some(15 * MINUTE_MS),
            Self::Hour => Some(HOUR_MS),
            Self::Hours4 => Some(4 * HOUR_MS),
            Self::Day => Some(DAY_MS),
            Self::Week => Some(7 * DAY_MS),
            Self::Month => Some(30 * DAY_MS),
            Self::All => None,
        }
    }

    /// The window of a site now. If the newest hit is older than the window, the window ends with that
    /// hit: an imported log of last year is then not an empty page.
    pub fn anchor(self, site: &Site, now_ms: i64) -> Anchored {
        let has_hits = site.first_ms <= site.last_ms;
        let Some(length_ms) = self.length_ms() else {
            let (first_ms, last_ms) =
                if has_hits { (site.first_ms, site.last_ms) } else { (now_ms, now_ms) };
            let now = last_ms >= now_ms.saturating_sub(DAY_MS);
            let end_ms = if now { now_ms.max(last_ms) } else { last_ms };
            let period = Period {
                start_ms: floor(first_ms, HOUR_MS),
                end_ms: ceil(end_ms.saturating_add(1), MINUTE_MS),
            };
            return Anchored { period, now };
        };
        let now = !has_hits || site.last_ms >= now_ms.saturating_sub(length_ms);
        let period = Period::back_from(if now { now_ms } else { site.last_ms }, length_ms);
        // What is older than the minutes that are kept is in whole hours.
        let unit_ms = site.levels().finest_ms(period.start_ms);
        Anchored { period: Period { start_ms: floor(period.start_ms, unit_ms), ..period }, now }
    }
}
