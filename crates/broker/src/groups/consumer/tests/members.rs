//! Joining, leaving, falling silent, and the epochs of members.

use super::*;

#[test]
fn the_first_member_gets_everything_at_once() {
    let mut bench = Bench::new(&[3]);
    let a = Client::new("a", &["t1"]);
    let beaten = bench.send(&a.input()).unwrap();
    assert_eq!((beaten.epoch, &*beaten.member_id), (1, "a"));
    assert_eq!(beaten.assignment.unwrap(), [(id(1), (0..3).collect())].into());
    assert_eq!(beaten.interval, Duration::from_secs(5));
    assert_eq!(bench.view().state, "Stable");
}

#[test]
fn a_second_member_gets_its_part_when_the_first_has_given_it_up() {
    let mut bench = Bench::new(&[4]);
    let (mut a, mut b) = (Client::new("a", &["t1"]), Client::new("b", &["t1"]));
    a.beat(&mut bench);
    b.beat(&mut bench);
    assert_eq!((b.epoch, b.count()), (2, 0));
    // The first is told to give up two, and stays in its epoch until it has.
    let told = bench.send(&a.bare()).unwrap();
    assert_eq!((told.epoch, told.assignment.as_ref().unwrap()[&id(1)].len()), (1, 2));
    assert_eq!(bench.view().state, "Reconciling");
    // Not yet: it says nothing, or still has them.
    assert_eq!(bench.send(&a.bare()).unwrap().assignment, None);
    assert_eq!(bench.send(&a.input()).unwrap().epoch, 1);
    b.beat(&mut bench);
    assert_eq!(b.count(), 0);
    a.take(Ok(told));
    a.beat(&mut bench);
    assert_eq!(a.epoch, 2);
    b.beat(&mut bench);
    assert_eq!((b.epoch, b.count(), a.count()), (2, 2, 2));
    assert_eq!(bench.view().state, "Stable");
    assert_eq!(bench.send(&b.bare()).unwrap().assignment, None, "nothing is new");
}

#[test]
fn a_member_that_gives_nothing_up_in_time_is_out() {
    let mut bench = Bench::new(&[4]);
    let (mut a, mut b) = (Client::new("a", &["t1"]), Client::new("b", &["t1"]));
    a.beat(&mut bench);
    b.beat(&mut bench);
    bench.send(&a.bare()).unwrap();
    for _ in 0..2 {
        bench.pass(REBALANCE / 2 - Duration::from_secs(1));
        bench.send(&a.bare()).unwrap();
        b.beat(&mut bench);
    }
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.refused(&a.bare()), ErrorCode::UnknownMemberId);
    b.beat(&mut bench);
    assert_eq!(b.count(), 4);
}

#[test]
fn a_silent_member_is_out_and_the_other_gets_its_part() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::new("a", &["t1"]), Client::new("b", &["t1"])];
    converge(&mut bench, &mut clients);
    let [_, mut b] = clients;
    bench.pass(SESSION - Duration::from_secs(1));
    b.beat(&mut bench);
    bench.pass(Duration::from_secs(1));
    b.beat(&mut bench);
    assert_eq!(b.count(), 4);
    assert_eq!(bench.view().members.len(), 1);
}

#[test]
fn leaving_gives_everything_to_the_others_and_the_group_stays_with_its_epoch() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::new("a", &["t1"]), Client::new("b", &["t1"])];
    converge(&mut bench, &mut clients);
    let [a, mut b] = clients;
    let left = bench.send(&a.leaving(-1)).unwrap();
    assert_eq!((left.epoch, left.assignment), (-1, None));
    b.beat(&mut bench);
    assert_eq!(b.count(), 4);
    let epoch = bench.view().epoch;
    bench.send(&b.leaving(-1)).unwrap();
    assert_eq!(bench.view().state, "Empty");
    assert_eq!(bench.refused(&b.bare()), ErrorCode::UnknownMemberId);
    assert_eq!(bench.refused(&b.leaving(-1)), ErrorCode::UnknownMemberId);
    b = Client::new("b", &["t1"]);
    b.beat(&mut bench);
    assert!(b.epoch > epoch, "epochs go on");
}

