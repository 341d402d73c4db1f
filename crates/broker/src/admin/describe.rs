//! Settings as DescribeConfigs tells them: value, source, and what would hold otherwise.

use tidemill_commitlog::{TopicConfig, TopicInfo};
use tidemill_wire::ErrorCode;

use super::Admin;
use super::kept::Values;
use crate::errors::Failure;
use crate::settings::broker::{self, BrokerSetting, Update};
use crate::settings::kinds::Kind;
use crate::settings::layers::{Given, Layers, Source};
use crate::settings::told;
use crate::settings::topic::{self, TOPIC_SETTINGS, TopicSetting};

/// One setting of one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Described {
    pub(crate) name: String,
    /// `None` if it has no value, or is a secret.
    pub(crate) value: Option<String>,
    pub(crate) source: Source,
    pub(crate) read_only: bool,
    pub(crate) sensitive: bool,
    /// `None` if the setting is not known.
    pub(crate) kind: Option<Kind>,
    pub(crate) doc: &'static str,
    /// This value and those that would hold without it, the strongest first.
    pub(crate) synonyms: Vec<(String, Option<String>, Source)>,
}

/// Settings that are one in different units, the strongest first.
const FAMILIES: &[&[&str]] = &[
    &["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
    &["log.roll.ms", "log.roll.hours"],
    &["log.roll.jitter.ms", "log.roll.jitter.hours"],
];

fn family<'a>(name: &'a &'static str) -> &'a [&'static str] {
    let found = FAMILIES.iter().find(|family| family.contains(name));
    found.copied().unwrap_or(std::slice::from_ref(name))
}

/// All values of a broker setting and of its family.
fn synonyms(layers: &Layers, name: &'static str) -> Vec<(String, Option<String>, Source)> {
    let mut given: Vec<Given> = Vec::new();
    for name in family(&name) {
        given.extend(layers.given(name));
    }
    let defaults: &[&'static str] = if given.is_empty() { &[name] } else { family(&name) };
    let told = |given: Given| {
        let secret = broker::find(given.name).is_some_and(|one| one.kind == Kind::Password);
        (given.name.to_owned(), (!secret).then_some(given.value), given.source)
    };
    let default = |name: &&'static str| {
        let default = broker::find(name)?.default?;
        Some(((*name).to_owned(), Some(default.to_owned()), Source::Default))
    };
    let mut synonyms: Vec<_> = given.into_iter().map(told).collect();
    synonyms.extend(defaults.iter().filter_map(default));
    synonyms
}

impl Admin {
    /// All settings of a topic.
    ///
    /// # Errors
    /// There is no such topic.
    pub(crate) fn describe_topic(&self, name: &str) -> Result<Vec<Described>, Failure> {
        let info: TopicInfo = self.topic(name).map_err(|failure| match failure.error {
            // Kafka says nothing more here.
            ErrorCode::UnknownTopicOrPartition => Failure::new(failure.error, ""),
            _ => failure,
        })?;
        Ok(self.describe_config(&info.config))
    }

    /// All settings of a topic that has, or would have, these.
    pub(crate) fn describe_config(&self, config: &TopicConfig) -> Vec<Described> {
        let live = self.live();
        let own: Values = super::owned(topic::own(config));
        let follows = topic::follows(config);
        let describe = |setting: &TopicSetting| {
            let mut described = Described {
                name: setting.name.to_owned(),
                value: Some(topic::value(config, setting)),
                source: Source::Default,
                read_only: false,
                sensitive: false,
                kind: Some(setting.kind),
                doc: setting.doc,
                synonyms: Vec::new(),
            };
            if let Some(value) = own.get(setting.name) {
                described.synonyms.push((
                    setting.name.to_owned(),
                    Some(value.clone()),
                    Source::Topic,
                ));
            }
            if follows && let Some((first, _)) = setting.synonyms.first() {
                described.synonyms.extend(synonyms(&live.layers, first));
            }
            if let Some((_, _, source)) = described.synonyms.first() {
                described.source = *source;
            }
            // What an embedding program set for all topics stands in no file.
            let value = described.value.as_deref();
            if described.source == Source::Default && value != Some(setting.default) {
                described.source = Source::Stated;
            }
            described
        };
        TOPIC_SETTINGS.iter().map(describe).collect()
    }

    /// All settings of this broker, or what was changed for all.
    ///
    /// # Errors
    /// Another broker is meant.
    pub(crate) fn describe_broker(&self, resource: &str) -> Result<Vec<Described>, Failure> {
        let live = self.live();
        let layers = &live.layers;
        if self.is_for_all(resource)? {
            let all = layers.cluster.iter();
            return Ok(all.map(|(name, value)| plain(name, value, Source::Cluster)).collect());
        }
        let mut described: Vec<Described> =
            broker::all().map(|setting| self.describe_one(layers, setting)).collect();
        let unknown = [(&layers.node, Source::Node), (&layers.cluster, Source::Cluster)];
        for (layer, source) in unknown {
            let foreign = layer.iter().filter(|(name, _)| broker::find(name).is_none());
            described.extend(foreign.map(|(name, value)| plain(name, value, source)));
        }
        described.sort_by(|a, b| a.name.cmp(&b.name));
        described.dedup_by(|a, b| a.name == b.name);
        Ok(described)
    }

    fn describe_one(&self, layers: &Layers, setting: &'static BrokerSetting) -> Described {
        let sensitive = setting.kind == Kind::Password;
        let given = layers.given(setting.name).into_iter().next();
        let changed = given.as_ref().filter(|given| given.source != Source::Stated);
        let value = match changed {
            Some(given) => Some(given.value.clone()),
            None => told(&self.config, setting.name)
                .or_else(|| given.map(|given| given.value))
                .or_else(|| setting.default.map(str::to_owned)),
        };
        let synonyms = synonyms(layers, setting.name);
        let mut source = synonyms.first().map_or(Source::Default, |(_, _, source)| *source);
        // What an embedding program set stands in no file.
        if source == Source::Default && value.as_deref() != setting.default {
            source = Source::Stated;
        }
        Described {
            name: setting.name.to_owned(),
            value: value.filter(|_| !sensitive),
            source,
            read_only: setting.update == Update::Start,
            sensitive,
            kind: Some(setting.kind),
            doc: setting.doc,
            synonyms,
        }
    }

    /// The value of a broker setting that holds.
    pub(super) fn broker_value(&self, name: &str) -> Option<String> {
        let setting = broker::find(name)?;
        self.describe_one(&self.live().layers, setting).value
    }
}

/// A value of one layer alone. One of a setting that nobody knows may be a secret.
fn plain(name: &str, value: &str, source: Source) -> Described {
    let setting = broker::find(name);
    let sensitive = setting.is_none_or(|setting| setting.kind == Kind::Password);
    let value = (!sensitive).then(|| value.to_owned());
    Described {
        name: name.to_owned(),
        value: value.clone(),
        source,
        read_only: false,
        sensitive,
        kind: setting.map(|setting| setting.kind),
        doc: setting.map_or("", |setting| setting.doc),
        synonyms: vec![(name.to_owned(), value, source)],
    }
}
