//! What the command line asks of a cluster, over our own wire: topics, groups, settings, offsets.
//!
//! Requests go where they must: to the leader of a partition, the coordinator of a group, the controller, or a broker by
//! its number. Topics are named by name, so that errors can. Any Kafka since 2.4 answers the versions used
//! here, as long as it listens in plain text; see `docs/decisions/0006-two-clients.md`.

mod cluster;
mod configs;
mod connection;
mod data;
mod groups;
mod offsets;
mod refusal;
mod topics;

use std::collections::BTreeMap;

use tidemill_wire::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use tidemill_wire::{Request, Text};

pub(crate) use configs::{Change, Kind};
pub(crate) use groups::{Group, Member};
pub(crate) use offsets::{EARLIEST, LATEST, Listed, TopicPartition};
pub(crate) use topics::NewTopic;

use connection::Connection;

use crate::error::CliError;
use crate::place::Place;

/// The newest version of Metadata that asks by name alone.
const METADATA: i16 = 12;
/// How long the broker may take over a change.
const TIMEOUT_MS: i32 = 10_000;

/// A cluster.
pub(crate) struct Client {
    /// The broker that answered first.
    first: Connection,
    /// Where each broker is, as far as Metadata has told.
    addresses: BTreeMap<i32, String>,
    others: BTreeMap<i32, Connection>,
    controller: i32,
}

impl Client {
    /// Connects to the first broker that answers.
    ///
    /// # Errors
    /// None answers; the error is that of the first.
    pub(crate) fn connect(place: &Place) -> Result<Self, CliError> {
        if place.is_secured() {
            return Err(CliError::with_help(
                "this command speaks plain text only",
                "-X security.protocol asks for more",
                "`produce` and `consume` go through librdkafka and take it; for the others name a plain listener",
            ));
        }
        let mut failed = None;
        for address in place.bootstrap()? {
            match Connection::open(&address) {
                Ok(first) => {
                    let (addresses, others) = (BTreeMap::new(), BTreeMap::new());
                    return Ok(Self { first, addresses, others, controller: -1 });
                }
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        Err(failed.unwrap_or_else(|| CliError::Usage("name a broker".to_owned())))
    }

    /// Asks any broker.
    fn call<R: Request>(&mut self, request: &R, newest: i16) -> Result<R::Response, CliError> {
        self.first.call(request, newest)
    }

    /// Asks the controller. A cluster without one to name forwards by itself.
    fn call_controller<R: Request>(
        &mut self,
        request: &R,
        newest: i16,
    ) -> Result<R::Response, CliError> {
        if self.addresses.is_empty() {
            self.metadata(Some(&[]), false)?;
        }
        self.broker(self.controller)?.call(request, newest)
    }

    /// The connection to a broker; the first one if its address is not known.
    fn broker(&mut self, id: i32) -> Result<&mut Connection, CliError> {
        let Some(address) = self.addresses.get(&id) else { return Ok(&mut self.first) };
        if *address == self.first.address() {
            return Ok(&mut self.first);
        }
        match self.others.entry(id) {
            std::collections::btree_map::Entry::Occupied(entry) => Ok(entry.into_mut()),
            std::collections::btree_map::Entry::Vacant(entry) => {
                Ok(entry.insert(Connection::open(address)?))
            }
        }
    }

    /// Asks for topics and learns where the brokers are; `create` lets asking create topics.
    fn metadata(
        &mut self,
        names: Option<&[String]>,
        create: bool,
    ) -> Result<MetadataResponse, CliError> {
        let named = |name: &String| MetadataRequestTopic {
            name: Some(Text::from(name.as_str())),
            ..Default::default()
        };
        let request = MetadataRequest {
            topics: names.map(|names| names.iter().map(named).collect()),
            allow_auto_topic_creation: create,
            ..Default::default()
        };
        let response = self.call(&request, METADATA)?;
        for broker in &response.brokers {
            self.addresses.insert(broker.node_id, format!("{}:{}", broker.host, broker.port));
        }
        self.controller = response.controller_id;
        Ok(response)
    }
}
