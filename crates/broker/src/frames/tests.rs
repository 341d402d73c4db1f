//! Frames as they come and as they should not.

use super::*;

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
    let mut frames = Frames::new(&stream[..], 4 << 20);
    for bytes in sent {
        assert_eq!(frames.next().await.unwrap().unwrap(), bytes);
    }
    assert!(frames.next().await.unwrap().is_none());
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
        let mut frames = Frames::new(&stream[..], 100);
        assert_eq!(frames.next().await.unwrap_err().to_string(), message);
        assert!(frames.buffer.capacity() <= 2 * READ_BYTES);
    }
}

#[tokio::test]
async fn a_large_announcement_takes_no_memory_until_bytes_arrive() {
    let mut stream = (100i32 << 20).to_be_bytes().to_vec();
    stream.extend([0; 1000]);
    let mut frames = Frames::new(&stream[..], 100 << 20);
    assert!(matches!(frames.next().await, Err(FrameError::Cut { have: 1004 })));
    assert!(frames.buffer.capacity() <= 2 * TRUSTED_BYTES);
}
