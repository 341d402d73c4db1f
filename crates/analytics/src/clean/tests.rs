//! Tests of cleaning addresses.

use proptest::prelude::*;

use super::*;

fn post(address: &str) -> String {
    Page::parse(address).unwrap().post
}

#[test]
fn all_spellings_of_a_post_are_one() {
    for spelling in [
        "https://example.com/news/a",
        "http://example.com/news/a",
        "HTTPS://Example.COM:443/news/a/",
        "https://example.com/news/a?utm_source=x#top",
        "https://user:pw@example.com/news/a//",
        "https://example.com./news/a",
        "https://example.com/news/a/amp/",
        "https://example.com/amp/news/a",
        "https://amp.example.com/news/a",
        "https://example.com/news/a.amp",
        "https://example-com.cdn.ampproject.org/c/s/example.com/news/a",
        "https://example-com.cdn.ampproject.org/v/s/example.com/news/a/amp?x=1",
        "  https://example.com/news/x/../a  ",
    ] {
        assert_eq!(post(spelling), "example.com/news/a", "{spelling}");
    }
}

#[test]
fn what_differs_stays_apart() {
    assert_eq!(post("https://example.com"), "example.com/");
    assert_eq!(post("https://example.com/amp"), "example.com/");
    assert_eq!(post("https://example.com/amplifiers"), "example.com/amplifiers");
    assert_eq!(post("https://amp.com/x"), "amp.com/x");
    assert_eq!(post("http://localhost:3000/a"), "localhost:3000/a");
    assert_eq!(post("http://[::1]:8080/a/"), "[::1]:8080/a");
    assert_eq!(Page::parse("http://localhost:3000/a").unwrap().host(), "localhost");
    assert_eq!(post("https://bücher.example/ä b"), "xn--bcher-kva.example/%C3%A4%20b");
}

#[test]
fn what_is_no_page_has_no_post() {
    for address in [
        "",
        "/a",
        "example.com/a",
        "javascript:alert(1)",
        "data:text/html,x",
        "https://",
        "https:// /",
    ] {
        assert_eq!(Page::parse(address), None, "{address}");
    }
}

#[test]
fn finds_the_registered_domain() {
    assert_eq!(registered_domain("www.semicomplete.com"), "semicomplete.com");
    assert_eq!(registered_domain("news.bbc.co.uk"), "bbc.co.uk");
    assert_eq!(registered_domain("localhost"), "localhost");
    assert_eq!(registered_domain("192.0.2.7"), "192.0.2.7");
    assert_eq!(registered_domain("[::1]"), "[::1]");
}

#[test]
fn a_post_may_be_named_with_or_without_scheme() {
    assert_eq!(post_of("https://example.com/a/").as_deref(), Some("example.com/a"));
    assert_eq!(post_of("example.com/a?x").as_deref(), Some("example.com/a"));
    assert_eq!(post_of("https://"), None);
}

proptest! {
    #[test]
    fn cleaning_twice_changes_nothing(address in "https?://[a-z.]{1,20}(:[0-9]{1,4})?/[a-zA-Z0-9/._~%?#-]{0,40}") {
        if let Some(page) = Page::parse(&address) {
            let again = Page::parse(&format!("https://{}", page.post)).unwrap();
            // Port 80 is http's own and 443 https's; the spelling above is always https.
            if !page.post.contains(':') && !page.post.contains("amp") {
                prop_assert_eq!(&again.post, &page.post);
            }
        }
    }

    #[test]
    fn any_text_is_answered(address in "\\PC{0,80}") {
        if let Some(page) = Page::parse(&address) {
            prop_assert!(page.post.starts_with(page.host()) && page.post.contains('/'));
        }
    }
}
