//! Any bytes, in any pieces, as a stream of frames: memory grows with what arrives, never with what is announced.

#![no_main]

use libfuzzer_sys::fuzz_target;
use support::{Counting, within};

#[global_allocator]
static COUNTING: Counting = Counting;

/// The reader makes room ahead of the bytes: for a small read, or for as much again as has come.
const FIXED_BYTES: usize = 4 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((piece, stream)) = input.split_first() else { return };
    let piece = usize::from(*piece) + 1;
    within(stream.len() * 4 + FIXED_BYTES, || {
        tidemill_broker::fuzz::frames(stream, piece);
    });
});
