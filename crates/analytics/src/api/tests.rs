//! Tests of the small things of the API; the whole of it is tested over HTTP in `tests/`.

use super::*;

#[test]
fn secrets_are_compared_whole() {
    assert!(same(b"secret", b"secret") && same(b"", b""));
    for given in [&b""[..], b"secre", b"secret1", b"Secret", b"secret\0"] {
        assert!(!same(b"secret", given));
    }
}
