//! Group offsets on a simulated machine.

use std::time::Duration;

use bytes::Bytes;
use tidemill_world::sim::Simulation;

use super::codec::{OffsetKey, decode_key, decode_value, encode_key, encode_value};
use super::{CommittedOffset, GroupOffsets, METADATA_BYTES_MAX};
use crate::error::AppendError;
use crate::{EndMarker, Log, LogConfig};

fn open(simulation: &Simulation) -> (Log, GroupOffsets) {
    let log = Log::open(simulation.world(), LogConfig::new("/log")).unwrap();
    let offsets = GroupOffsets::open(&log).unwrap();
    (log, offsets)
}

fn run(simulation: &Simulation) {
    simulation.run_until_idle(1_000);
}

#[test]
fn keys_and_values_have_kafkas_bytes() {
    let key = encode_key("g", "top", 7);
    assert_eq!(key, b"\0\x01\0\x01g\0\x03top\0\0\0\x07");
    let back = OffsetKey { group: "g".into(), topic: "top".into(), partition: 7 };
    assert_eq!(decode_key(&key), Some(back));
    let committed = CommittedOffset { offset: 5, leader_epoch: 2, metadata: "m".into() };
    let value = encode_value(&committed, 9);
    assert_eq!(value, b"\0\x03\0\0\0\0\0\0\0\x05\0\0\0\x02\0\x01m\0\0\0\0\0\0\0\x09");
    assert_eq!(decode_value(&value), Some((committed, 9)));
    // Group metadata, and values of a later version, are not ours.
    assert_eq!(decode_key(b"\0\x02\0\x01g"), None);
    assert_eq!(decode_value(&[0; 30]).map(|(value, _)| value.leader_epoch), Some(-1));
}

#[test]
fn commits_survive_a_crash_and_deletions_too() {
    let simulation = Simulation::new(1);
    let (_log, offsets) = open(&simulation);
    let first = offsets
        .commit("a", &[("t", 0, CommittedOffset::new(3)), ("t", 1, CommittedOffset::new(4))]);
    assert!(first.try_get().is_none() && offsets.fetch("a", "t", 0).is_none());
    let second = offsets.commit("b", &[("t", 0, CommittedOffset::new(9))]);
    run(&simulation);
    assert!(first.try_get().unwrap().is_ok() && second.try_get().unwrap().is_ok());
    let deleted = offsets.delete_group("b");
    run(&simulation);
    assert!(deleted.try_get().unwrap().is_ok());
    simulation.crash();
    let (_log, offsets) = open(&simulation);
    assert_eq!(offsets.groups(), ["a"]);
    assert_eq!(offsets.fetch("a", "t", 1), Some(CommittedOffset::new(4)));
    assert_eq!(offsets.fetch_all("a").len(), 2);
    assert_eq!(offsets.fetch("b", "t", 0), None);
}

/// Lets the time pass after which the log looks for what can be compacted.
fn compact(simulation: &Simulation, log: &Log) -> u64 {
    let before = log.partition(super::OFFSETS_TOPIC, 0).unwrap().size_bytes();
    for _ in 0..10 {
        simulation.clock().advance(Duration::from_secs(600));
        run(simulation);
    }
    let after = log.partition(super::OFFSETS_TOPIC, 0).unwrap().size_bytes();
    assert!(after < before / 2, "{before} bytes are {after} after compaction");
    after
}

