//! Which crate may depend on which: imports go to the ground only.

use std::path::Path;

use crate::process::{Result, command, output};

/// Each crate with those it may use. `commitlog` and `engine` stand on `world` alone.
const FLOORS: &[(&str, &[&str])] = &[
    ("tidemill-world", &[]),
    ("tidemill-wire", &[]),
    ("tidemill-commitlog", &["tidemill-world"]),
    ("tidemill-engine", &["tidemill-world"]),
    ("tidemill-broker", &["tidemill-world", "tidemill-wire", "tidemill-commitlog"]),
    ("tidemill-multilang", &["tidemill-world", "tidemill-engine"]),
    ("tidemill-connect", &["tidemill-world", "tidemill-commitlog", "tidemill-engine"]),
    (
        "tidemill-analytics",
        &["tidemill-world", "tidemill-commitlog", "tidemill-engine", "tidemill-connect"],
    ),
    (
        "tidemill",
        &[
            "tidemill-world",
            "tidemill-wire",
            "tidemill-commitlog",
            "tidemill-engine",
            "tidemill-broker",
            "tidemill-multilang",
            "tidemill-connect",
            "tidemill-analytics",
        ],
    ),
    ("xtask", &[]),
];

/// Reads what cargo knows and compares.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let metadata = ["metadata", "--format-version", "1", "--no-deps", "--offline"];
    let text = output(&mut command(root, "cargo", &metadata))?;
    let metadata: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
    let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
    let names: Vec<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    let mut findings = Vec::new();
    for package in &packages {
        let name = package["name"].as_str().unwrap_or("");
        let Some((_, allowed)) = FLOORS.iter().find(|(known, _)| *known == name) else {
            findings.push(format!("{name}: has no floor; add it to xtask/src/tidy/floors.rs"));
            continue;
        };
        let dependencies = package["dependencies"].as_array().cloned().unwrap_or_default();
        let ours = dependencies.iter().filter_map(|d| d["name"].as_str());
        for dependency in ours.filter(|d| names.contains(d) && !allowed.contains(d) && *d != name) {
            findings.push(format!("{name}: must not depend on {dependency} (see ARCHITECTURE.md)"));
        }
    }
    Ok(findings)
}
