//! Typed tuples: the [`Tuple`] trait, the field types, and the macro that writes both.
//!
//! A tuple type names its fields and their types once. Between fused components its [`Ref`] is
//! passed as it is; between threads it is written to and read from a batch in the same bytes that the
//! dynamic face uses, so that typed and dynamic components can be mixed freely.

use std::fmt;

use crate::encode::{KeyHasher, TupleWriter};
use crate::value::{
    OwnedValue, TAG_BYTES, TAG_F64, TAG_FALSE, TAG_I64, TAG_STR, TAG_TRUE, Value, read_length,
    read_text, read_value, take, take_array,
};

/// The type of a field, as streams declare it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything: the field is checked tuple by tuple.
    Any,
    /// A truth value.
    Bool,
    /// A whole number.
    I64,
    /// A floating-point number.
    F64,
    /// Text.
    Str,
    /// Raw bytes.
    Bytes,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Any => "any",
            Kind::Bool => "bool",
            Kind::I64 => "i64",
            Kind::F64 => "f64",
            Kind::Str => "str",
            Kind::Bytes => "bytes",
        })
    }
}

/// A tuple of type `T`, borrowed for the length of one call.
pub type Ref<'a, T> = <T as Tuple>::Ref<'a>;

/// A tuple type. Write it with [`tuple!`](crate::tuple!), not by hand.
pub trait Tuple: Sized + Send + 'static {
    /// The borrowed form: one public field per field of the tuple.
    type Ref<'a>: Copy + fmt::Debug;
    /// The names of the fields.
    const FIELDS: &'static [&'static str];
    /// The types of the fields.
    const KINDS: &'static [Kind];

    /// Writes all fields.
    fn encode(tuple: Self::Ref<'_>, writer: &mut TupleWriter<'_>);
    /// Reads all fields; `None` if one is missing or of another type.
    fn decode<'a>(reader: &mut TupleReader<'a>) -> Option<Self::Ref<'a>>;
    /// Adds the field at `index` to a grouping's hash.
    fn hash_field(tuple: Self::Ref<'_>, index: usize, hasher: &mut KeyHasher);
    /// Calls `act` with the fields as dynamic values.
    fn with_values<R>(tuple: Self::Ref<'_>, act: impl FnOnce(&[Value<'_>]) -> R) -> R;
    /// A copy that owns all it holds.
    fn from_ref(tuple: Self::Ref<'_>) -> Self;
    /// The borrowed form of an owned tuple.
    fn as_ref(&self) -> Self::Ref<'_>;
}

/// No tuple: the output of a bolt that emits nothing.
impl Tuple for () {
    type Ref<'a> = ();
    const FIELDS: &'static [&'static str] = &[];
    const KINDS: &'static [Kind] = &[];
    fn encode((): (), _: &mut TupleWriter<'_>) {}
    fn decode<'a>(_: &mut TupleReader<'a>) -> Option<()> {
        Some(())
    }
    fn hash_field((): (), _: usize, _: &mut KeyHasher) {}
    fn with_values<R>((): (), act: impl FnOnce(&[Value<'_>]) -> R) -> R {
        act(&[])
    }
    fn from_ref((): ()) {}
    fn as_ref(&self) {}
}

/// Reads the fields of one tuple in order, from an arena or from dynamic values.
pub struct TupleReader<'a>(Source<'a>);

enum Source<'a> {
    Encoded(&'a [u8]),
    Values(std::slice::Iter<'a, Value<'a>>),
}

impl<'a> TupleReader<'a> {
    #[inline]
    pub(crate) fn encoded(bytes: &'a [u8]) -> Self {
        Self(Source::Encoded(bytes))
    }

    pub(crate) fn values(values: &'a [Value<'a>]) -> Self {
        Self(Source::Values(values.iter()))
    }

    /// The next field, of any type.
    pub fn value(&mut self) -> Option<Value<'a>> {
        match &mut self.0 {
            Source::Encoded(bytes) => read_value(bytes),
            Source::Values(values) => values.next().copied(),
        }
    }

    #[inline]
    fn tagged(&mut self, tag: u8) -> Result<&mut &'a [u8], Option<Value<'a>>> {
        match &mut self.0 {
            Source::Encoded(bytes) => match bytes.split_first() {
                Some((found, rest)) if *found == tag => {
                    *bytes = rest;
                    Ok(bytes)
                }
                _ => Err(None),
            },
            Source::Values(values) => Err(values.next().copied()),
        }
    }
}

