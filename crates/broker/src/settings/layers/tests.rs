//! Which value holds.

use super::*;

fn layers(node: &[(&str, &str)], cluster: &[(&str, &str)], stated: &[(&str, &str)]) -> Layers {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    Layers { node: map(node), cluster: map(cluster), stated: map(stated) }
}

fn retention(layers: &Layers) -> Option<i64> {
    layers.topic_defaults(&TopicConfig::default()).unwrap().retention_ms
}

#[test]
fn the_strongest_layer_holds() {
    let name = "log.retention.ms";
    let all = layers(&[(name, "1")], &[(name, "2")], &[(name, "3")]);
    assert_eq!(retention(&all), Some(1));
    let sources: Vec<Source> = all.given(name).iter().map(|given| given.source).collect();
    assert_eq!(sources, [Source::Node, Source::Cluster, Source::Stated]);
    assert_eq!(retention(&layers(&[], &[(name, "2")], &[(name, "3")])), Some(2));
    assert_eq!(retention(&layers(&[], &[], &[(name, "3")])), Some(3));
    assert_eq!(retention(&Layers::default()), Some(604_800_000));
}

#[test]
fn finer_units_go_before_coarser_ones() {
    let hours = ("log.retention.hours", "2");
    assert_eq!(retention(&layers(&[], &[], &[hours])), Some(7_200_000));
    let minutes = ("log.retention.minutes", "3");
    assert_eq!(retention(&layers(&[], &[], &[hours, minutes])), Some(180_000));
    assert_eq!(retention(&layers(&[], &[("log.retention.ms", "5")], &[hours, minutes])), Some(5));
    assert_eq!(retention(&layers(&[], &[], &[("log.retention.hours", "-1")])), None);
}

#[test]
fn an_impossible_value_is_refused_by_the_brokers_name() {
    let refused = layers(&[], &[("log.segment.bytes", "5")], &[]);
    let why = refused.topic_defaults(&TopicConfig::default()).unwrap_err();
    assert_eq!(
        why,
        "Invalid value 5 for configuration log.segment.bytes: Value must be at least 1048576"
    );
}
