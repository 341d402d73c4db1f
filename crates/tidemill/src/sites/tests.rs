//! Site files, good and bad.

use super::parse;

#[test]
fn only_the_id_is_required() {
    let sites =
        parse(r#"[{"id": "a"}, {"id": "b", "title": "B", "secret": "s", "hosts": ["b.example"]}]"#);
    let sites = sites.unwrap();
    assert_eq!((sites[0].id.as_str(), &sites[0].secret), ("a", &None));
    assert_eq!((sites[1].secret.as_deref(), sites[1].hosts.len()), (Some("s"), 1));
}

#[test]
fn mistakes_are_named() {
    let cases = [
        (r#"[{"id": ""}]"#, "id of entry 1 is empty"),
        (r#"[{"id": "a", "secret": ""}]"#, "secret of a is empty"),
        (r#"[{"id": "a"}, {"id": "a"}]"#, "a is there twice"),
        (r#"[{"id": "a", "sekret": "s"}]"#, "unknown field `sekret`"),
        (r#"[{"title": "A"}]"#, "missing field `id`"),
    ];
    for (text, expected) in cases {
        let why = parse(text).unwrap_err();
        assert!(why.contains(expected), "{text}: {why}");
    }
}
