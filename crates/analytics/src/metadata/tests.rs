//! Tests of reading metadata.

use proptest::prelude::*;

use super::*;

#[test]
fn reads_parselys_shape() {
    let json = r#"{"canonical_url":"https://example.com/a/","page_type":"post","title":" T ","image_url":"https://e.org/i.png",
        "pub_date_tmsp":1473275118,"section":"News","authors":["A","B","A",""],"tags":["x"],"extra":{"deep":[1]}}"#;
    let (post, meta) = PostMeta::parse(json, Origin::Api, None).unwrap();
    assert_eq!(post, "example.com/a");
    assert_eq!((meta.title.as_str(), meta.section.as_str(), meta.author()), ("T", "News", "A"));
    assert_eq!(meta.authors, ["A", "B"]);
    assert_eq!(meta.pub_date_ms, Some(1_473_275_118_000));
    assert_eq!(
        (meta.link.as_str(), meta.image_url.as_str()),
        ("https://example.com/a/", "https://e.org/i.png")
    );
}

#[test]
fn a_beacon_speaks_for_its_own_page_only() {
    let json = r#"{"link":"https://other.example/b","author":"A","image_url":"javascript:alert(1)","pub_date":"2026-01-31T10:00:00Z"}"#;
    let (post, meta) = PostMeta::parse(json, Origin::Beacon, Some("example.com/a")).unwrap();
    assert_eq!(post, "example.com/a");
    assert_eq!(
        (meta.author(), meta.image_url.as_str(), meta.pub_date_ms),
        ("A", "", Some(1_769_853_600_000))
    );
    assert!(Origin::Api > Origin::Beacon);
}

#[test]
fn refuses_with_the_fields_name() {
    let message = |json: &str| PostMeta::parse(json, Origin::Api, None).unwrap_err().to_string();
    assert!(message("{}").contains("canonical_url"));
    assert!(message(r#"{"canonical_url":"/a"}"#).contains("canonical_url"));
    assert!(message(r#"{"canonical_url":"https://e.org/","title":7}"#).contains("string"));
    assert!(message("[").contains("metadata"));
    assert!(message(&"[".repeat(10_000)).contains("metadata"));
}

#[test]
fn counts_and_texts_are_bounded() {
    let authors: Vec<String> = (0..100).map(|n| format!("{n}{}", "x".repeat(900))).collect();
    let json = serde_json::json!({"canonical_url":"https://e.org/a","authors":authors,"title":"é".repeat(1_000)});
    let (_, meta) = PostMeta::parse(&json.to_string(), Origin::Api, None).unwrap();
    assert_eq!(meta.authors.len(), AUTHORS_MAX);
    assert!(meta.authors.iter().all(|name| name.len() <= NAME_BYTES_MAX));
    assert_eq!(meta.title.len(), TEXT_BYTES_MAX);
}

proptest! {
    #[test]
    fn any_text_is_answered(json in "\\PC{0,100}", stamp in any::<f64>()) {
        let _ = PostMeta::parse(&json, Origin::Api, None);
        let _ = PostMeta::parse(&format!("{{\"canonical_url\":\"https://e.org\",\"pub_date_tmsp\":{stamp}}}"), Origin::Api, None);
    }
}
