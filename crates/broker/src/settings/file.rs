//! A whole `server.properties` file.

use std::collections::BTreeMap;

use super::types::{ServerSettings, SettingsError, Stated, Warning};
use super::{broker, nearest, properties, server};

/// Reads a `server.properties` file. What it does not name keeps our defaults; a name that comes twice has its last
/// value, as in Java.
///
/// # Errors
/// See [`SettingsError`].
pub fn parse_properties(text: &str) -> Result<(ServerSettings, Vec<Warning>), SettingsError> {
    let mut warnings = Vec::new();
    let mut stated: BTreeMap<&'static str, Stated> = BTreeMap::new();
    for property in properties::read(text)? {
        let line = property.line;
        let Some(setting) = broker::find(&property.name) else {
            warnings.push(Warning { line, text: unknown(&property.name) });
            continue;
        };
        let why = |why| SettingsError::Value { line, why };
        setting.check(&property.value).map_err(why)?;
        if !setting.has_effect {
            let text =
                format!("{} is kept and told, and has no effect: {}", setting.name, setting.doc);
            warnings.push(Warning { line, text });
        }
        stated.insert(setting.name, Stated { line, text: property.value });
    }
    let settings = server::build(&stated, &mut warnings)?;
    warnings.sort_by_key(|warning| warning.line);
    Ok((settings, warnings))
}

fn unknown(name: &str) -> String {
    // A name from a file may be of any length.
    let shown: String = name.chars().take(100).collect();
    let known = broker::all().map(|setting| setting.name);
    match nearest::nearest(name, known) {
        Some(near) => format!("there is no setting {shown}; did you mean {near}?"),
        None => format!("there is no setting {shown}; it is left out"),
    }
}

#[cfg(test)]
mod tests;
