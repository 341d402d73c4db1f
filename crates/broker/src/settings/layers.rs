//! Which value of a broker's setting holds, and where it comes from.
//!
//! From the strongest: what was given to this broker while it ran, what was given to all brokers while they ran, what
//! the file said at the start, the default (KIP-226).

use std::collections::BTreeMap;

use tidemill_commitlog::TopicConfig;

use super::topic::{self, TOPIC_SETTINGS, TopicSetting};

/// Where a value comes from, as DescribeConfigs numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Topic = 1,
    Node = 2,
    Cluster = 3,
    Stated = 4,
    Default = 5,
    Logger = 6,
    Group = 8,
}

/// One value of a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// The values of all broker settings, by where they come from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    pub(crate) node: BTreeMap<String, String>,
    pub(crate) cluster: BTreeMap<String, String>,
    pub(crate) stated: BTreeMap<String, String>,
}

impl Layers {
    fn in_order(&self) -> [(&BTreeMap<String, String>, Source); 3] {
        [
            (&self.node, Source::Node),
            (&self.cluster, Source::Cluster),
            (&self.stated, Source::Stated),
        ]
    }

    /// All values of one name but the default, the strongest first.
    pub(crate) fn given(&self, name: &'static str) -> Vec<Given> {
        let given = |(layer, source): (&BTreeMap<String, String>, Source)| {
            Some(Given { name, value: layer.get(name)?.clone(), source })
        };
        self.in_order().into_iter().filter_map(given).collect()
    }

    /// The value that holds for a topic's setting, in the topic's own unit.
    pub(crate) fn for_topic(&self, setting: &TopicSetting) -> Option<Given> {
        let found = setting.synonyms.iter().find_map(|(name, scale)| {
            self.given(name).into_iter().next().map(|given| (given, *scale))
        });
        let (given, scale) = found?;
        Some(match given.value.trim().parse::<i64>() {
            // A negative number of hours is "no bound", which has no unit.
            Ok(number) if number < 0 => Given { value: "-1".to_owned(), ..given },
            Ok(number) if scale.factor() != 1 => {
                Given { value: number.saturating_mul(scale.factor()).to_string(), ..given }
            }
            _ => given,
        })
    }

    /// What topics follow: `base` with what is set here.
    ///
    /// # Errors
    /// A value that a topic cannot have, in Kafka's words.
    pub(crate) fn topic_defaults(&self, base: &TopicConfig) -> Result<TopicConfig, String> {
        let mut defaults = base.clone();
        for setting in TOPIC_SETTINGS {
            let Some(given) = self.for_topic(setting) else { continue };
            topic::check(setting.name, &given.value)
                .map_err(|why| why.replace(setting.name, given.name))?;
            topic::effect(&mut defaults, setting.name, &given.value)?;
        }
        defaults.check().map_err(|error| error.to_string())?;
        Ok(defaults)
    }
}

#[cfg(test)]
mod tests;
