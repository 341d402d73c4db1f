//! What is kept of classic groups, and what a restart makes of it.

use super::super::kept::{KeptGroup, KeptMember, key};
use super::*;

/// When everything was kept, milliseconds since 1970.
const KEPT_MS: i64 = 77;

/// What was last to be kept.
fn kept(bench: &Bench) -> Option<KeptGroup> {
    let kept = bench.effects.iter().rev().find_map(|effect| match effect {
        Effect::KeepClassic(group, kept) => Some((group.clone(), kept.clone())),
        _ => None,
    });
    let (group, kept) = kept.unwrap();
    assert_eq!(&*group, "g");
    kept
}

/// A coordinator that begins with what was kept.
fn restarted(bench: &Bench) -> Bench {
    let mut next = Bench::new(GroupLimits::default());
    next.now = bench.now;
    next.tickets = bench.tickets;
    let kept = kept(bench).map(|kept| ("g".into(), kept, Some(KEPT_MS)));
    next.coordinator.restore_classic(kept.into_iter(), next.now);
    next
}

/// Two members, stable, and the effects of that.
fn two() -> (Bench, Text, Text) {
    let (mut bench, a, b) = Bench::two();
    let again = bench.join("a", &a);
    let other = bench.join("b", &b);
    bench.joined(again);
    bench.joined(other);
    bench.sync(&b, 3, &[]);
    bench.sync(&a, 3, &[(&a, "one"), (&b, "two")]);
    (bench, a, b)
}

#[test]
fn the_record_has_kafkas_bytes_and_reads_back_in_every_version() {
    let member = KeptMember {
        member_id: "m".into(),
        instance_id: None,
        client_id: "c".into(),
        client_host: "/h".into(),
        rebalance_timeout: Duration::from_millis(5),
        session_timeout: Duration::from_millis(6),
        subscription: Bytes::from_static(b"s"),
        assignment: Bytes::from_static(b"a"),
    };
    let group = KeptGroup {
        protocol_type: "consumer".into(),
        generation: 7,
        protocol: Some("range".into()),
        leader: Some("m".into()),
        members: vec![member],
    };
    let key = key(&"g".into()).unwrap();
    assert_eq!(&key[..], b"\0\x02\0\x01g");
    let value = group.encode(9).unwrap();
    let head = b"\0\x03\0\x08consumer\0\0\0\x07\0\x05range\0\x01m";
    let time = b"\0\0\0\0\0\0\0\x09";
    let first = b"\0\0\0\x01\0\x01m";
    let rest = b"\0\x01c\0\x02/h\0\0\0\x05\0\0\0\x06\0\0\0\x01s\0\0\0\x01a";
    let v3 = [&head[..], time, first, b"\xff\xff", rest].concat();
    assert_eq!(value, v3);
    let mut v2 = [&head[..], time, first, rest].concat();
    v2[1] = 2;
    let flexible = [
        &b"\0\x04\x09consumer\0\0\0\x07\x06range\x02m"[..],
        time,
        b"\x02\x02m\0\x02c\x03/h\0\0\0\x05\0\0\0\x06\x02s\x02a\0\0",
    ]
    .concat();
    for bytes in [v3, v2, flexible] {
        let read = KeptGroup::decode(&key, &Bytes::from(bytes.clone())).unwrap();
        assert_eq!(read, Some(("g".into(), group.clone(), Some(9))));
        for length in 0..bytes.len() {
            let cut = Bytes::copy_from_slice(&bytes[..length]);
            assert!(KeptGroup::decode(&key, &cut).is_err(), "cut at {length}");
        }
    }
    let other = Bytes::from_static(b"\0\x03\0\x01g");
    assert_eq!(KeptGroup::decode(&other, &Bytes::new()).unwrap(), None);
}

#[test]
fn members_do_not_notice_a_restart() {
    let (bench, a, b) = two();
    let mut bench = restarted(&bench);
    assert_eq!(bench.state(), "Stable");
    for id in [&a, &b] {
        assert_eq!(bench.heartbeat(id, 3), ErrorCode::None);
    }
    let sync = bench.sync(&b, 3, &[]);
    assert_eq!(bench.synced(sync).unwrap(), "two");
    // The rules go on: the leader calls for a new generation, the other hears of it.
    bench.join("a", &a);
    assert_eq!(bench.heartbeat(&b, 3), ErrorCode::RebalanceInProgress);
    let other = bench.join("b", &b);
    assert_eq!(bench.joined(other).generation, 4);
}

#[test]
fn a_member_that_does_not_come_after_a_restart_is_out() {
    let (bench, a, b) = two();
    let mut bench = restarted(&bench);
    bench.pass(SESSION / 2);
    bench.heartbeat(&a, 3);
    bench.pass(SESSION / 2);
    assert_eq!(bench.heartbeat(&b, 3), ErrorCode::UnknownMemberId);
    assert_eq!(bench.heartbeat(&a, 3), ErrorCode::RebalanceInProgress);
}

#[test]
fn a_static_member_keeps_its_place_over_a_restart() {
    let mut bench = Bench::new(GroupLimits::default());
    let input = static_input(&mut bench, "s", "");
    bench.send(&input);
    bench.sync("s1", 1, &[("s1", "all")]);
    let mut bench = restarted(&bench);
    let input = static_input(&mut bench, "s", "");
    let ticket = bench.send(&input);
    let joined = bench.joined(ticket);
    assert_eq!((joined.generation, bench.state()), (1, "Stable"));
    // Under its new id it is kept too.
    let mut bench = restarted(&bench);
    assert_eq!(bench.heartbeat(&joined.member_id, 1), ErrorCode::None);
    assert_eq!(bench.heartbeat("s1", 1), ErrorCode::UnknownMemberId);
}

#[test]
fn of_a_group_that_loses_its_last_member_it_is_kept_when_that_was() {
    let (mut bench, a, b) = two();
    let life = |bench: &Bench| bench.coordinator.life(&"g".into(), bench.now, 10_000);
    assert_eq!(kept(&bench).map(|kept| kept.members.len()), Some(2));
    bench.leave(&a, None);
    assert_eq!(life(&bench), Life::Busy);
    bench.leave(&b, None);
    assert_eq!(kept(&bench).map(|kept| kept.members.len()), Some(0));
    bench.pass(Duration::from_secs(1));
    assert_eq!(life(&bench), Life::Empty { since_ms: 9_000 });
    let mut bench = restarted(&bench);
    assert_eq!((bench.state(), life(&bench)), ("none", Life::Empty { since_ms: KEPT_MS }));
    // Somebody who never came in does not change it, a member does.
    let mut asks = bench.input("c", "");
    asks.needs_known_id = true;
    bench.send(&asks);
    bench.pass(SESSION);
    assert_eq!(life(&bench), Life::Empty { since_ms: KEPT_MS });
    let ticket = bench.join("c", "");
    let c = bench.joined(ticket).member_id;
    assert_eq!(life(&bench), Life::Busy);
    bench.leave(&c, None);
    assert_eq!(life(&bench), Life::Empty { since_ms: 10_000 });
    bench.effects = bench.coordinator.forget(&"g".into());
    assert_eq!((kept(&bench), life(&bench)), (None, Life::Absent));
}

#[test]
fn a_group_that_nobody_was_in_is_not_kept() {
    let mut bench = Bench::new(GroupLimits::default());
    let mut asks = bench.input("a", "");
    asks.needs_known_id = true;
    bench.send(&asks);
    bench.pass(SESSION);
    assert_eq!(bench.state(), "none");
    assert!(!bench.effects.iter().any(|effect| matches!(effect, Effect::KeepClassic(..))));
}
