//! Takes a frame apart.
//!
//! Two encodings of lengths are in use: the classic one (two bytes before strings, four before bytes and
//! arrays, -1 for null) and the compact one of flexible versions (a variable-length number, one more
//! than the length, 0 for null; KIP-482). The reader is told which one a message uses.

use bytes::{Buf, Bytes};

use crate::error::{DecodeError, Problem};
use crate::scalar::{Records, Text, Uuid};

/// Memory that the arrays of one frame may take for each byte of the frame. The smallest elements that
/// honest clients send in numbers (partition indexes, short names) take less than half of it.
const ARRAY_BYTES_PER_FRAME_BYTE: usize = 16;
/// Memory that arrays may take in any case, so that short frames of many empty fields still decode.
const ARRAY_BYTES_MIN: usize = 16 * 1024;

type Field = &'static str;

/// A frame, and how far it has been read.
#[derive(Debug)]
pub struct Reader {
    bytes: Bytes,
    flexible: bool,
    /// What arrays may still take; see the constants above.
    array_budget: usize,
}

impl Reader {
    /// Starts at the beginning of `frame`.
    pub fn new(frame: Bytes) -> Self {
        let array_budget = frame.len() * ARRAY_BYTES_PER_FRAME_BYTE + ARRAY_BYTES_MIN;
        Self { bytes: frame, flexible: false, array_budget }
    }

    /// How many bytes have not been read yet.
    pub fn remaining(&self) -> usize {
        self.bytes.len()
    }

