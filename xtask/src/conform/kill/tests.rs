//! The checkers see what they are there for.

use super::*;

fn record(partition: u32, offset: i64, value: &str) -> Read {
    Read { partition, offset, value: value.to_owned() }
}

fn whole(number: u64) -> Vec<Read> {
    (0..TRANSACTION_RECORDS).map(|part| record(0, 0, &format!("{number}:{part}"))).collect()
}

#[test]
fn a_lost_a_double_and_a_misplaced_record_are_seen() {
    let good = [record(0, 0, "0"), record(1, 0, "1"), record(0, 1, "2")];
    assert!(check_idempotent("acked 0\nfailed 1\nacked 2\n", &good).is_ok());
    assert!(check_idempotent("acked 0\nacked 3\n", &good).unwrap_err().contains("lost"));
    let twice = [record(0, 0, "0"), record(0, 1, "0")];
    assert!(check_idempotent("acked 0\n", &twice).unwrap_err().contains("twice"));
    let misplaced = [record(0, 0, "2"), record(0, 1, "0")];
    assert!(check_idempotent("acked 0\n", &misplaced).unwrap_err().contains("later"));
    assert!(check_idempotent("", &good).is_err());
}

#[test]
fn a_torn_a_lost_and_a_risen_transaction_are_seen() {
    let good = [whole(0), whole(2)].concat();
    assert!(check_transactions("committed 0\naborted 1\nunknown 2\nunknown 3\n", &good).is_ok());
    assert!(check_transactions("committed 0\ncommitted 1\n", &good).unwrap_err().contains("lost"));
    assert!(check_transactions("committed 0\naborted 2\n", &good).unwrap_err().contains("aborted"));
    assert!(check_transactions("committed 0\n", &good[1..]).unwrap_err().contains("torn"));
    let twice = [whole(0), whole(0)].concat();
    assert!(check_transactions("committed 0\n", &twice).unwrap_err().contains("twice"));
}

#[test]
fn a_seed_decides_the_moments() {
    let (mut one, mut same) = (7, 7);
    let moments: Vec<u64> = (0..5).map(|_| next(&mut one)).collect();
    assert_eq!(moments, (0..5).map(|_| next(&mut same)).collect::<Vec<_>>());
    assert_ne!(next(&mut 0), 0);
}
