//! Child processes that speak the Storm multilang protocol, as spouts and bolts.

pub mod child;
pub mod frame;
pub mod message;
pub mod project;
