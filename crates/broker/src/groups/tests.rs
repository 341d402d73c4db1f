//! Groups, step by step: the coordinator is stepped by hand, time is a number.

mod expiry;
mod kept;
mod model;

use std::time::Duration;

use bytes::Bytes;
use tidemill_wire::{ErrorCode, Text};
use tidemill_world::Moment;

use super::coordinator::Coordinator;
use super::types::*;

const SESSION: Duration = Duration::from_secs(10);
const REBALANCE: Duration = Duration::from_secs(60);

/// A coordinator with one group `g`, and what it has answered.
struct Bench {
    coordinator: Coordinator,
    now: Moment,
    tickets: u64,
    effects: Vec<Effect>,
}

impl Bench {
    fn new(limits: GroupLimits) -> Self {
        let coordinator = Coordinator::new(limits);
        Self { coordinator, now: Moment(1), tickets: 0, effects: Vec::new() }
    }

    fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// What a member `name` sends; its fresh id would be `name` and the ticket's number.
    fn input(&mut self, name: &str, id: &str) -> JoinInput {
        let ticket = self.ticket();
        JoinInput {
            ticket,
            member_id: id.into(),
            instance_id: None,
            client_id: name.into(),
            client_host: "/here".into(),
            session_timeout: SESSION,
            rebalance_timeout: REBALANCE,
            protocol_type: "consumer".into(),
            protocols: vec![("range".into(), Bytes::copy_from_slice(name.as_bytes()))],
            needs_known_id: false,
            can_skip_assignment: false,
            fresh_id: Text::from(format!("{name}{}", ticket.0)),
        }
    }

    fn send(&mut self, input: &JoinInput) -> Ticket {
        let effects = self.coordinator.join(&"g".into(), input, self.now);
        self.effects.extend(effects);
        input.ticket
    }

    fn join(&mut self, name: &str, id: &str) -> Ticket {
        let input = self.input(name, id);
        self.send(&input)
    }

    fn joined(&mut self, ticket: Ticket) -> Joined {
        match self.answer(ticket) {
            Some(Effect::Join(_, Ok(joined))) => joined,
            other => panic!("{ticket:?} has not joined: {other:?}"),
        }
    }

    fn refused(&mut self, ticket: Ticket) -> JoinRefused {
        match self.answer(ticket) {
            Some(Effect::Join(_, Err(refused))) => refused,
            other => panic!("{ticket:?} was not refused: {other:?}"),
        }
    }

    fn synced(&mut self, ticket: Ticket) -> Result<Bytes, ErrorCode> {
        match self.answer(ticket) {
            Some(Effect::Sync(_, answer)) => answer.map(|synced| synced.assignment),
            other => panic!("{ticket:?} was not answered: {other:?}"),
        }
    }

    fn answer(&mut self, ticket: Ticket) -> Option<Effect> {
        let is = |effect: &Effect| match effect {
            Effect::Join(one, _) | Effect::Sync(one, _) => *one == ticket,
            Effect::Keep(..) | Effect::KeepClassic(..) => false,
        };
        let place = self.effects.iter().position(is)?;
        Some(self.effects.remove(place))
    }

    fn sync(&mut self, id: &str, generation: i32, assignments: &[(&str, &str)]) -> Ticket {
        let ticket = self.ticket();
        let input = SyncInput {
            ticket,
            identity: identity(id, generation),
            protocol_type: None,
            protocol: None,
            assignments: assignments
                .iter()
                .map(|(id, bytes)| ((*id).into(), Bytes::copy_from_slice(bytes.as_bytes())))
                .collect(),
        };
        let effects = self.coordinator.sync(&"g".into(), &input, self.now);
        self.effects.extend(effects);
        ticket
    }

    fn heartbeat(&mut self, id: &str, generation: i32) -> ErrorCode {
        self.coordinator.heartbeat(&"g".into(), &identity(id, generation), self.now)
    }

