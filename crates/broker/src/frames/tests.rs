//! Frames as they come and as they should not.

use super::*;

/// Frames from a stream of nobody else.
fn frames(stream: &[u8], bytes_max: usize) -> Frames<&[u8]> {
    Frames::new(stream, bytes_max, Budget::new(bytes_max), Arc::default())
}

fn frame(bytes: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(bytes);
    frame
}

#[tokio::test]
async fn frames_come_out_as_they_went_in() {
    let sizes = [0, 1, 3, 5_000, 70_000, 3_000_000, 2];
    let sent: Vec<Vec<u8>> =
        sizes.iter().map(|size| vec![u8::try_from(size % 251).unwrap(); *size]).collect();
    let stream: Vec<u8> = sent.iter().flat_map(|bytes| frame(bytes)).collect();
    let mut frames = frames(&stream, 4 << 20);
    for bytes in sent {
        let (frame, hold) = frames.next(|| true).await.unwrap().unwrap();
        assert_eq!((hold.bytes(), frame.len()), (bytes.len(), bytes.len()));
        assert_eq!(frame, bytes);
    }
    assert!(frames.next(|| true).await.unwrap().is_none());
}

#[tokio::test]
async fn impossible_lengths_are_refused_before_memory_is_taken() {
    for (length, message) in [
        (-1i32, "a frame of -1 bytes was announced"),
        (
            i32::MAX,
            "a frame of 2147483647 bytes was announced, the limit is 100 (request_bytes_max)",
        ),
    ] {
        let stream = length.to_be_bytes();
        let mut frames = frames(&stream, 100);
        assert_eq!(frames.next(|| true).await.unwrap_err().to_string(), message);
        assert!(frames.buffer.capacity() <= 2 * READ_BYTES);
    }
}

#[tokio::test]
async fn a_large_announcement_takes_no_memory_until_bytes_arrive() {
    let mut stream = (100i32 << 20).to_be_bytes().to_vec();
    stream.extend([0; 1000]);
    let mut frames = frames(&stream, 100 << 20);
    assert!(matches!(frames.next(|| true).await, Err(FrameError::Cut { have: 1004 })));
    assert!(frames.buffer.capacity() <= 2 * TRUSTED_BYTES);
}

#[tokio::test]
async fn a_connection_without_bytes_has_no_buffer() {
    let (mut there, here) = tokio::io::duplex(1 << 20);
    let mut frames = Frames::new(here, 1 << 20, Budget::new(1 << 20), Arc::default());
    for _ in 0..2 {
        {
            let mut next = pin!(frames.next(|| true));
            assert!(futures_are_pending(next.as_mut()));
        }
        assert_eq!(frames.buffer.capacity(), 0);
        tokio::io::AsyncWriteExt::write_all(&mut there, &frame(b"x")).await.unwrap();
        assert_eq!(frames.next(|| true).await.unwrap().unwrap().0, &b"x"[..]);
    }
}

/// Polls once.
fn futures_are_pending<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> bool {
    future.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
}

#[tokio::test]
async fn a_large_frame_waits_for_room_and_takes_only_what_came() {
    let budget = Budget::new(8 << 20);
    let arriving = Arc::<Arriving>::default();
    let (mut there, here) = tokio::io::duplex(16 << 20);
    let mut frames = Frames::new(here, 100 << 20, Arc::clone(&budget), Arc::clone(&arriving));
    let whole = frame(&vec![7; 6 << 20]);
    tokio::io::AsyncWriteExt::write_all(&mut there, &whole[..1000]).await.unwrap();
    let mut next = Box::pin(frames.next(|| false));
    assert!(futures_are_pending(next.as_mut()));
    assert!(budget.used() <= 2 * TRUSTED_BYTES, "{}", budget.used());
    assert_eq!(arriving.now(), Some((1, 1000)));
    // Somebody else takes the rest: the frame waits, and that is not the client's fault.
    let other = budget.take(8 << 20);
    tokio::io::AsyncWriteExt::write_all(&mut there, &whole[1000..]).await.unwrap();
    assert!(futures_are_pending(next.as_mut()));
    assert_eq!(arriving.now(), None);
    drop(other);
    let (frame, hold) = next.await.unwrap().unwrap();
    assert_eq!((frame.len(), hold.bytes()), (6 << 20, 6 << 20));
    drop(hold);
    assert_eq!(budget.used(), 0);
}
