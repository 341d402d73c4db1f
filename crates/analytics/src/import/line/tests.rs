//! Tests of reading lines of access logs.

use proptest::prelude::*;

use super::*;

const COMBINED: &str = r#"192.0.2.7 - frank [17/May/2015:10:05:03 +0200] "GET /blog/a.b/?x=1#y HTTP/1.1" 200 512 "http://example.com/start" "Mozilla/5.0 (X11; \"quoted\")""#;

#[test]
fn takes_a_combined_line_apart() {
    let line = Line::parse(COMBINED).unwrap();
    assert_eq!((line.client, line.method, line.status), ("192.0.2.7", "GET", 200));
    assert_eq!(crate::period::format_ms(line.at_ms), "2015-05-17T08:05:03Z");
    assert_eq!((&*line.target, line.path()), ("/blog/a.b/?x=1#y", "/blog/a.b/"));
    assert_eq!(line.referer, "http://example.com/start");
    assert_eq!(line.user_agent, "Mozilla/5.0 (X11; \"quoted\")");
    assert!(line.is_page_view());
}

#[test]
fn takes_a_common_line_and_odd_requests_apart() {
    let line =
        Line::parse(r#"::1 - - [01/Jan/2026:00:00:00 +0000] "GET / HTTP/1.0" 304 -"#).unwrap();
    assert_eq!((line.client, &*line.referer, &*line.user_agent), ("::1", "", ""));
    assert!(line.is_page_view());
    let line =
        Line::parse(r#"h - - [01/Jan/2026:00:00:00 +0000] "GET /a b HTTP/1.0" 200 1 "-" "-""#)
            .unwrap();
    assert_eq!((line.path(), &*line.referer), ("/a b", ""));
    let line =
        Line::parse(r#"h - - [01/Jan/2026:00:00:00 +0000] "GET http://e.org/x?y HTTP/1.0" 200 1"#)
            .unwrap();
    assert_eq!(line.path(), "/x");
}

#[test]
fn says_what_is_missing() {
    let cases = [
        ("", LineError::Time),
        ("hello", LineError::Time),
        ("[17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1", LineError::Client),
        ("h - - [17/Mai/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1", LineError::Time),
        ("h - - [32/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1", LineError::Time),
        ("h - - [17/May/2015:10:05:61 +0000] \"GET / HTTP/1.1\" 200 1", LineError::Time),
        ("h - - [17/May/2015:10:05:03] \"GET / HTTP/1.1\" 200 1", LineError::Time),
        ("h - - [17/May/2015:10:05:03 +0000] GET / 200 1", LineError::Request),
        ("h - - [17/May/2015:10:05:03 +0000] \"\" 400 1", LineError::Request),
        ("h - - [17/May/2015:10:05:03 +0000] \"\\x16\\x03\\x01\" 400 1", LineError::Request),
        ("h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" OK 1", LineError::Status),
        ("h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\"", LineError::Status),
        ("h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1 \"x", LineError::Quote),
        (
            "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"x\\\"",
            LineError::Quote,
        ),
    ];
    for (text, error) in cases {
        assert_eq!(Line::parse(text), Err(error), "{text}");
    }
}

#[test]
fn only_answered_gets_of_pages_are_page_views() {
    let view = |method: &str, path: &str, status: u16| {
        let text =
            format!("h - - [17/May/2015:10:05:03 +0000] \"{method} {path} HTTP/1.1\" {status} 1");
        Line::parse(&text).unwrap().is_page_view()
    };
    assert!(view("GET", "/a", 200) && view("GET", "/a.html", 206) && view("GET", "/v1.2", 304));
    assert!(view("GET", "/a.php?f=x.css", 200) && view("GET", "/.css/", 200));
    assert!(!view("HEAD", "/a", 200) && !view("POST", "/a", 200) && !view("GET", "/a", 301));
    assert!(
        !view("GET", "/a", 404) && !view("GET", "/a.CSS", 200) && !view("GET", "/x.woff2?v=1", 200)
    );
    assert!(ASSETS.windows(2).all(|pair| pair[0] < pair[1]), "the endings are searched by halves");
}

proptest! {
    #[test]
    fn any_text_is_answered(text in "\\PC{0,200}") {
        let _ = Line::parse(&text);
    }

    #[test]
    fn any_damage_to_a_good_line_is_answered(at in 0usize..150, with in "\\PC{0,3}", cut in any::<bool>()) {
        let mut text = COMBINED.to_owned();
        let at = text.floor_char_boundary(at.min(text.len()));
        if cut {
            text.truncate(at);
        } else {
            text.insert_str(at, &with);
        }
        if let Ok(line) = Line::parse(&text) {
            let _ = (line.path().len(), line.is_page_view());
        }
    }
}
