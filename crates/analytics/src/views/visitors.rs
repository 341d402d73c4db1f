//! How many different visitors: exact while few, a sketch when many.
//!
//! # Constraints
//!
//! * A cell holds up to [`EXACT_MAX`] visitors as they are, and beyond that a HyperLogLog of 2^14 registers: 0.8 %
//!   standard error, and itself nearly exact up to some thousand, because it starts as a list.
//! * A union over cells is exact while all its parts are and it stays small.
//! * The number depends on the set of visitors only, not on the order they came in: the estimator that
//!   remembers the order is not used.

use datasketches::hll::{HllSketch, HllType, HllUnion};
use hashbrown::HashSet;

#[cfg(test)]
mod tests;

/// Visitors that a cell holds exactly: 1 KB.
pub const EXACT_MAX: usize = 128;
/// Visitors that a union holds exactly: 1 MB while one question is answered.
const UNION_EXACT_MAX: usize = 65_536;
/// Two to this power registers.
const REGISTERS_LOG2: u8 = 14;

/// The visitors of one cell. 16 bytes while there is at most one.
#[derive(Clone, Debug, Default)]
pub enum Visitors {
    /// Nobody yet.
    #[default]
    Nobody,
    /// One visitor.
    One(u64),
    /// A few, sorted. The second box keeps the enum small: most cells hold one visitor.
    Few(Box<Vec<u64>>),
    /// Many.
    Many(Box<HllSketch>),
}

impl Visitors {
    /// Adds a visitor.
    pub fn add(&mut self, visitor: u64) {
        match self {
            Self::Nobody => *self = Self::One(visitor),
            Self::One(known) if *known == visitor => {}
            Self::One(known) => {
                let pair = vec![visitor.min(*known), visitor.max(*known)];
                *self = Self::Few(Box::new(pair));
            }
            Self::Few(few) => {
                if let Err(at) = few.binary_search(&visitor) {
                    few.insert(at, visitor);
                    if few.len() > EXACT_MAX
                        && let Some(sketch) = sketch_of(few)
                    {
                        *self = Self::Many(Box::new(sketch));
                    }
                }
            }
            Self::Many(sketch) => sketch.update(visitor),
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        let mut union = Union::default();
        union.add(self);
        union.count()
    }
}

/// A sketch of these visitors. There is none only if the library refuses our constant, and then the
/// cell stays exact.
fn sketch_of(visitors: &[u64]) -> Option<HllSketch> {
    let mut sketch = HllSketch::new(REGISTERS_LOG2, HllType::Hll8).ok()?;
    for visitor in visitors {
        sketch.update(visitor);
    }
    Some(sketch)
}

/// The visitors of several cells together.
#[derive(Debug)]
pub enum Union {
    /// All of them.
    Exact(HashSet<u64, foldhash::fast::RandomState>),
    /// A sketch of them.
    Sketch(Box<HllUnion>),
}

impl Default for Union {
    fn default() -> Self {
        Self::Exact(HashSet::default())
    }
}

impl Union {
    /// Adds the visitors of a cell.
    pub fn add(&mut self, visitors: &Visitors) {
        match visitors {
            Visitors::Nobody => {}
            Visitors::One(visitor) => self.add_exact(&[*visitor]),
            Visitors::Few(few) => self.add_exact(few),
            Visitors::Many(many) => {
                self.make_sketch();
                if let Self::Sketch(union) = self {
                    union.update(many);
                }
            }
        }
    }

    fn add_exact(&mut self, visitors: &[u64]) {
        match self {
            Self::Exact(set) => {
                set.extend(visitors);
                if set.len() > UNION_EXACT_MAX {
                    self.make_sketch();
                }
            }
            Self::Sketch(union) => visitors.iter().for_each(|visitor| union.update_value(visitor)),
        }
    }

    fn make_sketch(&mut self) {
        if let Self::Exact(set) = self
            && let Ok(mut union) = HllUnion::new(REGISTERS_LOG2)
        {
            set.iter().for_each(|visitor| union.update_value(visitor));
            *self = Self::Sketch(Box::new(union));
        }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        match self {
            Self::Exact(set) => set.len() as u64,
            #[expect(clippy::cast_possible_truncation, reason = "an estimate is far below 2^53")]
            #[expect(clippy::cast_sign_loss, reason = "an estimate is not negative")]
            Self::Sketch(union) => union.composite_estimate().max(0.0).round() as u64,
        }
    }
}
