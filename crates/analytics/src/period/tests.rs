//! Tests of reading periods.

use proptest::prelude::*;

use super::*;

/// 2026-03-05T10:20:30Z.
const NOW: i64 = 1_772_706_030_000;

fn parse(start: &str, end: &str) -> Result<Period, PeriodError> {
    let some = |text: &'static str| (!text.is_empty()).then_some(text);
    let (start, end) = (start.to_owned().leak(), end.to_owned().leak());
    Period::parse(some(start), some(end), NOW)
}

#[test]
fn the_default_is_three_days_to_the_end_of_this_minute() {
    let period = parse("", "").unwrap();
    assert_eq!(format_ms(period.end_ms), "2026-03-05T10:21:00Z");
    assert_eq!(format_ms(period.start_ms), "2026-03-02T10:21:00Z");
}

#[test]
fn spans_count_back_from_now() {
    assert_eq!(parse("4h", "").unwrap().length_ms(), 4 * HOUR_MS);
    assert_eq!(parse("15m", "").unwrap().length_ms(), 15 * MINUTE_MS);
    assert_eq!(parse("2w", "7d").unwrap().length_ms(), 7 * DAY_MS);
}

#[test]
fn dates_are_utc_unless_they_say_otherwise_and_a_bare_end_is_a_whole_day() {
    let period = parse("2026-01-31", "2026-01-31").unwrap();
    assert_eq!(format_ms(period.start_ms), "2026-01-31T00:00:00Z");
    assert_eq!(format_ms(period.end_ms), "2026-02-01T00:00:00Z");
    let period = parse("2026-01-31+02:00", "2026-01-31T18:30-05:00").unwrap();
    assert_eq!(format_ms(period.start_ms), "2026-01-30T22:00:00Z");
    assert_eq!(format_ms(period.end_ms), "2026-01-31T23:31:00Z");
}

#[test]
fn what_is_no_date_is_refused_with_the_field_and_the_fix() {
    for text in ["yesterday", "2026-02-30", "4", "h", "-4h", "2026-01-31T25:00", "2026-01-31 CET"] {
        let error = parse(text, "").unwrap_err();
        let message = error.to_string();
        assert!(message.contains("period_start") && message.contains("4h"), "{text}: {message}");
    }
    for text in ["9999999h", "2026-01-31T10:00Europe/Berlin", "２026-01-31", "2026/01/31"] {
        assert!(parse("", text).unwrap_err().to_string().contains("period_end"), "{text}");
    }
    assert_eq!(parse("2026-01-31", "2026-01-30"), Err(PeriodError::Empty));
    assert_eq!(parse("1h", "2h"), Err(PeriodError::Empty));
}

proptest! {
    #[test]
    fn any_text_is_answered(start in "\\PC{0,60}", end in "[0-9TZ:+-]{0,30}", now in any::<i64>()) {
        if let Ok(period) = Period::parse(Some(&start), Some(&end), now) {
            prop_assert!(period.end_ms > period.start_ms);
        }
    }

    #[test]
    fn a_written_minute_is_read_back(minutes in 0i64..60_000_000) {
        let ms = minutes * MINUTE_MS;
        let text = format_ms(ms);
        let period = Period::parse(Some(&text[..16]), Some(&text[..16]), NOW).unwrap();
        prop_assert_eq!(period, Period { start_ms: ms, end_ms: ms + MINUTE_MS });
    }
}
