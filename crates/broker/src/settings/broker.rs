//! The settings of a broker: all public names of Kafka 4.3's `server.properties`, and ours.
//!
//! Names, types, ranges, defaults and when a setting can change are Kafka's; most have no effect here, because they are
//! about other brokers, controllers or the Java machine. Those are kept and told, so that files and tools written for
//! Kafka work, and named as such in `docs/configuration.md`.

mod cluster;
mod coordinators;
mod log;
mod network;
mod row;
mod security;
mod share_and_streams;
mod table;
mod tiered;

pub use row::{BrokerSetting, Update};

/// Settings by their subject, each table by name.
pub(crate) static TABLES: &[(&str, &[BrokerSetting])] = &[
    ("The log and what topics follow", log::LOG),
    ("Network and bounds", network::NETWORK),
    ("Groups, offsets, producers, transactions", coordinators::COORDINATORS),
    ("Brokers and controllers", cluster::CLUSTER),
    ("Security", security::SECURITY),
    ("Tiered storage", tiered::TIERED),
    ("Share groups and streams groups", share_and_streams::SHARE_AND_STREAMS),
];

/// All settings, in no order.
pub(crate) fn all() -> impl Iterator<Item = &'static BrokerSetting> {
    TABLES.iter().flat_map(|(_, table)| table.iter())
}

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static BrokerSetting> {
    TABLES.iter().find_map(|(_, table)| {
        let at = table.binary_search_by_key(&name, |setting| setting.name).ok()?;
        table.get(at)
    })
}

#[cfg(test)]
mod tests;
