//! The twins keep their promises.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::disk::OpenHow;
use crate::sim::Simulation;
use crate::threads::{Step, Waiting, Wake};

fn write_synced(simulation: &Simulation, path: &str, bytes: &[u8]) {
    let world = simulation.world();
    world.disk().create_dir_all(Path::new("d")).unwrap();
    let file = world.disk().open(Path::new(path), OpenHow::Write).unwrap();
    file.write_at(bytes, 0).unwrap();
    file.sync_data().unwrap();
    world.disk().sync_dir(Path::new("d")).unwrap();
    world.disk().sync_dir(Path::new("")).unwrap();
}

#[test]
fn synced_bytes_and_names_survive_every_crash() {
    for seed in 0..200 {
        let simulation = Simulation::new(seed);
        write_synced(&simulation, "d/a", b"kept");
        simulation.crash();
        assert_eq!(simulation.disk().bytes(Path::new("d/a")), b"kept", "seed {seed}");
    }
}

#[test]
fn unsynced_bytes_are_kept_lost_and_torn_depending_on_the_seed() {
    let (mut kept, mut lost, mut torn) = (0, 0, 0);
    for seed in 0..200 {
        let simulation = Simulation::new(seed);
        write_synced(&simulation, "d/a", &[1; 2048]);
        let world = simulation.world();
        let file = world.disk().open(Path::new("d/a"), OpenHow::Write).unwrap();
        file.write_at(&[2; 2048], 0).unwrap();
        simulation.crash();
        let bytes = simulation.disk().bytes(Path::new("d/a"));
        match bytes.iter().filter(|byte| **byte == 2).count() {
            0 => lost += 1,
            2048 => kept += 1,
            _ => torn += 1,
        }
        assert!(file.write_at(b"x", 0).is_err(), "a file of before the crash is dead");
    }
    assert!(kept > 0 && lost > 0 && torn > 0, "kept {kept}, lost {lost}, torn {torn}");
}

#[test]
fn an_unsynced_name_may_vanish() {
    let vanished = (0..100).filter(|seed| {
        let simulation = Simulation::new(*seed);
        write_synced(&simulation, "d/a", b"a");
        let world = simulation.world();
        world.disk().rename(Path::new("d/a"), Path::new("d/b")).unwrap();
        simulation.crash();
        world.disk().exists(Path::new("d/a")).unwrap()
    });
    let vanished = vanished.count();
    assert!((1..100).contains(&vanished), "{vanished}");
}

#[test]
fn a_failed_sync_loses_what_it_should_have_kept() {
    let simulation = Simulation::new(1);
    write_synced(&simulation, "d/a", b"old!");
    let file = simulation.world().disk().open(Path::new("d/a"), OpenHow::Write).unwrap();
    file.write_at(b"new!", 0).unwrap();
    simulation.disk().fail_next_sync("d/a");
    assert!(file.sync_data().is_err());
    assert_eq!(simulation.disk().bytes(Path::new("d/a")), b"new!");
    file.sync_data().unwrap();
    simulation.crash();
    assert_eq!(simulation.disk().bytes(Path::new("d/a")), b"old!");
}

#[test]
fn a_full_disk_says_so_and_recovers() {
    let simulation = Simulation::new(1);
    write_synced(&simulation, "d/a", b"1234");
    simulation.disk().set_capacity(6);
    let file = simulation.world().disk().open(Path::new("d/a"), OpenHow::Write).unwrap();
    let error = file.write_at(b"5678", 4).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    simulation.disk().set_capacity(100);
    file.write_at(b"5678", 4).unwrap();
    let space = simulation.world().disk().space(Path::new("d")).unwrap();
    assert_eq!((space.total_bytes, space.usable_bytes), (100, 92));
    assert_eq!(simulation.disk().bytes(Path::new("d/a")), b"12345678");
}

#[test]
fn the_machine_dies_at_the_chosen_change() {
    let simulation = Simulation::new(1);
    write_synced(&simulation, "d/a", b"1234");
    simulation.disk().die_after(1);
    let world = simulation.world();
    let file = world.disk().open(Path::new("d/a"), OpenHow::Write).unwrap();
    file.write_at(b"x", 0).unwrap();
    assert!(file.sync_data().is_err());
    assert!(simulation.disk().is_down());
    assert!(world.disk().list(Path::new("d")).is_err());
    simulation.crash();
    assert_eq!(world.disk().list(Path::new("d")).unwrap().len(), 1);
}

fn order_of_steps(seed: u64) -> Vec<usize> {
    let simulation = Simulation::new(seed);
    let world = simulation.world();
    let order = Arc::new(Mutex::new(Vec::new()));
    for name in 0..3 {
        let order = Arc::clone(&order);
        let mut left = 5;
        let driver = move || {
            order.lock().unwrap().push(name);
            left -= 1;
            if left == 0 { Step::Done } else { Step::Again }
        };
        let spawned = world.threads().spawn(
            "d",
            Waiting::Park,
            Wake::new(),
            world.clock_arc(),
            Box::new(driver),
        );
        spawned.unwrap();
    }
    assert_eq!(simulation.run_until_idle(1000), 15);
    std::mem::take(&mut *order.lock().unwrap())
}

#[test]
fn one_seed_gives_one_order() {
    assert_eq!(order_of_steps(3), order_of_steps(3));
    assert!((0..20).any(|seed| order_of_steps(seed) != order_of_steps(3)));
}

#[test]
fn an_idle_driver_waits_for_its_wake_or_its_moment() {
    let simulation = Simulation::new(1);
    let world = simulation.world();
    let steps = Arc::new(AtomicUsize::new(0));
    let wake = Wake::new();
    let counted = Arc::clone(&steps);
    let clock = world.clock_arc();
    let driver = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        Step::Until(clock.now().after(Duration::from_secs(1)))
    };
    world
        .threads()
        .spawn("d", Waiting::Park, wake.clone(), world.clock_arc(), Box::new(driver))
        .unwrap();
    assert_eq!(simulation.run_until_idle(10), 1);
    wake.notify();
    assert_eq!(simulation.run_until_idle(10), 1);
    simulation.clock().advance(Duration::from_secs(1));
    assert_eq!(simulation.run_until_idle(10), 1);
    assert_eq!(steps.load(Ordering::Relaxed), 3);
}
