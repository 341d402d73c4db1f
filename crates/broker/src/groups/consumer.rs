//! Groups of the consumer protocol (KIP-848): the broker assigns, members are told by their heartbeats.
//!
//! # Constraints
//!
//! * Plain values, like the classic groups: a heartbeat, the topics as they are and `now` go in, an answer and
//!   [`Change`](changes::Change)s to be kept come out.
//! * No partition is owned by two members: it counts as owned until its owner says without it, leaves or is thrown out.
//! * Epochs of a group and of a member never fall while it is there.
//!
//! # Layout
//!
//! [`types`] what goes in and out, [`member`] one member, [`group`] one group, [`heartbeat`] and [`commit`] what requests
//! do to it, [`check`] what a heartbeat must be, [`reconcile`] the next step of one member towards its target, [`assign`]
//! the assignors, [`topics`] the topics as the groups see them, [`regexes`] subscriptions by pattern, [`changes`] what is
//! kept in `__consumer_offsets`, [`restore`] what a start makes of it.
//!
//! # The story
//!
//! Whatever changes what the members want or what there is to have raises the *group epoch*. The next heartbeat of
//! any member computes a *target assignment* for that epoch. Each member is led there by its own heartbeats: first
//! it is told to give up what it shall not have; once it says that it has, it takes the epoch of the target, and gets
//! what is free at once and the rest as others give it up.

mod assign;
pub(crate) mod changes;
pub(crate) mod check;
mod commit;
pub(crate) mod group;
mod heartbeat;
pub(crate) mod member;
mod reconcile;
mod regexes;
mod restore;
pub(crate) mod topics;
pub(crate) mod types;

#[cfg(test)]
mod tests;
