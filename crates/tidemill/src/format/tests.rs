//! Each token of the format language, nulls, bytes that are no text, and JSON.

use serde_json::{Value, json};

use super::{Encoding, Format, unescape};
use crate::records::View;

fn record<'a>(key: Option<&'a [u8]>, value: Option<&'a [u8]>) -> View<'a> {
    View {
        topic: "orders",
        partition: 3,
        offset: 42,
        timestamp_ms: 1_700_000_000_123,
        key,
        value,
        headers: vec![(b"a".as_slice(), Some(b"1".as_slice())), (b"b".as_slice(), None)],
    }
}

fn text(format: &str, record: &View<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    Format::parse(format, Encoding::default(), "NULL").unwrap().write(record, &mut out);
    out
}

#[test]
fn every_token_is_written() {
    let record = record(Some(b"key"), Some(b"value"));
    let wanted = b"orders 3 42 1700000000123 key 3 value 5 a=1,b=NULL 2 %\n".as_slice();
    assert_eq!(text("%t %p %o %T %k %K %s %S %h %H %%\\n", &record), wanted);
    assert_eq!(text("%v%V\\t\\x00\\\\", &record), b"value5\t\0\\");
    assert_eq!(text("%R", &record), [0, 0, 0, 5]);
}

#[test]
fn null_is_not_empty() {
    assert_eq!(text("%k/%K/%s/%S", &record(None, None)), b"NULL/-1/NULL/-1");
    assert_eq!(text("%k/%K/%s/%S", &record(Some(b""), Some(b""))), b"/0//0");
    assert_eq!(text("%R", &record(None, None)), [0xff; 4]);
}

#[test]
fn bytes_go_out_as_they_are_or_in_base64() {
    let record = record(Some(&[0, 0xff]), Some(&[0xfe]));
    assert_eq!(text("%k%s", &record), [0, 0xff, 0xfe]);
    let both = Encoding { base64_key: true, base64_value: true };
    let mut out = Vec::new();
    Format::parse("%k %s", both, "").unwrap().write(&record, &mut out);
    assert_eq!(out, b"AP8= /g==");
}

#[test]
fn json_has_everything() {
    let mut out = Vec::new();
    let encoding = Encoding { base64_key: true, base64_value: false };
    Format::json(encoding).write(&record(Some(&[0xff]), None), &mut out);
    let wanted = json!({
        "topic": "orders", "partition": 3, "offset": 42, "timestamp_ms": 1_700_000_000_123i64,
        "key": "/w==", "value": null, "headers": [["a", "1"], ["b", null]],
    });
    assert_eq!(serde_json::from_slice::<Value>(&out).unwrap(), wanted);
    assert!(out.ends_with(b"}\n"));
}

#[test]
fn what_is_not_known_is_said() {
    for (format, wanted) in [("%q", "%q"), ("100%", "%%"), ("a\\", "backslash"), ("\\xg1", "g1")] {
        let error = Format::parse(format, Encoding::default(), "").unwrap_err();
        assert!(error.contains(wanted), "{format}: {error}");
    }
}

#[test]
fn delimiters_may_be_any_bytes() {
    assert_eq!(unescape("\\t").unwrap(), b"\t");
    assert_eq!(unescape("ä\\x00:").unwrap(), "ä\0:".as_bytes());
}
