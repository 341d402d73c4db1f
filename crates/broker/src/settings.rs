//! Kafka's names for what can be set, for topics and for the broker.
//!
//! # Constraints
//!
//! * Names, types, ranges, defaults and the sentences of refusal are those of Apache Kafka 4.3, because scripts, tools and
//!   files of its users rely on them. The words that explain a setting are ours.
//! * A setting that has no effect here is known, checked, kept and told, never silently dropped; the
//!   documentation page says which ones those are.
//! * A name that nobody knows is a warning with the nearest known name. A value that is not possible is an error
//!   with line, name and range.
//!
//! # Layout
//!
//! [`topic`] and [`broker`] hold the tables; `kinds` checks values, `properties` reads Java's syntax, `nearest`
//! finds what was meant, `file` reads a whole file, `server` turns names into our own structures and `told` back,
//! `layers` says which value of a name holds and `page` prints the documentation.

pub mod broker;
mod file;
pub(crate) mod kinds;
pub(crate) mod layers;
mod nearest;
mod page;
mod properties;
mod server;
mod told;
pub mod topic;
mod types;

pub use file::parse_properties;
pub use kinds::{Kind, Range};
pub use page::configuration_markdown;
pub use properties::PropertiesError;
pub(crate) use server::per_address;
pub(crate) use told::told;
pub use types::{ServerSettings, SettingsError, Warning};
