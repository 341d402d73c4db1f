//! An embeddable log with the semantics and the on-disk layout of Apache Kafka.
