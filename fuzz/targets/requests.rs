//! Any bytes as any request or response of any version.
//!
//! What is decoded must encode to bytes that decode to the same. The memory held is bounded by a multiple of the
//! frame: an array's elements may be larger in memory than on the wire, and the reader holds them
//! against the frame's budget.

#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use support::{Counting, within};
use tidemill_wire::{self as wire, Message, Reader, Writer};

#[path = "../../crates/wire/tests/common/mod.rs"]
#[allow(dead_code, reason = "only the list of APIs is used")]
mod common;

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes held for each byte of a frame, at most, and what every frame may cost.
const FACTOR: usize = 64;
const FIXED_BYTES: usize = 16 << 10;

fn check<M: Message + PartialEq + std::fmt::Debug>(version: i16, frame: &Bytes) {
    let bytes_max = frame.len() * FACTOR + FIXED_BYTES;
    let decoded = within(bytes_max, || M::decode(&mut Reader::new(frame.clone()), version));
    let Ok(message) = decoded else { return };
    let mut writer = Writer::new();
    message.encode(version, &mut writer).expect("what was decoded can be encoded");
    let once = writer.into_bytes();
    let again = M::decode(&mut Reader::new(once.clone()), version).expect("and decoded again");
    let mut writer = Writer::new();
    again.encode(version, &mut writer).expect("and encoded again");
    assert_eq!(once, writer.into_bytes());
}

fuzz_target!(|input: &[u8]| {
    let Some(([api, version, side], body)) = input.split_first_chunk() else { return };
    let frame = Bytes::copy_from_slice(body);
    let _ = wire::header::RequestHeader::decode(&mut Reader::new(frame.clone()));
    let mut index = 0u8;
    macro_rules! one {
        ($request:ident, $response:ident, $module:ident) => {
            if index == *api {
                let versions = <wire::$module::$request as Message>::API.versions();
                let count = versions.end() - versions.start() + 1;
                let version = versions.start() + i16::from(*version) % count;
                match side % 2 {
                    0 => check::<wire::$module::$request>(version, &frame),
                    _ => check::<wire::$module::$response>(version, &frame),
                }
            }
            index = index.wrapping_add(1);
        };
    }
    for_each_api!(one);
    let _ = index;
});
