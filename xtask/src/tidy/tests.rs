//! The loop finder finds what it should and nothing else.

use std::collections::BTreeMap;

use super::loops::find;

fn check(files: &[(&str, &str)], expected: &[&str]) {
    let modules: BTreeMap<Vec<String>, String> = files
        .iter()
        .map(|(name, text)| {
            let path = name.split("::").filter(|part| !part.is_empty()).map(str::to_owned);
            (path.collect(), (*text).to_owned())
        })
        .collect();
    let found: Vec<String> = find(&modules).into_iter().map(|names| names.join(" ")).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_line_of_modules_is_no_loop() {
    check(
        &[
            ("", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
            ("a", "use crate::b::B;\npub struct A(B);"),
            ("b", "pub struct B;"),
        ],
        &[],
    );
}

#[test]
fn two_that_use_each_other_are_a_loop() {
    check(&[("a", "use crate::b::{B, C};"), ("b", "fn f() { crate::a::g() }")], &["a b"]);
}

#[test]
fn the_crates_face_hides_no_loop() {
    check(
        &[
            ("", "mod a;\nmod b;\npub use a::A;\npub use b::B;"),
            ("a", "use crate::B;"),
            ("b", "use crate::A;"),
        ],
        &["a b"],
    );
}

#[test]
fn a_parent_that_only_hands_on_is_no_loop() {
    check(&[("a", "mod b;\npub use b::B;\npub struct A;"), ("a::b", "use super::A;")], &[]);
}

#[test]
fn a_parent_that_uses_its_child_and_is_used_by_it_is_a_loop() {
    check(&[("a", "mod b;\nuse self::b::B;"), ("a::b", "use super::A;")], &["a a::b"]);
    check(&[("a", "mod b;\nuse b::B;"), ("a::b", "use super::A;")], &["a a::b"]);
    check(&[("a", "pub mod b;\nfn f() { b::g() }"), ("a::b", "use super::A;")], &["a a::b"]);
}

#[test]
fn comments_and_inline_tests_do_not_count() {
    check(
        &[
            ("a", "// use crate::b::B;\n#[cfg(test)]\nmod tests {\n use crate::b::B;\n}"),
            ("b", "use crate::a::A;"),
        ],
        &[],
    );
}
