//! Dynamic tuples: a view of one tuple by position and by name.

use std::fmt;
use std::sync::Arc;

use crate::encode::TupleWriter;
use crate::tuple::{Tuple, TupleReader};
use crate::value::{OwnedValue, Value, read_value};

/// The number of a task, unique in its topology, from 1.
pub type TaskId = u32;

/// Where the tuples of one edge come from; shared by all of them.
#[derive(Clone, Debug)]
pub(crate) struct TupleMeta {
    pub(crate) component: Arc<str>,
    pub(crate) stream: Arc<str>,
    pub(crate) task: TaskId,
    pub(crate) fields: Arc<[String]>,
    /// Which of the receiver's inputs this is.
    pub(crate) input: usize,
}

/// The fields of one tuple, wherever they lie.
#[derive(Clone, Copy)]
pub(crate) enum Repr<'a> {
    Encoded(&'a [u8]),
    Values(&'a [Value<'a>]),
}

impl<'a> Repr<'a> {
    #[inline]
    pub(crate) fn get(self, index: usize) -> Option<Value<'a>> {
        match self {
            Repr::Values(values) => values.get(index).copied(),
            Repr::Encoded(mut bytes) => {
                for _ in 0..index {
                    read_value(&mut bytes)?;
                }
                read_value(&mut bytes)
            }
        }
    }

    #[inline]
    pub(crate) fn encode(self, writer: &mut TupleWriter<'_>) {
        match self {
            Repr::Encoded(bytes) => writer.0.extend_from_slice(bytes),
            Repr::Values(values) => values.iter().for_each(|value| writer.value(*value)),
        }
    }

    pub(crate) fn values(self) -> Values<'a> {
        Values { repr: self, next: 0 }
    }

    pub(crate) fn reader(self) -> TupleReader<'a> {
        match self {
            Repr::Encoded(bytes) => TupleReader::encoded(bytes),
            Repr::Values(values) => TupleReader::values(values),
        }
    }
}

/// A tuple as a dynamic bolt receives it. A view: it lives for one call of `execute`.
#[derive(Clone, Copy)]
pub struct TupleRef<'a> {
    pub(crate) meta: &'a TupleMeta,
    pub(crate) repr: Repr<'a>,
}

impl<'a> TupleRef<'a> {
    /// The field at `index`; null if there is no such field.
    pub fn get(&self, index: usize) -> Value<'a> {
        self.repr.get(index).unwrap_or(Value::Null)
    }

    /// The field of that name; `None` if the stream declares no such field.
    pub fn by_name(&self, name: &str) -> Option<Value<'a>> {
        let index = self.meta.fields.iter().position(|field| field == name)?;
        Some(self.get(index))
    }

    /// The names of the fields, as the stream declares them.
    pub fn fields(&self) -> &'a [String] {
        &self.meta.fields
    }

    /// How many fields the tuple has.
    pub fn len(&self) -> usize {
        self.meta.fields.len()
    }

    /// Whether the tuple has no fields.
    pub fn is_empty(&self) -> bool {
        self.meta.fields.is_empty()
    }

    /// All fields in order; cheaper than many [`get`](TupleRef::get)s.
    pub fn values(&self) -> Values<'a> {
        self.repr.values()
    }

    /// Copies of all fields.
    pub fn to_owned_values(&self) -> Vec<OwnedValue> {
        self.values().map(Value::to_owned).collect()
    }

    /// The tuple as a typed one; `None` if its fields do not fit.
    pub fn decode<T: Tuple>(&self) -> Option<T::Ref<'a>> {
        T::decode(&mut self.repr.reader())
    }

    /// The component that emitted it.
    pub fn component(&self) -> &'a str {
        &self.meta.component
    }

    /// The stream it was emitted on.
    pub fn stream(&self) -> &'a str {
        &self.meta.stream
    }

    /// The task that emitted it.
    pub fn task(&self) -> TaskId {
        self.meta.task
    }
}

impl fmt::Debug for TupleRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for (field, value) in self.fields().iter().zip(self.values()) {
            map.entry(field, &value);
        }
        map.finish()
    }
}

/// The fields of a tuple in order.
#[derive(Clone)]
pub struct Values<'a> {
    repr: Repr<'a>,
    next: usize,
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        match &mut self.repr {
            Repr::Encoded(bytes) => read_value(bytes),
            Repr::Values(values) => {
                let value = values.get(self.next).copied();
                self.next += 1;
                value
            }
        }
    }
}
