//! Making and deleting topics, also when the machine dies in the middle.

use tidemill_world::OpenHow;
use tidemill_world::sim::Simulation;

use super::{Bench, batch, config};
use crate::{
    Acks, AppendError, Cleanup, Durability, Log, LogConfig, OpenError, ReadError, TimestampType,
    TopicConfig, TopicError, TopicId,
};

#[test]
fn settings_and_identity_survive() {
    let mut bench = Bench::new(1);
    let config = TopicConfig {
        partitions: 3,
        retention_ms: None,
        retention_bytes: Some(1 << 30),
        segment_bytes: Some(1 << 16),
        max_message_bytes: 9999,
        durability: Durability::Written,
        timestamp_type: TimestampType::LogAppendTime,
        cleanup: Cleanup::BOTH,
        min_compaction_lag_ms: 17,
        ..TopicConfig::default()
    };
    let made = bench.log.create_topic("a.b_c-1", config.clone()).unwrap();
    let other = bench.log.ensure_topic("other", TopicConfig::default()).unwrap();
    assert_eq!(bench.log.ensure_topic("other", config.clone()).unwrap(), other);
    bench.crash();
    assert_eq!(bench.log.topic("a.b_c-1"), Some(made.clone()));
    assert_eq!(bench.log.topic_by_id(made.id), Some(made.clone()));
    assert_eq!(bench.log.topics(), [made.clone(), other]);
    assert_eq!(made.config, config);
    assert!(
        bench.log.partition("a.b_c-1", 2).is_some() && bench.log.partition("a.b_c-1", 3).is_none()
    );
    assert!(matches!(bench.log.create_topic("other", config), Err(TopicError::Exists(_))));
}

#[test]
fn names_and_settings_keep_kafkas_rules() {
    let bench = Bench::new(1);
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a/b", "ä", "a b", long.as_str()] {
        let refused = bench.log.create_topic(name, TopicConfig::default());
        assert!(matches!(refused, Err(TopicError::InvalidName { .. })), "{name}");
    }
    bench.log.create_topic(&long[..249], TopicConfig::default()).unwrap();
    for partitions in [0, -1, i32::MAX] {
        let refused = bench.log.create_topic("t", TopicConfig::with_partitions(partitions));
        assert!(matches!(refused, Err(TopicError::InvalidConfig { field: "partitions", .. })));
    }
}

#[test]
fn ids_are_spelled_as_kafka_spells_them() {
    let id = TopicId([0xff; 16]);
    assert_eq!(id.to_string(), "_____________________w");
    assert_eq!(TopicId([0; 16]).to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    let id = TopicId(std::array::from_fn(|at| u8::try_from(at * 13).unwrap()));
    assert_eq!(TopicId::parse(&id.to_string()), Some(id));
    assert_eq!(TopicId::parse("short"), None);
}

#[test]
fn one_process_has_the_folder() {
    let bench = Bench::new(1);
    let second = Log::open(bench.simulation.world(), config());
    match second {
        Err(error @ OpenError::Locked { .. }) => assert!(error.to_string().contains("/log/.lock")),
        other => panic!("{other:?}"),
    }
    bench.log.close().unwrap();
    Log::open(bench.simulation.world(), config()).unwrap();
}

#[test]
fn a_deleted_topic_is_gone_under_its_readers() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, batch(1, 2, 100)).unwrap();
    partition.read(0, 1).unwrap();
    let queued = super::submit(&partition, batch(2, 1, 100), Acks::Synced);
    bench.log.delete_topic("t").unwrap();
    bench.run();
    assert!(matches!(super::take(&queued), Some(Err(AppendError::Deleted { .. }))));
    assert!(matches!(partition.read(0, 1), Err(ReadError::Deleted { .. })));
    assert!(matches!(bench.log.delete_topic("t"), Err(TopicError::Unknown(_))));
    assert!(bench.log.topic("t").is_none() && bench.log.partition("t", 0).is_none());
    // A topic of the same name is another topic, and inherits nothing.
    let again = bench.log.create_topic("t", TopicConfig::default()).unwrap();
    assert_ne!(again.id, partition.topic().id);
    bench.crash();
    assert_eq!((bench.partition().log_start_offset(), bench.partition().high_watermark()), (0, 0));
    assert_eq!(bench.append(&bench.partition(), batch(1, 1, 20)).unwrap().base_offset, 0);
}

