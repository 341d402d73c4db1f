//! The page that says which Kafka requests are served is the dispatch table's own word.

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;

#[test]
fn the_page_is_fresh() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/kafka-compatibility.md");
    let served = tidemill_broker::compatibility_markdown();
    if std::env::var_os("WRITE_PAGE").is_some() {
        std::fs::write(&page, &served).unwrap();
    }
    let written = std::fs::read_to_string(&page).unwrap_or_default();
    let how = "WRITE_PAGE=1 cargo test -p tidemill-broker --test compatibility";
    assert!(written == served, "docs/kafka-compatibility.md is stale; write it anew: {how}");
}
