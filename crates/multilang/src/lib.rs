//! Child processes that speak the Storm multilang protocol, as spouts and bolts.
