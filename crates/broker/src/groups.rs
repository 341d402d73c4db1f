//! Consumer groups: the classic protocol (KIP-62 heartbeats, KIP-345 static members, KIP-394 member ids first), and the
//! consumer protocol (KIP-848) in [`consumer`].
//!
//! # Constraints
//!
//! * Everything but [`driver`] is a plain value: requests and `now` go in, [`Effect`]s come out. No socket, clock,
//!   thread, lock or random source is inside, so a test or a simulator can step it.
//! * Every number a client can make grow (members, pending ids, bytes a member says of itself, groups) has a
//!   named bound in [`types`].
//!
//! # Layout
//!
//! [`types`] what goes in and out, [`member`] one member, [`group`] one group and its rebalance,
//! [`join`] and [`requests`] what each request does to it, [`subscription`] which topics it reads,
//! [`kept`] and [`restore`] what of it outlives the process, [`expiry`] which offsets are too old,
//! [`coordinator`] all groups of both protocols, [`driver`] the side with the sockets' tasks, the clock and the log.
//!
//! # The story
//!
//! A join makes the group *prepare*: members are told by their heartbeats to join again. When all have, or the
//! deadline has passed, the generation rises and all joins are answered; the leader assigns and hands the
//! result in with its sync; all syncs are answered and the group is *stable* until a member comes, goes or
//! falls silent.

pub(crate) mod consumer;
pub(crate) mod coordinator;
pub(crate) mod driver;
mod expiry;
pub(crate) mod group;
mod join;
pub(crate) mod kept;
pub(crate) mod member;
mod requests;
mod restore;
mod subscription;
mod text;
pub(crate) mod types;

#[cfg(test)]
mod tests;

pub(crate) use driver::Groups;
#[cfg(doc)]
use types::Effect;
pub use types::GroupLimits;
