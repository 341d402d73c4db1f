//! Tests of finding connections that hang.

use super::*;

#[test]
fn a_connection_hangs_when_it_is_idle_or_sends_its_head_too_slowly() {
    let activity = Activity::default();
    activity.enter(IDLE, 100);
    assert!(!activity.hangs(100 + IDLE_S_MAX) && activity.hangs(101 + IDLE_S_MAX));
    activity.enter(READING, 100);
    assert!(!activity.hangs(100 + HEAD_S_MAX) && activity.hangs(101 + HEAD_S_MAX));
    activity.serving(100);
    assert!(!activity.hangs(10_000));
    activity.served(10_000);
    assert!(!activity.hangs(10_000) && activity.hangs(10_001 + IDLE_S_MAX));
}

#[test]
fn a_stream_may_be_silent_but_not_blocked() {
    let activity = Arc::new(Activity::default());
    let seconds: Seconds = Arc::new(AtomicU32::new(100));
    let streaming = Streaming::start(&activity, &seconds);
    activity.served(100);
    assert!(!activity.hangs(10_000));
    activity.blocked_s.store(101, Ordering::Relaxed);
    assert!(!activity.hangs(100 + BLOCKED_S_MAX) && activity.hangs(101 + BLOCKED_S_MAX));
    activity.blocked_s.store(0, Ordering::Relaxed);
    drop(streaming);
    assert!(activity.hangs(101 + IDLE_S_MAX));
}