    fn leave(&mut self, id: &str, instance: Option<&str>) -> ErrorCode {
        let instance = instance.map(Text::from);
        let (error, effects) =
            self.coordinator.leave(&"g".into(), &id.into(), instance.as_ref(), self.now);
        self.effects.extend(effects);
        error.unwrap_or(ErrorCode::UnknownMemberId)
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
        let effects = self.coordinator.tick(self.now);
        self.effects.extend(effects);
    }

    fn state(&self) -> &'static str {
        self.coordinator.view(&"g".into()).map_or("none", |view| view.state)
    }

    /// Two members, stable in generation 2; the first leads.
    fn two() -> (Self, Text, Text) {
        let mut bench = Self::new(GroupLimits::default());
        let ticket = bench.join("a", "");
        let a = bench.joined(ticket).member_id;
        bench.sync(&a, 1, &[]);
        let joining = bench.join("b", "");
        assert_eq!(bench.heartbeat(&a, 1), ErrorCode::RebalanceInProgress);
        let again = bench.join("a", &a);
        let b = bench.joined(joining).member_id;
        assert_eq!(bench.joined(again).generation, 2);
        bench.sync(&b, 2, &[]);
        bench.sync(&a, 2, &[(&a, "one"), (&b, "two")]);
        bench.effects.clear();
        assert_eq!(bench.state(), "Stable");
        (bench, a, b)
    }
}

fn identity(id: &str, generation: i32) -> Identity {
    Identity { member_id: id.into(), instance_id: None, generation }
}

#[test]
fn the_first_member_leads_and_gets_what_it_assigns() {
    let mut bench = Bench::new(GroupLimits::default());
    let ticket = bench.join("a", "");
    let joined = bench.joined(ticket);
    assert_eq!((joined.generation, &*joined.leader, &*joined.member_id), (1, "a1", "a1"));
    assert_eq!(joined.protocol.as_deref(), Some("range"));
    assert_eq!(joined.members[0].metadata, "a");
    let ticket = bench.sync("a1", 1, &[("a1", "all")]);
    assert_eq!(bench.synced(ticket).unwrap(), "all");
    assert_eq!(bench.heartbeat("a1", 1), ErrorCode::None);
}

#[test]
fn a_second_member_waits_until_the_first_joins_again_and_both_get_their_part() {
    let mut bench = Bench::new(GroupLimits::default());
    let first = bench.join("a", "");
    bench.joined(first);
    bench.sync("a1", 1, &[]);
    let second = bench.join("b", "");
    assert!(bench.answer(second).is_none());
    assert_eq!(bench.heartbeat("a1", 1), ErrorCode::RebalanceInProgress);
    let again = bench.join("a", "a1");
    let (a, b) = (bench.joined(again), bench.joined(second));
    assert_eq!((a.generation, b.generation), (2, 2));
    assert_eq!((a.members.len(), b.members.len()), (2, 0));
    assert_eq!((&a.leader, &b.leader), (&a.member_id, &a.member_id));
    let b_sync = bench.sync(&b.member_id, 2, &[]);
    assert!(bench.answer(b_sync).is_none());
    let a_sync = bench.sync("a1", 2, &[("a1", "one"), (&b.member_id, "two")]);
    assert_eq!(bench.synced(a_sync).unwrap(), "one");
    assert_eq!(bench.synced(b_sync).unwrap(), "two");
}

#[test]
fn a_member_id_is_given_first_if_the_version_wants_it() {
    let mut bench = Bench::new(GroupLimits::default());
    let input = JoinInput { needs_known_id: true, ..bench.input("a", "") };
    let ticket = bench.send(&input);
    let refused = bench.refused(ticket);
    assert_eq!((refused.error, &*refused.member_id), (ErrorCode::MemberIdRequired, "a1"));
    let ticket = bench.join("a", "a1");
    assert_eq!(bench.joined(ticket).member_id.as_str(), "a1");
}

