//! Kafka semantics over the wire: one handler file per API, consumer groups.
