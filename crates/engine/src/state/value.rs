//! The bytes of keys and values.

use crate::encode::KeyHasher;
use crate::value::Value;

/// A key or a value of a state. Equal values have equal bytes.
pub trait StateValue: Clone + Send + Sized + 'static {
    /// Appends the value's bytes.
    fn write(&self, bytes: &mut Vec<u8>);
    /// Takes a value off the front of `bytes`; `None` if they do not begin with one.
    fn read(bytes: &mut &[u8]) -> Option<Self>;

    /// Hashes the value as a fields grouping hashes fields of it, if it is what fields are: text, numbers of 64 bits,
    /// truth values, and pairs of them for several fields. `false` if it is not.
    fn hash_as_fields(&self, _: &mut KeyHasher) -> bool {
        false
    }

    /// The value that `bytes` are, all of them.
    fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        Self::read(&mut bytes).filter(|_| bytes.is_empty())
    }

    /// The value's bytes alone.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }
}

macro_rules! numbers {
    ($($number:ident),+) => {$(
        impl StateValue for $number {
            fn write(&self, bytes: &mut Vec<u8>) {
                bytes.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &mut &[u8]) -> Option<Self> {
                let (number, rest) = bytes.split_first_chunk()?;
                *bytes = rest;
                Some(Self::from_be_bytes(*number))
            }
            hash_number!($number);
        }
    )+};
}
/// Tuples have no numbers but these two.
macro_rules! hash_number {
    (i64) => {
        fn hash_as_fields(&self, hasher: &mut KeyHasher) -> bool {
            hasher.value(Value::I64(*self));
            true
        }
    };
    (f64) => {
        fn hash_as_fields(&self, hasher: &mut KeyHasher) -> bool {
            hasher.value(Value::F64(*self));
            true
        }
    };
    ($other:ident) => {};
}
numbers!(u8, u32, u64, i32, i64, f64);

impl StateValue for () {
    fn write(&self, _: &mut Vec<u8>) {}
    fn read(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

impl StateValue for bool {
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.push(u8::from(*self));
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        match u8::read(bytes)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
    fn hash_as_fields(&self, hasher: &mut KeyHasher) -> bool {
        hasher.value(Value::Bool(*self));
        true
    }
}

impl StateValue for String {
    fn write(&self, bytes: &mut Vec<u8>) {
        write_length(self.len(), bytes);
        bytes.extend_from_slice(self.as_bytes());
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = read_length(bytes)?;
        let (text, rest) = bytes.split_at_checked(length)?;
        *bytes = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
    fn hash_as_fields(&self, hasher: &mut KeyHasher) -> bool {
        hasher.value(Value::Str(self));
        true
    }
}

impl<T: StateValue> StateValue for Option<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.is_some().write(bytes);
        if let Some(value) = self {
            value.write(bytes);
        }
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        if bool::read(bytes)? { T::read(bytes).map(Some) } else { Some(None) }
    }
}

impl<T: StateValue> StateValue for Vec<T> {
    fn write(&self, bytes: &mut Vec<u8>) {
        write_length(self.len(), bytes);
        self.iter().for_each(|item| item.write(bytes));
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let length = read_length(bytes)?;
        // Memory grows with what is there, not with what the length says; items may have no bytes at all.
        let mut items = Vec::with_capacity(length.min(bytes.len()));
        for _ in 0..length {
            items.push(T::read(bytes)?);
        }
        Some(items)
    }
}

impl<A: StateValue, B: StateValue> StateValue for (A, B) {
    fn write(&self, bytes: &mut Vec<u8>) {
        self.0.write(bytes);
        self.1.write(bytes);
    }
    fn read(bytes: &mut &[u8]) -> Option<Self> {
        Some((A::read(bytes)?, B::read(bytes)?))
    }
    fn hash_as_fields(&self, hasher: &mut KeyHasher) -> bool {
        self.0.hash_as_fields(hasher) && self.1.hash_as_fields(hasher)
    }
}

/// Lengths are 32 bits: no single value is larger than memory of that size.
fn write_length(length: usize, bytes: &mut Vec<u8>) {
    u32::try_from(length).unwrap_or(u32::MAX).write(bytes);
}

fn read_length(bytes: &mut &[u8]) -> Option<usize> {
    usize::try_from(u32::read(bytes)?).ok()
}

#[cfg(test)]
mod tests;