/// A type that a field of a typed tuple may have: `str`, `[u8]`, `i64`, `f64`, `bool`,
/// [`AnyValue`], or [`Maybe`] of one of them.
pub trait FieldType: 'static {
    /// The borrowed form.
    type Ref<'a>: Copy + fmt::Debug;
    /// The owned form.
    type Owned: Clone + fmt::Debug + PartialEq + Send;
    /// What streams declare.
    const KIND: Kind;
    /// Writes the field.
    fn write(field: Self::Ref<'_>, writer: &mut TupleWriter<'_>);
    /// Reads the field; `None` if it is of another type.
    fn read<'a>(reader: &mut TupleReader<'a>) -> Option<Self::Ref<'a>>;
    /// The field out of a dynamic value; `None` if it is of another type.
    fn from_value<'a>(value: Value<'a>) -> Option<Self::Ref<'a>>;
    /// The field as a dynamic value.
    fn to_value(field: Self::Ref<'_>) -> Value<'_>;
    /// A copy that owns all it holds.
    fn to_owned(field: Self::Ref<'_>) -> Self::Owned;
    /// The borrowed form of an owned field.
    fn borrow(field: &Self::Owned) -> Self::Ref<'_>;
    /// Adds the field to a grouping's hash.
    fn hash(field: Self::Ref<'_>, hasher: &mut KeyHasher);
}

impl FieldType for str {
    type Ref<'a> = &'a str;
    type Owned = String;
    const KIND: Kind = Kind::Str;
    #[inline]
    fn write(field: &str, writer: &mut TupleWriter<'_>) {
        writer.text(field);
    }
    #[inline]
    fn read<'a>(reader: &mut TupleReader<'a>) -> Option<&'a str> {
        match reader.tagged(TAG_STR) {
            Ok(bytes) => read_text(bytes),
            Err(value) => Self::from_value(value?),
        }
    }
    fn from_value<'a>(value: Value<'a>) -> Option<&'a str> {
        value.as_str()
    }
    fn to_value(field: Self::Ref<'_>) -> Value<'_> {
        Value::Str(field)
    }
    fn to_owned(field: &str) -> String {
        field.into()
    }
    fn borrow(field: &String) -> &str {
        field
    }
    #[inline]
    fn hash(field: &str, hasher: &mut KeyHasher) {
        hasher.bytes(field.as_bytes());
    }
}

impl FieldType for [u8] {
    type Ref<'a> = &'a [u8];
    type Owned = Vec<u8>;
    const KIND: Kind = Kind::Bytes;
    #[inline]
    fn write(field: &[u8], writer: &mut TupleWriter<'_>) {
        writer.bytes(field);
    }
    #[inline]
    fn read<'a>(reader: &mut TupleReader<'a>) -> Option<&'a [u8]> {
        match reader.tagged(TAG_BYTES) {
            Ok(bytes) => {
                let length = read_length(bytes)?;
                take(bytes, length)
            }
            Err(value) => Self::from_value(value?),
        }
    }
    fn from_value<'a>(value: Value<'a>) -> Option<&'a [u8]> {
        if let Value::Bytes(bytes) = value { Some(bytes) } else { None }
    }
    fn to_value(field: Self::Ref<'_>) -> Value<'_> {
        Value::Bytes(field)
    }
    fn to_owned(field: &[u8]) -> Vec<u8> {
        field.to_vec()
    }
    fn borrow(field: &Vec<u8>) -> &[u8] {
        field
    }
    #[inline]
    fn hash(field: &[u8], hasher: &mut KeyHasher) {
        hasher.bytes(field);
    }
}

