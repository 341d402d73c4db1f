//! From Kafka's names to our structures.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use tidemill_commitlog::LogConfig;
use tidemill_commitlog::offsets::METADATA_BYTES_MAX;

use super::layers::Layers;
use super::told::NEVER;
use super::types::{ServerSettings, SettingsError, Stated, Warning};
use crate::config::{Advertised, BrokerConfig};

/// Where Kafka listens and keeps its data unless told otherwise.
const PORT: u16 = 9092;
const DIR: &str = "/tmp/kafka-logs";

/// The settings of one file.
struct File<'a> {
    stated: &'a BTreeMap<&'static str, Stated>,
}

impl File<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        Some(self.stated.get(name)?.text.trim())
    }

    fn line(&self, name: &str) -> usize {
        self.stated.get(name).map_or(0, |stated| stated.line)
    }

    /// A number whose range was checked; one that does not fit the field is the largest that does.
    fn number<T: TryFrom<i64>>(&self, name: &str, largest: T) -> Option<T> {
        let number: i64 = self.text(name)?.parse().ok()?;
        Some(T::try_from(number).unwrap_or(largest))
    }

    fn flag(&self, name: &str) -> Option<bool> {
        Some(self.text(name)?.eq_ignore_ascii_case("true"))
    }

    fn millis(&self, name: &str) -> Option<Duration> {
        let ms: i64 = self.text(name)?.parse().ok()?;
        Some(u64::try_from(ms).map_or(NEVER, Duration::from_millis).min(NEVER))
    }

    /// The same for a time where a number below 0 means none at all.
    fn millis_or_none(&self, name: &str) -> Option<Duration> {
        let ms: i64 = self.text(name)?.parse().ok()?;
        Some(u64::try_from(ms).map_or(Duration::ZERO, Duration::from_millis).min(NEVER))
    }

    fn error(&self, name: &str, why: &str) -> SettingsError {
        let text = self.text(name).unwrap_or_default();
        let why = format!("Invalid value {text} for configuration {name}: {why}");
        SettingsError::Value { line: self.line(name), why }
    }
}

/// Builds all structures from checked values.
///
/// # Errors
/// A value that only shows to be impossible here, or values that contradict each other.
pub(super) fn build(
    stated: &BTreeMap<&'static str, Stated>,
    warnings: &mut Vec<Warning>,
) -> Result<ServerSettings, SettingsError> {
    let file = File { stated };
    let mut broker = BrokerConfig::new(listen(&file, warnings)?);
    broker.advertised = advertised(&file, warnings)?;
    identity(&file, &mut broker)?;
    bounds(&file, &mut broker);
    addresses(&file, &mut broker)?;
    groups(&file, &mut broker);
    broker.stated =
        stated.iter().map(|(name, one)| ((*name).to_owned(), one.text.clone())).collect();
    let layers = Layers { stated: broker.stated.clone(), ..Layers::default() };
    broker.topic_defaults =
        layers.topic_defaults(&broker.topic_defaults).map_err(SettingsError::Together)?;
    let log = log(&file, &broker, warnings);
    Ok(ServerSettings { broker, log })
}

fn identity(file: &File<'_>, broker: &mut BrokerConfig) -> Result<(), SettingsError> {
    let (node, old) = (file.number("node.id", i32::MAX), file.number("broker.id", i32::MAX));
    if let (Some(node), Some(old)) = (node, old)
        && node != old
    {
        return Err(SettingsError::Together(format!(
            "node.id is {node} and broker.id is {old}; they are two names of one setting, name one of them"
        )));
    }
    broker.node_id = node.or(old.filter(|id| *id >= 0)).unwrap_or(broker.node_id);
    Ok(())
}

