//! One word per root: completed once, failed once, deaf afterwards.

use super::*;

fn table() -> (SlotTable, RootId) {
    (SlotTable::new(4), RootId { spout: 0, slot: 2, generation: 0 })
}

#[test]
fn a_root_completes_when_its_last_tuple_is_done() {
    let (table, root) = table();
    table.open(root, 2);
    assert_eq!(table.add(root, 3), Counted::Pending);
    assert_eq!(table.add(root, -4), Counted::Pending);
    assert_eq!(table.add(root, -1), Counted::Completed);
}

#[test]
fn a_failed_root_is_deaf() {
    let (table, root) = table();
    table.open(root, 2);
    assert!(table.fail(root));
    assert!(!table.fail(root), "only one caller may fail a root");
    assert_eq!(table.add(root, -2), Counted::Stale);
    assert_eq!(table.counts(root), None);
}

#[test]
fn a_completed_root_cannot_fail() {
    let (table, root) = table();
    table.open(root, 1);
    assert_eq!(table.add(root, -1), Counted::Completed);
    assert!(!table.fail(root));
}

#[test]
fn a_reused_slot_does_not_hear_its_former_root() {
    let (table, root) = table();
    table.open(root, 1);
    assert!(table.fail(root));
    let next = RootId { generation: 1, ..root };
    table.reset(root.slot, next.generation);
    table.open(next, 5);
    assert_eq!(table.add(root, -1), Counted::Stale);
    table.hold(root, 1);
    assert_eq!(table.counts(next), Some((5, 0)));
    table.hold(next, 2);
    table.hold(next, -1);
    assert_eq!(table.counts(next), Some((5, 1)));
}

#[test]
fn notices_gather_and_wake_once() {
    let wake = Wake::new();
    let ledger = SpoutLedger::new(1, wake.clone());
    let root = RootId { spout: 0, slot: 0, generation: 0 };
    let mut notices = Notices::default();
    notices.completed.push(root);
    ledger.leave(&mut notices);
    assert!(wake.take());
    notices.failed.push((root, FailReason::TimedOut));
    ledger.leave(&mut notices);
    assert!(!wake.take(), "the spout knows already that there is something");
    let mut taken = Notices::default();
    assert!(ledger.collect(&mut taken));
    assert_eq!((taken.completed.len(), taken.failed.len()), (1, 1));
    assert!(!ledger.collect(&mut Notices::default()));
}
