//! Counting, waiting, and going past.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;

/// Polls once.
fn is_ready(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
    matches!(future.poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(()))
}

#[test]
fn what_is_taken_is_given_back() {
    let budget = Budget::new(100);
    let mut hold = budget.hold();
    assert!(hold.try_grow(60));
    let other = budget.take(50);
    assert!(budget.is_used_up() && !hold.try_grow(1));
    drop(other);
    assert!(hold.try_grow(40));
    hold.shrink_to(10);
    assert_eq!((budget.used(), hold.bytes()), (10, 10));
    drop(hold);
    assert_eq!(budget.used(), 0);
}

#[test]
fn what_is_alone_always_has_room() {
    let budget = Budget::new(100);
    let mut hold = budget.hold();
    assert!(hold.try_grow(90) && hold.try_grow(90));
}

#[test]
fn an_answer_gets_what_is_left_but_never_nothing() {
    let budget = Budget::new(100);
    let first = budget.take_up_to(80, 10);
    let second = budget.take_up_to(80, 10);
    let third = budget.take_up_to(80, 10);
    let fourth = budget.take_up_to(5, 10);
    assert_eq!([&first, &second, &third, &fourth].map(Hold::bytes), [80, 20, 10, 5]);
}

#[test]
fn who_waits_goes_on_when_there_is_room() {
    let budget = Budget::new(100);
    let full = budget.take(100);
    let mut hold = budget.hold();
    {
        let mut growing = pin!(hold.grow(50, &|| false));
        assert!(!is_ready(growing.as_mut()));
        drop(full);
        assert!(is_ready(growing.as_mut()));
    }
    assert_eq!(hold.bytes(), 50);
}

#[test]
fn one_at_a_time_goes_past_the_budget() {
    let budget = Budget::new(100);
    let mut first = budget.take(60);
    let mut second = budget.take(60);
    assert!(is_ready(pin!(first.grow(50, &|| true))));
    let mut growing = pin!(second.grow(50, &|| true));
    assert!(!is_ready(growing.as_mut()));
    // Whoever has the lane keeps it until it is done.
    assert!(first.try_grow(1));
    drop(first);
    assert!(is_ready(growing.as_mut()));
}

#[test]
fn who_waits_for_its_own_client_never_gets_the_lane() {
    let budget = Budget::new(100);
    let _full = budget.take(100);
    let mut hold = budget.hold();
    assert!(!is_ready(pin!(hold.grow(1, &|| false))));
    assert_eq!(budget.lane.available_permits(), 1);
}