#[test]
fn epochs_that_the_member_cannot_have_are_fenced() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::new("a", &["t1"]), Client::new("b", &["t1"])];
    converge(&mut bench, &mut clients);
    let a = &clients[0];
    assert_eq!(a.epoch, 2);
    let with = |epoch| HeartbeatInput { epoch, ..a.input() };
    assert_eq!(bench.refused(&with(3)), ErrorCode::FencedMemberEpoch);
    // The answer that raised the epoch may have been lost; then the member has no more than it was assigned.
    assert_eq!(bench.send(&with(1)).unwrap().epoch, 2);
    let more = HeartbeatInput { owned: Some(vec![(id(1), (0..4).collect())]), ..with(1) };
    assert_eq!(bench.refused(&more), ErrorCode::FencedMemberEpoch);
    let silent = HeartbeatInput { epoch: 1, ..a.bare() };
    assert_eq!(bench.refused(&silent), ErrorCode::FencedMemberEpoch);
    let mut third = Client::new("c", &["t1"]);
    third.beat(&mut bench);
    converge(&mut bench, &mut clients);
    let old = HeartbeatInput { epoch: 1, ..clients[0].input() };
    assert_eq!(bench.refused(&old), ErrorCode::FencedMemberEpoch);
    // Whoever was fenced joins anew under its id and gets what it had.
    clients[0].take(Err(Refusal::new(ErrorCode::FencedMemberEpoch, "")));
    clients[0].beat(&mut bench);
    assert!(clients[0].count() > 0);
}

#[test]
fn a_lost_answer_to_a_join_is_given_again() {
    let mut bench = Bench::new(&[2]);
    let a = Client::new("a", &["t1"]);
    let first = bench.send(&a.input());
    assert_eq!(bench.send(&a.input()), first);
    assert_eq!(bench.view().epoch, 1);
}

#[test]
fn a_static_member_that_was_away_gets_what_it_had_and_nothing_moves() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::fixed("a", "one", &["t1"]), Client::fixed("b", "two", &["t1"])];
    converge(&mut bench, &mut clients);
    let [a, mut b] = clients;
    let epoch = bench.view().epoch;
    assert_eq!(bench.send(&a.leaving(-2)).unwrap().epoch, -2);
    b.beat(&mut bench);
    assert_eq!(b.count(), 2, "what it had is kept for it");
    let mut again = Client::fixed("a2", "one", &["t1"]);
    again.beat(&mut bench);
    assert_eq!((&again.owned, again.epoch, bench.view().epoch), (&a.owned, epoch, epoch));
    b.beat(&mut bench);
    assert_eq!((b.epoch, b.count()), (epoch, 2));
    // The old one is fenced, whatever it says.
    assert_eq!(bench.refused(&a.input()), ErrorCode::FencedInstanceId);
    assert_eq!(bench.refused(&a.leaving(-1)), ErrorCode::FencedInstanceId);
    assert_eq!(
        bench.refused(&Client { instance_id: None, ..a }.input()),
        ErrorCode::UnknownMemberId
    );
}

#[test]
fn a_static_id_is_not_taken_while_it_is_in_use() {
    let mut bench = Bench::new(&[4]);
    let mut a = Client::fixed("a", "one", &["t1"]);
    a.beat(&mut bench);
    let usurper = Client::fixed("b", "one", &["t1"]);
    assert_eq!(bench.refused(&usurper.input()), ErrorCode::UnreleasedInstanceId);
    let stranger = HeartbeatInput { epoch: 3, ..Client::fixed("c", "three", &["t1"]).input() };
    assert_eq!(bench.refused(&stranger), ErrorCode::UnknownMemberId);
    // The member itself may join anew, for the answer may have been lost.
    a.take(Err(Refusal::new(ErrorCode::FencedMemberEpoch, "")));
    a.beat(&mut bench);
    assert_eq!(a.count(), 4);
}

