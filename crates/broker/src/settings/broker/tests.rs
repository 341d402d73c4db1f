//! The tables keep their own rules.

use super::*;
use crate::settings::topic::TOPIC_SETTINGS;

#[test]
fn each_table_is_sorted_and_each_name_is_in_one_table() {
    for (subject, table) in TABLES {
        assert!(table.is_sorted_by(|a, b| a.name < b.name), "{subject}");
    }
    let mut names: Vec<&str> = all().map(|setting| setting.name).collect();
    names.sort_unstable();
    assert!(names.is_sorted_by(|a, b| a < b));
    assert!(names.iter().all(|name| find(name).is_some()));
}

#[test]
fn defaults_are_in_range() {
    for setting in all() {
        if let Some(default) = setting.default {
            assert_eq!(setting.check(default), Ok(()), "{}", setting.name);
        }
        assert!(setting.doc.ends_with('.') && !setting.doc.contains('|'), "{}", setting.name);
    }
}

#[test]
fn what_topics_follow_is_there_and_in_the_same_range() {
    for setting in TOPIC_SETTINGS {
        for (name, scale) in setting.synonyms {
            let followed = find(name).unwrap_or_else(|| panic!("{name} is missing"));
            if scale.factor() == 1 && *name != "log.flush.scheduler.interval.ms" {
                assert_eq!(followed.kind, setting.kind, "{name}");
            }
        }
    }
}
