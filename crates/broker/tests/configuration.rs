//! The page of settings is the tables' own word.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;

#[test]
fn the_page_is_fresh() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let told = tidemill_broker::settings::configuration_markdown();
    if std::env::var_os("WRITE_PAGE").is_some() {
        std::fs::write(&page, &told).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    let how = "WRITE_PAGE=1 cargo test -p tidemill-broker --test configuration";
    assert!(written == told, "docs/configuration.md is stale; write it anew: {how}");
}
