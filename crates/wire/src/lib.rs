//! Kafka requests and responses as bytes; no I/O.
