//! Tests of understanding hits.

use super::*;

const PERSON: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1";

fn value(form: &str, lines: &str) -> Vec<u8> {
    format!("{form}\n{lines}").into_bytes()
}

#[test]
fn a_hit_is_understood() {
    let value = value(
        "idsite=s&url=https://example.com/a/?x=1&urlref=https://www.google.com/&action=heartbeat&inc=4.5&tt=9&pvid=p",
        &format!("via pixel\nua {PERSON}\nvisitor 000000000000000a0000000000000003"),
    );
    let enriched = Enricher::default().enrich(Hit::decode(&value).unwrap());
    let fact = Fact::of(&enriched, 1_000, 0, 5);
    assert_eq!((&*fact.site, &*fact.post, fact.action), ("s", "example.com/a", Action::Heartbeat));
    assert_eq!((fact.class, &*fact.domain), (Class::Search, "google.com"));
    assert_eq!((fact.bot, fact.device), (false, crate::agent::Device::Mobile));
    assert_eq!((fact.visitor, fact.engaged_s), (9, 4.5));
    assert_ne!(fact.heartbeat, 0);
}

#[test]
fn copies_of_a_heartbeat_share_their_number_and_others_do_not() {
    let number = |form: &str| heartbeat_id(&Hit::decode(form.as_bytes()).unwrap());
    let base = number("idsite=s&url=u&pvid=p&tt=5&inc=5");
    assert_eq!(number("idsite=s&url=u&plid=p&tt=5&inc=7&rand=2"), base);
    assert_ne!(number("idsite=s&url=u&pvid=p&tt=10"), base);
    assert_ne!(number("idsite=s&url=u&pvid=q&tt=5"), base);
    assert_ne!(number("idsite=t&url=u&pvid=p&tt=5"), base);
    assert_eq!(number("idsite=s&url=u&tt=5"), 0);
}

#[test]
fn an_app_is_a_person_and_a_page_that_is_none_counts_nowhere() {
    let app = value("idsite=s&url=https://e.org/a", "via mobile\nua okhttp/4.9");
    assert!(!Enricher::default().enrich(Hit::decode(&app).unwrap()).bot);
    let script = value("idsite=s&url=https://e.org/a", "via pixel\nua okhttp/4.9");
    assert!(Enricher::default().enrich(Hit::decode(&script).unwrap()).bot);
    let nowhere = value("idsite=s&url=/relative", "");
    let enriched = Enricher::default().enrich(Hit::decode(&nowhere).unwrap());
    assert_eq!(Fact::of(&enriched, 0, 0, 0).post, "");
}
