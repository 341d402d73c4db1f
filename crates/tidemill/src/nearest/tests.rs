//! Slips are found, other words are not.

use super::{distance, nearest};

#[test]
fn a_slip_finds_its_name() {
    let known = ["greetings", "orders", "page-views"];
    assert_eq!(nearest("greeting", known), Some("greetings"));
    assert_eq!(nearest("odrers", known), Some("orders"));
    assert_eq!(nearest("PageViews", known), Some("page-views"));
}

#[test]
fn another_word_finds_nothing() {
    assert_eq!(nearest("clicks", ["greetings", "orders"]), None);
    assert_eq!(nearest("x", []), None);
}

#[test]
fn letters_are_counted() {
    for (from, to, wanted) in [
        ("", "", 0),
        ("a", "", 1),
        ("ab", "ba", 1),
        ("abc", "adc", 1),
        ("retention", "retetnion", 1),
        ("kitten", "sitting", 3),
    ] {
        assert_eq!(distance(from, to), wanted, "{from} {to}");
    }
}
