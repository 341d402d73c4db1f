//! The join of several streams over a window, as Storm's `JoinBolt` has it.
//!
//! The streams are named by the components that emit them, or by `component/stream` where that is not the default
//! stream. Each is joined to one named before it, on one field of either: inner, or left. A field may be a path into
//! maps, `address.city`. Null equals nothing.

use std::collections::HashMap;

use super::dynamic::{DynWindowBolt, WindowTuple};
use super::view::Window;
use crate::context::DEFAULT_STREAM;
use crate::emit::BoltOutput;
use crate::encode::TupleWriter;
use crate::error::ComponentError;
use crate::value::Value;

/// A join that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// A stream is joined to one that was not named before it.
    #[error("{stream} is joined to {prior}, which is not named before it; known are: {known}")]
    UnknownPrior {
        /// The stream that is joined.
        stream: String,
        /// What it is joined to.
        prior: String,
        /// The streams before it.
        known: String,
    },
    /// A stream is named twice.
    #[error("{stream} is named twice; join each stream once")]
    Twice {
        /// The stream.
        stream: String,
    },
    /// A selected field names a stream that is not joined.
    #[error("the selected field {field} is of no joined stream; known are: {known}")]
    UnknownStream {
        /// The field as it was written.
        field: String,
        /// The joined streams.
        known: String,
    },
    /// Nothing is selected, or a field is empty.
    #[error("`{selection}` selects an empty field; write `stream:field, field as name`")]
    Empty {
        /// What was written.
        selection: String,
    },
}

/// A path into a tuple and the maps inside it.
#[derive(Clone, Debug)]
struct Path(Vec<String>);

impl Path {
    fn parse(text: &str) -> Self {
        Self(text.split('.').map(|part| part.trim().to_owned()).collect())
    }

    /// The value there; `None` if a part of the path is missing.
    fn find<'a>(&self, tuple: &'a WindowTuple) -> Option<Value<'a>> {
        let (first, rest) = self.0.split_first()?;
        let mut value = tuple.by_name(first)?;
        for part in rest {
            let Value::Map(map) = value else { return None };
            value = map.get(part)?;
        }
        Some(value)
    }
}

#[derive(Clone, Debug)]
struct Side {
    stream: String,
    field: Path,
    /// The side it is joined to; `None` for the first.
    prior: Option<usize>,
    left: bool,
}

#[derive(Clone, Debug)]
struct Selected {
    side: Option<usize>,
    path: Path,
    name: String,
}

/// A join being described; [`select`](Join::select) ends it.
#[derive(Clone, Debug)]
pub struct Join {
    sides: Vec<Side>,
    selected: Vec<Selected>,
    fault: Option<JoinError>,
}

impl Join {
    /// Begins with a stream and the field it is joined on.
    pub fn new(stream: &str, field: &str) -> Self {
        let first =
            Side { stream: stream.to_owned(), field: Path::parse(field), prior: None, left: false };
        Self { sides: vec![first], selected: Vec::new(), fault: None }
    }

    /// Joins a stream where its `field` equals the field that `prior` was named with. Rows without a partner go.
    pub fn inner(self, stream: &str, field: &str, prior: &str) -> Self {
        self.with(stream, field, prior, false)
    }

    /// The same, but rows without a partner stay, with nulls in its place.
    pub fn left(self, stream: &str, field: &str, prior: &str) -> Self {
        self.with(stream, field, prior, true)
    }

    fn with(mut self, stream: &str, field: &str, prior: &str, left: bool) -> Self {
        let named = self.place(prior);
        let fault = match named {
            None => Some(JoinError::UnknownPrior {
                stream: stream.to_owned(),
                prior: prior.to_owned(),
                known: self.known(),
            }),
            Some(_) if self.place(stream).is_some() => {
                Some(JoinError::Twice { stream: stream.to_owned() })
            }
            Some(_) => None,
        };
        self.fault = self.fault.or(fault);
        let (stream, field) = (stream.to_owned(), Path::parse(field));
        self.sides.push(Side { stream, field, prior: named, left });
        self
    }