#[test]
fn old_commits_are_compacted_and_the_last_ones_kept() {
    let simulation = Simulation::new(2);
    let (log, offsets) = open(&simulation);
    for offset in 0..200i64 {
        let partition = i32::try_from(offset).unwrap() % 3;
        drop(offsets.commit("busy", &[("t", 0, CommittedOffset::new(offset))]));
        drop(offsets.commit("quiet", &[("t", partition, CommittedOffset::new(1))]));
        let within = [("t", partition, CommittedOffset::new(offset))];
        drop(offsets.commit_in_transaction("within", &within, 7, 0));
        run(&simulation);
        if offset % 10 == 9 {
            end(&simulation, &offsets, 7, 0, offset < 190);
        }
    }
    let open_one = [("t", 0, CommittedOffset::new(1_000))];
    drop(offsets.commit_in_transaction("within", &open_one, 8, 0));
    run(&simulation);
    compact(&simulation, &log);
    simulation.crash();
    let (_log, offsets) = open(&simulation);
    assert_eq!(offsets.fetch("busy", "t", 0), Some(CommittedOffset::new(199)));
    assert_eq!(offsets.fetch_all("quiet").len(), 3);
    let within = offsets.fetch_all("within").into_iter().map(|(_, at, offset)| (at, offset.offset));
    assert_eq!(within.collect::<Vec<_>>(), [(0, 189), (1, 187), (2, 188)]);
    assert!(offsets.is_pending("within", "t", 0));
    end(&simulation, &offsets, 8, 0, true);
    assert_eq!(offsets.fetch("within", "t", 0), Some(CommittedOffset::new(1_000)));
}

#[test]
fn a_long_metadata_is_refused() {
    let simulation = Simulation::new(3);
    let (_log, offsets) = open(&simulation);
    let metadata = "x".repeat(METADATA_BYTES_MAX + 1);
    let long = CommittedOffset { metadata, ..CommittedOffset::new(1) };
    let refused = offsets.commit("g", &[("t", 0, long)]).try_get().unwrap();
    assert!(matches!(refused, Err(AppendError::OffsetField { field: "metadata", .. })));
}

#[test]
fn records_of_the_coordinator_survive_a_crash_and_compaction() {
    let simulation = Simulation::new(5);
    let (log, offsets) = open(&simulation);
    let key = |member: u8| Bytes::copy_from_slice(&[0, 5, 0, 1, b'g', 0, 1, member]);
    let value = Bytes::from_static(b"what a member says of itself");
    let put = |member, value: Option<&Bytes>| vec![(key(member), value.cloned())];
    let first = offsets.put_records([put(b'a', Some(&value)), put(b'b', Some(&value))].concat());
    run(&simulation);
    assert!(first.try_get().unwrap().is_ok());
    drop(offsets.put_records(put(b'a', None)));
    for offset in 0..300i64 {
        drop(offsets.commit("g", &[("t", 0, CommittedOffset::new(offset))]));
        run(&simulation);
    }
    compact(&simulation, &log);
    simulation.crash();
    let (_log, offsets) = open(&simulation);
    assert_eq!(offsets.records(), [(key(b'b'), value)]);
    assert_eq!(offsets.fetch("g", "t", 0), Some(CommittedOffset::new(299)));
}

/// Ends the transaction of a producer as a coordinator does: the marker first.
fn end(simulation: &Simulation, offsets: &GroupOffsets, id: i64, epoch: i16, commit: bool) {
    let marker = EndMarker {
        producer_id: id,
        producer_epoch: epoch,
        coordinator_epoch: 0,
        commit,
        transaction_version: 0,
    };
    let told = offsets.clone();
    offsets.partition().end_transaction(marker, move |result| {
        result.unwrap();
        told.end_transaction(id, commit);
    });
    run(simulation);
}

#[test]
fn offsets_of_a_transaction_count_when_it_commits() {
    let mut pending_over_crash = 0;
    for (crash_before, commit) in [(false, true), (false, false), (true, true), (true, false)] {
        let simulation = Simulation::new(6);
        let (mut _log, mut offsets) = open(&simulation);
        drop(offsets.commit("g", &[("t", 0, CommittedOffset::new(1))]));
        let within = offsets.commit_in_transaction(
            "g",
            &[("t", 0, CommittedOffset::new(5)), ("t", 1, CommittedOffset::new(6))],
            7,
            0,
        );
        run(&simulation);
        assert!(within.try_get().unwrap().is_ok());
        if crash_before {
            simulation.crash();
            (_log, offsets) = open(&simulation);
            pending_over_crash += usize::from(offsets.is_pending("g", "t", 0));
        }
        assert_eq!(offsets.fetch("g", "t", 0), Some(CommittedOffset::new(1)));
        assert_eq!(offsets.fetch("g", "t", 1), None);
        assert!(offsets.is_pending("g", "t", 1) && !offsets.is_pending("g", "t", 2));
        end(&simulation, &offsets, 7, 0, commit);
        for crash_after in [false, true] {
            if crash_after {
                simulation.crash();
                (_log, offsets) = open(&simulation);
            }
            let expected = if commit { (Some(5), Some(6)) } else { (Some(1), None) };
            let offset = |partition| offsets.fetch("g", "t", partition).map(|at| at.offset);
            assert_eq!((offset(0), offset(1)), expected, "{crash_before} {crash_after}");
            assert!(!offsets.is_pending("g", "t", 0));
        }
    }
    assert_eq!(pending_over_crash, 2);
}

