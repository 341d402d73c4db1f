//! The tracker against a plain model of roots.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::policy::RetryPolicy;
use crate::roots::Counted;

const TIMEOUT: Duration = Duration::from_secs(4);

fn policy(limit: u32) -> Retries {
    Retries::Engine(RetryPolicy {
        limit,
        backoff_first: Duration::from_millis(10),
        backoff_max: Duration::from_millis(40),
    })
}

/// A tracker with its table and a clock.
struct Fixture {
    tracker: Tracker,
    table: SlotTable,
    now: Moment,
}

impl Fixture {
    fn new(pending_max: usize, retries: Retries, dead_letters: bool) -> Self {
        let mut tracker = Tracker::new(0, pending_max, pending_max * 2, TIMEOUT);
        tracker.set_retries(retries, dead_letters);
        Self { tracker, table: SlotTable::new(pending_max * 2), now: Moment(0) }
    }

    fn emit(&mut self, id: MessageId, pending: u32) -> Option<RootId> {
        let root = self.tracker.reserve()?;
        let emitted = match pending {
            0 => Emitted::Complete { used: false },
            pending => {
                self.table.open(root, pending);
                Emitted::Open
            }
        };
        let emission = Emission { id, to: To::new(0, None) };
        let encode = |writer: &mut TupleWriter<'_>| writer.i64(id.cast_signed());
        self.tracker.emitted(emission, emitted, &self.table, self.now, encode);
        Some(root)
    }

    fn complete(&mut self, root: RootId) {
        let (pending, _) = self.table.counts(root).unwrap();
        assert_eq!(self.table.add(root, -i64::from(pending)), Counted::Completed);
        let mut notices = Notices { completed: vec![root], ..Notices::default() };
        self.tracker.noticed(&mut notices, &self.table, self.now);
    }

    fn fail(&mut self, root: RootId) {
        assert!(self.table.fail(root));
        let failed = vec![(root, FailReason::TimedOut)];
        let mut notices = Notices { failed, ..Notices::default() };
        self.tracker.noticed(&mut notices, &self.table, self.now);
    }

    fn advance(&mut self, duration: Duration) {
        self.now = self.now.after(duration);
    }

    fn outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.tracker.effects.outcomes)
    }

    /// Replays the slot that is due; its root is open again with one tuple.
    fn replay(&mut self) -> Option<(MessageId, RootId, bool)> {
        let slot = self.tracker.due(self.now)?;
        let (root, replay) = self.tracker.replay(slot);
        let (id, dead) = (replay.emission.id, replay.dead.is_some());
        let mut copy = Vec::new();
        TupleWriter(&mut copy).i64(id.cast_signed());
        assert_eq!(replay.copy, copy);
        self.table.open(root, 1);
        self.tracker.replayed(slot, Emitted::Open, &self.table, self.now);
        Some((id, root, dead))
    }
}

#[test]
fn a_root_done_at_once_never_takes_a_slot() {
    let mut fixture = Fixture::new(2, policy(1), false);
    for id in 0..100 {
        fixture.emit(id, 0);
    }
    assert_eq!(fixture.tracker.pending(), 0);
    assert_eq!(fixture.outcomes().len(), 100);
    assert_eq!(fixture.tracker.advance_commit(), Some(100));
    assert_eq!(fixture.tracker.advance_commit(), None);
}

#[test]
fn the_oldest_open_root_is_the_commit_point() {
    let mut fixture = Fixture::new(8, policy(1), false);
    let roots: Vec<RootId> = (10..13).map(|id| fixture.emit(id, 1).unwrap()).collect();
    fixture.complete(roots[1]);
    assert_eq!(fixture.tracker.advance_commit(), Some(10));
    fixture.complete(roots[0]);
    assert_eq!(fixture.tracker.advance_commit(), Some(12));
    fixture.emit(13, 0);
    assert_eq!(fixture.tracker.advance_commit(), None, "12 is still open");
    fixture.complete(roots[2]);
    assert_eq!(fixture.tracker.advance_commit(), Some(14));
}

