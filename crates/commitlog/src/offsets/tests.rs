//! Group offsets on a simulated machine.

use bytes::Bytes;
use tidemill_world::sim::Simulation;

use super::codec::{OffsetKey, decode_key, decode_value, encode_key, encode_value};
use super::{CommittedOffset, GroupOffsets, METADATA_BYTES_MAX};
use crate::error::AppendError;
use crate::{Log, LogConfig};

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
    assert_eq!(decode_value(&value), Some(committed));
    // Group metadata, and values of a later version, are not ours.
    assert_eq!(decode_key(b"\0\x02\0\x01g"), None);
    assert_eq!(decode_value(&[0; 30]).map(|value| value.leader_epoch), Some(-1));
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

#[test]
fn old_commits_are_given_up_and_the_last_ones_kept() {
    let simulation = Simulation::new(2);
    let (log, offsets) = open(&simulation);
    for offset in 0..200i64 {
        drop(offsets.commit("busy", &[("t", 0, CommittedOffset::new(offset))]));
        drop(offsets.commit(
            "quiet",
            &[("t", i32::try_from(offset).unwrap() % 3, CommittedOffset::new(1))],
        ));
        run(&simulation);
    }
    let start = log.partition(super::OFFSETS_TOPIC, 0).unwrap().log_start_offset();
    assert!(start > 300, "log start is {start}");
    simulation.crash();
    let (_log, offsets) = open(&simulation);
    assert_eq!(offsets.fetch("busy", "t", 0), Some(CommittedOffset::new(199)));
    assert_eq!(offsets.fetch_all("quiet").len(), 3);
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
fn records_of_the_coordinator_survive_a_crash_and_a_snapshot() {
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
    let start = log.partition(super::OFFSETS_TOPIC, 0).unwrap().log_start_offset();
    assert!(start > 3, "no snapshot was taken");
    simulation.crash();
    let (_log, offsets) = open(&simulation);
    assert_eq!(offsets.records(), [(key(b'b'), value)]);
    assert_eq!(offsets.fetch("g", "t", 0), Some(CommittedOffset::new(299)));
}
