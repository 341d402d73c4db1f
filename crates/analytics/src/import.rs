//! Access logs.

pub mod line;
