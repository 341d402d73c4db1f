//! The buffer of pieces.

use super::*;

#[test]
fn parts_are_one_buffer() {
    let mut parts = Parts::default();
    let _ =
        parts.add(vec![Bytes::from_static(b"ab"), Bytes::new(), Bytes::from_static(b"cde")], None);
    assert_eq!(parts.add(vec![Bytes::from_static(b"f")], None), 1);
    assert_eq!(parts.remaining(), 6);
    let mut slices = [IoSlice::new(&[]); 2];
    assert_eq!(parts.chunks_vectored(&mut slices), 2);
    assert_eq!((&*slices[0], &*slices[1]), (&b"ab"[..], &b"cde"[..]));
    parts.advance(3);
    assert_eq!((parts.chunk(), parts.remaining()), (&b"de"[..], 3));
    parts.advance(3);
    assert_eq!((parts.chunk(), parts.has_remaining()), (&b""[..], false));
}
