//! Which time a question is about: Parse.ly's ways to write `period_start` and `period_end`.
//!
//! # Constraints
//!
//! * Absolute: `YYYY-MM-DD` or `YYYY-MM-DDThh:mm`, each with or without `±hh:mm`; with no offset it is the
//!   site's time zone, which is UTC. A bare end date means its last minute, 23:59. Zone names are refused.
//! * Relative: a number and `m`, `h`, `d` or `w`, counted back from now (docs.parse.ly, api-date-time).
//! * Cells hold whole minutes, so a period is whole minutes: from the start of its first to the
//!   end of its last.

use jiff::civil::DateTime;
use jiff::tz::Offset;

#[cfg(test)]
mod tests;

/// Milliseconds in a minute.
pub const MINUTE_MS: i64 = 60_000;
/// Milliseconds in an hour.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Milliseconds in a day.
pub const DAY_MS: i64 = 24 * HOUR_MS;
/// How far back a period starts when the question names none (Parse.ly: three days).
pub const DEFAULT_MS: i64 = 3 * DAY_MS;
/// The longest text that is looked at; the longest right one has 22 characters.
const TEXT_CHARS_MAX: usize = 40;

/// A half-open span of time in milliseconds since 1970 UTC, whole minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Period {
    /// The first millisecond in it.
    pub start_ms: i64,
    /// The first millisecond after it.
    pub end_ms: i64,
}

/// Why a period was refused. Nothing was consumed; the caller may ask again.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PeriodError {
    /// The text is none of the forms.
    #[error(
        "{field} is {text:?}: write a date (2026-01-31, 2026-01-31T18:00, each with an offset \
         such as +02:00 if it is not UTC) or a span back from now (15m, 4h, 7d, 2w)"
    )]
    Unreadable {
        /// The parameter.
        field: &'static str,
        /// What it held, shortened.
        text: String,
    },
    /// The end is not after the start.
    #[error("period_end is not after period_start: move one of them")]
    Empty,
}

impl Period {
    /// The period that the two parameters name; each may be missing.
    ///
    /// # Errors
    /// A text that is no date and no span, or an end that is not after the start.
    pub fn parse(start: Option<&str>, end: Option<&str>, now_ms: i64) -> Result<Self, PeriodError> {
        let end_ms = match present(end) {
            Some(text) => parse_end(text, now_ms)?,
            None => ceil(now_ms.saturating_add(1), MINUTE_MS),
        };
        let start_ms = match present(start) {
            Some(text) => parse_start(text, now_ms)?,
            None => end_ms.saturating_sub(DEFAULT_MS),
        };
        if end_ms <= start_ms {
            return Err(PeriodError::Empty);
        }
        Ok(Self { start_ms, end_ms })
    }

    /// The period of this length that ends with the minute of `end_ms`.
    pub fn back_from(end_ms: i64, length_ms: i64) -> Self {
        let end_ms = ceil(end_ms.saturating_add(1), MINUTE_MS);
        Self { start_ms: end_ms.saturating_sub(length_ms), end_ms }
    }

    /// Its length in milliseconds.
    pub fn length_ms(self) -> i64 {
        self.end_ms.saturating_sub(self.start_ms)
    }
}

