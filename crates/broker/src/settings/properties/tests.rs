//! Properties as Java reads them.

use proptest::prelude::*;

use super::*;

fn pairs(text: &str) -> Vec<(String, String)> {
    read(text).unwrap().into_iter().map(|one| (one.name, one.value)).collect()
}

fn pair(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[test]
fn names_end_at_the_first_separator() {
    for line in ["a=b", "a = b", "a:b", "a b", "a\tb", "  a  :  b", "a\u{c}=b", "a=b\r"] {
        assert_eq!(pairs(line), pair("a", "b"), "{line:?}");
    }
    assert_eq!(pairs("a==b"), pair("a", "=b"));
    assert_eq!(pairs("a = b = c "), pair("a", "b = c "));
    assert_eq!(pairs("a"), pair("a", ""));
    assert_eq!(pairs("=b"), pair("", "b"));
    assert_eq!(pairs("a\\=b\\:c\\ d=e"), pair("a=b:c d", "e"));
}

#[test]
fn comments_and_blank_lines_are_left_out() {
    assert_eq!(pairs("# a=b\n! a=b\n\n  \n  # c\na=b#c\n"), pair("a", "b#c"));
}

#[test]
fn lines_go_on_after_a_backslash() {
    assert_eq!(pairs("a=b,\\\n   c,\\\r\n\td"), pair("a", "b,c,d"));
    assert_eq!(pairs("a=b\\\\\nc=d").len(), 2);
    assert_eq!(pairs("a=b\\"), pair("a", "b"));
    // A comment cannot go on, and a line that goes on cannot be a comment.
    assert_eq!(pairs("# x\\\na=b\\\n#c"), pair("a", "b#c"));
}

#[test]
fn escapes_are_resolved() {
    assert_eq!(pairs(r"a=\t\n\r\f\z\\"), pair("a", "\t\n\r\u{c}z\\"));
    assert_eq!(pairs(r"caf\u00e9=\ud83d\ude00"), pair("café", "😀"));
    assert_eq!(read("a=b\nc=\\u12g4"), Err(PropertiesError::Escape { line: 2 }));
    assert_eq!(read("a=\\u12"), Err(PropertiesError::Escape { line: 1 }));
}

#[test]
fn what_is_too_much_is_refused() {
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    assert_eq!(read(&long), Err(PropertiesError::TooLong { bytes: long.len() }));
    let many = "a=b\n".repeat(ENTRIES_MAX + 1);
    assert_eq!(read(&many), Err(PropertiesError::TooMany { line: ENTRIES_MAX + 1 }));
}

/// Escapes everything that could mean something.
fn written(text: &str) -> String {
    text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect()
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = read(&text);
    }

    #[test]
    fn texts_of_the_syntaxs_own_letters_are_read_or_refused(text in "[\\\\u0-9=: \t\r\n#!ab]{0,60}") {
        let _ = read(&text);
    }

    #[test]
    fn what_is_written_with_escapes_is_read_back(name in ".{1,12}", value in ".{0,12}") {
        let line = format!("{}={}", written(&name), written(&value));
        prop_assert_eq!(pairs(&line), pair(&name, &value));
    }
}
