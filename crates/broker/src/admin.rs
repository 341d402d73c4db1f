//! What the admin requests change, and what holds at this moment.
//!
//! # Constraints
//!
//! * A change is checked whole, then durable, then in force, then answered. One change is made at a time.
//! * What holds ([`Live`]) is a plain value behind one lock that is taken to clone a pointer.
//! * Topics that were made through the broker follow its settings in what they were not given: when those
//!   change, also at a start with another file, the topics are rewritten.
//! * Everything here that touches the disk blocks: call it on a thread that may wait.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use tidemill_commitlog::{Log, TopicConfig, TopicInfo};
use tidemill_wire::ErrorCode;

use crate::config::BrokerConfig;
use crate::errors::Failure;
use crate::settings::broker::{self, Update};
use crate::settings::layers::Layers;
use crate::settings::{per_address, topic};

pub(crate) mod changes;
pub(crate) mod describe;
pub(crate) mod group;
pub(crate) mod kept;
pub(crate) mod quotas;

use changes::{Change, changed};
use kept::{Kept, Values};

/// What holds at this moment.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    /// All broker settings by where they come from.
    pub(crate) layers: Layers,
    /// What topics follow.
    pub(crate) topic_defaults: TopicConfig,
    /// Connections in all, of one address, and of single addresses.
    pub(crate) connections_max: usize,
    pub(crate) connections_per_address_max: usize,
    pub(crate) connections_per_address: BTreeMap<IpAddr, usize>,
}

impl Live {
    /// # Errors
    /// A value that cannot hold, in Kafka's words.
    fn new(config: &BrokerConfig, kept: &Kept) -> Result<Self, String> {
        let layers = Layers {
            node: kept.node.clone(),
            cluster: kept.cluster.clone(),
            stated: config.stated.clone(),
        };
        let changed = |name: &str| kept.node.get(name).or_else(|| kept.cluster.get(name));
        let number = |name: &str, stated: usize| {
            changed(name).and_then(|text| text.trim().parse().ok()).unwrap_or(stated)
        };
        let overrides = match changed("max.connections.per.ip.overrides") {
            Some(text) => per_address(text)?,
            None => config.connections_per_address.clone(),
        };
        Ok(Self {
            topic_defaults: layers.topic_defaults(&config.topic_defaults)?,
            connections_max: number("max.connections", config.connections_max),
            connections_per_address_max: number(
                "max.connections.per.ip",
                config.connections_per_address_max,
            ),
            connections_per_address: overrides,
            layers,
        })
    }
}

/// The admin state of one broker.
pub(crate) struct Admin {
    log: Log,
    config: BrokerConfig,
    kept: Mutex<Kept>,
    live: RwLock<Arc<Live>>,
}

impl Admin {
    /// Reads what is kept, and brings topics to what they follow.
    ///
    /// # Errors
    /// The file that cannot be read, and why.
    pub(crate) fn open(log: &Log, config: &BrokerConfig) -> Result<Self, (PathBuf, io::Error)> {
        let kept = Kept::load(log.world().disk(), log.dir())?;
        let invalid =
            |why: String| (log.dir().to_owned(), io::Error::new(io::ErrorKind::InvalidData, why));
        let live = Live::new(config, &kept).map_err(invalid)?;
        let admin = Self {
            log: log.clone(),
            config: config.clone(),
            kept: Mutex::new(kept),
            live: RwLock::new(Arc::new(live)),
        };
        admin.bring_topics_up();
        Ok(admin)
    }