#[test]
fn a_static_member_that_stays_away_is_out_when_its_session_ends() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::fixed("a", "one", &["t1"]), Client::new("b", &["t1"])];
    converge(&mut bench, &mut clients);
    let [a, mut b] = clients;
    bench.send(&a.leaving(-2)).unwrap();
    bench.pass(SESSION - Duration::from_secs(1));
    b.beat(&mut bench);
    bench.pass(Duration::from_secs(1));
    b.beat(&mut bench);
    assert_eq!(b.count(), 4);
    let mut again = Client::fixed("c", "one", &["t1"]);
    again.beat(&mut bench);
    assert!(again.epoch > b.epoch);
}

#[test]
fn a_full_group_takes_nobody_but_hears_its_members() {
    let limits = GroupLimits { consumer_members_max: 1, ..GroupLimits::default() };
    let mut bench = Bench::with(limits, &[4]);
    let mut a = Client::new("a", &["t1"]);
    a.beat(&mut bench);
    assert_eq!(bench.refused(&Client::new("b", &["t1"]).input()), ErrorCode::GroupMaxSizeReached);
    assert!(bench.send(&a.bare()).is_ok());
}

#[test]
fn a_request_that_lacks_something_is_refused_and_leaves_nothing() {
    let mut bench = Bench::new(&[4]);
    let good = Client::new("a", &["t1"]).input();
    let bad = [
        HeartbeatInput { member_id: Text::default(), ..good.clone() },
        HeartbeatInput { instance_id: Some(Text::default()), ..good.clone() },
        HeartbeatInput { rack_id: Some(Text::default()), ..good.clone() },
        HeartbeatInput { rebalance_timeout: None, ..good.clone() },
        HeartbeatInput { owned: None, ..good.clone() },
        HeartbeatInput { owned: Some(vec![(id(1), vec![0])]), ..good.clone() },
        HeartbeatInput { names: None, regex: None, ..good.clone() },
        HeartbeatInput { epoch: -2, ..good.clone() },
        HeartbeatInput { epoch: -3, ..good.clone() },
    ];
    for input in bad {
        assert_eq!(bench.refused(&input), ErrorCode::InvalidRequest, "{input:?}");
    }
    let odd = HeartbeatInput { assignor: Some("odd".into()), ..good.clone() };
    assert_eq!(bench.refused(&odd), ErrorCode::UnsupportedAssignor);
    let beat = HeartbeatInput { epoch: 1, ..good.clone() };
    assert_eq!(bench.refused(&beat), ErrorCode::GroupIdNotFound);
    let leave = HeartbeatInput { epoch: -1, ..good.clone() };
    assert_eq!(bench.refused(&leave), ErrorCode::GroupIdNotFound);
    let pattern = HeartbeatInput { regex: Some("(".into()), ..good.clone() };
    assert_eq!(bench.refused(&pattern), ErrorCode::InvalidRegularExpression);
    assert!(bench.coordinator.list().is_empty() && bench.kept.is_empty());
    // Version 0 may leave the id to the broker.
    let no_id = HeartbeatInput { member_id: Text::default(), may_lack_id: true, ..good };
    assert_eq!(&*bench.send(&no_id).unwrap().member_id, "fresh");
}