fn present(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn parse_start(text: &str, now_ms: i64) -> Result<i64, PeriodError> {
    if let Some(span_ms) = span(text) {
        let end_ms = ceil(now_ms.saturating_add(1), MINUTE_MS);
        return Ok(end_ms.saturating_sub(span_ms));
    }
    match absolute(text) {
        Some(Absolute::Day(ms) | Absolute::Minute(ms)) => Ok(ms),
        None => Err(unreadable("period_start", text)),
    }
}

fn parse_end(text: &str, now_ms: i64) -> Result<i64, PeriodError> {
    if let Some(span_ms) = span(text) {
        let end_ms = ceil(now_ms.saturating_add(1), MINUTE_MS);
        return Ok(end_ms.saturating_sub(span_ms));
    }
    match absolute(text) {
        Some(Absolute::Day(ms)) => Ok(ms.saturating_add(DAY_MS)),
        // The minute named as the end is still part of the period, as 23:59 is of a bare date's.
        Some(Absolute::Minute(ms)) => Ok(ms.saturating_add(MINUTE_MS)),
        None => Err(unreadable("period_end", text)),
    }
}

fn unreadable(field: &'static str, text: &str) -> PeriodError {
    PeriodError::Unreadable { field, text: text.chars().take(TEXT_CHARS_MAX).collect() }
}

/// A relative span, `15m` `4h` `7d` `2w`, in milliseconds; also used for the `step` of a series.
pub fn span(text: &str) -> Option<i64> {
    let unit_ms = match text.as_bytes().last()? {
        b'm' => MINUTE_MS,
        b'h' => HOUR_MS,
        b'd' => DAY_MS,
        b'w' => 7 * DAY_MS,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let count: i64 = digits.parse().ok()?;
    count.checked_mul(unit_ms).filter(|ms| *ms > 0)
}

/// How precisely an absolute date was written.
enum Absolute {
    /// A bare date: its first millisecond.
    Day(i64),
    /// A date and time: the first millisecond of the minute.
    Minute(i64),
}

fn absolute(text: &str) -> Option<Absolute> {
    if !text.is_ascii() || text.len() > TEXT_CHARS_MAX || text.len() < 10 {
        return None;
    }
    let (date, rest) = text.split_at(10);
    let (year, month, day) = (digits(date, 0, 4)?, digits(date, 5, 2)?, digits(date, 8, 2)?);
    if date.as_bytes().get(4) != Some(&b'-') || date.as_bytes().get(7) != Some(&b'-') {
        return None;
    }
    let (time, zone) = match rest.strip_prefix('T') {
        Some(rest) if rest.len() >= 5 => (Some(&rest[..5]), &rest[5..]),
        Some(_) => return None,
        None => (None, rest),
    };
    let (hour, minute) = match time {
        Some(time) if time.as_bytes().get(2) == Some(&b':') => {
            (digits(time, 0, 2)?, digits(time, 3, 2)?)
        }
        Some(_) => return None,
        None => (0, 0),
    };
    let ms = civil_ms(year, month, day, hour, minute, 0, offset_s(zone)?)?;
    Some(if time.is_some() { Absolute::Minute(ms) } else { Absolute::Day(ms) })
}

/// The number in these digits of a text.
pub(crate) fn digits(text: &str, at: usize, count: usize) -> Option<i32> {
    let digits = text.get(at..at + count)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

/// Seconds east of UTC of ``, `Z`, `±hh:mm` or `±hhmm`.
pub(crate) fn offset_s(zone: &str) -> Option<i32> {
    let (sign, rest) = match zone.as_bytes().first() {
        None => return Some(0),
        Some(b'Z') if zone.len() == 1 => return Some(0),
        Some(b'+') => (1, &zone[1..]),
        Some(b'-') => (-1, &zone[1..]),
        Some(_) => return None,
    };
    let (hours, minutes) = match rest.len() {
        5 if rest.as_bytes().get(2) == Some(&b':') => (digits(rest, 0, 2)?, digits(rest, 3, 2)?),
        4 => (digits(rest, 0, 2)?, digits(rest, 2, 2)?),
        _ => return None,
    };
    if hours > 18 || minutes > 59 {
        return None;
    }
    Some(sign * (hours * 3600 + minutes * 60))
}

/// Milliseconds since 1970 UTC of a date and time on a clock `offset_s` seconds east of UTC.
pub(crate) fn civil_ms(
    year: i32,
    month: i32,
    day: i32,
    hour: i32,
    minute: i32,
    second: i32,
    offset_s: i32,
) -> Option<i64> {
    let civil = DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(minute).ok()?,
        // A leap second is written as 60; the clock that counts from 1970 has none.
        i8::try_from(second.min(59)).ok()?,
        0,
    )
    .ok()?;
    let zone = Offset::from_seconds(offset_s).ok()?;
    Some(zone.to_timestamp(civil).ok()?.as_millisecond())
}

/// `ms` as RFC 3339 in UTC, to the second: `2026-01-31T18:00:00Z`.
pub fn format_ms(ms: i64) -> String {
    civil(ms).map_or_else(String::new, |at| {
        let (date, time) = (at.date(), at.time());
        format!("{date}T{:02}:{:02}:{:02}Z", time.hour(), time.minute(), time.second())
    })
}

/// `ms` as a database writes it, in UTC, to the second: `2026-01-31 18:00:00`.
pub fn format_sql(ms: i64) -> String {
    civil(ms).map_or_else(String::new, |at| {
        let (date, time) = (at.date(), at.time());
        format!("{date} {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
    })
}

fn civil(ms: i64) -> Option<DateTime> {
    jiff::Timestamp::from_millisecond(ms).ok().map(|stamp| Offset::UTC.to_datetime(stamp))
}

/// The largest multiple of `step` that is not above `ms`.
pub fn floor(ms: i64, step: i64) -> i64 {
    ms.saturating_sub(ms.rem_euclid(step.max(1)))
}

/// The smallest multiple of `step` that is not below `ms`.
pub fn ceil(ms: i64, step: i64) -> i64 {
    let down = floor(ms, step);
    if down == ms { ms } else { down.saturating_add(step.max(1)) }
}
