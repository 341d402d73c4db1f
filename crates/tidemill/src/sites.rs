//! The file of `up --sites`: titles, secrets and allowed hosts of sites.

use std::path::Path;

use serde::Deserialize;
use tidemill_analytics::SiteConfig;

use crate::error::CliError;

#[cfg(test)]
mod tests;

/// What a file looks like, for messages.
const EXAMPLE: &str = r#"write [{"id": "blog", "title": "My blog", "secret": "…", "hosts": ["blog.example"]}]; only id is required"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Site {
    id: String,
    #[serde(default)]
    title: String,
    secret: Option<String>,
    #[serde(default)]
    hosts: Vec<String>,
}

/// Reads the file.
///
/// # Errors
/// It is not there, is no such JSON, or names a site twice or with an empty name or secret.
pub(crate) fn read(path: &Path) -> Result<Vec<SiteConfig>, CliError> {
    let failed = |why: &dyn std::fmt::Display| {
        CliError::with_help(format!("sites file {}", path.display()), why, EXAMPLE)
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    parse(&text).map_err(|why| failed(&why))
}

fn parse(text: &str) -> Result<Vec<SiteConfig>, String> {
    let sites: Vec<Site> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for (at, site) in sites.iter().enumerate() {
        if site.id.is_empty() {
            return Err(format!("id of entry {} is empty", at + 1));
        }
        if site.secret.as_deref() == Some("") {
            return Err(format!(
                "secret of {} is empty; leave it out to answer everybody",
                site.id
            ));
        }
        if sites[..at].iter().any(|other| other.id == site.id) {
            return Err(format!("{} is there twice", site.id));
        }
    }
    let config = |site: Site| SiteConfig {
        id: site.id,
        title: site.title,
        secret: site.secret,
        hosts: site.hosts,
    };
    Ok(sites.into_iter().map(config).collect())
}
