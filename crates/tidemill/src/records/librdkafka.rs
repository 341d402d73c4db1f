//! The carrier librdkafka: any Kafka, any security, consumer groups.
//!
//! Its settings come from here and then from `-X`, which has the last word. What it has to say goes to the log;
//! `TIDEMILL_LOG=librdkafka=debug -X debug=…` shows it all.

mod client;
mod sink;
mod source;

pub(super) use sink::open as sink;
pub(super) use source::open as source;
