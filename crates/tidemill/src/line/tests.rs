//! Lines are cut and read as the flags say.

use super::Lines;
use crate::error::CliError;
use crate::records::Outgoing;

fn lines(delimiter: &str, key_delimiter: Option<&str>) -> Lines {
    Lines {
        delimiter: delimiter.into(),
        key_delimiter: key_delimiter.map(|text| text.as_bytes().to_vec()),
        json: false,
        base64_key: false,
        base64_value: false,
        null: None,
        template: Outgoing::default(),
    }
}

/// Cuts pieces of any size.
fn cut(lines: &Lines, text: &[u8], size: usize) -> Vec<Vec<u8>> {
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    for piece in text.chunks(size.max(1)) {
        buffer.extend_from_slice(piece);
        lines.split(&mut buffer, false, |line| keep(&mut found, line)).unwrap();
    }
    lines.split(&mut buffer, true, |line| keep(&mut found, line)).unwrap();
    found
}

fn keep(found: &mut Vec<Vec<u8>>, line: &[u8]) -> Result<(), CliError> {
    found.push(line.to_vec());
    Ok(())
}

#[test]
fn lines_are_the_same_however_they_arrive() {
    for size in 1..12 {
        assert_eq!(cut(&lines("\n", None), b"a\n\nbc\nd", size), [&b"a"[..], b"", b"bc", b"d"]);
        assert_eq!(cut(&lines("--", None), b"a--b-c--", size), [&b"a"[..], b"b-c"]);
        assert!(cut(&lines("\n", None), b"", size).is_empty());
    }
}

#[test]
fn the_first_delimiter_ends_the_key() {
    let lines = lines("\n", Some("::"));
    let record = lines.record(b"k::v::w").unwrap();
    assert_eq!(
        (record.key.as_deref(), record.value.as_deref()),
        (Some(&b"k"[..]), Some(&b"v::w"[..]))
    );
    let record = lines.record(b"only a value").unwrap();
    assert_eq!((record.key, record.value.as_deref()), (None, Some(&b"only a value"[..])));
}

#[test]
fn null_and_base64_are_told_apart() {
    let mut lines = lines("\n", Some(":"));
    lines.null = Some(b"NULL".to_vec());
    lines.base64_value = true;
    let record = lines.record(b"NULL:AP8=").unwrap();
    assert_eq!((record.key, record.value.as_deref()), (None, Some(&[0, 0xff][..])));
    assert_eq!(lines.record(b"k:NULL").unwrap().value, None);
    assert!(lines.record(b"k:***").unwrap_err().contains("base64"));
}

#[test]
fn json_lines_are_records() {
    let mut lines = lines("\n", None);
    lines.json = true;
    let record = lines.record(
        br#"{"topic":"t","offset":3,"partition":2,"timestamp_ms":5,"key":"k","value":null,"headers":[["a","1"],["a",null]]}"#,
    );
    let wanted = Outgoing {
        partition: Some(2),
        timestamp_ms: Some(5),
        key: Some(b"k".to_vec()),
        value: None,
        headers: vec![("a".into(), Some(b"1".to_vec())), ("a".into(), None)],
    };
    assert_eq!(record, Ok(wanted));
    let record = lines.record(br#"{"value":{"a":[1]}}"#).unwrap();
    assert_eq!(record.value.as_deref(), Some(&br#"{"a":[1]}"#[..]));
    lines.template.partition = Some(7);
    assert_eq!(lines.record(br#"{"partition":2}"#).unwrap().partition, Some(7));
}

#[test]
fn wrong_json_is_named() {
    let mut lines = lines("\n", None);
    lines.json = true;
    for (line, wanted) in [
        ("{", "EOF"),
        ("[]", "no JSON object"),
        (r#"{"vlaue":1}"#, "vlaue"),
        (r#"{"partition":"x"}"#, "whole number"),
        (r#"{"partition":99999999999}"#, "too large"),
        (r#"{"headers":[1]}"#, "headers"),
    ] {
        let error = lines.record(line.as_bytes()).unwrap_err();
        assert!(error.contains(wanted), "{line}: {error}");
    }
}
