//! Anchors name deferred tuples, once.

use super::*;

fn roots(slot: u32) -> Roots {
    Roots { first: RootId { spout: 0, slot, generation: 0 }, extras: Box::default() }
}

#[test]
fn an_anchor_is_good_for_one_return() {
    let mut deferred = Deferred::default();
    let anchor = deferred.insert(roots(7));
    assert_eq!(deferred.remove(&anchor).map(|roots| roots.first.slot), Some(7));
    assert!(deferred.remove(&anchor).is_none());
}

#[test]
fn a_reused_place_does_not_hear_its_former_anchor() {
    let mut deferred = Deferred::default();
    let former = deferred.insert(roots(1));
    deferred.remove(&former);
    let present = deferred.insert(roots(2));
    assert_eq!(present.index, former.index, "places are reused");
    assert!(deferred.get(&former).is_none());
    assert!(deferred.get(&present).is_some());
}

#[test]
fn errors_are_logged_in_bursts_and_counted_always() {
    let mut throttle = Throttle::default();
    let now = Moment(1_000_000_000_000);
    let logged = (0..20).filter(|_| throttle.admit(now).is_some()).count();
    assert_eq!(logged, LOG_BURST as usize);
    assert_eq!(throttle.admit(now.after(LOG_PERIOD)), Some(15), "what was left out is told");
}
