//! Where log and engine meet: the log spout and the log sink.