#[test]
fn a_topic_is_made_whole_or_not_at_all() {
    let mut both = [0, 0];
    for changes in 0..80 {
        let mut bench = Bench::new(changes);
        bench.simulation.disk().die_after(changes);
        let made = bench.log.create_topic("t", TopicConfig::with_partitions(2));
        bench.crash();
        let there = bench.log.topic("t");
        both[usize::from(there.is_some())] += 1;
        if let Ok(made) = made {
            assert_eq!(there.as_ref(), Some(&made));
        }
        if there.is_none() {
            bench.log.create_topic("t", TopicConfig::with_partitions(2)).unwrap();
        }
        for index in 0..2 {
            let partition = bench.log.partition("t", index).unwrap();
            assert_eq!(bench.append(&partition, batch(1, 1, 20)).unwrap().base_offset, 0);
        }
    }
    assert!(both[0] > 5 && both[1] > 5, "both ends were seen: {both:?}");
}

#[test]
fn a_topic_is_deleted_whole_or_not_at_all() {
    let mut both = [0, 0];
    for (changes, seed) in (0..12).flat_map(|changes| (0..6).map(move |seed| (changes, seed))) {
        let (mut bench, partition) = Bench::with_topic(seed, TopicConfig::with_partitions(2));
        bench.append(&partition, batch(1, 1, 20)).unwrap();
        bench.simulation.disk().die_after(changes);
        let deleted = bench.log.delete_topic("t");
        bench.crash();
        let there = bench.log.topic("t").is_some();
        both[usize::from(there)] += 1;
        assert!(deleted.is_err() || !there);
        if there {
            assert_eq!(bench.partition().high_watermark(), 1);
        } else {
            let left = bench.log.world().disk().list("/log".as_ref()).unwrap();
            assert!(!left.iter().any(|entry| entry.is_dir && entry.name != ".topics"), "{left:?}");
        }
    }
    assert!(both[0] > 5 && both[1] > 5, "both ends were seen: {both:?}");
}

#[test]
fn settings_change_under_their_handles_and_survive() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    let appender = partition.appender(Acks::Synced);
    assert!(bench.append(&partition, batch(1, 1, 900)).is_ok());
    let altered = bench.log.alter_topic("t", |config| {
        config.max_message_bytes = 500;
        config.segment_bytes = Some(1 << 10);
        config.partitions = 9;
    });
    let altered = altered.unwrap();
    assert_eq!((altered.config.partitions, altered.config.max_message_bytes), (1, 500));
    assert_eq!(*partition.topic(), altered);
    assert_eq!(*appender.partition().topic(), altered);
    assert_eq!(bench.log.topic("t").as_ref(), Some(&altered));
    let refused = bench.append(&partition, batch(2, 1, 900));
    assert!(matches!(refused, Err(AppendError::TooLarge { max: 500, .. })), "{refused:?}");
    // The segment size counts from the next append on.
    bench.append(&partition, batch(2, 1, 300)).unwrap();
    assert_eq!(bench.simulation.disk().bytes(&Bench::log_file(1)).len(), 4096);
    let refused = bench.log.alter_topic("t", |config| config.segment_ms = 0);
    assert!(matches!(refused, Err(TopicError::InvalidConfig { field: "segment_ms", .. })));
    assert!(matches!(bench.log.alter_topic("u", |_| {}), Err(TopicError::Unknown(_))));
    bench.crash();
    assert_eq!(bench.log.topic("t"), Some(altered));
}

#[test]
fn settings_that_could_not_be_written_do_not_hold() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.simulation.disk().fail_next_write(".topic");
    let failed = bench.log.alter_topic("t", |config| config.max_message_bytes = 500);
    assert!(matches!(failed, Err(TopicError::Io { .. })), "{failed:?}");
    assert_eq!(*partition.topic(), bench.log.topic("t").unwrap());
    assert_eq!(partition.topic().config, TopicConfig::default());
    bench.crash();
    assert_eq!(bench.partition().topic().config, TopicConfig::default());
}

