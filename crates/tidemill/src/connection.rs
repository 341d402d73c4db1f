//! Where the running `tidemill up` or `tidemill broker` is.
//!
//! It leaves its addresses in `running.json` in its data folder and takes the file away when it ends. A command asks, in this
//! order: its own flag, that file, the default address.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::error::CliError;

/// Where `up` keeps its data unless told otherwise.
pub(crate) const DATA_DEFAULT: &str = "./tidemill-data";
/// The Kafka listener unless told otherwise.
pub(crate) const KAFKA_DEFAULT: &str = "127.0.0.1:9092";
/// The HTTP listener unless told otherwise.
pub(crate) const HTTP_DEFAULT: &str = "127.0.0.1:8080";

const FILE_NAME: &str = "running.json";
/// A question that takes longer than this has no answer.
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// The flags that say where the running `up` is.
#[derive(Debug, Clone, Args)]
pub(crate) struct Where {
    /// Base URL of a running `up`
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) http: Option<String>,
    /// Data folder of a running `up`
    #[arg(long, value_name = "DIR", default_value = DATA_DEFAULT, global = true)]
    pub(crate) data: PathBuf,
}

/// What `up` and `broker` leave for other commands to find.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) kafka: String,
    pub(crate) http: String,
}

impl Running {
    /// Leaves the addresses in the data folder.
    pub(crate) fn announce(&self, data: &Path) -> std::io::Result<()> {
        let text = serde_json::to_string(self)?;
        std::fs::write(data.join(FILE_NAME), text)
    }

    /// Takes them away.
    pub(crate) fn withdraw(data: &Path) {
        // A file left behind does no harm: its addresses do not answer.
        let _ = std::fs::remove_file(data.join(FILE_NAME));
    }

    /// What the `up` of this folder left. After a crash it may be gone: its addresses then do not answer.
    pub(crate) fn find(data: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(data.join(FILE_NAME)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Whether somebody listens there.
    pub(crate) fn answers(&self) -> bool {
        agent().get(format!("{}/health", self.http)).call().is_ok()
    }
}

impl Where {
    /// The base URL to ask.
    pub(crate) fn http_base(&self) -> String {
        let running = || Running::find(&self.data).map(|running| running.http);
        // A `tidemill broker` has none.
        let found = || running().filter(|http| !http.is_empty());
        let base = self.http.clone().or_else(found);
        let base = base.unwrap_or_else(|| format!("http://{HTTP_DEFAULT}"));
        let base = base.trim_end_matches('/');
        if base.contains("://") { base.to_owned() } else { format!("http://{base}") }
    }

    /// Asks the running `up` and returns its answer.
    ///
    /// # Errors
    /// None is running, or it refused.
    pub(crate) fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<serde_json::Value, CliError> {
        let base = self.http_base();
        let mut request = agent().get(format!("{base}{path}"));
        for (name, value) in query {
            request = request.query(*name, value);
        }
        let mut response = request.call().map_err(|error| not_running(&base, &error))?;
        let body = response.body_mut().read_json::<serde_json::Value>();
        let body = body.map_err(|error| CliError::failed(format!("{base}{path}"), error))?;
        match refusal(&body) {
            None => Ok(body),
            Some(why) => Err(CliError::failed("the question was refused", why)),
        }
    }
}

/// Parse.ly's errors come as a body with a `code` and a `message`, whatever the status.
fn refusal(body: &serde_json::Value) -> Option<String> {
    let failed = body["success"] == serde_json::Value::Bool(false) || body["code"].is_number();
    failed.then(|| body["message"].as_str().unwrap_or("no reason given").to_owned())
}

/// An HTTP client that leaves statuses to us.
pub(crate) fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(HTTP_TIMEOUT))
        .http_status_as_error(false)
        .build()
        .new_agent()
}

/// The error for an `up` that does not answer.
pub(crate) fn not_running(address: &str, why: &dyn std::fmt::Display) -> CliError {
    CliError::NotRunning { address: address.to_owned(), why: why.to_string() }
}
