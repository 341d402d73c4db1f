//! Puts a frame together.
//!
//! Small fields go into one growing buffer. Records above [`SHARED_BYTES_MIN`] are not copied into it: the
//! frame is a list of parts, and a socket writes them one after another. Lengths are encoded as told in
//! [`reader`](crate::reader).

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::EncodeError;
use crate::scalar::{Records, Text, Uuid};

/// From this size on, records become a part of their own. Below it, a copy is cheaper than one more
/// buffer to hand to the kernel.
pub const SHARED_BYTES_MIN: usize = 2048;

type Field = &'static str;
type Written = Result<(), EncodeError>;

/// A frame in the making.
#[derive(Debug, Default)]
pub struct Writer {
    parts: Vec<Bytes>,
    parts_bytes: usize,
    buffer: BytesMut,
    flexible: bool,
}

impl Writer {
    /// An empty frame.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bytes have been written.
    pub fn len(&self) -> usize {
        self.parts_bytes + self.buffer.len()
    }

    /// Whether nothing has been written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The parts that make up the frame, in order.
    pub fn into_parts(mut self) -> Vec<Bytes> {
        self.close_part();
        self.parts
    }

    /// The frame in one piece.
    pub fn into_bytes(self) -> Bytes {
        if self.parts.is_empty() {
            return self.buffer.freeze();
        }
        let mut whole = BytesMut::with_capacity(self.len());
        for part in self.into_parts() {
            whole.extend_from_slice(&part);
        }
        whole.freeze()
    }

    fn close_part(&mut self) {
        if !self.buffer.is_empty() {
            self.parts_bytes += self.buffer.len();
            self.parts.push(self.buffer.split().freeze());
        }
    }

    /// Says whether what follows has compact lengths and tagged fields.
    pub fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    /// Bytes as they are.
    pub fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    fn put_shared(&mut self, bytes: &Bytes) {
        if bytes.len() < SHARED_BYTES_MIN {
            return self.put(bytes);
        }
        self.close_part();
        self.parts_bytes += bytes.len();
        self.parts.push(bytes.clone());
    }

    /// A signed byte.
    pub fn i8(&mut self, value: i8) -> Written {
        self.buffer.put_i8(value);
        Ok(())
    }

    /// Two bytes.
    pub fn i16(&mut self, value: i16) -> Written {
        self.buffer.put_i16(value);
        Ok(())
    }

    /// Four bytes.
    pub fn i32(&mut self, value: i32) -> Written {
        self.buffer.put_i32(value);
        Ok(())
    }

    /// Eight bytes.
    pub fn i64(&mut self, value: i64) -> Written {
        self.buffer.put_i64(value);
        Ok(())
    }

    /// Two bytes without a sign.
    pub fn u16(&mut self, value: u16) -> Written {
        self.buffer.put_u16(value);
        Ok(())
    }

    /// A floating-point number in eight bytes.
    pub fn f64(&mut self, value: f64) -> Written {
        self.buffer.put_f64(value);
        Ok(())
    }

    /// One byte.
    pub fn bool(&mut self, value: bool) -> Written {
        self.buffer.put_u8(u8::from(value));
        Ok(())
    }

    /// Sixteen bytes.
    pub fn uuid(&mut self, value: Uuid) -> Written {
        self.put(&value.0);
        Ok(())
    }

