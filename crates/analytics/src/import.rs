//! Access logs: a file, a pipe or an upload becomes page views.
//!
//! # Constraints
//!
//! * Streaming: a line is at most 64 KiB, a batch half a megabyte, and nothing else is held.
//! * A line that is not understood is counted, shown and, if asked, kept; the import goes on.
//! * Importing again changes nothing: each view carries its source and line, the importer skips the lines that
//!   the log has, and the topology drops a line that comes twice all the same.
//! * A log has no host in it: the site's name is the host of its pages.
//!
//! # Layout
//!
//! [`line`] one line, `lines` a stream of them (gzip by its first bytes), [`source`] which file it is and how far it
//! was read, [`report`] what became of it, [`run`] the import, [`upload`] its HTTP form.

pub mod line;
mod lines;
pub mod report;
pub mod run;
pub mod source;
pub mod upload;

pub use report::{ImportError, ImportReport, Malformed};
pub use run::{ImportOptions, Importer, access_log};
pub use source::Sources;