#[test]
fn a_failed_root_is_replayed_alone_and_later_each_time() {
    let mut fixture = Fixture::new(8, policy(3), false);
    let failing = fixture.emit(1, 2).unwrap();
    let other = fixture.emit(2, 1).unwrap();
    fixture.fail(failing);
    assert!(fixture.replay().is_none(), "not before its time");
    fixture.advance(Duration::from_millis(10));
    let (id, again, _) = fixture.replay().unwrap();
    assert_eq!(id, 1);
    assert!(fixture.replay().is_none(), "the other root is not replayed");
    fixture.fail(again);
    fixture.advance(Duration::from_millis(10));
    assert!(fixture.replay().is_none(), "the second wait is longer");
    fixture.advance(Duration::from_millis(10));
    let (_, again, _) = fixture.replay().unwrap();
    fixture.complete(again);
    fixture.complete(other);
    assert_eq!(fixture.outcomes(), [Outcome::Acked(1), Outcome::Acked(2)]);
}

#[test]
fn out_of_retries_becomes_a_dead_letter_that_holds_the_commit_point() {
    let mut fixture = Fixture::new(8, policy(1), true);
    let root = fixture.emit(5, 1).unwrap();
    fixture.fail(root);
    fixture.advance(Duration::from_millis(10));
    let (_, root, dead) = fixture.replay().unwrap();
    assert!(!dead);
    fixture.fail(root);
    assert_eq!(fixture.outcomes(), [Outcome::Failed(5, FailReason::TimedOut)]);
    let (id, root, dead) = fixture.replay().unwrap();
    assert_eq!((id, dead), (5, true));
    assert_eq!(fixture.tracker.advance_commit(), Some(5));
    fixture.complete(root);
    assert_eq!(fixture.tracker.advance_commit(), Some(6));
    assert_eq!(fixture.outcomes(), [], "it was told as failed already");
    assert_eq!(fixture.tracker.effects.dead.len(), 1);
}

#[test]
fn the_spouts_own_retries_are_the_spouts() {
    let mut fixture = Fixture::new(8, Retries::Spout, true);
    let root = fixture.emit(5, 1).unwrap();
    fixture.fail(root);
    assert_eq!(fixture.outcomes(), [Outcome::Failed(5, FailReason::TimedOut)]);
    assert_eq!(fixture.tracker.pending(), 0);
    assert_eq!(fixture.tracker.next_moment(), None);
}

#[test]
fn a_held_root_times_out_and_a_queued_one_does_not() {
    let mut fixture = Fixture::new(8, policy(1), false);
    let queued = fixture.emit(1, 1).unwrap();
    let held = fixture.emit(2, 2).unwrap();
    fixture.table.hold(held, 2);
    for _ in 0..6 {
        assert_eq!(fixture.tracker.effects.failed, 0);
        let next = fixture.tracker.next_moment().unwrap();
        fixture.advance(next.since(fixture.now));
        fixture.tracker.scan(&fixture.table, fixture.now);
        if fixture.tracker.effects.failed > 0 {
            break;
        }
    }
    assert_eq!(fixture.tracker.effects.failed, 1);
    assert!(fixture.now.since(Moment(0)) >= TIMEOUT);
    assert!(fixture.now.since(Moment(0)) <= TIMEOUT * 3 / 2);
    assert_eq!(fixture.table.counts(held), None);
    assert!(fixture.table.counts(queued).is_some());
}

#[test]
fn movement_and_reset_restart_the_timeout() {
    let mut fixture = Fixture::new(8, policy(1), false);
    let moving = fixture.emit(1, 100).unwrap();
    let reset = fixture.emit(2, 1).unwrap();
    fixture.table.hold(moving, 100);
    fixture.table.hold(reset, 1);
    for _ in 0..20 {
        fixture.advance(TIMEOUT / SCANS);
        fixture.table.hold(moving, -1);
        assert_eq!(fixture.table.add(moving, -1), Counted::Pending);
        let mut notices = Notices { touched: vec![reset], ..Notices::default() };
        fixture.tracker.noticed(&mut notices, &fixture.table, fixture.now);
        fixture.tracker.scan(&fixture.table, fixture.now);
    }
    assert_eq!(fixture.tracker.effects.failed, 0);
}

