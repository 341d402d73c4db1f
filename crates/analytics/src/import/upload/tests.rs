//! Tests of reading pieces as a stream.

use super::*;

#[test]
fn pieces_are_one_stream_and_an_error_is_an_error() {
    let (sender, source) = mpsc::channel(8);
    for piece in ["ab", "", "cde"] {
        sender.try_send(Ok(Bytes::from_static(piece.as_bytes()))).unwrap();
    }
    let mut pieces = Pieces { source, piece: Bytes::new() };
    let mut buffer = [0; 4];
    assert_eq!(pieces.read(&mut buffer).unwrap(), 4);
    assert_eq!(&buffer, b"abcd");
    assert_eq!(pieces.read(&mut buffer).unwrap(), 1);
    sender.try_send(Err(BodyError::TooSlow)).unwrap();
    let error = pieces.read(&mut buffer).unwrap_err();
    assert!(error.to_string().contains("in time"), "{error}");
    drop(sender);
    assert_eq!(pieces.read(&mut buffer).unwrap(), 0);
}
