//! The demo: a newsroom that does not exist, with readers that do not exist, and a real log that comes in slowly.
//!
//! # Constraints
//!
//! * Generated hits go the way of all hits, and each is marked (`via demo`), so that the site is marked as
//!   generated wherever it is shown.
//! * The same seed and time give the same newsroom: posts are drawn from their hour of publication.
//! * Bounded: the past is filled with at most so many hits, and the present adds some tens a second.
//!
//! # Layout
//!
//! `words` what names and titles are made of, [`newsroom`] posts and what they are worth when, [`traffic`] readers,
//! [`run`] filling the past and going on, [`paced`] a log that takes its time.

pub mod newsroom;
pub mod paced;
pub mod run;
pub mod traffic;
mod words;

pub use paced::paced_import;
pub use run::{Demo, DemoError, DemoOptions};
