//! The page `docs/configuration.md`, printed from the tables.

use std::fmt::Write;

use super::broker::{self, BrokerSetting};
use super::topic::TOPIC_SETTINGS;

const HEAD: &str = "\
# Configuration

Written from the tables of settings: `WRITE_PAGE=1 cargo test -p tidemill-broker --test configuration`.

The names are those of Apache Kafka 4.3: a `server.properties` written for Kafka is read, and Kafka's tools can ask for
and change every setting as they do with Kafka. A setting without an effect here is checked, kept and told, and the
reason is in its row. A name that nobody knows is a warning; a value that is not possible is an error.

";

const TOPICS: &str = "\
## Topics

Given to a topic when it is made or changed (`kafka-configs.sh`, `kafka-topics.sh`, any admin client). What a topic was
not given follows the broker's setting named beside it, also when that changes. A topic that an embedding program made
without the broker has all its settings for itself.

| setting | type | default | range | follows | effect |
|---|---|---|---|---|---|
";

const BROKERS: &str = "\
## Broker

From the file at the start. Those that can change while the broker runs are `cluster-wide` (for one broker or for all) or
`per-broker`; others are refused with `INVALID_REQUEST`. Changes are kept over restarts and go before the file.

";

const ROWS: &str = "\
| setting | type | default | range | changes | effect |
|---|---|---|---|---|---|
";

/// The page `docs/configuration.md`.
pub fn configuration_markdown() -> String {
    let mut page = HEAD.to_owned() + TOPICS;
    for setting in TOPIC_SETTINGS {
        let follows: Vec<String> =
            setting.synonyms.iter().map(|(name, _)| format!("`{name}`")).collect();
        let columns = [
            format!("`{}`", setting.name),
            setting.kind.name().to_lowercase(),
            cell(setting.default),
            setting.range.words(),
            follows.join(", "),
            effect(setting.has_effect, setting.doc),
        ];
        row(&mut page, &columns);
    }
    page.push('\n');
    page.push_str(BROKERS);
    for (subject, table) in broker::TABLES {
        let _ = write!(page, "### {subject}\n\n{ROWS}");
        // What does something comes first.
        for setting in table.iter().filter(|setting| setting.has_effect) {
            broker_row(&mut page, setting);
        }
        for setting in table.iter().filter(|setting| !setting.has_effect) {
            broker_row(&mut page, setting);
        }
        page.push('\n');
    }
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn broker_row(page: &mut String, setting: &BrokerSetting) {
    let columns = [
        format!("`{}`", setting.name),
        setting.kind.name().to_lowercase(),
        cell(setting.default.unwrap_or_default()),
        setting.range.words(),
        setting.update.name().to_owned(),
        effect(setting.has_effect, setting.doc),
    ];
    row(page, &columns);
}

fn cell(value: &str) -> String {
    if value.is_empty() { String::new() } else { format!("`{value}`") }
}

fn effect(has_effect: bool, doc: &str) -> String {
    if has_effect { doc.to_owned() } else { format!("none. {doc}") }
}

fn row(page: &mut String, columns: &[String]) {
    let _ = writeln!(page, "| {} |", columns.join(" | "));
}
