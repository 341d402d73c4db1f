//! Windows: bolts that gather tuples and hand them over together.
//!
//! # Constraints
//!
//! * All of Storm's kinds: tumbling and sliding, length and slide each by count or by time, in processing or in event
//!   time with lag and late tuples; and sessions beside them.
//! * When a window is due is decided by plain values (`buffer`, `session`, `watermark`), each held against a direct
//!   computation by its tests.
//! * Unless asked otherwise the tuples of a window are held deferred until no later window can have them, and what a
//!   window emits is anchored to all of its tuples: a window that fails, or dies with its bolt, is replayed
//!   whole. Each tick restarts their message timeout, so a window may last longer than that.
//!
//! # Layout
//!
//! `policy` what can be asked for; `buffer`, `session` the tuples of open windows; `watermark` how far event time has
//! come; `view` a window as the bolt sees it; `gather` anchors and the handing over; `typed`, `dynamic` the two faces;
//! `join` the join of Storm's `JoinBolt`.
//!
//! # The story
//!
//! A tuple comes, gets its time and goes to the buffer, or is late. In processing time that may make a window due; in
//! event time the watermark moves at the end of the batch and may do so. A window that is due is handed over with its
//! anchors, and what no later window can hold is acked.

mod buffer;
mod policy;
mod session;
mod watermark;

mod view;

mod gather;

mod dynamic;
mod join;
mod typed;

pub(crate) use dynamic::DynWindowed;
pub use dynamic::{DynWindowBolt, LATE_STREAM, WindowTuple};
pub use join::{Join, JoinError};
pub use policy::{Holding, Span, Windows};
pub use typed::WindowBolt;
pub(crate) use typed::Windowed;
pub use view::Window;
