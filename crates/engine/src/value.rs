//! Dynamic values: what a field of a tuple may hold, as a view and as an owned value.
//!
//! # Constraints
//!
//! * A [`Value`] never owns anything: it borrows from a batch's arena, from the caller's slices or from an
//!   [`OwnedValue`], so that emitting copies bytes exactly once.
//! * The bytes read here are only ever written by this crate's encoder, in this process. The reader
//!   still checks every length, because a wrong offset must not become a panic.
//!
//! # Layout
//!
//! A value is a tag byte and a payload, little-endian: `i64` and `f64` eight bytes; text and bytes a `u32`
//! length and the bytes; a list `u32` payload length, `u32` count, the items; a map the same with a
//! key (a `u32` length and text) before each item.

use std::fmt;

pub(crate) const TAG_NULL: u8 = 0;
pub(crate) const TAG_FALSE: u8 = 1;
pub(crate) const TAG_TRUE: u8 = 2;
pub(crate) const TAG_I64: u8 = 3;
pub(crate) const TAG_F64: u8 = 4;
pub(crate) const TAG_STR: u8 = 5;
pub(crate) const TAG_BYTES: u8 = 6;
pub(crate) const TAG_LIST: u8 = 7;
pub(crate) const TAG_MAP: u8 = 8;

/// One field of a tuple, borrowed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// Text.
    Str(&'a str),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// Values in order.
    List(ListRef<'a>),
    /// Values by text key, in the order they were written.
    Map(MapRef<'a>),
}

/// One field of a tuple, owned: for state, configuration and other languages.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum OwnedValue {
    /// No value.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    I64(i64),
    /// A floating-point number.
    F64(f64),
    /// Text.
    Str(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<OwnedValue>),
    /// Values by text key, in order.
    Map(Vec<(String, OwnedValue)>),
}

impl<'a> Value<'a> {
    /// The text, if this is text.
    pub fn as_str(self) -> Option<&'a str> {
        if let Value::Str(text) = self { Some(text) } else { None }
    }

    /// The whole number, if this is one.
    pub fn as_i64(self) -> Option<i64> {
        if let Value::I64(number) = self { Some(number) } else { None }
    }

    /// The number as floating point, if this is a number of either kind.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Value::F64(number) => Some(number),
            #[expect(clippy::cast_precision_loss, reason = "the caller asked for a double")]
            Value::I64(number) => Some(number as f64),
            _ => None,
        }
    }

    /// The truth value, if this is one.
    pub fn as_bool(self) -> Option<bool> {
        if let Value::Bool(truth) = self { Some(truth) } else { None }
    }

    /// The bytes of bytes or text.
    pub fn as_bytes(self) -> Option<&'a [u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::Str(text) => Some(text.as_bytes()),
            _ => None,
        }
    }

    /// A copy that owns all it holds.
    pub fn to_owned(self) -> OwnedValue {
        match self {
            Value::Null => OwnedValue::Null,
            Value::Bool(truth) => OwnedValue::Bool(truth),
            Value::I64(number) => OwnedValue::I64(number),
            Value::F64(number) => OwnedValue::F64(number),
            Value::Str(text) => OwnedValue::Str(text.to_owned()),
            Value::Bytes(bytes) => OwnedValue::Bytes(bytes.to_vec()),
            Value::List(list) => OwnedValue::List(list.iter().map(Value::to_owned).collect()),
            Value::Map(map) => OwnedValue::Map(
                map.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            ),
        }
    }
}

impl OwnedValue {
    /// A view of this value, as emitting takes it.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            OwnedValue::Null => Value::Null,
            OwnedValue::Bool(truth) => Value::Bool(*truth),
            OwnedValue::I64(number) => Value::I64(*number),
            OwnedValue::F64(number) => Value::F64(*number),
            OwnedValue::Str(text) => Value::Str(text),
            OwnedValue::Bytes(bytes) => Value::Bytes(bytes),
            OwnedValue::List(items) => Value::List(ListRef(Items::Owned(items))),
            OwnedValue::Map(entries) => Value::Map(MapRef(Entries::Owned(entries))),
        }
    }

    /// Views of many values, as emitting takes them.
    pub fn as_values(owned: &[OwnedValue]) -> Vec<Value<'_>> {
        owned.iter().map(OwnedValue::as_value).collect()
    }
}

/// A list, borrowed from wherever it lies.
#[derive(Clone, Copy)]
pub struct ListRef<'a>(pub(crate) Items<'a>);

#[derive(Clone, Copy)]
pub(crate) enum Items<'a> {
    Encoded { bytes: &'a [u8], count: usize },
    Values(&'a [Value<'a>]),
    Owned(&'a [OwnedValue]),
}

/// A map, borrowed from wherever it lies.
#[derive(Clone, Copy)]
pub struct MapRef<'a>(pub(crate) Entries<'a>);

#[derive(Clone, Copy)]
pub(crate) enum Entries<'a> {
    Encoded { bytes: &'a [u8], count: usize },
    Values(&'a [(&'a str, Value<'a>)]),
    Owned(&'a [(String, OwnedValue)]),
}

impl<'a> ListRef<'a> {
    /// How many items it has.
    pub fn len(&self) -> usize {
        match self.0 {
            Items::Encoded { count, .. } => count,
            Items::Values(values) => values.len(),
            Items::Owned(values) => values.len(),
        }
    }

    /// Whether it has no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The items in order.
    pub fn iter(&self) -> ListIter<'a> {
        ListIter { items: self.0, next: 0 }
    }

    /// The item at `index`. Walks the items before it when they lie in an arena.
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        self.iter().nth(index)
    }
}

