//! Tests of the form encoding.

use proptest::prelude::*;

use super::*;

#[test]
fn takes_pairs_in_order_and_keeps_odd_ones() {
    let all: Vec<_> = pairs("a=1&&b&c==2&=x&a=3").collect();
    assert_eq!(all, [("a", "1"), ("b", ""), ("c", "=2"), ("", "x"), ("a", "3")]);
    assert_eq!(first("x=1&a=b%20c&a=d", "a").as_deref(), Some("b c"));
    assert_eq!(first("x=1", "a"), None);
}

#[test]
fn broken_escapes_stay_and_bad_bytes_are_replaced() {
    assert_eq!(decode("100%"), "100%");
    assert_eq!(decode("%zz%4"), "%zz%4");
    assert_eq!(decode("%+1"), "% 1");
    assert_eq!(decode("%ff%41"), "\u{fffd}A");
    assert_eq!(decode("%C3%A9t%C3%A9+%2B"), "été +");
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(text in ".*") {
        let mut form = String::new();
        push(&mut form, "k", &text);
        prop_assert!(!form.contains('\n'), "a line break must not get through: {form:?}");
        prop_assert_eq!(first(&form, "k").unwrap(), text);
    }

    #[test]
    fn any_text_decodes(text in "\\PC*") {
        let _ = decode(&text);
        let _ = pairs(&text).count();
    }
}
