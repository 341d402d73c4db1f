//! Which Kafka a command talks to.
//!
//! `--brokers` names any Kafka. Without it a command asks the Tidemill of this machine: the one that left its address in
//! `running.json` of the data folder, or else the default address.

use std::path::PathBuf;

use clap::Args;

use crate::connection::{DATA_DEFAULT, KAFKA_DEFAULT, Running};
use crate::error::CliError;

/// The flags that say which Kafka.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// Any Kafka: one or more of its brokers; without it, the tidemill that runs on this machine
    #[arg(short, long, alias = "kafka", value_name = "HOST:PORT,…", value_delimiter = ',')]
    #[arg(global = true, env = "TIDEMILL_BROKERS")]
    pub(crate) brokers: Vec<String>,
    /// A setting of librdkafka for produce and consume, as -X security.protocol=ssl
    #[arg(short = 'X', long = "setting", value_name = "NAME=VALUE", value_parser = pair)]
    #[arg(global = true)]
    pub(crate) settings: Vec<(String, String)>,
    /// Data folder of the tidemill that runs on this machine
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT, global = true)]
    pub(crate) data: PathBuf,
}

/// `NAME=VALUE`.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE, as retention.ms=86400000")?;
    if name.trim().is_empty() {
        return Err("write NAME=VALUE, as retention.ms=86400000".to_owned());
    }
    Ok((name.trim().to_owned(), value.to_owned()))
}

impl Place {
    /// The brokers to ask first.
    ///
    /// # Errors
    /// What was given is no address.
    pub(crate) fn bootstrap(&self) -> Result<Vec<String>, CliError> {
        let given: Vec<String> =
            self.brokers.iter().map(|b| b.trim().to_owned()).filter(|b| !b.is_empty()).collect();
        if let Some(wrong) = given.iter().find(|address| !is_address(address)) {
            let what = format!("`{wrong}` is no address; give HOST:PORT, as 127.0.0.1:9092");
            return Err(CliError::Usage(what));
        }
        if !given.is_empty() {
            return Ok(given);
        }
        let found = Running::find(&self.data).map(|running| running.kafka);
        Ok(vec![found.filter(|at| !at.is_empty()).unwrap_or_else(|| KAFKA_DEFAULT.to_owned())])
    }

    /// Whether more is asked for than records of the tidemill on this machine.
    #[cfg(feature = "kafka")]
    pub(crate) fn needs_librdkafka(&self) -> bool {
        !self.brokers.is_empty() || !self.settings.is_empty()
    }

    /// Whether `-X` asks for more than a plain connection.
    pub(crate) fn is_secured(&self) -> bool {
        let protocol = self.settings.iter().rev().find(|(name, _)| name == "security.protocol");
        protocol.is_some_and(|(_, value)| !value.eq_ignore_ascii_case("plaintext"))
    }
}

fn is_address(text: &str) -> bool {
    let split = text.rsplit_once(':');
    split.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
}
