//! What browsers and apps send: checked, stripped of what must not be kept, and put into the log.
//!
//! # Constraints
//!
//! * The answer leaves only after the hit is on the disk. If the log refuses, the sender is told to come again.
//! * A hit is kept as it was received, but for the visitor's address: that is hashed on arrival, and only its network
//!   is stored. With `DNT` or `Sec-GPC` the hit counts without any visitor.
//! * A refusal names the field and the fix in its text, and the reason in the header `X-Tidemill-Dropped`.
//!
//! # Layout
//!
//! `check` what both ways in have in common, [`pixel`] the 43-byte picture, [`mobile`] batches of apps.

mod check;
pub mod mobile;
pub mod pixel;

pub use check::Collector;