#[test]
fn an_id_that_is_not_used_lapses_and_leaves_nothing_behind() {
    let mut bench = Bench::new(GroupLimits::default());
    let input = JoinInput { needs_known_id: true, ..bench.input("a", "") };
    bench.send(&input);
    assert_eq!(bench.coordinator.next_deadline(), Some(bench.now.after(SESSION)));
    bench.pass(SESSION);
    assert_eq!(bench.state(), "none");
    let ticket = bench.join("a", "a1");
    assert_eq!(bench.refused(ticket).error, ErrorCode::UnknownMemberId);
}

#[test]
fn a_silent_member_is_out_and_the_other_takes_over() {
    let (mut bench, a, b) = Bench::two();
    bench.pass(SESSION / 2);
    assert_eq!(bench.heartbeat(&b, 2), ErrorCode::None);
    bench.pass(SESSION / 2);
    assert_eq!(bench.heartbeat(&a, 2), ErrorCode::UnknownMemberId);
    assert_eq!(bench.heartbeat(&b, 2), ErrorCode::RebalanceInProgress);
    let ticket = bench.join("b", &b);
    let joined = bench.joined(ticket);
    assert_eq!((joined.generation, joined.leader), (3, b));
}

#[test]
fn a_member_that_does_not_join_again_in_time_is_out() {
    let (mut bench, a, b) = Bench::two();
    let again = bench.join("a", &a);
    // It goes on with its heartbeats, but they do not count as joining.
    for _ in 0..7 {
        bench.pass(SESSION - Duration::from_secs(1));
        bench.heartbeat(&b, 2);
    }
    assert_eq!(bench.joined(again).members.len(), 1);
    assert_eq!(bench.heartbeat(&b, 2), ErrorCode::UnknownMemberId);
}

#[test]
fn a_member_that_does_not_sync_in_time_is_out() {
    let limits = GroupLimits::default();
    let mut bench = Bench::new(limits);
    let ticket = bench.join("a", "");
    bench.joined(ticket);
    for _ in 0..7 {
        bench.pass(SESSION - Duration::from_secs(1));
        bench.heartbeat("a1", 1);
    }
    assert_eq!(bench.heartbeat("a1", 1), ErrorCode::UnknownMemberId);
    assert_eq!(bench.state(), "none");
}

#[test]
fn leaving_rebalances_at_once_and_the_last_one_empties_the_group() {
    let (mut bench, a, b) = Bench::two();
    assert_eq!(bench.leave(&a, None), ErrorCode::None);
    assert_eq!(bench.heartbeat(&b, 2), ErrorCode::RebalanceInProgress);
    assert_eq!(bench.leave(&a, None), ErrorCode::UnknownMemberId);
    assert_eq!(bench.leave(&b, None), ErrorCode::None);
    assert_eq!(bench.state(), "none");
    assert_eq!(bench.coordinator.next_deadline(), None);
}

#[test]
fn whoever_waits_is_answered_when_it_leaves_or_another_joins() {
    let (mut bench, a, b) = Bench::two();
    let again = bench.join("a", &a);
    let more = bench.join("b", &b);
    bench.joined(again);
    bench.joined(more);
    let waiting = bench.sync(&b, 3, &[]);
    let third = bench.join("c", "");
    assert_eq!(bench.synced(waiting), Err(ErrorCode::RebalanceInProgress));
    assert_eq!(bench.leave("c9", None), ErrorCode::UnknownMemberId);
    let id = "c".to_owned() + &third.0.to_string();
    assert_eq!(bench.leave(&id, None), ErrorCode::None);
    assert_eq!(bench.refused(third).error, ErrorCode::UnknownMemberId);
}

#[test]
fn a_lost_answer_is_given_again_without_a_rebalance() {
    let (mut bench, a, b) = Bench::two();
    let again = bench.join("b", &b);
    let joined = bench.joined(again);
    assert_eq!((joined.generation, joined.members.len()), (2, 0));
    let ticket = bench.sync(&b, 2, &[]);
    assert_eq!(bench.synced(ticket).unwrap(), "two");
    // The leader's word is enough, even if it says the same.
    let again = bench.join("a", &a);
    assert!(bench.answer(again).is_none());
    assert_eq!(bench.state(), "PreparingRebalance");
}