macro_rules! number_field {
    ($number:ty, $kind:ident, $tag:ident, $write:ident, $bits:expr) => {
        impl FieldType for $number {
            type Ref<'a> = $number;
            type Owned = $number;
            const KIND: Kind = Kind::$kind;
            #[inline]
            fn write(field: $number, writer: &mut TupleWriter<'_>) {
                writer.$write(field);
            }
            #[inline]
            fn read<'a>(reader: &mut TupleReader<'a>) -> Option<$number> {
                match reader.tagged($tag) {
                    Ok(bytes) => Some(<$number>::from_le_bytes(take_array(bytes)?)),
                    Err(value) => Self::from_value(value?),
                }
            }
            fn from_value<'a>(value: Value<'a>) -> Option<$number> {
                if let Value::$kind(number) = value { Some(number) } else { None }
            }
            fn to_value(field: Self::Ref<'_>) -> Value<'_> {
                Value::$kind(field)
            }
            fn to_owned(field: $number) -> $number {
                field
            }
            fn borrow(field: &$number) -> $number {
                *field
            }
            #[inline]
            fn hash(field: $number, hasher: &mut KeyHasher) {
                let bits: fn($number) -> u64 = $bits;
                hasher.bits(bits(field));
            }
        }
    };
}
number_field!(i64, I64, TAG_I64, i64, i64::cast_unsigned);
number_field!(f64, F64, TAG_F64, f64, f64::to_bits);

impl FieldType for bool {
    type Ref<'a> = bool;
    type Owned = bool;
    const KIND: Kind = Kind::Bool;
    fn write(field: bool, writer: &mut TupleWriter<'_>) {
        writer.bool(field);
    }
    fn read<'a>(reader: &mut TupleReader<'a>) -> Option<bool> {
        match reader.tagged(TAG_TRUE) {
            Ok(_) => Some(true),
            Err(Some(value)) => Self::from_value(value),
            Err(None) => reader.tagged(TAG_FALSE).ok().map(|_| false),
        }
    }
    fn from_value<'a>(value: Value<'a>) -> Option<bool> {
        value.as_bool()
    }
    fn to_value(field: Self::Ref<'_>) -> Value<'_> {
        Value::Bool(field)
    }
    fn to_owned(field: bool) -> bool {
        field
    }
    fn borrow(field: &bool) -> bool {
        *field
    }
    fn hash(field: bool, hasher: &mut KeyHasher) {
        hasher.value(Value::Bool(field));
    }
}

/// The type of a field that may hold anything.
#[derive(Debug)]
pub struct AnyValue;

impl FieldType for AnyValue {
    type Ref<'a> = Value<'a>;
    type Owned = OwnedValue;
    const KIND: Kind = Kind::Any;
    fn write(field: Value<'_>, writer: &mut TupleWriter<'_>) {
        writer.value(field);
    }
    fn read<'a>(reader: &mut TupleReader<'a>) -> Option<Value<'a>> {
        reader.value()
    }
    fn from_value<'a>(value: Value<'a>) -> Option<Value<'a>> {
        Some(value)
    }
    fn to_value(field: Self::Ref<'_>) -> Value<'_> {
        field
    }
    fn to_owned(field: Value<'_>) -> OwnedValue {
        field.to_owned()
    }
    fn borrow(field: &OwnedValue) -> Value<'_> {
        field.as_value()
    }
    fn hash(field: Value<'_>, hasher: &mut KeyHasher) {
        hasher.value(field);
    }
}

/// The type of a field that holds an `F` or null; its borrowed form is an `Option`.
pub struct Maybe<F: FieldType + ?Sized>(std::marker::PhantomData<fn() -> Box<F>>);

impl<F: FieldType + ?Sized> FieldType for Maybe<F> {
    type Ref<'a> = Option<F::Ref<'a>>;
    type Owned = Option<F::Owned>;
    const KIND: Kind = Kind::Any;
    fn write(field: Self::Ref<'_>, writer: &mut TupleWriter<'_>) {
        match field {
            Some(inner) => F::write(inner, writer),
            None => writer.value(Value::Null),
        }
    }
    fn read<'a>(reader: &mut TupleReader<'a>) -> Option<Self::Ref<'a>> {
        Self::from_value(reader.value()?)
    }
    fn from_value<'a>(value: Value<'a>) -> Option<Self::Ref<'a>> {
        match value {
            Value::Null => Some(None),
            value => F::from_value(value).map(Some),
        }
    }
    fn to_value(field: Self::Ref<'_>) -> Value<'_> {
        field.map_or(Value::Null, F::to_value)
    }
    fn to_owned(field: Self::Ref<'_>) -> Self::Owned {
        field.map(F::to_owned)
    }
    fn borrow(field: &Self::Owned) -> Self::Ref<'_> {
        field.as_ref().map(F::borrow)
    }
    fn hash(field: Self::Ref<'_>, hasher: &mut KeyHasher) {
        match field {
            Some(inner) => F::hash(inner, hasher),
            None => hasher.value(Value::Null),
        }
    }
}

