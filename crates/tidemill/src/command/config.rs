//! `tidemill config describe|alter`: settings of topics and brokers by Kafka's names.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::error::CliError;
use crate::kafka::{Change, Client, Kind};
use crate::output;
use crate::place::{Place, pair};

/// Arguments of `config`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
    /// JSON, one object a line
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// All settings with their values, and where each comes from
    Describe {
        /// Whose settings
        kind: Whose,
        /// The topic's name, or the broker's number
        name: String,
    },
    /// Change settings
    Alter {
        /// Whose settings
        kind: Whose,
        /// The topic's name, or the broker's number
        name: String,
        /// Settings and their new values
        #[arg(value_name = "NAME=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
        /// A setting that shall have its default again
        #[arg(short, long, value_name = "NAME")]
        unset: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Whose {
    Topic,
    Broker,
}

impl From<Whose> for Kind {
    fn from(whose: Whose) -> Self {
        match whose {
            Whose::Topic => Self::Topic,
            Whose::Broker => Self::Broker,
        }
    }
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), CliError> {
    let as_json = arguments.json;
    match &arguments.action {
        Action::Describe { kind, name } => {
            describe(&mut Client::connect(&arguments.place)?, (*kind).into(), name, as_json)
        }
        Action::Alter { kind, name, set, unset } => {
            let set = set.iter().map(|(name, value)| Change::Set(name.clone(), value.clone()));
            let changes: Vec<Change> =
                set.chain(unset.iter().map(|name| Change::Unset(name.clone()))).collect();
            if changes.is_empty() {
                return Err(CliError::Usage(
                    "nothing to change; give NAME=VALUE or --unset NAME".into(),
                ));
            }
            let kind = Kind::from(*kind);
            Client::connect(&arguments.place)?.change_settings(kind, name, &changes)?;
            let what = format!("altered {} {name}", kind.name());
            output::done(&what, as_json, &json!({"altered": name, "kind": kind.name()}))
        }
    }
}

fn describe(client: &mut Client, kind: Kind, name: &str, as_json: bool) -> Result<(), CliError> {
    let settings = client.settings(kind, name)?;
    let mut rows = Vec::new();
    for setting in settings {
        if as_json {
            let line = json!({
                "name": setting.name, "value": setting.value, "source": setting.source,
                "read_only": setting.read_only,
            });
            output::line(&line.to_string())?;
        } else {
            rows.push(vec![
                setting.name,
                setting.value.unwrap_or_default(),
                setting.source.to_owned(),
            ]);
        }
    }
    if as_json { Ok(()) } else { output::table(&["setting", "value", "from"], &rows) }
}
