//! Our own carrier: records over `tidemill-wire`, no group membership.

mod sink;
mod source;

pub(super) use sink::open as sink;
pub(super) use source::open as source;
