//! Frames by example, and any bytes in any pieces.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn decode_in(pieces: &[&[u8]], limit: usize) -> Vec<Frame<Value>> {
    let mut decoder = FrameDecoder::new(limit);
    let mut frames = Vec::new();
    for piece in pieces {
        decoder.push(piece, &mut |frame| frames.push(frame));
    }
    decoder.finish(&mut |frame| frames.push(frame));
    frames
}

fn decode(text: &str) -> Vec<Frame<Value>> {
    decode_in(&[text.as_bytes()], FRAME_BYTES_MAX)
}

fn text(line: &str) -> Frame<Value> {
    Frame::Text(line.to_owned())
}

#[test]
fn a_message_is_json_and_a_line_end() {
    assert_eq!(decode("{\"pid\":7}\nend\n"), [Frame::Message(json!({"pid": 7}))]);
    assert_eq!(decode("{\"pid\":7}\r\nend\r\n"), [Frame::Message(json!({"pid": 7}))]);
}

#[test]
fn a_message_may_come_in_single_bytes() {
    let bytes = b"{\"pid\":7}\nend\n{\"a\":[1]}\nend\n";
    let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(
        decode_in(&pieces, 1 << 10),
        [Frame::Message(json!({"pid": 7})), Frame::Message(json!({"a": [1]}))]
    );
}

#[test]
fn a_message_may_span_lines() {
    let frames = decode("{\n  \"command\": \"sync\"\n}\nend\n");
    assert_eq!(frames, [Frame::Message(json!({"command": "sync"}))]);
}

#[test]
fn stray_lines_become_text_and_cost_no_message() {
    let frames = decode("hello\n{\"a\":1}\nend\nprint {x}\n{\"b\":2}\nend\n");
    assert_eq!(
        frames,
        [
            text("hello"),
            Frame::Message(json!({"a": 1})),
            text("print {x}"),
            Frame::Message(json!({"b": 2}))
        ]
    );
}

#[test]
fn text_without_a_newline_before_a_message_is_split_off() {
    let frames = decode("50% {done} [1] {\"command\":\"ack\",\"id\":\"{\"}\nend\n");
    assert_eq!(
        frames,
        [text("50% {done} [1]"), Frame::Message(json!({"command": "ack", "id": "{"}))]
    );
}

#[test]
fn an_object_that_is_not_closed_by_end_is_text() {
    let frames = decode("{\"printed\":true}\n{\"command\":\"sync\"}\nend\n");
    assert_eq!(frames, [text("{\"printed\":true}"), Frame::Message(json!({"command": "sync"}))]);
}

#[test]
fn stray_text_before_a_message_of_several_lines() {
    let frames = decode("{oops\n{\n\"a\":\n1}\nend\n");
    assert_eq!(frames, [text("{oops"), Frame::Message(json!({"a": 1}))]);
}

#[test]
fn the_failure_line_of_old_clients_is_text() {
    let frames = decode("E_BOLTFAILED__wordcount__ValueError\nend\n{\"command\":\"sync\"}\nend\n");
    assert_eq!(
        frames,
        [text("E_BOLTFAILED__wordcount__ValueError"), Frame::Message(json!({"command": "sync"}))]
    );
}

#[test]
fn a_command_that_is_no_json_is_reported_as_broken() {
    let frames = decode("{\"command\":\"emit\",\"tuple\":[NaN]}\nend\n{\"a\":1}\nend\n");
    assert!(matches!(&frames[0], Frame::Broken(BrokenFrame::NotJson { .. })), "{frames:?}");
    assert_eq!(frames[1], Frame::Message(json!({"a": 1})));
}

#[test]
fn too_deep_is_broken_and_not_a_stack_overflow() {
    let deep = format!("{{\"command\":{}\nend\n", "[".repeat(100_000));
    assert!(matches!(decode(&deep)[..], [Frame::Broken(BrokenFrame::NotJson { .. })]));
}

#[test]
fn a_message_over_the_limit_is_broken_and_the_next_is_read() {
    let long =
        format!("{{\"command\":\"log\",\"msg\":\"{}\"}}\nend\n{{\"a\":1}}\nend\n", "x".repeat(500));
    let frames = decode_in(&[long.as_bytes()], 100);
    // Its own `end` closes nothing.
    assert!(matches!(frames[0], Frame::Broken(BrokenFrame::TooLarge { .. })), "{frames:?}");
    assert_eq!(frames[1..], [Frame::Message(json!({"a": 1}))]);
    let pieces: Vec<&[u8]> = long.as_bytes().chunks(7).collect();
    assert_eq!(decode_in(&pieces, 100), frames);
}

#[test]
fn text_over_the_limit_is_cut() {
    let long = format!("{}\n{{\"a\":1}}\nend\n", "x".repeat(20 << 10));
    let pieces: Vec<&[u8]> = long.as_bytes().chunks(1000).collect();
    let frames = decode_in(&pieces, 1 << 10);
    let Frame::Text(line) = &frames[0] else { panic!("{frames:?}") };
    assert!(line.ends_with("(cut; 20480 bytes)") && line.len() < 1100, "{line}");
    assert_eq!(frames[1], Frame::Message(json!({"a": 1})));
}

#[test]
fn bytes_that_are_no_text_are_shown_as_well_as_can_be() {
    let frames = decode_in(&[b"\xff\xfe{\"a\":1}\nend\n"], 1 << 10);
    assert_eq!(frames, [text("\u{fffd}\u{fffd}"), Frame::Message(json!({"a": 1}))]);
}

#[test]
fn encoding_adds_the_line_end() {
    let mut out = Vec::new();
    encode(&json!([3, 4]), &mut out).unwrap();
    assert_eq!(out, b"[3,4]\nend\n");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(".*", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_in_any_pieces_give_frames_and_never_a_panic(
        bytes in prop::collection::vec(prop_oneof![
            4 => any::<u8>(),
            3 => prop::sample::select(b"{}[]\"\n:, end1".to_vec()),
        ], 0..600),
        piece in 1usize..50,
        limit in 1usize..400,
    ) {
        let whole = decode_in(&[&bytes], limit);
        let pieces: Vec<&[u8]> = bytes.chunks(piece).collect();
        let in_pieces = decode_in(&pieces, limit);
        // Where a line outgrows the limit depends on how it came, so compare only without limits.
        prop_assert!(limit < bytes.len() || whole == in_pieces);
    }

    #[test]
    fn any_message_is_read_back_behind_any_text(
        message in any_json(),
        stray in "[^\n]*",
        piece in 1usize..50,
    ) {
        let message = json!({"command": "emit", "tuple": [message]});
        let mut bytes = stray.clone().into_bytes();
        bytes.push(b'\n');
        encode(&message, &mut bytes).unwrap();
        let pieces: Vec<&[u8]> = bytes.chunks(piece).collect();
        let frames = decode_in(&pieces, FRAME_BYTES_MAX);
        prop_assert_eq!(frames.last(), Some(&Frame::Message(message)));
        // A line that only says `end` is a frame's end and no text.
        let blank = stray.trim_matches(|c: char| c.is_ascii_whitespace()).is_empty();
        let is_end = stray.trim_end_matches('\r') == "end";
        let expected = if blank || is_end { 1 } else { 2 };
        prop_assert_eq!(frames.len(), expected);
    }
}
