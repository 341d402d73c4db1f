//! Settings of topics and brokers.

use tidemill_wire::describe_configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult,
};
use tidemill_wire::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use tidemill_wire::{ErrorCode, Text};

use super::Client;
use super::refusal::check;
use crate::error::CliError;
use crate::nearest::nearest;

/// Whose settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i8)]
pub(crate) enum Kind {
    Topic = 2,
    Broker = 4,
}

impl Kind {
    /// As it is written for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Topic => "topic",
            Self::Broker => "broker",
        }
    }
}

/// One setting as the broker tells it.
pub(crate) struct Setting {
    pub(crate) name: String,
    /// Nothing if it is a secret, or not set.
    pub(crate) value: Option<String>,
    pub(crate) source: &'static str,
    pub(crate) read_only: bool,
}

/// One change of a setting.
pub(crate) enum Change {
    Set(String, String),
    /// Back to the default.
    Unset(String),
}

impl Client {
    /// All settings of a topic or a broker, by name.
    pub(crate) fn settings(&mut self, kind: Kind, name: &str) -> Result<Vec<Setting>, CliError> {
        let resource = DescribeConfigsResource {
            resource_type: kind as i8,
            resource_name: Text::from(name),
            configuration_keys: None,
        };
        let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
        // A broker tells its own settings only.
        let broker = if kind == Kind::Broker { name.parse().unwrap_or(-1) } else { -1 };
        if self.addresses.is_empty() {
            self.metadata(Some(&[]), false)?;
        }
        let response = self.broker(broker)?.call(&request, 4)?;
        let mut settings = Vec::new();
        for result in response.results {
            if result.error_code == ErrorCode::UnknownTopicOrPartition.code() {
                return Err(self.unknown_topic(name));
            }
            let what = format!("settings of {} `{name}`", kind.name());
            check(result.error_code, result.error_message.as_ref(), &what)?;
            settings.extend(result.configs.into_iter().map(setting));
        }
        settings.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(settings)
    }

    /// Changes settings.
    pub(crate) fn change_settings(
        &mut self,
        kind: Kind,
        name: &str,
        changes: &[Change],
    ) -> Result<(), CliError> {
        let change = |change: &Change| match change {
            Change::Set(name, value) => AlterableConfig {
                name: Text::from(name.as_str()),
                config_operation: 0,
                value: Some(Text::from(value.as_str())),
            },
            Change::Unset(name) => AlterableConfig {
                name: Text::from(name.as_str()),
                config_operation: 1,
                value: None,
            },
        };
        let resource = AlterConfigsResource {
            resource_type: kind as i8,
            resource_name: Text::from(name),
            configs: changes.iter().map(change).collect(),
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        let response = match kind {
            Kind::Topic => self.call_controller(&request, 1)?,
            Kind::Broker => {
                self.metadata(Some(&[]), false)?;
                self.broker(name.parse().unwrap_or(-1))?.call(&request, 1)?
            }
        };
        let Some(result) = response.responses.first() else { return Ok(()) };
        if result.error_code == ErrorCode::UnknownTopicOrPartition.code() {
            return Err(self.unknown_topic(name));
        }
        let what = format!("settings of {} `{name}`", kind.name());
        match check(result.error_code, result.error_message.as_ref(), &what) {
            Err(error) if result.error_code == ErrorCode::InvalidConfig.code() => {
                Err(self.suggest(kind, name, changes, error))
            }
            other => other,
        }
    }

    /// Adds the closest known name to the refusal of a name that is not known.
    fn suggest(&mut self, kind: Kind, name: &str, changes: &[Change], error: CliError) -> CliError {
        let known = self.settings(kind, name).unwrap_or_default();
        let known: Vec<&str> = known.iter().map(|setting| setting.name.as_str()).collect();
        let asked = changes.iter().map(|change| match change {
            Change::Set(name, _) | Change::Unset(name) => name.as_str(),
        });
        let wrong = asked.filter(|asked| !known.contains(asked));
        let near = wrong.filter_map(|wrong| nearest(wrong, known.iter().copied())).next();
        match (near, error) {
            (Some(near), CliError::Failed { what, why, .. }) => {
                CliError::with_help(what, why, format!("did you mean `{near}`?"))
            }
            (_, error) => error,
        }
    }
}

fn setting(told: DescribeConfigsResourceResult) -> Setting {
    let source = match told.config_source {
        1 => "topic",
        2 | 3 | 6 | 7 | 8 => "dynamic",
        4 => "file",
        5 => "default",
        _ => "",
    };
    let value = told.value.filter(|_| !told.is_sensitive).map(|value| value.to_string());
    Setting { name: told.name.to_string(), value, source, read_only: told.read_only }
}
