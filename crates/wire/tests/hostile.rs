//! Bytes from anybody: no panic, and no more memory than the frame can justify.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use common::{Rng, apis, random_message};
use proptest::prelude::*;
use tidemill_wire::header::RequestHeader;
use tidemill_wire::{self as ours, Message, Problem, Reader};

/// Counts what a thread allocates.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "an allocator can only be written so; it hands everything on")]
// SAFETY: every call goes to the system's allocator as it is; counting touches no memory of its.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATED.try_with(|total| total.set(total.get() + layout.size()));
        // SAFETY: the caller's promise is handed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Decodes and returns whether that worked; fails if it took more memory than 16 times the frame and
/// the fixed allowance.
fn decode<M: Message>(frame: &Bytes, version: i16) -> bool {
    let before = ALLOCATED.get();
    let worked = M::decode(&mut Reader::new(frame.clone()), version).is_ok();
    let taken = ALLOCATED.get() - before;
    let bound = frame.len() * 16 + 17 * 1024;
    assert!(taken <= bound, "{} {version} took {taken} for {} bytes", M::NAME, frame.len());
    worked
}

fn decode_all(frame: &Bytes) {
    macro_rules! both {
        ($request:ident, $response:ident, $module:ident) => {
            for version in <ours::$module::$request as Message>::API.versions() {
                decode::<ours::$module::$request>(frame, version);
                decode::<ours::$module::$response>(frame, version);
            }
        };
    }
    for_each_api!(both);
    let _ = RequestHeader::decode(&mut Reader::new(frame.clone()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn random_bytes_never_panic_nor_take_much_memory(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        decode_all(&Bytes::from(bytes));
    }

    #[test]
    fn small_numbers_never_panic_nor_take_much_memory(bytes in prop::collection::vec(0u8..4, 0..600)) {
        decode_all(&Bytes::from(bytes));
    }

    #[test]
    fn a_damaged_frame_never_panics(seed: u64, at: prop::sample::Index, with: u8) {
        let mut rng = Rng(seed);
        macro_rules! damage {
            ($request:ident, $response:ident, $module:ident) => {
                let api = <ours::$module::$request as Message>::API;
                for described in apis().iter().filter(|described| described.key == api as i16) {
                    for version in api.versions() {
                        let flexible = version >= api.flexible_from();
                        let mut bytes =
                            random_message(&mut rng, &described.request, version, flexible);
                        let whole = Bytes::copy_from_slice(&bytes);
                        assert!(decode::<ours::$module::$request>(&whole, version));
                        if whole.is_empty() {
                            continue;
                        }
                        let cut = whole.slice(..at.index(whole.len()));
                        let worked = decode::<ours::$module::$request>(&cut, version);
                        assert!(!worked, "{api:?} {version} does not miss its end");
                        let index = at.index(bytes.len());
                        bytes[index] = with;
                        decode::<ours::$module::$request>(&Bytes::from(bytes), version);
                    }
                }
            };
        }
        for_each_api!(damage);
    }
}

#[test]
fn a_count_of_two_billion_is_refused_before_memory_is_taken() {
    let mut frame = vec![0; 8];
    frame[..4].copy_from_slice(&i32::MAX.to_be_bytes());
    let before = ALLOCATED.get();
    let error =
        ours::metadata::MetadataRequest::decode(&mut Reader::new(frame.into()), 1).unwrap_err();
    assert!(ALLOCATED.get() - before < 512);
    assert_eq!(error.field, "MetadataRequest.topics");
    assert!(matches!(error.problem, Problem::TooShort { needed: 2_147_483_647, .. }));
}

#[test]
fn arrays_of_empty_elements_cannot_multiply_a_frame() {
    // One million empty strings are a megabyte on the wire and forty in memory.
    let mut frame = vec![0; 4];
    frame.copy_from_slice(&1_000_000i32.to_be_bytes());
    frame.resize(4 + 2_000_000, 0);
    let error = ours::delete_topics::DeleteTopicsRequest::decode(&mut Reader::new(frame.into()), 1);
    // Two bytes for each: thirty-two in memory are within the allowance.
    assert!(error.is_err_and(|error| error.field == "DeleteTopicsRequest.timeout_ms"));
    let mut frame = vec![0x81, 0x89, 0x7a]; // 2,000,000 as a compact count, and one.
    frame.resize(3 + 2_000_000, 1);
    let error = ours::delete_topics::DeleteTopicsRequest::decode(&mut Reader::new(frame.into()), 4);
    assert_eq!(error.unwrap_err().problem, Problem::TooMany(2_000_000));
}

#[test]
fn tags_that_nobody_knows_are_passed_over() {
    let mut frame = vec![0, 2, b'g', 0, 0, 0, 1, 1, 0];
    frame.remove(0);
    frame.extend([1, 9, 3, 1, 2, 3]);
    let mut reader = Reader::new(frame.into());
    let request = ours::heartbeat::HeartbeatRequest::decode(&mut reader, 4).unwrap();
    assert_eq!((&*request.group_id, request.generation_id), ("g", 1));
    assert_eq!(reader.remaining(), 0);
}

#[test]
fn a_tag_longer_than_its_value_is_refused() {
    // FetchRequest 12: numbers, no topics, nothing forgotten, no rack, tag 0 with a byte too many.
    let mut frame = vec![0; 4 + 4 + 4 + 4 + 1 + 4 + 4];
    frame.extend([1, 1, 1, 1, 0, 2, 0, 9]);
    let error = ours::fetch::FetchRequest::decode(&mut Reader::new(frame.into()), 12).unwrap_err();
    assert_eq!(error.problem, Problem::TagTooLong { tag: 0, left: 1 });
    assert_eq!(error.to_string(), "FetchRequest: tag 0 has 1 bytes too many");
}
