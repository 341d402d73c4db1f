//! Any bytes, in any pieces, as the output of a child process.

#![no_main]

use libfuzzer_sys::fuzz_target;
use support::{Counting, within};
use tidemill_multilang::frame::{Frame, FrameDecoder};
use tidemill_multilang::message::FromChild;

#[global_allocator]
static COUNTING: Counting = Counting;

/// JSON takes more memory parsed than written: a digit becomes a value of some tens of bytes.
const FACTOR: usize = 160;
/// A small limit, so that the inputs reach it.
const FRAME_BYTES_MAX: usize = 1 << 10;

fuzz_target!(|input: &[u8]| {
    let Some((piece, output)) = input.split_first() else { return };
    let piece = usize::from(*piece) + 1;
    within(output.len() * FACTOR + (1 << 20), || {
        let mut decoder = FrameDecoder::new(FRAME_BYTES_MAX);
        let mut ignore = |_: Frame<FromChild>| {};
        output.chunks(piece).for_each(|bytes| decoder.push(bytes, &mut ignore));
        decoder.finish(&mut ignore);
    });
});