#[test]
fn wrong_generations_ids_and_protocols_are_refused() {
    let (mut bench, a, _) = Bench::two();
    assert_eq!(bench.heartbeat(&a, 1), ErrorCode::IllegalGeneration);
    assert_eq!(bench.heartbeat("nobody", 2), ErrorCode::UnknownMemberId);
    let ticket = bench.sync(&a, 1, &[]);
    assert_eq!(bench.synced(ticket), Err(ErrorCode::IllegalGeneration));
    let mut other = bench.input("c", "");
    other.protocols = vec![("sticky".into(), Bytes::new())];
    let ticket = bench.send(&other);
    assert_eq!(bench.refused(ticket).error, ErrorCode::InconsistentGroupProtocol);
    let mut other = bench.input("c", "");
    other.protocol_type = "connect".into();
    let ticket = bench.send(&other);
    assert_eq!(bench.refused(ticket).error, ErrorCode::InconsistentGroupProtocol);
    let mut other = bench.input("c", "");
    other.session_timeout = Duration::from_millis(5_999);
    let ticket = bench.send(&other);
    assert_eq!(bench.refused(ticket).error, ErrorCode::InvalidSessionTimeout);
    let ticket = bench.join("c", "made-up");
    assert_eq!(bench.refused(ticket).error, ErrorCode::UnknownMemberId);
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn the_assignor_that_most_prefer_and_all_know_is_chosen() {
    let mut bench = Bench::new(GroupLimits::default());
    let with = |names: &[&str]| names.iter().map(|name| ((*name).into(), Bytes::new())).collect();
    let mut input = bench.input("a", "");
    input.protocols = with(&["only-a", "range", "sticky"]);
    let a = bench.send(&input);
    bench.joined(a);
    let mut tickets = Vec::new();
    for name in ["b", "c"] {
        let mut input = bench.input(name, "");
        input.protocols = with(&["sticky", "range"]);
        tickets.push(bench.send(&input));
    }
    let again = JoinInput { member_id: "a1".into(), ticket: bench.ticket(), ..input };
    bench.send(&again);
    assert_eq!(bench.joined(again.ticket).protocol.as_deref(), Some("sticky"));
}

#[test]
fn a_full_group_takes_nobody() {
    let mut bench = Bench::new(GroupLimits { members_max: 1, ..GroupLimits::default() });
    bench.join("a", "");
    let ticket = bench.join("b", "");
    assert_eq!(bench.refused(ticket).error, ErrorCode::GroupMaxSizeReached);
}

#[test]
fn an_empty_group_gathers_members_while_they_keep_coming() {
    let delay = Duration::from_secs(3);
    let limits = GroupLimits { initial_rebalance_delay: delay, ..GroupLimits::default() };
    let mut bench = Bench::new(limits);
    let a = bench.join("a", "");
    bench.pass(delay / 2);
    let b = bench.join("b", "");
    bench.pass(delay / 2);
    assert!(bench.answer(a).is_none());
    bench.pass(delay);
    let (a, b) = (bench.joined(a), bench.joined(b));
    assert_eq!((a.generation, b.generation, a.members.len()), (1, 1, 2));
}

#[test]
fn commits_are_taken_from_members_and_from_outside_an_empty_group() {
    let (mut bench, a, b) = Bench::two();
    let commit = |bench: &mut Bench, group: &str, id: &str, generation| {
        let kind = CommitKind::Plain { version: 8 };
        let who = identity(id, generation);
        match bench.coordinator.commit(&group.into(), &who, kind, bench.now) {
            Ok(_) => ErrorCode::None,
            Err(error) => error,
        }
    };
    assert_eq!(commit(&mut bench, "g", &a, 2), ErrorCode::None);
    assert_eq!(commit(&mut bench, "g", &a, 1), ErrorCode::IllegalGeneration);
    assert_eq!(commit(&mut bench, "g", "", -1), ErrorCode::UnknownMemberId);
    assert_eq!(commit(&mut bench, "none", "", -1), ErrorCode::None);
    assert_eq!(commit(&mut bench, "none", "x", 1), ErrorCode::IllegalGeneration);
    // While members join, the old generation may still say how far it came; while they wait for their
    // assignment, nobody may.
    let again = bench.join("a", &a);
    assert_eq!(commit(&mut bench, "g", &b, 2), ErrorCode::None);
    bench.join("b", &b);
    bench.joined(again);
    assert_eq!(commit(&mut bench, "g", &b, 3), ErrorCode::RebalanceInProgress);
}

fn static_input(bench: &mut Bench, name: &str, id: &str) -> JoinInput {
    JoinInput { instance_id: Some(name.into()), needs_known_id: true, ..bench.input(name, id) }
}

#[test]
fn a_static_member_comes_back_without_a_rebalance_and_fences_its_old_self() {
    let mut bench = Bench::new(GroupLimits::default());
    let input = static_input(&mut bench, "s", "");
    let ticket = bench.send(&input);
    assert_eq!(bench.joined(ticket).member_id.as_str(), "s1");
    bench.sync("s1", 1, &[("s1", "all")]);
    let input = static_input(&mut bench, "s", "");
    let ticket = bench.send(&input);
    let joined = bench.joined(ticket);
    assert_eq!((joined.generation, bench.state()), (1, "Stable"));
    // It cannot skip its assignment, so it must not take itself for the leader.
    assert_ne!(joined.leader, joined.member_id);
    let sync = bench.sync(&joined.member_id, 1, &[]);
    assert_eq!(bench.synced(sync).unwrap(), "all");
    let old = static_input(&mut bench, "s", "s1");
    let ticket = bench.send(&old);
    assert_eq!(bench.refused(ticket).error, ErrorCode::FencedInstanceId);
    let who = Identity { instance_id: Some("s".into()), ..identity("s1", 1) };
    let error = bench.coordinator.heartbeat(&"g".into(), &who, bench.now);
    assert_eq!(error, ErrorCode::FencedInstanceId);
}

#[test]
fn a_static_id_that_nobody_has_is_unknown_under_any_member_id() {
    let (mut bench, a, _) = Bench::two();
    let input = static_input(&mut bench, "s", &a);
    let ticket = bench.send(&input);
    assert_eq!(bench.refused(ticket).error, ErrorCode::UnknownMemberId);
    assert_eq!(bench.state(), "Stable");
}

#[test]
fn a_static_leader_that_can_skip_its_assignment_stays_leader() {
    let mut bench = Bench::new(GroupLimits::default());
    let input = static_input(&mut bench, "s", "");
    bench.send(&input);
    bench.sync("s1", 1, &[("s1", "all")]);
    let input = JoinInput { can_skip_assignment: true, ..static_input(&mut bench, "s", "") };
    let ticket = bench.send(&input);
    let joined = bench.joined(ticket);
    assert!(joined.skip_assignment);
    assert_eq!((joined.leader, joined.members.len()), (joined.member_id, 1));
}

#[test]
fn a_static_member_that_is_away_keeps_its_place_until_its_session_ends() {
    let mut bench = Bench::new(GroupLimits::default());
    let input = static_input(&mut bench, "s", "");
    bench.send(&input);
    bench.sync("s1", 1, &[("s1", "all")]);
    assert_eq!(bench.leave("", Some("nobody")), ErrorCode::UnknownMemberId);
    assert_eq!(bench.leave("other", Some("s")), ErrorCode::FencedInstanceId);
    assert_eq!(bench.leave("", Some("s")), ErrorCode::None);
    assert_eq!(bench.state(), "none");
}