#[test]
fn commits_of_one_transaction_follow_one_another_also_over_a_crash() {
    let simulation = Simulation::new(7);
    let (mut _log, mut offsets) = open(&simulation);
    for round in 0..4i64 {
        for partition in 0..3 {
            let at = CommittedOffset::new(round);
            let within = offsets.commit_in_transaction("g", &[("t", partition, at)], 7, 0);
            run(&simulation);
            assert!(within.try_get().unwrap().is_ok(), "{round} {partition}");
        }
        if round % 2 == 0 {
            simulation.crash();
            (_log, offsets) = open(&simulation);
        }
        end(&simulation, &offsets, 7, 0, true);
    }
    assert_eq!(offsets.fetch("g", "t", 2), Some(CommittedOffset::new(3)));
    // A newer epoch begins anew, and the older one is fenced.
    let within =
        |epoch| offsets.commit_in_transaction("g", &[("t", 0, CommittedOffset::new(9))], 7, epoch);
    let (newer, older) = (within(1), within(0));
    run(&simulation);
    assert!(newer.try_get().unwrap().is_ok());
    assert!(matches!(older.try_get().unwrap(), Err(AppendError::ProducerFenced { .. })));
}

#[test]
fn a_plain_commit_after_a_pending_one_stays_and_a_deletion_takes_both() {
    let simulation = Simulation::new(8);
    let (_log, offsets) = open(&simulation);
    let offset = |partition| offsets.fetch("g", "t", partition).map(|at| at.offset);
    let pending = [("t", 0, CommittedOffset::new(5)), ("t", 1, CommittedOffset::new(5))];
    drop(offsets.commit_in_transaction("g", &pending, 7, 0));
    run(&simulation);
    drop(offsets.commit("g", &[("t", 0, CommittedOffset::new(8))]));
    run(&simulation);
    end(&simulation, &offsets, 7, 0, true);
    assert_eq!((offset(0), offset(1)), (Some(8), Some(5)));
    drop(offsets.commit_in_transaction("g", &pending, 7, 0));
    run(&simulation);
    drop(offsets.delete_group("g"));
    run(&simulation);
    end(&simulation, &offsets, 7, 0, true);
    assert_eq!((offset(0), offset(1)), (None, None));
}

#[test]
fn an_offset_that_is_just_being_committed_anew_does_not_expire() {
    let simulation = Simulation::new(3);
    let (_log, offsets) = open(&simulation);
    drop(
        offsets
            .commit("g", &[("t", 0, CommittedOffset::new(1)), ("t", 1, CommittedOffset::new(1))]),
    );
    run(&simulation);
    let first_ms = simulation.world().clock().wall_ms();
    simulation.clock().advance(Duration::from_secs(1));
    drop(offsets.commit("g", &[("t", 0, CommittedOffset::new(2))]));
    let is_over = |_: &str, _: i32, commit_ms: i64| commit_ms <= first_ms;
    assert!(offsets.expire("g", is_over).is_none());
    assert_eq!(offsets.expire("h", is_over).map(|other| (other.gone, other.left)), Some((0, 0)));
    run(&simulation);
    let expired = offsets.expire("g", is_over).unwrap();
    assert_eq!((expired.gone, expired.left), (1, 1));
    run(&simulation);
    assert!(expired.done.try_get().unwrap().is_ok());
    assert_eq!(offsets.fetch_all("g"), [("t".to_owned(), 0, CommittedOffset::new(2))]);
}
