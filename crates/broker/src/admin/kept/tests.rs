//! The file there and back.

use proptest::prelude::*;
use tidemill_world::sim::Simulation;

use super::*;

fn values() -> impl Strategy<Value = Values> {
    prop::collection::btree_map(any::<String>(), any::<String>(), 0..4)
}

fn entity() -> impl Strategy<Value = Entity> {
    prop::collection::btree_map("user|client-id|ip", any::<Option<String>>(), 1..3)
}

proptest! {
    #[test]
    fn what_is_kept_is_read_back(
        cluster in values(),
        node in values(),
        groups in prop::collection::btree_map(any::<String>(), values(), 0..3),
        quotas in prop::collection::btree_map(
            entity(), prop::collection::btree_map("[a-z_]{1,9}", -1e12..1e12f64, 1..3), 0..3),
    ) {
        // A group without a value is not kept.
        let groups = groups.into_iter().filter(|(_, values)| !values.is_empty()).collect();
        let kept = Kept { cluster, node, groups, quotas };
        prop_assert_eq!(Kept::parse(&kept.text()), Some(kept));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = Kept::parse(&format!("{HEAD}\n{text}"));
    }
}

#[test]
fn a_file_survives_and_a_foreign_one_is_refused() {
    let simulation = Simulation::new(1);
    let world = simulation.world();
    let dir = Path::new("log");
    world.disk().create_dir_all(dir).unwrap();
    world.disk().sync_dir(Path::new("")).ok();
    assert_eq!(Kept::load(world.disk(), dir).unwrap(), Kept::default());
    let mut kept = Kept::default();
    kept.node.insert("max.connections".into(), "9".into());
    kept.save(world.disk(), dir).unwrap();
    assert_eq!(Kept::load(world.disk(), dir).unwrap(), kept);
    world.disk().replace(&dir.join(FILE), b"version: 0\nnode\tx").unwrap();
    assert_eq!(Kept::load(world.disk(), dir).unwrap_err().0, dir.join(FILE));
}
