//! What a crash tore is told from what is damaged.

use super::*;

fn entry(first_offset: i64, last_offset: i64) -> Aborted {
    Aborted { producer_id: 1, first_offset, last_offset, stable_offset: first_offset }
}

fn bytes(all: &[Aborted]) -> Vec<u8> {
    let mut bytes = Vec::new();
    all.iter().for_each(|aborted| aborted.push_to(&mut bytes));
    bytes
}

#[test]
fn a_torn_end_is_passed_over_behind_the_snapshot_only() {
    let all = [entry(10, 12), entry(11, 15)];
    let whole = bytes(&all);
    let zeros = [&whole[..], &[0; 34]].concat();
    let cut = [&whole[..], &[0; 7]].concat();
    for torn in [&zeros, &cut] {
        assert_eq!(read_entries(torn, 10..100, 16), Some(all.to_vec()), "the segment goes on");
        assert_eq!(read_entries(torn, 10..20, 20), None, "all of the segment was synced");
    }
    assert_eq!(read_entries(&whole, 10..20, 20), Some(all.to_vec()));
}

#[test]
fn damage_before_the_snapshot_is_not_believed() {
    let mut damaged = bytes(&[entry(10, 12), entry(11, 15)]);
    damaged[2] = 0xff;
    assert_eq!(read_entries(&damaged, 10..100, 16), None, "a later entry was synced");
    let not_in_order = bytes(&[entry(10, 15), entry(10, 12)]);
    assert_eq!(read_entries(&not_in_order, 10..100, 16), None);
    let not_its_own = bytes(&[entry(1, 5)]);
    assert_eq!(read_entries(&not_its_own, 10..100, 16), None);
}