/// Declares tuple types.
///
/// The struct itself is the owned form; components receive and emit its borrowed form,
/// [`Ref<'_, Word>`](crate::Ref), which has the same fields. `Word::borrow(..)` makes one.
///
/// ```
/// tidemill_engine::tuple! {
///     /// A word and where it was seen.
///     pub struct Word { word: str, line: i64 }
/// }
/// let seen = Word::borrow("tide", 7);
/// assert_eq!(seen.word, "tide");
/// ```
#[macro_export]
macro_rules! tuple {
    ($( $(#[$meta:meta])* $vis:vis struct $name:ident {
        $( $(#[$field_meta:meta])* $field:ident : $kind:ty ),+ $(,)?
    } )+) => {$(
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {
            $( $(#[$field_meta])*
               #[allow(missing_docs, reason = "a field's name may say it all")]
               pub $field: <$kind as $crate::FieldType>::Owned ),+
        }
        const _: () = {
            /// The borrowed form: the same fields, for the length of one call.
            #[derive(Clone, Copy, Debug)]
            #[allow(missing_docs, unreachable_pub, reason = "reached through the tuple's trait")]
            pub struct Borrowed<'a> {
                $( pub $field: <$kind as $crate::FieldType>::Ref<'a> ),+ ,
                #[doc(hidden)]
                pub marker: ::std::marker::PhantomData<&'a ()>,
            }
            impl $name {
                /// The borrowed form of these fields, ready to be emitted.
                #[allow(dead_code, clippy::too_many_arguments,
                    reason = "one argument a field, and a tuple that is only read needs none")]
                #[inline]
                $vis fn borrow<'a>(
                    $( $field: <$kind as $crate::FieldType>::Ref<'a> ),+
                ) -> Borrowed<'a> {
                    Borrowed { $( $field ),+ , marker: ::std::marker::PhantomData }
                }
            }
            impl $crate::Tuple for $name {
                type Ref<'a> = Borrowed<'a>;
                const FIELDS: &'static [&'static str] = &[ $( stringify!($field) ),+ ];
                const KINDS: &'static [$crate::Kind] =
                    &[ $( <$kind as $crate::FieldType>::KIND ),+ ];
                #[inline]
                fn encode(tuple: Borrowed<'_>, writer: &mut $crate::TupleWriter<'_>) {
                    $( <$kind as $crate::FieldType>::write(tuple.$field, writer); )+
                }
                #[inline]
                fn decode<'a>(
                    reader: &mut $crate::TupleReader<'a>,
                ) -> ::std::option::Option<Borrowed<'a>> {
                    Some(Borrowed {
                        $( $field: <$kind as $crate::FieldType>::read(reader)? ),+ ,
                        marker: ::std::marker::PhantomData,
                    })
                }
                #[inline]
                fn hash_field(
                    tuple: Borrowed<'_>, index: usize, hasher: &mut $crate::KeyHasher,
                ) {
                    let mut at = 0usize;
                    $( if at == index {
                        return <$kind as $crate::FieldType>::hash(tuple.$field, hasher);
                    } at += 1; )+
                    let _ = at;
                }
                #[inline]
                fn with_values<R>(
                    tuple: Borrowed<'_>,
                    act: impl FnOnce(&[$crate::Value<'_>]) -> R,
                ) -> R {
                    act(&[ $( <$kind as $crate::FieldType>::to_value(tuple.$field) ),+ ])
                }
                fn from_ref(tuple: Borrowed<'_>) -> Self {
                    Self { $( $field: <$kind as $crate::FieldType>::to_owned(tuple.$field) ),+ }
                }
                fn as_ref(&self) -> Borrowed<'_> {
                    Borrowed {
                        $( $field: <$kind as $crate::FieldType>::borrow(&self.$field) ),+ ,
                        marker: ::std::marker::PhantomData,
                    }
                }
            }
        };
    )+};
}

#[cfg(test)]
mod tests;