#[test]
fn commits_and_fetches_go_by_the_members_epoch() {
    let mut bench = Bench::new(&[4]);
    let mut clients = [Client::new("a", &["t1"]), Client::new("b", &["t1"])];
    converge(&mut bench, &mut clients);
    let [a, b] = clients;
    assert_eq!(bench.commit("a", a.epoch), Ok(CommitScope::All));
    assert_eq!(bench.commit("a", a.epoch + 1), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(bench.commit("nobody", 1), Err(ErrorCode::UnknownMemberId));
    assert_eq!(bench.commit("", -1), Err(ErrorCode::UnknownMemberId));
    // With an older epoch, only what it has had since then: `a` had its partitions in epoch 1, `b` in 2.
    let old = bench.commit("a", 1).unwrap();
    let (mine, other) = (*a.owned[&id(1)].first().unwrap(), *b.owned[&id(1)].first().unwrap());
    assert_eq!(old.check(id(1), mine), Ok(()));
    assert_eq!(old.check(id(1), other), Err(ErrorCode::StaleMemberEpoch));
    let old = bench.commit("b", 1).unwrap();
    assert_eq!(old.check(id(1), other), Err(ErrorCode::StaleMemberEpoch));
    let who = Identity { member_id: a.id.clone(), instance_id: None, generation: a.epoch };
    let mut commit = |kind| bench.coordinator.commit(&group(), &who, kind, bench.now);
    assert_eq!(commit(CommitKind::Plain { version: 8 }), Err(ErrorCode::UnsupportedVersion));
    assert_eq!(commit(CommitKind::Transactional), Ok(CommitScope::All));
    let fetch = |member: Option<&str>, epoch| {
        bench.coordinator.fetch(&group(), member.map(Text::from).as_ref(), epoch)
    };
    assert_eq!(fetch(None, -1), Ok(()));
    assert_eq!(fetch(Some("a"), a.epoch), Ok(()));
    assert_eq!(fetch(Some("a"), a.epoch - 1), Err(ErrorCode::StaleMemberEpoch));
    assert_eq!(fetch(Some("nobody"), 1), Err(ErrorCode::UnknownMemberId));
    // Of an empty group anybody may keep offsets, as administrators do.
    bench.send(&a.leaving(-1)).unwrap();
    bench.send(&b.leaving(-1)).unwrap();
    assert_eq!(bench.commit("", -1), Ok(CommitScope::All));
}

fn classic(ticket: u64, member_id: &str) -> JoinInput {
    JoinInput {
        ticket: Ticket(ticket),
        member_id: member_id.into(),
        instance_id: None,
        client_id: "client".into(),
        client_host: "/here".into(),
        session_timeout: Duration::from_secs(10),
        rebalance_timeout: REBALANCE,
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), Bytes::new())],
        needs_known_id: false,
        can_skip_assignment: false,
        fresh_id: "classic".into(),
    }
}

#[test]
fn members_of_the_two_protocols_do_not_mix_and_an_empty_group_gives_its_name_away() {
    let mut bench = Bench::new(&[4]);
    let mut a = Client::new("a", &["t1"]);
    a.beat(&mut bench);
    let effects = bench.coordinator.join(&group(), &classic(1, ""), bench.now);
    let Some(Effect::Join(_, Err(refused))) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(refused.error, ErrorCode::InconsistentGroupProtocol);
    let who = Identity { member_id: "a".into(), instance_id: None, generation: 1 };
    let beat = bench.coordinator.heartbeat(&group(), &who, bench.now);
    assert_eq!(beat, ErrorCode::UnknownMemberId);
    let sync = SyncInput {
        ticket: Ticket(2),
        identity: who,
        protocol_type: None,
        protocol: None,
        assignments: vec![],
    };
    let effects = bench.coordinator.sync(&group(), &sync, bench.now);
    assert_eq!(effects, [Effect::Sync(Ticket(2), Err(ErrorCode::UnknownMemberId))]);
    bench.send(&a.leaving(-1)).unwrap();
    let effects = bench.coordinator.join(&group(), &classic(3, ""), bench.now);
    assert!(matches!(effects.last(), Some(Effect::Join(Ticket(3), Ok(_)))), "{effects:?}");
    bench.settle(effects);
    assert!(bench.kept.is_empty(), "nothing of the old group is kept");
    let refused = bench.refused(&Client::new("b", &["t1"]).input());
    assert_eq!(refused, ErrorCode::GroupIdNotFound);
    bench.coordinator.leave(&group(), &"classic".into(), None, bench.now);
    a = Client::new("a", &["t1"]);
    a.beat(&mut bench);
    assert_eq!(a.count(), 4);
}
