//! Which file an import reads, and how far each was read.
//!
//! # Constraints
//!
//! * A file is known by how it starts, unpacked: the same log is the same source whether it is gzipped,
//!   renamed, or has grown since. While it is shorter than 4 KiB its first line must do, and a source that was
//!   begun so is found again when it has grown.
//! * The views learn from the hits which line of each source is the highest, so the memory of what was
//!   imported is the log itself.

use std::sync::{Arc, Mutex, PoisonError};

use hashbrown::HashMap;
use siphasher::sip128::{Hasher128, SipHasher24};
use std::hash::Hasher;

#[cfg(test)]
mod tests;

/// Bytes at the start of a file that tell it from others.
pub(super) const START_BYTES: usize = 4_096;
/// Sources that are remembered; a log rotated hourly makes as many in eleven years.
const SOURCES_MAX: usize = 100_000;

/// How far a source was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    line: u64,
    /// The offset of the hit with that line.
    offset: i64,
}

/// The highest line of each source. One bolt writes it, importers read it.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    marks: Arc<Mutex<HashMap<Box<str>, Mark, foldhash::fast::RandomState>>>,
}

impl Sources {
    /// Notes a line that stands in the log at `offset`; `false` if the same line came before, in another
    /// import of the same source.
    ///
    /// Lines of one import rise with the offsets. So a line not above the highest, at a higher offset, is from a second
    /// import; at a lower offset it is a hit that comes through late, after its successors.
    pub fn note(&self, source: &str, line: u64, offset: i64) -> bool {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mark) = marks.get_mut(source) {
            if line > mark.line {
                *mark = Mark { line, offset };
                return true;
            }
            return offset <= mark.offset;
        }
        if marks.len() < SOURCES_MAX {
            marks.insert(source.into(), Mark { line, offset });
        }
        true
    }

    /// The highest line that the log has of this source; 0 if none.
    pub fn highest(&self, source: &str) -> u64 {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.get(source).map_or(0, |mark| mark.line)
    }

    /// The name of the source that starts with these bytes, for this site.
    pub(super) fn identify(&self, site: &str, start: &[u8]) -> String {
        let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let by_line = name(site, b"line", first);
        if start.len() < START_BYTES {
            return by_line;
        }
        let by_start = name(site, b"start", start.get(..START_BYTES).unwrap_or_default());
        if self.highest(&by_start) == 0 && self.highest(&by_line) > 0 { by_line } else { by_start }
    }
}

fn name(site: &str, kind: &[u8], bytes: &[u8]) -> String {
    // A fixed key: the name must be the same next year, and it guards nothing.
    let mut hasher = SipHasher24::new_with_keys(0x696d_706f, 0x7274_6564);
    for part in [site.as_bytes(), kind, bytes] {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    format!("{:032x}", u128::from(hasher.finish128()))
}