    /// An unsigned number in groups of seven bits.
    pub fn unsigned_varint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buffer.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.put_u8(value as u8);
    }

    fn compact_length(&mut self, field: Field, length: usize) -> Written {
        // Kafka's lengths are signed in memory, so one less than 31 bits is the most it reads.
        match i32::try_from(length + 1) {
            Ok(length) => self.unsigned_varint(length.cast_unsigned()),
            Err(_) => return Err(EncodeError::TooLong { field, length }),
        }
        Ok(())
    }

    fn string_length(&mut self, field: Field, length: usize) -> Written {
        if self.flexible {
            return self.compact_length(field, length);
        }
        self.i16(i16::try_from(length).map_err(|_| EncodeError::TooLong { field, length })?)
    }

    fn long_length(&mut self, field: Field, length: usize) -> Written {
        if self.flexible {
            return self.compact_length(field, length);
        }
        self.i32(i32::try_from(length).map_err(|_| EncodeError::TooLong { field, length })?)
    }

    /// Null in place of a string (`string`) or of anything with a four-byte length.
    fn null(&mut self, field: Field, allowed: bool, string: bool) -> Written {
        match (allowed, self.flexible) {
            (false, _) => return Err(EncodeError::Null { field }),
            (true, true) => self.unsigned_varint(0),
            (true, false) if string => self.buffer.put_i16(-1),
            (true, false) => self.buffer.put_i32(-1),
        }
        Ok(())
    }

    /// A string.
    pub fn string(&mut self, field: Field, value: &Text) -> Written {
        self.string_length(field, value.as_bytes().len())?;
        self.put(value.as_bytes());
        Ok(())
    }

    /// A string, or null if this version allows it.
    pub fn nullable_string(
        &mut self,
        field: Field,
        allowed: bool,
        value: Option<&Text>,
    ) -> Written {
        match value {
            Some(value) => self.string(field, value),
            None => self.null(field, allowed, true),
        }
    }

    /// Bytes.
    pub fn bytes(&mut self, field: Field, value: &Bytes) -> Written {
        self.long_length(field, value.len())?;
        self.put_shared(value);
        Ok(())
    }

    /// Bytes, or null if this version allows it.
    pub fn nullable_bytes(
        &mut self,
        field: Field,
        allowed: bool,
        value: Option<&Bytes>,
    ) -> Written {
        match value {
            Some(value) => self.bytes(field, value),
            None => self.null(field, allowed, false),
        }
    }

    /// Record batches.
    pub fn records(&mut self, field: Field, value: &Records) -> Written {
        self.long_length(field, value.len())?;
        value.chunks().for_each(|chunk| self.put_shared(chunk));
        Ok(())
    }

    /// Record batches, or null if this version allows it.
    pub fn nullable_records(
        &mut self,
        field: Field,
        allowed: bool,
        value: Option<&Records>,
    ) -> Written {
        match value {
            Some(value) => self.records(field, value),
            None => self.null(field, allowed, false),
        }
    }

    /// A structure, or null if this version allows it: a signed byte before it is negative for null (KIP-893).
    pub fn nullable_struct<T>(
        &mut self,
        field: Field,
        allowed: bool,
        value: Option<&T>,
        write: impl FnOnce(&mut Self, &T) -> Written,
    ) -> Written {
        match value {
            Some(value) => {
                self.i8(1)?;
                write(self, value)
            }
            None if allowed => self.i8(-1),
            None => Err(EncodeError::Null { field }),
        }
    }

    /// An array.
    pub fn array<T>(
        &mut self,
        field: Field,
        elements: &[T],
        mut write: impl FnMut(&mut Self, &T) -> Written,
    ) -> Written {
        self.long_length(field, elements.len())?;
        elements.iter().try_for_each(|element| write(self, element))
    }

    /// An array, or null if this version allows it.
    pub fn nullable_array<T>(
        &mut self,
        field: Field,
        allowed: bool,
        elements: Option<&[T]>,
        write: impl FnMut(&mut Self, &T) -> Written,
    ) -> Written {
        match elements {
            Some(elements) => self.array(field, elements, write),
            None => self.null(field, allowed, false),
        }
    }

    /// The end of a structure without tagged fields.
    pub fn no_tags(&mut self) {
        self.tag_count(&[]);
    }

    /// How many tagged fields follow: as many as are true.
    pub fn tag_count(&mut self, present: &[bool]) {
        if self.flexible {
            let count = present.iter().map(|present| u32::from(*present)).sum();
            self.unsigned_varint(count);
        }
    }

    /// One tagged field; they must be written in the order of their tags.
    pub fn tag(
        &mut self,
        tag: u32,
        field: Field,
        write: impl FnOnce(&mut Self) -> Written,
    ) -> Written {
        let mut inner = Self { flexible: true, ..Self::default() };
        write(&mut inner)?;
        let length = inner.len();
        let announced =
            u32::try_from(length).map_err(|_| EncodeError::TooLong { field, length })?;
        self.unsigned_varint(tag);
        self.unsigned_varint(announced);
        inner.into_parts().iter().for_each(|part| self.put_shared(part));
        Ok(())
    }
}