#[test]
fn partitions_are_added_all_or_none() {
    let mut both = [0, 0];
    for (changes, seed) in (0..40).flat_map(|changes| (0..3).map(move |seed| (changes, seed))) {
        let (mut bench, partition) = Bench::with_topic(seed, TopicConfig::default());
        bench.append(&partition, batch(1, 1, 20)).unwrap();
        bench.simulation.disk().die_after(changes);
        let added = bench.log.add_partitions("t", 3);
        bench.crash();
        let there = bench.log.topic("t").unwrap();
        both[usize::from(there.config.partitions == 3)] += 1;
        match there.config.partitions {
            1 => assert!(added.is_err() && bench.log.partition("t", 1).is_none()),
            3 => {}
            other => panic!("{other} partitions"),
        }
        if there.config.partitions == 1 {
            bench.log.add_partitions("t", 3).unwrap();
        }
        assert_eq!(bench.partition().high_watermark(), 1);
        for index in 1..3 {
            let partition = bench.log.partition("t", index).unwrap();
            assert_eq!(bench.append(&partition, batch(1, 1, 20)).unwrap().base_offset, 0);
        }
        bench.crash();
        assert_eq!(bench.log.partition("t", 2).unwrap().high_watermark(), 1);
    }
    assert!(both[0] > 5 && both[1] > 5, "both ends were seen: {both:?}");
}

#[test]
fn added_partitions_are_seen_by_handles_and_survive_a_failed_attempt() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    for total in [1, 0, -1, i32::MAX] {
        let refused = bench.log.add_partitions("t", total);
        assert!(matches!(refused, Err(TopicError::InvalidConfig { field: "partitions", .. })));
    }
    for part in ["partition.metadata", "leader-epoch", ".topic"] {
        bench.simulation.disk().fail_next_write(part);
        assert!(bench.log.add_partitions("t", 3).is_err(), "{part}");
        assert_eq!(partition.topic().config.partitions, 1);
        assert!(bench.log.partition("t", 1).is_none());
    }
    let info = bench.log.add_partitions("t", 3).unwrap();
    assert_eq!((info.config.partitions, &info), (3, &*partition.topic()));
    let last = bench.log.partition("t", 2).unwrap();
    bench.append(&last, batch(1, 1, 20)).unwrap();
    bench.crash();
    assert_eq!(bench.log.topics(), [info]);
    bench.log.delete_topic("t").unwrap();
    let left = bench.log.world().disk().list("/log".as_ref()).unwrap();
    assert!(!left.iter().any(|entry| entry.is_dir && entry.name != ".topics"), "{left:?}");
}

#[test]
fn a_folder_with_unknown_data_is_not_touched() {
    let simulation = Simulation::new(1);
    let world = simulation.world();
    world.disk().create_dir_all("/log/t-0".as_ref()).unwrap();
    let file = world.disk().open(&Bench::log_file(0), OpenHow::Write).unwrap();
    file.write_at(b"somebody's", 0).unwrap();
    let log = Log::open(world, LogConfig::new("/log")).unwrap();
    match log.create_topic("t", TopicConfig::default()) {
        Err(TopicError::Stray { folder }) => assert_eq!(folder, std::path::Path::new("/log/t-0")),
        other => panic!("{other:?}"),
    }
    assert_eq!(simulation.disk().bytes(&Bench::log_file(0)), b"somebody's");
}

#[test]
fn what_a_failed_attempt_left_is_removed_by_the_next() {
    for part in [".topic", "partition.metadata", ".log", "leader-epoch"] {
        let mut bench = Bench::new(1);
        bench.simulation.disk().fail_next_write(part);
        let failed = bench.log.create_topic("t", TopicConfig::with_partitions(2));
        assert!(matches!(failed, Err(TopicError::Io { .. })) != (part == ".log"), "{failed:?}");
        let made = bench.log.ensure_topic("t", TopicConfig::with_partitions(2)).unwrap();
        assert!(bench.append(&bench.partition(), batch(1, 1, 20)).is_ok() || part == ".log");
        bench.crash();
        assert_eq!(bench.log.topics(), [made], "{part}");
        bench.partition().read(0, 1).unwrap();
    }
}

#[test]
fn a_topic_can_be_deleted_on_a_full_disk() {
    let (mut bench, partition) = Bench::with_topic(1, TopicConfig::default());
    bench.append(&partition, batch(1, 1, 3000)).unwrap();
    let disk = bench.simulation.disk().clone();
    let used = disk.used_bytes();
    disk.set_capacity(used);
    bench.log.delete_topic("t").unwrap();
    assert!(disk.used_bytes() + 3000 < used);
    disk.set_capacity(u64::MAX);
    bench.crash();
    assert!(bench.log.topics().is_empty());
}
