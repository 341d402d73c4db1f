//! Tests of the keys of visitors.

use std::sync::Arc;

use tidemill_world::sim::Simulation;

use super::*;

fn keys(simulation: &Simulation) -> DayKeys {
    let world = simulation.world();
    world.disk().create_dir_all(Path::new("/data")).unwrap();
    DayKeys::open(&world, Path::new("/data")).unwrap()
}

#[test]
fn a_visitor_is_the_same_within_the_day_also_after_a_restart_and_another_one_the_next_day() {
    let simulation = Simulation::new(7);
    let clock = simulation.clock();
    let world = simulation.world();
    let now = || world.clock().wall_ms();
    let first = keys(&simulation);
    let morning = first.visitor(now(), "s", "192.0.2.1", "ua");
    assert_eq!(first.visitor(now(), "s", "192.0.2.1", "ua"), morning);
    assert_ne!(first.visitor(now(), "t", "192.0.2.1", "ua"), morning);
    assert_ne!(first.visitor(now(), "s", "192.0.2.2", "ua"), morning);
    assert_ne!(first.visitor(now(), "s", "192.0.2.1", "other"), morning);
    let again = keys(&simulation);
    assert_eq!(again.visitor(now(), "s", "192.0.2.1", "ua"), morning);
    clock.advance(std::time::Duration::from_secs(86_400));
    assert_ne!(again.visitor(now(), "s", "192.0.2.1", "ua"), morning);
}

#[test]
fn the_key_of_a_day_is_gone_when_the_day_is_over() {
    let simulation = Simulation::new(8);
    let world = simulation.world();
    let first = keys(&simulation);
    let yesterday = world.clock().wall_ms();
    let visitor = first.visitor(yesterday, "s", "192.0.2.1", "ua");
    let old_file = simulation.disk().bytes(Path::new("/data/visitor-keys"));
    simulation.clock().advance(std::time::Duration::from_secs(86_400));
    first.visitor(world.clock().wall_ms(), "s", "192.0.2.1", "ua");
    let new_file = simulation.disk().bytes(Path::new("/data/visitor-keys"));
    let old_key = String::from_utf8_lossy(&old_file).lines().nth(1).unwrap().to_owned();
    assert!(!String::from_utf8_lossy(&new_file).contains(&old_key), "the old key is still there");
    assert_ne!(first.visitor(yesterday, "s", "192.0.2.1", "ua"), visitor);
    // A restart does not bring it back either.
    assert_ne!(keys(&simulation).visitor(yesterday, "s", "192.0.2.1", "ua"), visitor);
}

#[test]
fn past_days_of_an_import_keep_their_visitors_until_midnight() {
    let simulation = Simulation::new(9);
    let first = keys(&simulation);
    let visitor = first.visitor(1_431_857_103_000, "s", "192.0.2.1", "ua");
    assert_eq!(keys(&simulation).visitor(1_431_857_103_000, "s", "192.0.2.1", "ua"), visitor);
    assert_ne!(first.visitor(1_431_943_503_000, "s", "192.0.2.1", "ua"), visitor);
}

#[test]
fn a_garbled_file_gives_new_keys() {
    let simulation = Simulation::new(10);
    let world = simulation.world();
    let first = keys(&simulation);
    let visitor = first.visitor(world.clock().wall_ms(), "s", "a", "b");
    world.disk().replace(Path::new("/data/visitor-keys"), b"\xff\xff not keys\n1 2\n").unwrap();
    assert_ne!(keys(&simulation).visitor(world.clock().wall_ms(), "s", "a", "b"), visitor);
}

#[test]
fn a_full_disk_does_not_stop_the_counting() {
    let simulation = Simulation::new(11);
    let first = Arc::new(keys(&simulation));
    simulation.disk().set_capacity(1);
    let now = simulation.world().clock().wall_ms();
    assert_eq!(first.visitor(now, "s", "a", "b"), first.visitor(now, "s", "a", "b"));
}

#[test]
fn only_the_network_of_an_address_is_kept() {
    assert_eq!(network("203.0.113.77").as_deref(), Some("203.0.113.0/24"));
    assert_eq!(network("::ffff:203.0.113.77").as_deref(), Some("203.0.113.0/24"));
    assert_eq!(network("2001:db8:1:2::3").as_deref(), Some("2001:db8:1::/48"));
    assert_eq!(network("host.example"), None);
}
