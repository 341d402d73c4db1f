//! Tests of classing referrers.

use proptest::prelude::*;

use super::*;

#[test]
fn the_tables_are_sorted() {
    for table in [
        table::SEARCH,
        table::SEARCH_HOSTS,
        table::SEARCH_LABELS,
        table::SOCIAL,
        table::SOCIAL_LABELS,
        table::NEITHER,
    ] {
        for pair in table.windows(2) {
            assert!(pair[0] < pair[1], "{} stands before {}", pair[0], pair[1]);
        }
    }
}

#[test]
fn classes_real_referrers() {
    let cases = [
        ("", Class::Direct, ""),
        ("-", Class::Direct, ""),
        ("https://www.google.com/", Class::Search, "google.com"),
        ("http://www.google.co.uk/url?q=x", Class::Search, "google.co.uk"),
        ("https://news.google.com/articles/x", Class::Other, "google.com"),
        ("https://mail.google.com/mail/u/0/", Class::Other, "google.com"),
        ("android-app://com.google.android.googlequicksearchbox/", Class::Search, "google.com"),
        ("https://search.yahoo.com/search", Class::Search, "yahoo.com"),
        ("https://search.brave.com/", Class::Search, "brave.com"),
        ("https://duckduckgo.com/", Class::Search, "duckduckgo.com"),
        ("https://l.facebook.com/l.php?u=x", Class::Social, "facebook.com"),
        ("https://t.co/abc", Class::Social, "t.co"),
        ("https://www.pinterest.de/pin/1", Class::Social, "pinterest.de"),
        ("https://news.ycombinator.com/item?id=1", Class::Social, "ycombinator.com"),
        ("https://www.example.com/other", Class::Internal, "example.com"),
        ("https://google.attacker.example/", Class::Other, "attacker.example"),
        ("https://somewhere.org/x", Class::Other, "somewhere.org"),
        ("not an address", Class::Other, ""),
        ("javascript:alert(1)", Class::Other, ""),
    ];
    for (referrer, class, domain) in cases {
        let found = classify(referrer, "blog.example.com");
        assert_eq!((found.class, found.domain.as_str()), (class, domain), "{referrer}");
    }
}

#[test]
fn a_page_inside_a_network_is_internal_to_it() {
    assert_eq!(classify("https://www.reddit.com/r/x", "old.reddit.com").class, Class::Internal);
    assert_eq!(classify("http://127.0.0.1/a", "127.0.0.1").class, Class::Internal);
}

#[test]
fn knows_the_networks_that_are_counted_by_name() {
    assert_eq!(network("facebook.com"), Some(Network::Facebook));
    assert_eq!(network("t.co"), Some(Network::Twitter));
    assert_eq!(network("pinterest.co.uk"), Some(Network::Pinterest));
    assert_eq!(network("reddit.com"), None);
    for class in Class::ALL {
        assert_eq!(Class::by_name(class.name()), Some(class));
        assert_eq!(Class::by_number(class as i64), class);
    }
}

proptest! {
    #[test]
    fn any_text_has_a_class(referrer in "\\PC{0,80}", host in "[a-z.]{0,20}") {
        let _ = classify(&referrer, &host);
        let _ = classify(&format!("https://{referrer}"), &host);
        let _ = classify(&format!("android-app://{referrer}"), &host);
    }
}
