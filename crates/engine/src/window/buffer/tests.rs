//! Windows against a direct computation.

use std::time::Duration;

use proptest::prelude::*;

use super::*;

/// What came out: the end of the window and the numbers in it.
type Out = Vec<(i64, Vec<usize>)>;

/// Hands out all windows that are due and checks what each says.
fn drain(buffer: &mut Buffer<usize>, out: &mut Out) {
    while let Some(due) = buffer.due() {
        let range = buffer.entries().range(due.from..due.to);
        out.push((due.end_ms, range.map(|entry| entry.item).collect()));
        drop(buffer.done(due));
    }
}

fn span(count: bool, size: usize) -> Span {
    if count { Span::Count(size) } else { Span::Time(Duration::from_millis(size as u64)) }
}

/// All windows of a slide in time that end by `until`, from all tuples in the order of their times.
fn direct_by_time(
    tuples: &[(i64, usize)],
    length: Span,
    slide: i64,
    first: i64,
    until: i64,
) -> Out {
    let mut out = Out::new();
    let mut end = first;
    while end <= until {
        let before = tuples.iter().filter(|(at, _)| *at <= end);
        let window: Vec<usize> = match length {
            Span::Count(count) => {
                let all: Vec<usize> = before.map(|(_, number)| *number).collect();
                all[all.len().saturating_sub(count)..].to_vec()
            }
            Span::Time(_) => {
                let start = end - length.millis().unwrap();
                before.filter(|(at, _)| *at > start).map(|(_, number)| *number).collect()
            }
        };
        if !window.is_empty() {
            out.push((end, window));
        }
        end += slide;
    }
    out
}

/// All windows of a slide by count, over tuples in the order of their times.
fn direct_by_count(tuples: &[(i64, usize)], length: Span, slide: usize, until: i64) -> Out {
    let mut out = Out::new();
    for to in (slide..=tuples.len()).step_by(slide) {
        let end = tuples[to - 1].0;
        if end > until {
            break;
        }
        let from = match length {
            Span::Count(count) => to.saturating_sub(count),
            Span::Time(_) => {
                let start = end - length.millis().unwrap();
                tuples.iter().position(|(at, _)| *at > start).unwrap()
            }
        };
        out.push((end, tuples[from..to].iter().map(|(_, number)| *number).collect()));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Tuples out of order by less than the watermark's lag: none is late, and every window is whole.
    #[test]
    fn event_time_windows_are_those_of_a_direct_computation(
        steps in proptest::collection::vec((0i64..12, 0i64..8), 0..60),
        by_count: bool, length in 1usize..30, slide_by_count: bool, slide in 1usize..30,
    ) {
        let (length, slide_span) = (span(by_count, length), span(slide_by_count, slide));
        let mut buffer = Buffer::new(length, slide_span, true, 0);
        let (mut out, mut base, mut tuples, mut mark) = (Out::new(), 1_000i64, Vec::new(), 0i64);
        for (number, (step, back)) in steps.into_iter().enumerate() {
            base += step;
            let at = base - back;
            // The watermark is 8 behind the greatest time, the tuples never.
            prop_assert!(!buffer.is_late(at), "{at} is not before {mark}");
            buffer.add(at, number);
            tuples.push((at, number));
            mark = mark.max(base - 8);
            buffer.reach(mark);
            drain(&mut buffer, &mut out);
        }
        mark += 1_000;
        buffer.reach(mark);
        drain(&mut buffer, &mut out);
        tuples.sort_by_key(|(at, _)| *at);
        let slide = i64::try_from(slide).unwrap();
        let direct = match slide_span {
            Span::Count(count) => direct_by_count(&tuples, length, count, mark),
            Span::Time(_) => {
                let first = tuples.first().map_or(mark + 1, |(at, _)| aligned(*at, slide));
                direct_by_time(&tuples, length, slide, first, mark)
            }
        };
        prop_assert_eq!(out, direct);
    }

    #[test]
    fn processing_time_windows_are_those_of_a_direct_computation(
        steps in proptest::collection::vec((0i64..12, any::<bool>()), 0..60),
        by_count: bool, length in 1usize..30, slide_by_count: bool, slide in 1usize..30,
    ) {
        let (length, slide_span) = (span(by_count, length), span(slide_by_count, slide));
        let mut buffer = Buffer::new(length, slide_span, false, 500);
        let (mut out, mut now, mut tuples) = (Out::new(), 500i64, Vec::new());
        for (number, (step, ticks)) in steps.into_iter().enumerate() {
            now += step;
            if ticks {
                // The clock goes on between tuples.
                buffer.reach(now - 1);
                drain(&mut buffer, &mut out);
            }
            buffer.add(now, number);
            tuples.push((now, number));
            // The present moment is not over: more tuples of it may come.
            buffer.reach(now - 1);
            drain(&mut buffer, &mut out);
        }
        now += 100;
        buffer.reach(now);
        drain(&mut buffer, &mut out);
        let direct = match slide_span {
            Span::Count(count) => direct_by_count(&tuples, length, count, now),
            Span::Time(_) => {
                let slide = i64::try_from(slide).unwrap();
                direct_by_time(&tuples, length, slide, 499 + slide, now)
            }
        };
        prop_assert_eq!(out, direct);
    }
}

/// A tumbling window of three tuples.
fn three() -> Buffer<usize> {
    Buffer::new(Span::Count(3), Span::Count(3), false, 0)
}

#[test]
fn a_tuple_leaves_as_soon_as_no_later_window_can_hold_it() {
    let mut buffer = three();
    (0..3).for_each(|number| buffer.add(0, number));
    let due = buffer.due().unwrap();
    assert_eq!(buffer.done(due).map(|entry| entry.item).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(buffer.entries().is_empty());
    let mut buffer = Buffer::new(Span::Count(3), Span::Count(1), false, 0);
    (0..3).for_each(|number| buffer.add(0, number));
    for (from, to) in [(0, 1), (0, 2), (0, 3)] {
        let due = buffer.due().unwrap();
        assert_eq!((due.from, due.to), (from, to));
        let fresh = buffer.entries().range(from..to).filter(|entry| !entry.seen).count();
        assert_eq!(fresh, 1, "each window has one that is new");
        drop(buffer.done(due));
    }
    assert_eq!(buffer.entries().front().map(|entry| entry.item), Some(1));
}

#[test]
fn a_failed_window_leaves_nothing_of_itself() {
    let mut buffer = Buffer::new(Span::Count(4), Span::Count(2), false, 0);
    (0..4).for_each(|number| buffer.add(0, number));
    let due = buffer.due().unwrap();
    drop(buffer.done(due));
    let due = buffer.due().unwrap();
    assert_eq!(buffer.failed(due).map(|entry| entry.item).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(buffer.due(), None);
    (4..6).for_each(|number| buffer.add(0, number));
    let due = buffer.due().unwrap();
    assert_eq!((due.from, due.to), (0, 2), "the next window goes on with what comes");
}

#[test]
fn the_gap_between_distant_tuples_is_jumped_over() {
    let span = Span::Time(Duration::from_millis(1));
    let mut buffer = Buffer::new(span, span, true, 0);
    let far = i64::MAX / 2;
    buffer.add(5, 0);
    buffer.add(far, 1);
    buffer.reach(i64::MAX);
    let mut out = Out::new();
    drain(&mut buffer, &mut out);
    assert_eq!(out, [(5, vec![0]), (far, vec![1])]);
    assert!(buffer.is_late(far) && !buffer.is_late(far + 1));
}