fn bounds(file: &File<'_>, broker: &mut BrokerConfig) {
    let set = |field: &mut usize, name| {
        if let Some(number) = file.number(name, usize::MAX) {
            *field = number;
        }
    };
    set(&mut broker.connections_max, "max.connections");
    set(&mut broker.connections_per_address_max, "max.connections.per.ip");
    set(&mut broker.fetch_bytes_max, "fetch.max.bytes");
    set(&mut broker.fetch_sessions_max, "max.incremental.fetch.session.cache.slots");
    set(&mut broker.partitions_told_max, "max.request.partition.size.limit");
    set(&mut broker.request_bytes_max, "socket.request.max.bytes");
    set(&mut broker.response_memory_bytes_max, "tidemill.queued.max.response.bytes");
    // -1 and 0 mean no bound in Kafka; here they mean the default, because memory is never without bound.
    if let Some(bytes) =
        file.number("queued.max.request.bytes", i64::MAX).filter(|bytes| *bytes > 0)
    {
        broker.request_memory_bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    // Offsets have no room for a longer text, in Kafka neither; a number below 0 lets none in.
    if let Some(bytes) = file.number("offset.metadata.max.bytes", i64::MAX) {
        let bytes = usize::try_from(bytes).unwrap_or(0);
        broker.offset_metadata_bytes_max = bytes.min(METADATA_BYTES_MAX);
    }
    if let Some(idle) = file.millis("connections.max.idle.ms") {
        broker.connection_idle_max = idle;
    }
    if let Some(grace) = file.millis("tidemill.request.receive.timeout.ms") {
        broker.frame_grace = grace;
    }
    let flag = |field: &mut bool, name| *field = file.flag(name).unwrap_or(*field);
    flag(&mut broker.auto_create_topics, "auto.create.topics.enable");
    flag(&mut broker.delete_topics, "delete.topic.enable");
    flag(&mut broker.replication_factor_strict, "tidemill.replication.strict");
    broker.num_partitions =
        file.number("num.partitions", i32::MAX).unwrap_or(broker.num_partitions);
}

fn groups(file: &File<'_>, broker: &mut BrokerConfig) {
    let groups = &mut broker.groups;
    let set = |field: &mut Duration, name| *field = file.millis_or_none(name).unwrap_or(*field);
    set(&mut groups.session_timeout_min, "group.min.session.timeout.ms");
    set(&mut groups.session_timeout_max, "group.max.session.timeout.ms");
    set(&mut groups.initial_rebalance_delay, "group.initial.rebalance.delay.ms");
    set(&mut groups.consumer_session_timeout, "group.consumer.session.timeout.ms");
    set(&mut groups.consumer_heartbeat_interval, "group.consumer.heartbeat.interval.ms");
    set(&mut groups.offsets_check_interval, "offsets.retention.check.interval.ms");
    if let Some(minutes) = file.number("offsets.retention.minutes", u64::MAX) {
        groups.offsets_retention = Duration::from_secs(minutes.saturating_mul(60)).min(NEVER);
    }
    let count = |field: &mut usize, name| *field = file.number(name, usize::MAX).unwrap_or(*field);
    count(&mut groups.members_max, "group.max.size");
    count(&mut groups.consumer_members_max, "group.consumer.max.size");
    let transactions = &mut broker.transactions;
    set(&mut transactions.timeout_max, "transaction.max.timeout.ms");
    set(&mut transactions.id_expiration, "transactional.id.expiration.ms");
    let name = "transaction.remove.expired.transaction.cleanup.interval.ms";
    set(&mut transactions.id_check_interval, name);
}

fn addresses(file: &File<'_>, broker: &mut BrokerConfig) -> Result<(), SettingsError> {
    const NAME: &str = "max.connections.per.ip.overrides";
    if let Some(text) = file.text(NAME) {
        broker.connections_per_address = per_address(text).map_err(|why| file.error(NAME, &why))?;
    }
    Ok(())
}

/// `address:number` pairs; an IPv6 address has colons of its own.
pub(crate) fn per_address(text: &str) -> Result<BTreeMap<IpAddr, usize>, String> {
    let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let why = || format!("{pair} is not address:number");
            let (address, number) = pair.rsplit_once(':').ok_or_else(why)?;
            let address = address.trim_start_matches('[').trim_end_matches(']');
            let address: IpAddr = address.parse().map_err(|_| why())?;
            Ok((address.to_canonical(), number.parse().map_err(|_| why())?))
        })
        .collect()
}