impl<'a> MapRef<'a> {
    /// How many entries it has.
    pub fn len(&self) -> usize {
        match self.0 {
            Entries::Encoded { count, .. } => count,
            Entries::Values(entries) => entries.len(),
            Entries::Owned(entries) => entries.len(),
        }
    }

    /// Whether it has no entries.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries in the order they were written.
    pub fn iter(&self) -> MapIter<'a> {
        MapIter { entries: self.0, next: 0 }
    }

    /// The first value under `key`.
    pub fn get(&self, key: &str) -> Option<Value<'a>> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }
}

impl<'a> From<&'a [Value<'a>]> for ListRef<'a> {
    fn from(values: &'a [Value<'a>]) -> Self {
        Self(Items::Values(values))
    }
}

impl<'a> From<&'a [(&'a str, Value<'a>)]> for MapRef<'a> {
    fn from(entries: &'a [(&'a str, Value<'a>)]) -> Self {
        Self(Entries::Values(entries))
    }
}

impl fmt::Debug for ListRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl fmt::Debug for MapRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl PartialEq for ListRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl PartialEq for MapRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<'a> IntoIterator for ListRef<'a> {
    type Item = Value<'a>;
    type IntoIter = ListIter<'a>;
    fn into_iter(self) -> ListIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for MapRef<'a> {
    type Item = (&'a str, Value<'a>);
    type IntoIter = MapIter<'a>;
    fn into_iter(self) -> MapIter<'a> {
        self.iter()
    }
}

/// The items of a list in order.
#[derive(Clone)]
pub struct ListIter<'a> {
    items: Items<'a>,
    next: usize,
}

impl<'a> Iterator for ListIter<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        let index = self.next;
        self.next += 1;
        match &mut self.items {
            Items::Encoded { bytes, .. } => read_value(bytes),
            Items::Values(values) => values.get(index).copied(),
            Items::Owned(values) => values.get(index).map(OwnedValue::as_value),
        }
    }
}

/// The entries of a map in order.
#[derive(Clone)]
pub struct MapIter<'a> {
    entries: Entries<'a>,
    next: usize,
}

impl<'a> Iterator for MapIter<'a> {
    type Item = (&'a str, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        self.next += 1;
        match &mut self.entries {
            Entries::Encoded { bytes, .. } => {
                let key = read_text(bytes)?;
                Some((key, read_value(bytes)?))
            }
            Entries::Values(entries) => entries.get(index).copied(),
            Entries::Owned(entries) => {
                entries.get(index).map(|(key, value)| (key.as_str(), value.as_value()))
            }
        }
    }
}

/// Reads one value and moves `bytes` past it; `None` at the end or on bytes that are not ours.
#[inline]
pub(crate) fn read_value<'a>(bytes: &mut &'a [u8]) -> Option<Value<'a>> {
    let (tag, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(match *tag {
        TAG_NULL => Value::Null,
        TAG_FALSE => Value::Bool(false),
        TAG_TRUE => Value::Bool(true),
        TAG_I64 => Value::I64(i64::from_le_bytes(take_array(bytes)?)),
        TAG_F64 => Value::F64(f64::from_le_bytes(take_array(bytes)?)),
        TAG_STR => Value::Str(read_text(bytes)?),
        TAG_BYTES => {
            let length = read_length(bytes)?;
            Value::Bytes(take(bytes, length)?)
        }
        TAG_LIST => {
            let (bytes, count) = read_block(bytes)?;
            Value::List(ListRef(Items::Encoded { bytes, count }))
        }
        TAG_MAP => {
            let (bytes, count) = read_block(bytes)?;
            Value::Map(MapRef(Entries::Encoded { bytes, count }))
        }
        _ => return None,
    })
}

#[inline]
pub(crate) fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(head)
}

#[inline]
pub(crate) fn take_array<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (head, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*head)
}

#[inline]
pub(crate) fn read_length(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(take_array(bytes)?)).ok()
}

#[inline]
pub(crate) fn read_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = read_length(bytes)?;
    std::str::from_utf8(take(bytes, length)?).ok()
}

fn read_block<'a>(bytes: &mut &'a [u8]) -> Option<(&'a [u8], usize)> {
    let length = read_length(bytes)?;
    let count = read_length(bytes)?;
    Some((take(bytes, length)?, count))
}

macro_rules! from_plain {
    ($($plain:ty => $variant:ident),* $(,)?) => {$(
        impl From<$plain> for Value<'_> {
            fn from(plain: $plain) -> Self {
                Value::$variant(plain.into())
            }
        }
        impl From<$plain> for OwnedValue {
            fn from(plain: $plain) -> Self {
                OwnedValue::$variant(plain.into())
            }
        }
    )*};
}
from_plain!(bool => Bool, i64 => I64, i32 => I64, u32 => I64, f64 => F64);

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Str(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Value::Bytes(bytes)
    }
}

impl<'a> From<&'a OwnedValue> for Value<'a> {
    fn from(owned: &'a OwnedValue) -> Self {
        owned.as_value()
    }
}

impl From<Value<'_>> for OwnedValue {
    fn from(value: Value<'_>) -> Self {
        value.to_owned()
    }
}

impl From<&str> for OwnedValue {
    fn from(text: &str) -> Self {
        OwnedValue::Str(text.to_owned())
    }
}

impl From<String> for OwnedValue {
    fn from(text: String) -> Self {
        OwnedValue::Str(text)
    }
}

impl From<Vec<u8>> for OwnedValue {
    fn from(bytes: Vec<u8>) -> Self {
        OwnedValue::Bytes(bytes)
    }
}

impl From<Vec<OwnedValue>> for OwnedValue {
    fn from(items: Vec<OwnedValue>) -> Self {
        OwnedValue::List(items)
    }
}

#[cfg(test)]
mod tests;
