//! Which offsets go, with the groups and the log together on a simulated machine.

use std::sync::Arc;

use proptest::prelude::*;
use tidemill_commitlog::offsets::{CommittedOffset, GroupOffsets};
use tidemill_commitlog::{Log, LogConfig};
use tidemill_world::sim::Simulation;

use super::super::driver::Groups;
use super::super::expiry::is_over;
use super::*;

const RETENTION: Duration = Duration::from_secs(3_600);

/// The groups of a broker without its sockets.
struct House {
    simulation: Simulation,
    _log: Log,
    offsets: GroupOffsets,
    groups: Arc<Groups>,
}

impl House {
    fn open(simulation: Simulation) -> Self {
        let log = Log::open(simulation.world(), LogConfig::new("/log")).unwrap();
        let offsets = GroupOffsets::open(&log).unwrap();
        let limits = GroupLimits::default();
        let groups = Groups::open(simulation.world(), limits, log.clone(), offsets.clone());
        Self { simulation, _log: log, offsets, groups }
    }

    fn restart(self) -> Self {
        self.simulation.run_until_idle(1_000);
        let Self { simulation, .. } = self;
        simulation.crash();
        Self::open(simulation)
    }

    fn commit(&self, group: &str, topic: &str) {
        drop(self.offsets.commit(group, &[(topic, 0, CommittedOffset::new(1))]));
        self.simulation.run_until_idle(1_000);
    }

    fn pass(&self, time: Duration) {
        self.simulation.clock().advance(time);
        self.simulation.run_until_idle(1_000);
    }

    /// One look at all groups.
    fn look(&self) {
        let retention_ms = i64::try_from(RETENTION.as_millis()).unwrap();
        let limit_ms = self.simulation.world().clock().wall_ms() - retention_ms;
        for group in self.groups.with_offsets() {
            drop(self.groups.expire(&group, limit_ms));
        }
        self.simulation.run_until_idle(1_000);
    }

    /// The topics for which a group has offsets.
    fn left(&self, group: &str) -> Vec<String> {
        self.offsets.fetch_all(group).into_iter().map(|(topic, ..)| topic).collect()
    }

    /// A consumer that reads `t` and is settled; returns its id.
    fn consumer(&self, group: &'static str) -> Text {
        let mut joins = self.groups.join(&group.into(), "c", |ticket, fresh_id| JoinInput {
            ticket,
            member_id: Text::default(),
            instance_id: None,
            client_id: "c".into(),
            client_host: "/here".into(),
            session_timeout: Duration::from_secs(1_800),
            rebalance_timeout: REBALANCE,
            protocol_type: "consumer".into(),
            protocols: vec![("range".into(), Bytes::from_static(b"\0\0\0\0\0\x01\0\x01t"))],
            needs_known_id: false,
            can_skip_assignment: false,
            fresh_id,
        });
        let joined = joins.try_recv().unwrap().unwrap();
        let mut syncs = self.groups.sync(&group.into(), |ticket| SyncInput {
            ticket,
            identity: identity(&joined.member_id, joined.generation),
            protocol_type: None,
            protocol: None,
            assignments: Vec::new(),
        });
        assert!(syncs.try_recv().unwrap().is_ok());
        self.simulation.run_until_idle(1_000);
        joined.member_id
    }
}

fn house() -> House {
    House::open(Simulation::new(1))
}

#[test]
fn commits_without_the_group_protocol_go_the_retention_after_each() {
    let house = house();
    house.commit("s", "t");
    house.pass(RETENTION / 2);
    house.commit("s", "u");
    house.pass(RETENTION / 2 - Duration::from_millis(1));
    house.look();
    assert_eq!(house.left("s"), ["t", "u"]);
    house.pass(Duration::from_millis(1));
    house.look();
    assert_eq!(house.left("s"), ["u"]);
    // It is so after a crash.
    let house = house.restart();
    assert_eq!(house.left("s"), ["u"]);
    house.pass(RETENTION / 2);
    house.look();
    assert!(house.left("s").is_empty() && house.offsets.groups().is_empty());
}

#[test]
fn a_live_group_keeps_what_it_reads() {
    let house = house();
    let member = house.consumer("c");
    house.commit("c", "t");
    house.commit("c", "u");
    for _ in 0..8 {
        house.pass(RETENTION / 4);
        assert_eq!(house.groups.heartbeat(&"c".into(), &identity(&member, 1)), ErrorCode::None);
    }
    house.look();
    assert_eq!(house.left("c"), ["t"]);
    assert!(house.groups.has_members(&"c".into()));
}

#[test]
fn an_empty_group_keeps_all_for_the_retention_after_its_last_member_also_over_a_restart() {
    let house = house();
    let member = house.consumer("c");
    house.commit("c", "t");
    house.pass(RETENTION / 4);
    // Nothing is committed for long: there is nothing to read.
    for _ in 0..8 {
        assert_eq!(house.groups.heartbeat(&"c".into(), &identity(&member, 1)), ErrorCode::None);
        house.pass(RETENTION / 4);
    }
    assert_eq!(house.groups.leave(&"c".into(), &member, None), Some(ErrorCode::None));
    house.look();
    assert_eq!(house.left("c"), ["t"]);
    let house = house.restart();
    house.pass(RETENTION - Duration::from_secs(1));
    house.look();
    assert_eq!(house.left("c"), ["t"]);
    assert_eq!(house.offsets.records().len(), 1);
    house.pass(Duration::from_secs(1));
    house.look();
    assert!(house.left("c").is_empty());
    // Nothing is left of the group itself.
    assert!(house.offsets.records().is_empty() && house.groups.with_offsets().is_empty());
}

#[test]
fn a_group_without_members_and_offsets_is_forgotten() {
    let house = house();
    let member = house.consumer("c");
    assert_eq!(house.groups.leave(&"c".into(), &member, None), Some(ErrorCode::None));
    house.simulation.run_until_idle(1_000);
    assert_eq!(house.offsets.records().len(), 1);
    house.look();
    assert!(house.offsets.records().is_empty());
}

#[test]
fn what_a_transaction_is_about_to_replace_stays() {
    let house = house();
    house.commit("s", "t");
    house.pass(RETENTION);
    drop(house.offsets.commit_in_transaction("s", &[("t", 0, CommittedOffset::new(2))], 7, 0));
    // On its way already counts.
    house.look();
    assert_eq!(house.left("s"), ["t"]);
    house.look();
    assert_eq!(house.left("s"), ["t"]);
    house.offsets.end_transaction(7, false);
    house.look();
    assert!(house.left("s").is_empty());
}

proptest! {
    #[test]
    fn the_rules_hold_for_all_times(commit_ms in 0i64..100, since_ms in 0i64..100, limit_ms in 0i64..100, reads: bool) {
        let over = |life| is_over(life, || reads, commit_ms, limit_ms);
        prop_assert!(!over(Life::Busy));
        prop_assert_eq!(over(Life::Absent), commit_ms <= limit_ms);
        prop_assert_eq!(over(Life::Empty { since_ms }), since_ms <= limit_ms);
        prop_assert_eq!(over(Life::Reading), !reads && commit_ms <= limit_ms);
    }
}
