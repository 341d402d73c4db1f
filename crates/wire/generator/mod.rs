//! Turns the message descriptions in `messages/` into the Rust files in `src/generated/`.
//!
//! # Constraints
//!
//! * No crate is needed but `std`; the example `generate` writes the files, a test compares them.
//! * A description that cannot be understood is an error that names file and line.
//!
//! # The format
//!
//! ```text
//! # A sentence about the API.
//! api 1 Fetch 4-18 flexible 12+
//!
//! request
//! name: type versions tag N = default   # A sentence about the field.
//!   nested_field: type
//! ```
//!
//! A type is a scalar (`int32`, `bool`, `string`, `bytes`, `records`, `uuid`, …), the name of a structure
//! whose fields follow two spaces further in, or either of them in brackets for an array. `?` after it
//! allows null, `?7+` from version 7. A structure that Kafka uses twice has a name for each place here. Versions (`9+`, `4-8`, `3`) default to those of the parent.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "shared by an example and by tests that use parts of it"
)]

pub mod emit;
pub mod schema;

use std::collections::BTreeMap;
use std::path::Path;

/// Reads every description in `messages`, in the order of API keys.
pub fn load(messages: &Path) -> Result<Vec<schema::Api>, String> {
    let mut apis = Vec::new();
    for entry in std::fs::read_dir(messages).map_err(|error| format!("{messages:?}: {error}"))? {
        let path = entry.map_err(|error| error.to_string())?.path();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{path:?}: {error}"))?;
        apis.push(schema::parse(&text).map_err(|error| format!("{path:?}: {error}"))?);
    }
    apis.sort_by_key(|api| api.key);
    Ok(apis)
}

/// The generated files, by name.
pub fn generate(apis: &[schema::Api]) -> BTreeMap<String, String> {
    let mut files: BTreeMap<_, _> =
        apis.iter().map(|api| (format!("{}.rs", api.module()), emit::api(api))).collect();
    files.insert("mod.rs".into(), emit::index(apis));
    files
}