    /// Says whether what follows has compact lengths and tagged fields.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    fn fixed<const N: usize>(&mut self, field: Field) -> Result<[u8; N], DecodeError> {
        let Some(head) = self.bytes.first_chunk::<N>().copied() else {
            return Err(self.too_short(field, N as u64));
        };
        self.bytes.advance(N);
        Ok(head)
    }

    fn too_short(&self, field: Field, needed: u64) -> DecodeError {
        let remaining = self.bytes.len();
        DecodeError { field, problem: Problem::TooShort { needed, remaining } }
    }

    fn slice(&mut self, field: Field, length: usize) -> Result<Bytes, DecodeError> {
        if length > self.bytes.len() {
            return Err(self.too_short(field, length as u64));
        }
        Ok(self.bytes.split_to(length))
    }

    /// A signed byte.
    pub fn i8(&mut self, field: Field) -> Result<i8, DecodeError> {
        self.fixed(field).map(i8::from_be_bytes)
    }

    /// Two bytes.
    pub fn i16(&mut self, field: Field) -> Result<i16, DecodeError> {
        self.fixed(field).map(i16::from_be_bytes)
    }

    /// Four bytes.
    pub fn i32(&mut self, field: Field) -> Result<i32, DecodeError> {
        self.fixed(field).map(i32::from_be_bytes)
    }

    /// Eight bytes.
    pub fn i64(&mut self, field: Field) -> Result<i64, DecodeError> {
        self.fixed(field).map(i64::from_be_bytes)
    }

    /// Two bytes without a sign.
    pub fn u16(&mut self, field: Field) -> Result<u16, DecodeError> {
        self.fixed(field).map(u16::from_be_bytes)
    }

    /// A floating-point number in eight bytes.
    pub fn f64(&mut self, field: Field) -> Result<f64, DecodeError> {
        self.fixed(field).map(f64::from_be_bytes)
    }

    /// One byte; anything but zero is true.
    pub fn bool(&mut self, field: Field) -> Result<bool, DecodeError> {
        self.fixed(field).map(|[byte]| byte != 0)
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, field: Field) -> Result<Uuid, DecodeError> {
        self.fixed(field).map(Uuid)
    }

    /// An unsigned number in groups of seven bits, at most 32 bits.
    pub fn unsigned_varint(&mut self, field: Field) -> Result<u32, DecodeError> {
        let mut value = 0u64;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.fixed(field)?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let problem = Problem::BadVarint;
                return u32::try_from(value).map_err(|_| DecodeError { field, problem });
            }
        }
        Err(DecodeError { field, problem: Problem::BadVarint })
    }

    fn compact_length(&mut self, field: Field) -> Result<Option<usize>, DecodeError> {
        Ok((self.unsigned_varint(field)? as usize).checked_sub(1))
    }

    fn classic_length(field: Field, length: i32) -> Result<Option<usize>, DecodeError> {
        match length {
            -1 => Ok(None),
            _ => match usize::try_from(length) {
                Ok(length) => Ok(Some(length)),
                Err(_) => Err(DecodeError { field, problem: Problem::BadLength(length) }),
            },
        }
    }

    fn string_length(&mut self, field: Field) -> Result<Option<usize>, DecodeError> {
        if self.flexible {
            return self.compact_length(field);
        }
        let length = self.i16(field)?;
        Self::classic_length(field, i32::from(length))
    }

    fn long_length(&mut self, field: Field) -> Result<Option<usize>, DecodeError> {
        if self.flexible {
            return self.compact_length(field);
        }
        let length = self.i32(field)?;
        Self::classic_length(field, length)
    }

    /// A structure, or null if this version allows it: a signed byte before it is negative for null (KIP-893).
    pub fn nullable_struct<T>(
        &mut self,
        field: Field,
        allowed: bool,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.i8(field)? < 0 { null(field, allowed) } else { read(self).map(Some) }
    }

    /// A string that may not be null.
    pub fn string(&mut self, field: Field) -> Result<Text, DecodeError> {
        not_null(field, self.nullable_string(field, false)?)
    }

    /// A string, or null if this version allows it.
    pub fn nullable_string(
        &mut self,
        field: Field,
        allowed: bool,
    ) -> Result<Option<Text>, DecodeError> {
        let Some(length) = self.string_length(field)? else {
            return null(field, allowed);
        };
        let bytes = self.slice(field, length)?;
        let problem = Problem::NotUtf8;
        Text::from_utf8(bytes).map(Some).ok_or(DecodeError { field, problem })
    }

    /// Bytes that may not be null.
    pub fn bytes(&mut self, field: Field) -> Result<Bytes, DecodeError> {
        not_null(field, self.nullable_bytes(field, false)?)
    }

    /// Bytes, or null if this version allows it.
    pub fn nullable_bytes(
        &mut self,
        field: Field,
        allowed: bool,
    ) -> Result<Option<Bytes>, DecodeError> {
        match self.long_length(field)? {
            Some(length) => self.slice(field, length).map(Some),
            None => null(field, allowed),
        }
    }

    /// Record batches that may not be null.
    pub fn records(&mut self, field: Field) -> Result<Records, DecodeError> {
        self.bytes(field).map(Records::from)
    }

    /// Record batches, or null if this version allows it.
    pub fn nullable_records(
        &mut self,
        field: Field,
        allowed: bool,
    ) -> Result<Option<Records>, DecodeError> {
        Ok(self.nullable_bytes(field, allowed)?.map(Records::from))
    }

    /// An array that may not be null.
    pub fn array<T>(
        &mut self,
        field: Field,
        element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        not_null(field, self.nullable_array(field, false, element)?)
    }

    /// An array, or null if this version allows it.
    pub fn nullable_array<T>(
        &mut self,
        field: Field,
        allowed: bool,
        mut element: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let Some(count) = self.long_length(field)? else {
            return null(field, allowed);
        };
        self.pay_for_array(field, count, size_of::<T>())?;
        let mut elements = Vec::with_capacity(count);
        for _ in 0..count {
            elements.push(element(self)?);
        }
        Ok(Some(elements))
    }

    /// Holds the array's memory against the frame before it is allocated.
    fn pay_for_array(
        &mut self,
        field: Field,
        count: usize,
        size: usize,
    ) -> Result<(), DecodeError> {
        // No element takes less than a byte.
        if count > self.bytes.len() {
            return Err(self.too_short(field, count as u64));
        }
        match count.checked_mul(size).and_then(|cost| self.array_budget.checked_sub(cost)) {
            Some(left) => self.array_budget = left,
            None => return Err(DecodeError { field, problem: Problem::TooMany(count as u64) }),
        }
        Ok(())
    }

    /// The tagged fields at the end of a structure, if the version is flexible. `known` reads the field of
    /// a tag and says whether it knows that tag; the others are passed over.
    pub fn tags(
        &mut self,
        field: Field,
        mut known: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.unsigned_varint(field)? {
            let tag = self.unsigned_varint(field)?;
            let length = self.unsigned_varint(field)? as usize;
            let bytes = self.slice(field, length)?;
            let mut inner = Self { bytes, flexible: true, array_budget: self.array_budget };
            let read = known(&mut inner, tag)?;
            self.array_budget = inner.array_budget;
            let left = inner.remaining();
            if read && left > 0 {
                return Err(DecodeError { field, problem: Problem::TagTooLong { tag, left } });
            }
        }
        Ok(())
    }

    /// Passes over the tagged fields at the end of a structure, if the version is flexible.
    pub fn skip_tags(&mut self, field: Field) -> Result<(), DecodeError> {
        self.tags(field, |_, _| Ok(false))
    }
}

fn null<T>(field: Field, allowed: bool) -> Result<Option<T>, DecodeError> {
    if allowed { Ok(None) } else { Err(DecodeError { field, problem: Problem::Null }) }
}

fn not_null<T>(field: Field, value: Option<T>) -> Result<T, DecodeError> {
    value.ok_or(DecodeError { field, problem: Problem::Null })
}
