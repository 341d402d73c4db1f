//! Tests of what stands in the log.

use proptest::prelude::*;

use super::*;

fn received(form: &str) -> Received<'_> {
    Received {
        form,
        via: Via::Pixel,
        user_agent: "Mozilla/5.0",
        referer: "https://example.com/a",
        visitor: Some(0xabc),
        network: Some("203.0.113.0/24"),
        source: Some(("f00d", 12)),
    }
}

#[test]
fn a_hit_is_read_back_as_it_was_received() {
    let form = "idsite=news&url=https%3A%2F%2Fexample.com%2Fa&urlref=https%3A%2F%2Ft.co%2F1&action=heartbeat&inc=5&tt=15&plid=p1&title=Caf%C3%A9&rand=17&sid=2";
    let mut value = Vec::new();
    received(form).encode(&mut value);
    let hit = Hit::decode(&value).unwrap();
    assert_eq!(hit.form, form);
    assert_eq!(
        (&*hit.site, &*hit.url, &*hit.referrer),
        ("news", "https://example.com/a", "https://t.co/1")
    );
    assert_eq!(hit.action(), Action::Heartbeat);
    assert_eq!((hit.engaged_s, &*hit.engaged_total, &*hit.page_view), (Some(5.0), "15", "p1"));
    assert_eq!((&*hit.title, hit.number("rand"), hit.number("nothing")), ("Café", Some(17), None));
    assert_eq!(
        (hit.user_agent, hit.network, hit.visitor),
        ("Mozilla/5.0", "203.0.113.0/24", Some(0xabc))
    );
    assert_eq!((hit.via, hit.source), (Via::Pixel, Some(("f00d", 12))));
}

#[test]
fn a_bare_form_is_a_hit_and_no_site_is_none() {
    let hit = Hit::decode(b"idsite=s&url=https://e.org/").unwrap();
    assert_eq!((hit.via, hit.visitor, hit.action()), (Via::Other, None, Action::PageView));
    assert!(Hit::decode(b"url=https://e.org/").is_none());
    assert!(Hit::decode(b"\xff\xfe").is_none());
    assert!(Hit::decode(b"").is_none());
}

#[test]
fn a_header_cannot_forge_a_line() {
    let mut hit = received("idsite=s&url=u");
    hit.user_agent = "x\nvisitor 1\r\nvia demo";
    hit.visitor = None;
    let mut value = Vec::new();
    hit.encode(&mut value);
    let hit = Hit::decode(&value).unwrap();
    assert_eq!((hit.visitor, hit.via), (None, Via::Pixel));
}

#[test]
fn long_texts_are_cut_between_characters() {
    let form = format!("idsite=s&url=u&title={}", "%C3%A9".repeat(400));
    let hit = Hit::decode(form.as_bytes()).unwrap();
    assert_eq!(hit.title.len(), TEXT_BYTES_MAX);
    assert!(hit.title.chars().all(|c| c == 'é'));
}

#[test]
fn knows_what_a_site_may_be_called() {
    assert!(is_site_name("semicomplete.com") && is_site_name("daily_tide-2"));
    for name in ["", "a b", "a/b", "é", "<x>", &"a".repeat(129)] {
        assert!(!is_site_name(name), "{name}");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(value in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Hit::decode(&value);
    }

    #[test]
    fn any_text_is_read(value in "idsite=[a-z]\\PC{0,200}(\n(src|visitor|via|ua|ref|net) \\PC{0,40}){0,5}") {
        let hit = Hit::decode(value.as_bytes());
        prop_assert!(hit.is_some());
    }
}