    /// What holds now.
    pub(crate) fn live(&self) -> Arc<Live> {
        Arc::clone(&self.live.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn turn(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of a new topic.
    ///
    /// # Errors
    /// `INVALID_CONFIG`, in Kafka's words.
    pub(crate) fn new_topic<'a>(
        &self,
        partitions: i32,
        own: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<TopicConfig, Failure> {
        topic::compose(&self.live().topic_defaults, partitions, own)
            .map_err(|why| Failure::new(ErrorCode::InvalidConfig, why))
    }

    /// The topic a request for settings names.
    ///
    /// # Errors
    /// The name is not possible, or there is no such topic.
    pub(crate) fn topic(&self, name: &str) -> Result<TopicInfo, Failure> {
        if let Some(found) = self.log.topic(name) {
            return Ok(found);
        }
        crate::names::check(name)?;
        let why = format!("The topic '{name}' does not exist.");
        Err(Failure::new(ErrorCode::UnknownTopicOrPartition, why))
    }

    /// Changes what a topic was given.
    ///
    /// # Errors
    /// Nothing was changed, unless the disk failed.
    pub(crate) fn alter_topic(
        &self,
        name: &str,
        changes: &[Change],
        validate_only: bool,
    ) -> Result<(), Failure> {
        if name.is_empty() {
            let why = "Default topic resources are not allowed.";
            return Err(Failure::new(ErrorCode::InvalidRequest, why));
        }
        let _turn = self.turn();
        let info = self.topic(name)?;
        let own: Values = owned(topic::own(&info.config));
        let defaults = self.live();
        let kind_of = |name: &str| topic::find(name).map(|setting| setting.kind);
        let holds = |name: &str| {
            let setting = topic::find(name);
            setting.map(|one| topic::value(&defaults.topic_defaults, one)).unwrap_or_default()
        };
        let own = changed(&own, changes, kind_of, holds)?;
        self.give_topic(&info, &own, validate_only)
    }

    /// Replaces all that a topic was given.
    ///
    /// # Errors
    /// As [`alter_topic`](Self::alter_topic).
    pub(crate) fn replace_topic(
        &self,
        name: &str,
        own: &Values,
        validate_only: bool,
    ) -> Result<(), Failure> {
        let _turn = self.turn();
        let info = self.topic(name)?;
        self.give_topic(&info, own, validate_only)
    }

    fn give_topic(
        &self,
        info: &TopicInfo,
        own: &Values,
        validate_only: bool,
    ) -> Result<(), Failure> {
        let pairs = own.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let config = self.new_topic(info.config.partitions, pairs)?;
        if !validate_only {
            self.log.alter_topic(&info.name, |current| *current = config)?;
            tracing::info!(topic = %info.name, "the settings of a topic were changed");
        }
        Ok(())
    }

    /// Brings every topic that follows the broker to what holds now.
    fn bring_topics_up(&self) {
        let live = self.live();
        for info in self.log.topics().into_iter().filter(|info| topic::follows(&info.config)) {
            let own = topic::own(&info.config);
            let pairs = own.iter().map(|(name, value)| (*name, value.as_str()));
            let composed = topic::compose(&live.topic_defaults, info.config.partitions, pairs);
            let result = match composed {
                Ok(config) if config == info.config => continue,
                Ok(config) => self
                    .log
                    .alter_topic(&info.name, |current| *current = config)
                    .map(drop)
                    .map_err(|error| error.to_string()),
                Err(why) => Err(why),
            };
            if let Err(why) = result {
                tracing::warn!(topic = %info.name, "a topic keeps its settings: {why}");
            }
        }
    }

    /// Which layer of broker settings a resource's name means: all brokers, or this one.
    ///
    /// # Errors
    /// Another broker is meant.
    pub(crate) fn is_for_all(&self, resource: &str) -> Result<bool, Failure> {
        if resource.is_empty() {
            return Ok(true);
        }
        let refuse = |why| Err(Failure::new(ErrorCode::InvalidRequest, why));
        let me = self.config.node_id;
        match resource.parse::<i32>() {
            Ok(id) if id == me => Ok(false),
            Ok(id) => refuse(format!(
                "Unexpected broker id, expected {me} or empty string, but received {id}"
            )),
            Err(_) => refuse(format!("Broker id must be an integer, but it is: {resource}")),
        }
    }

    /// Changes settings of this broker or of all.
    ///
    /// # Errors
    /// Nothing was changed, unless the disk failed.
    pub(crate) fn alter_broker(
        &self,
        resource: &str,
        changes: &[Change],
        validate_only: bool,
    ) -> Result<(), Failure> {
        let for_all = self.is_for_all(resource)?;
        let mut turn = self.turn();
        let current = if for_all { &turn.cluster } else { &turn.node };
        let kind_of = |name: &str| broker::find(name).map(|setting| setting.kind);
        let holds = |name: &str| self.broker_value(name).unwrap_or_default();
        let values = changed(current, changes, kind_of, holds)?;
        let touched: Vec<&str> = changes.iter().map(|change| change.name.as_str()).collect();
        self.give_broker(&mut turn, for_all, values, &touched, validate_only)
    }

    /// Replaces all changes of the settings of this broker or of all.
    ///
    /// # Errors
    /// As [`alter_broker`](Self::alter_broker).
    pub(crate) fn replace_broker(
        &self,
        resource: &str,
        values: Values,
        validate_only: bool,
    ) -> Result<(), Failure> {
        let for_all = self.is_for_all(resource)?;
        let mut turn = self.turn();
        let touched: Vec<String> = values.keys().cloned().collect();
        let touched: Vec<&str> = touched.iter().map(String::as_str).collect();
        self.give_broker(&mut turn, for_all, values, &touched, validate_only)
    }

    fn give_broker(
        &self,
        turn: &mut Kept,
        for_all: bool,
        values: Values,
        touched: &[&str],
        validate_only: bool,
    ) -> Result<(), Failure> {
        check_dynamic(touched, for_all)?;
        let refuse = |why| Failure::new(ErrorCode::InvalidRequest, why);
        for (name, value) in &values {
            // A name that nobody knows may belong to somebody's plugin: it is kept, as in Kafka.
            broker::find(name).map_or(Ok(()), |setting| setting.check(value)).map_err(refuse)?;
        }
        let mut next = turn.clone();
        *(if for_all { &mut next.cluster } else { &mut next.node }) = values;
        let live = Live::new(&self.config, &next).map_err(refuse)?;
        if !validate_only {
            self.keep(turn, next)?;
            *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(live);
            self.bring_topics_up();
            tracing::info!(settings = ?touched, "settings of the broker were changed");
        }
        Ok(())
    }

    /// Makes a change durable.
    fn keep(&self, turn: &mut Kept, next: Kept) -> Result<(), Failure> {
        if !next.fits() {
            let why = "more settings and quotas than are kept; delete some first";
            return Err(Failure::new(ErrorCode::InvalidRequest, why));
        }
        next.save(self.log.world().disk(), self.log.dir()).map_err(|error| {
            tracing::error!(%error, "settings were not kept");
            Failure::new(ErrorCode::KafkaStorageError, error.to_string())
        })?;
        *turn = next;
        Ok(())
    }
}

fn owned(pairs: Vec<(&'static str, String)>) -> Values {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Whether settings may change while the broker runs, in the order Kafka looks at it.
fn check_dynamic(names: &[&str], for_all: bool) -> Result<(), Failure> {
    let with = |update: &dyn Fn(Update, &str) -> bool| {
        let known = |name: &&&str| {
            broker::find(name).is_some_and(|setting| update(setting.update, setting.name))
        };
        names.iter().filter(known).copied().collect::<Vec<&str>>()
    };
    let refuse = |why: &str, names: Vec<&str>| match names.is_empty() {
        true => Ok(()),
        false => {
            let why = format!("{why}: [{}]", names.join(", "));
            Err(Failure::new(ErrorCode::InvalidRequest, why))
        }
    };
    // One listener is served and it cannot move, so that one is as fixed as Kafka's fixed ones.
    let fixed = with(&|update, name| update == Update::Start || name == "listeners" && !for_all);
    refuse("Cannot update these configs dynamically", fixed)?;
    let of_tls = with(&|_, name| {
        name.starts_with("ssl.keystore.")
            || name.starts_with("ssl.truststore.")
            || name == "ssl.key.password"
    });
    refuse(
        "These security configs can be dynamically updated only per-listener using the listener prefix",
        of_tls,
    )?;
    if for_all {
        let own = with(&|update, _| update == Update::Node);
        let why =
            "Cannot update these configs at default cluster level, broker id must be specified";
        refuse(why, own)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
