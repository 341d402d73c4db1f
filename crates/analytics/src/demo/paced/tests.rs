//! Tests of the pace.

use tidemill_world::sim::Simulation;

use super::*;

#[test]
fn each_byte_waits_for_its_share_of_the_time() {
    let simulation = Simulation::new(1);
    let clock = simulation.world().clock_arc();
    let mut paced = Paced {
        input: &[0; 40_000][..],
        bytes: 40_000,
        takes: Duration::from_secs(40),
        read: 0,
        started: clock.now(),
        clock,
    };
    let mut buffer = [0; 20_000];
    assert_eq!(paced.wait(), Duration::ZERO);
    assert_eq!(paced.read(&mut buffer).unwrap(), STEP_BYTES);
    assert_eq!(paced.wait(), Duration::from_secs(40).mul_f64(STEP_BYTES as f64 / 40_000.0));
    simulation.clock().advance(Duration::from_secs(17));
    assert_eq!(paced.wait(), Duration::ZERO);
}