    /// Says what is emitted, and ends the description: `stream:field, other:a.b as city, field`. A field without a
    /// stream is looked for in the streams in their order.
    ///
    /// # Errors
    /// The first thing that is wrong with the whole join.
    pub fn select(mut self, selection: &str) -> Result<Self, JoinError> {
        for written in selection.split(',') {
            let written = written.trim();
            let (place, name) = written.split_once(" as ").unwrap_or((written, written));
            let (stream, field) = match place.split_once(':') {
                Some((stream, field)) => (Some(stream.trim()), field.trim()),
                None => (None, place.trim()),
            };
            if field.split('.').any(str::is_empty) || name.trim().is_empty() {
                return Err(JoinError::Empty { selection: selection.to_owned() });
            }
            let side = stream.map(|stream| {
                let unknown =
                    || JoinError::UnknownStream { field: written.to_owned(), known: self.known() };
                self.place(stream).ok_or_else(unknown)
            });
            let (side, path) = (side.transpose()?, Path::parse(field));
            self.selected.push(Selected { side, path, name: name.trim().to_owned() });
        }
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => Ok(self),
        }
    }

    /// The names of the fields it emits.
    pub fn fields(&self) -> Vec<&str> {
        self.selected.iter().map(|selected| selected.name.as_str()).collect()
    }

    fn place(&self, stream: &str) -> Option<usize> {
        self.sides.iter().position(|side| side.stream == stream)
    }

    fn known(&self) -> String {
        let names: Vec<&str> = self.sides.iter().map(|side| side.stream.as_str()).collect();
        names.join(", ")
    }

    /// The tuples of each side.
    fn sort<'a>(&self, window: &Window<'a, WindowTuple>) -> Vec<Vec<&'a WindowTuple>> {
        let mut sorted = vec![Vec::new(); self.sides.len()];
        for tuple in window.tuples() {
            let (component, stream) = (tuple.component(), tuple.stream());
            let is_of = |side: &Side| match side.stream.split_once('/') {
                Some(names) => names == (component, stream),
                None => side.stream == component && stream == DEFAULT_STREAM,
            };
            if let Some(side) = self.sides.iter().position(is_of) {
                sorted[side].push(tuple);
            }
        }
        sorted
    }

    /// All rows: for each side a tuple, or none where a left join found no partner.
    fn rows<'a>(&self, sorted: &[Vec<&'a WindowTuple>]) -> Vec<Vec<Option<&'a WindowTuple>>> {
        let mut rows = Vec::new();
        for (place, (side, tuples)) in self.sides.iter().zip(sorted).enumerate() {
            let Some(prior) = side.prior else {
                rows = tuples.iter().map(|tuple| vec![Some(*tuple)]).collect();
                continue;
            };
            let index = index(&side.field, tuples);
            let on = &self.sides[prior].field;
            rows = rows.iter().flat_map(|row| partners(row, prior, on, &index, side)).collect();
            debug_assert!(rows.iter().all(|row: &Vec<_>| row.len() == place + 1));
        }
        rows
    }

    fn value<'a>(&self, selected: &Selected, row: &[Option<&'a WindowTuple>]) -> Value<'a> {
        let found = match selected.side {
            Some(side) => row.get(side).copied().flatten().and_then(|t| selected.path.find(t)),
            None => row.iter().flatten().find_map(|tuple| selected.path.find(tuple)),
        };
        found.unwrap_or(Value::Null)
    }
}

type Index<'a> = HashMap<Vec<u8>, Vec<&'a WindowTuple>>;

/// The tuples of a side by the field they are joined on.
fn index<'a>(field: &Path, tuples: &[&'a WindowTuple]) -> Index<'a> {
    let mut index = Index::new();
    for tuple in tuples {
        if let Some(key) = field.find(tuple).and_then(key) {
            index.entry(key).or_default().push(tuple);
        }
    }
    index
}

/// A row with each of its partners.
fn partners<'a>(
    row: &[Option<&'a WindowTuple>],
    prior: usize,
    on: &Path,
    index: &Index<'a>,
    side: &Side,
) -> Vec<Vec<Option<&'a WindowTuple>>> {
    let value = row.get(prior).copied().flatten().and_then(|tuple| on.find(tuple));
    let found = value.and_then(key).and_then(|key| index.get(&key));
    let extended = |partner: Option<&'a WindowTuple>| {
        let mut longer = row.to_vec();
        longer.push(partner);
        longer
    };
    match found {
        Some(found) => found.iter().map(|partner| extended(Some(partner))).collect(),
        None if side.left => vec![extended(None)],
        None => Vec::new(),
    }
}

/// A value as a key; `None` for null.
fn key(value: Value<'_>) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    match value {
        Value::Null => None,
        value => {
            TupleWriter(&mut key).value(value);
            Some(key)
        }
    }
}

impl DynWindowBolt for Join {
    fn window(
        &mut self,
        window: &Window<'_, WindowTuple>,
        out: &mut BoltOutput<'_>,
    ) -> Result<(), ComponentError> {
        let sorted = self.sort(window);
        for row in self.rows(&sorted) {
            let values: Vec<Value<'_>> =
                self.selected.iter().map(|selected| self.value(selected, &row)).collect();
            out.emit(&values)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
