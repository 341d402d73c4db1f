//! How far event time comes.

use super::*;

const SECOND: u64 = 1_000_000_000;

#[test]
fn it_waits_for_every_stream_and_follows_the_slowest() {
    let mut marks = Watermarks::new(2, 10, None, Moment(0));
    assert!(marks.track(0, 100, Moment(0)));
    assert_eq!(marks.advance(Moment(0)), None, "the second stream has not spoken");
    assert!(marks.track(1, 50, Moment(0)));
    assert_eq!(marks.advance(Moment(0)), Some(40));
    assert_eq!(marks.advance(Moment(0)), None, "nothing has changed");
    assert!(marks.track(1, 500, Moment(0)));
    assert_eq!(marks.advance(Moment(0)), Some(90));
    assert!(!marks.track(0, 89, Moment(0)), "late");
    assert!(marks.track(0, 90, Moment(0)), "at the watermark is not late");
    assert_eq!(marks.current(), Some(90));
}

#[test]
fn a_silent_stream_is_left_out_after_a_while() {
    let mut marks = Watermarks::new(2, 0, Some(Duration::from_secs(5)), Moment(0));
    marks.track(0, 100, Moment(4 * SECOND));
    assert_eq!(marks.advance(Moment(4 * SECOND)), None);
    assert_eq!(marks.advance(Moment(5 * SECOND)), Some(100), "the second was silent for 5 s");
    marks.track(1, 30, Moment(6 * SECOND));
    assert_eq!(marks.advance(Moment(6 * SECOND)), None, "it never goes back");
    marks.track(1, 400, Moment(7 * SECOND));
    assert_eq!(marks.advance(Moment(7 * SECOND)), None, "the first is not silent yet");
    assert_eq!(marks.advance(Moment(9 * SECOND)), Some(400));
    assert_eq!(marks.advance(Moment(60 * SECOND)), None, "all silent: nothing moves");
}