fn log(file: &File<'_>, broker: &BrokerConfig, warnings: &mut Vec<Warning>) -> LogConfig {
    let name = if file.text("log.dirs").is_some() { "log.dirs" } else { "log.dir" };
    let mut dirs = file.text(name).unwrap_or(DIR).split(',').map(str::trim);
    let mut log = LogConfig::new(dirs.next().filter(|dir| !dir.is_empty()).unwrap_or(DIR));
    if dirs.next().is_some() {
        let text =
            format!("one folder holds everything: only {} of {name} is used", log.dir.display());
        warnings.push(Warning { line: file.line(name), text });
    }
    if let Some(bytes) = broker.topic_defaults.segment_bytes {
        log.segment_bytes = bytes;
    }
    let millis = |name| file.number(name, u64::MAX);
    log.retention_check_ms =
        millis("log.retention.check.interval.ms").unwrap_or(log.retention_check_ms);
    log.producer_expiration_ms =
        millis("producer.id.expiration.ms").unwrap_or(log.producer_expiration_ms);
    log.cleaner_enabled = file.flag("log.cleaner.enable").unwrap_or(log.cleaner_enabled);
    log.cleaner_check_ms = millis("log.cleaner.backoff.ms").unwrap_or(log.cleaner_check_ms);
    log.cleaner_memory_bytes = file
        .number("log.cleaner.dedupe.buffer.size", usize::MAX)
        .unwrap_or(log.cleaner_memory_bytes);
    log
}

/// One entry of `listeners`.
struct Listener<'a> {
    name: &'a str,
    host: &'a str,
    port: u16,
}

fn parse_listener(text: &str) -> Option<Listener<'_>> {
    let (name, address) = text.split_once("://")?;
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Some(Listener { name, host, port: port.parse().ok()? })
}

/// The listeners for clients.
fn client_listeners<'a>(
    file: &'a File<'_>,
    name: &str,
) -> Result<Vec<Listener<'a>>, SettingsError> {
    let controllers: Vec<&str> = file
        .text("controller.listener.names")
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .collect();
    let Some(text) = file.text(name) else { return Ok(Vec::new()) };
    let mut listeners = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let why = "a listener is NAME://host:port";
        let listener = parse_listener(entry).ok_or_else(|| file.error(name, why))?;
        if controllers.contains(&listener.name) {
            continue;
        }
        if protocol(file, listener.name) != "PLAINTEXT" {
            let why = format!(
                "listener {} is not of the protocol PLAINTEXT, the only one that is served",
                listener.name
            );
            return Err(file.error(name, &why));
        }
        listeners.push(listener);
    }
    Ok(listeners)
}

/// The protocol of a listener's name; the name itself if the map has none.
fn protocol<'a>(file: &'a File<'_>, listener: &'a str) -> &'a str {
    let map = file.text("listener.security.protocol.map").unwrap_or_default();
    let pairs = map.split(',').filter_map(|pair| pair.trim().split_once(':'));
    pairs
        .filter(|(name, _)| *name == listener)
        .map(|(_, protocol)| protocol)
        .next_back()
        .unwrap_or(listener)
}

fn listen(file: &File<'_>, warnings: &mut Vec<Warning>) -> Result<SocketAddr, SettingsError> {
    const NAME: &str = "listeners";
    let listeners = client_listeners(file, NAME)?;
    let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let Some(first) = listeners.first() else { return Ok(SocketAddr::new(everywhere, PORT)) };
    let mut warn = |text| warnings.push(Warning { line: file.line(NAME), text });
    if let Some(second) = listeners.get(1) {
        warn(format!("one listener is served: {}, not {}", first.name, second.name));
    }
    let address = match first.host {
        "" => everywhere,
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.parse().unwrap_or_else(|_| {
            // Names are not looked up: that could wait for a network. Listening everywhere includes what the name means.
            warn(format!(
                "{host} is not an address: all addresses are listened at, port {}",
                first.port
            ));
            everywhere
        }),
    };
    Ok(SocketAddr::new(address, first.port))
}

fn advertised(
    file: &File<'_>,
    warnings: &mut Vec<Warning>,
) -> Result<Option<Advertised>, SettingsError> {
    const NAME: &str = "advertised.listeners";
    let listeners = client_listeners(file, NAME)?;
    let Some(first) = listeners.first() else { return Ok(None) };
    if listeners.len() > 1 {
        let text = format!("one address is told to clients: {}:{}", first.host, first.port);
        warnings.push(Warning { line: file.line(NAME), text });
    }
    if first.host.is_empty() || first.host == "0.0.0.0" || first.host == "::" {
        return Err(file.error(NAME, "clients cannot reach it; name a host, or leave it out"));
    }
    Ok(Some(Advertised { host: first.host.to_owned(), port: first.port }))
}
