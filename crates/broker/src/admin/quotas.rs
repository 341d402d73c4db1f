//! Quotas of users, clients and addresses (KIP-546): checked, kept and told.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tidemill_wire::ErrorCode;

use super::Admin;
use super::kept::Entity;
use crate::errors::Failure;

const USER: &str = "user";
const CLIENT: &str = "client-id";
const IP: &str = "ip";
/// Quotas of users and clients. The first two are whole numbers.
const RATES: &[&str] =
    &["consumer_byte_rate", "producer_byte_rate", "controller_mutation_rate", "request_percentage"];
/// The quota of addresses.
const IP_RATE: &str = "connection_creation_rate";

/// What an entity must be like to be told.
#[derive(Clone, Debug)]
pub(crate) enum Match {
    Exactly(String),
    Default,
    Any,
}

/// What a quota is for, and its values by name.
pub(crate) type Quota = (Entity, BTreeMap<String, f64>);

fn refuse(why: impl Into<String>) -> Failure {
    Failure::new(ErrorCode::InvalidRequest, why.into())
}

impl Admin {
    /// Quotas whose entity has all parts that are asked for and, if `strict`, no others.
    ///
    /// # Errors
    /// A part is of no known kind, or the parts do not go together.
    pub(crate) fn quotas(
        &self,
        filter: &BTreeMap<String, Match>,
        strict: bool,
    ) -> Result<Vec<Quota>, Failure> {
        if let Some(kind) = filter.keys().find(|kind| ![USER, CLIENT, IP].contains(&kind.as_str()))
        {
            let why = format!("Unsupported entity type {kind}");
            return Err(Failure::new(ErrorCode::UnsupportedVersion, why));
        }
        if filter.contains_key(IP) && filter.len() > 1 {
            return Err(refuse(
                "Invalid entity filter component combination. IP filter component should not be \
                 used with user or clientId filter component.",
            ));
        }
        let fits = |entity: &Entity| {
            let part = |(kind, wanted): (&String, &Match)| match (entity.get(kind), wanted) {
                (None, _) => false,
                (Some(_), Match::Any) | (Some(None), Match::Default) => true,
                (Some(name), Match::Exactly(wanted)) => name.as_ref() == Some(wanted),
                (Some(Some(_)), Match::Default) => false,
            };
            filter.iter().all(part) && (!strict || entity.len() == filter.len())
        };
        let turn = self.turn();
        let found = turn.quotas.iter().filter(|(entity, _)| fits(entity));
        Ok(found.map(|(entity, values)| (entity.clone(), values.clone())).collect())
    }

    /// Sets quotas, or takes those without a value away.
    ///
    /// # Errors
    /// Nothing was changed, unless the disk failed.
    pub(crate) fn alter_quotas(
        &self,
        entity: &Entity,
        changes: &BTreeMap<String, Option<f64>>,
        validate_only: bool,
    ) -> Result<(), Failure> {
        check_entity(entity)?;
        for (key, value) in changes {
            check_quota(entity, key, *value)?;
        }
        if validate_only {
            return Ok(());
        }
        let mut turn = self.turn();
        let mut next = turn.clone();
        let values = next.quotas.entry(entity.clone()).or_default();
        for (key, value) in changes {
            match value {
                Some(value) => drop(values.insert(key.clone(), *value)),
                None => drop(values.remove(key)),
            }
        }
        if values.is_empty() {
            next.quotas.remove(entity);
        }
        self.keep(&mut turn, next)
    }
}

fn check_entity(entity: &Entity) -> Result<(), Failure> {
    if entity.is_empty() {
        return Err(refuse("Invalid empty client quota entity"));
    }
    if let Some(kind) = entity.keys().find(|kind| ![USER, CLIENT, IP].contains(&kind.as_str())) {
        return Err(refuse(format!("Unhandled client quota entity type: {kind}")));
    }
    if entity.values().flatten().any(String::is_empty) {
        return Err(refuse("Empty name for a client quota entity"));
    }
    if entity.contains_key(IP) && entity.len() > 1 {
        return Err(refuse(
            "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId",
        ));
    }
    // Kafka would look a name up; here a network is never waited for.
    if let Some(Some(address)) = entity.get(IP)
        && address.parse::<IpAddr>().is_err()
    {
        return Err(refuse(format!("{address} is not a valid IP or resolvable host.")));
    }
    Ok(())
}

fn check_quota(entity: &Entity, key: &str, value: Option<f64>) -> Result<(), Failure> {
    let known = if entity.contains_key(IP) { key == IP_RATE } else { RATES.contains(&key) };
    if !known {
        return Err(refuse(format!("Invalid configuration key {key}")));
    }
    let Some(value) = value else { return Ok(()) };
    if value <= 0.0 || !value.is_finite() {
        return Err(refuse(format!("Quota {key} must be greater than 0")));
    }
    let whole = key.ends_with("_byte_rate") || key == IP_RATE;
    if whole && value.fract() != 0.0 {
        return Err(refuse(format!("{key} cannot be a fractional value.")));
    }
    Ok(())
}
