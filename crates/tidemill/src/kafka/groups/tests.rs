//! Assignments of classic members, and what is none.

use bytes::Bytes;

use super::assignment;

/// Version 1, topic `ab` with partitions 0 and 7, topic `c` with none, no user data.
const BYTES: &[u8] = &[
    0, 1, 0, 0, 0, 2, 0, 2, b'a', b'b', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 7, 0, 1, b'c', 0, 0, 0, 0,
    0xff, 0xff, 0xff, 0xff,
];

#[test]
fn an_assignment_is_read() {
    let wanted = vec![("ab".to_owned(), 0), ("ab".to_owned(), 7)];
    assert_eq!(assignment(Bytes::from_static(BYTES)), Some(wanted));
}

#[test]
fn what_is_cut_or_strange_is_none() {
    for length in 0..BYTES.len() - 4 {
        assert_eq!(assignment(Bytes::from_static(&BYTES[..length])), None, "{length}");
    }
    assert_eq!(assignment(Bytes::from_static(&[0, 0, 0x7f, 0xff, 0xff, 0xff])), None);
}
