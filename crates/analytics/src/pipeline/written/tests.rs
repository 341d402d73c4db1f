//! Tests of learning what is written.

use tidemill_commitlog::batch::{BatchBuilder, Record};
use tidemill_commitlog::{Acks, Log, LogConfig};
use tidemill_world::World;

use super::*;
use crate::intake::{EVENTS, ensure_topic};

#[test]
fn all_far_below_the_highest_is_written_and_gaps_near_it_are_not() {
    let far = i64::try_from(IN_FLIGHT_MAX).unwrap();
    let written = Written::of(&[far + 10, far + 12, far + 11, far + 14]);
    assert!(written.contains(0, 0) && written.contains(0, 12) && written.contains(0, far + 14));
    assert!(
        !written.contains(0, far + 13)
            && !written.contains(0, far + 15)
            && !written.contains(0, 20)
    );
    assert!(!written.contains(1, 0));
    assert!(!Written::of(&[]).contains(0, 0));
    let few = Written::of(&[0, 2]);
    assert!(few.contains(0, 0) && !few.contains(0, 1) && few.contains(0, 2));
}

#[test]
fn it_is_learned_from_the_headers() {
    let folder = std::env::temp_dir().join(format!("tidemill-written-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    let log = Log::open(World::real(), LogConfig::new(&folder)).unwrap();
    let events = ensure_topic(&log, EVENTS).unwrap().unwrap();
    assert!(!Written::learn(&events).unwrap().contains(0, 0));
    for (partition, offset) in [("0", "0"), ("0", "1"), ("1", "2"), ("x", "3"), ("0", "4")] {
        let mut builder = BatchBuilder::new(1_000);
        let headers =
            [(PARTITION_HEADER, partition.as_bytes()), (OFFSET_HEADER, offset.as_bytes())];
        builder
            .push(&Record { value: Some(b"{}"), headers: &headers, ..Record::default() })
            .unwrap();
        events.append_wait(builder.finish(), Acks::Synced).unwrap();
    }
    let written = Written::learn(&events).unwrap();
    let known: Vec<_> = (0..6).filter(|offset| written.contains(0, *offset)).collect();
    assert_eq!(known, [0, 1, 4]);
    log.close().unwrap();
    let _ = std::fs::remove_dir_all(&folder);
}