#[test]
fn the_table_is_bounded() {
    let mut fixture = Fixture::new(2, policy(1), false);
    for id in 0..4 {
        assert!(fixture.emit(id, 1).is_some());
    }
    assert_eq!(fixture.tracker.room(), 0);
    assert!(fixture.emit(4, 1).is_none());
}

#[derive(Clone, Debug)]
enum Action {
    Emit(u32),
    Complete(prop::sample::Index),
    Fail(prop::sample::Index),
    Stale(prop::sample::Index),
    Advance(u64),
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => (0u32..3).prop_map(Action::Emit),
        2 => any::<prop::sample::Index>().prop_map(Action::Complete),
        1 => any::<prop::sample::Index>().prop_map(Action::Fail),
        1 => any::<prop::sample::Index>().prop_map(Action::Stale),
        1 => (0u64..30).prop_map(Action::Advance),
    ]
}

proptest! {
    /// Every root ends once, and the commit point is the oldest root that has not.
    #[test]
    fn every_root_ends_once(actions in prop::collection::vec(any_action(), 0..120)) {
        let mut fixture = Fixture::new(6, policy(1), false);
        let mut next_id = 0;
        // Open roots by id; roots that wait for their replay keep their place without a root.
        let mut open: BTreeMap<MessageId, Option<RootId>> = BTreeMap::new();
        let mut former: Vec<RootId> = Vec::new();
        let mut ended: BTreeMap<MessageId, u32> = BTreeMap::new();
        for action in actions {
            let live: Vec<(MessageId, RootId)> =
                open.iter().filter_map(|(id, root)| Some((*id, (*root)?))).collect();
            match action {
                Action::Emit(pending) => {
                    if let Some(root) = fixture.emit(next_id, pending) {
                        if pending > 0 {
                            open.insert(next_id, Some(root));
                        }
                        next_id += 1;
                    }
                }
                Action::Complete(index) if !live.is_empty() => {
                    let (id, root) = *index.get(&live);
                    fixture.complete(root);
                    former.push(root);
                    open.remove(&id);
                }
                Action::Fail(index) if !live.is_empty() => {
                    let (id, root) = *index.get(&live);
                    fixture.fail(root);
                    former.push(root);
                    open.insert(id, None);
                }
                Action::Stale(index) if !former.is_empty() => {
                    let root = *index.get(&former);
                    let mut notices = Notices { completed: vec![root], ..Notices::default() };
                    notices.failed.push((root, FailReason::TimedOut));
                    fixture.tracker.noticed(&mut notices, &fixture.table, fixture.now);
                }
                Action::Advance(millis) => fixture.advance(Duration::from_millis(millis)),
                _ => {}
            }
            while let Some((id, root, dead)) = fixture.replay() {
                prop_assert!(!dead);
                prop_assert_eq!(open.insert(id, Some(root)), Some(None), "{} was waiting", id);
            }
            for outcome in fixture.outcomes() {
                let (Outcome::Acked(id) | Outcome::Failed(id, _)) = outcome;
                *ended.entry(id).or_default() += 1;
                open.remove(&id);
            }
            prop_assert_eq!(fixture.tracker.pending(), open.len());
            let low_water = open.keys().next().copied().unwrap_or(next_id);
            fixture.tracker.advance_commit();
            prop_assert_eq!(fixture.tracker.committed, low_water);
        }
        prop_assert!(ended.values().all(|times| *times == 1));
        let accounted = ended.len() + open.len();
        prop_assert_eq!(accounted as u64, next_id);
    }
}
