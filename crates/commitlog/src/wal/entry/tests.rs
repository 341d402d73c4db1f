//! Heads and bodies of entries, and that no damage goes unseen.

use super::*;

#[test]
fn heads_are_read_back_and_no_bit_may_turn() {
    let file = FileHead { salt: 7, bytes: 1 << 20 };
    let encoded = file.encode();
    assert_eq!(FileHead::decode(&encoded), Some(file));
    let entry = EntryHead {
        salt: 7,
        sequence: 9,
        synced_before: 8,
        settled_before: 3,
        body_bytes: 77,
        parts: 2,
        body_crc: 5,
    };
    let head = entry.encode();
    assert_eq!(EntryHead::decode(&head, 7), Some(entry));
    assert_eq!(EntryHead::decode(&head, 8), None, "another salt");
    for bit in 0..60 * 8 {
        let mut wrong = head;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(EntryHead::decode(&wrong, 7), None, "bit {bit}");
    }
    for bit in 0..encoded.len() * 8 {
        let mut wrong = encoded;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(FileHead::decode(&wrong), None, "bit {bit}");
    }
}

#[test]
fn a_body_gives_its_parts_back_and_none_when_it_is_cut() {
    let mut draft = Draft::default();
    let (a, b) = ((TopicId([1; 16]), 3), (TopicId([2; 16]), 0));
    draft.begin(a, 100, 4000, 5);
    draft.push(Bytes::from_static(b"he"));
    draft.push(Bytes::from_static(b"llo"));
    draft.begin(b, 0, 0, 0);
    let body: Bytes = draft.pieces().collect::<Vec<_>>().concat().into();
    assert_eq!((draft.bytes(), draft.crc()), (body.len() as u64, crc32c::crc32c(&body)));
    let hello = Part { key: a, segment: 100, position: 4000, bytes: Bytes::from_static(b"hello") };
    let empty = Part { key: b, segment: 0, position: 0, bytes: Bytes::new() };
    assert_eq!(parts(&body, draft.parts()), Some(vec![hello, empty]));
    for end in 0..body.len() {
        assert_eq!(parts(&body.slice(..end), 2), None, "{end} bytes");
    }
    assert_eq!(parts(&body, 1), None);
}
