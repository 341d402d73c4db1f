//! Between JSON and the engine's values.
//!
//! JSON has no bytes: bytes that are UTF-8 become text (which is what a topic of JSON or lines holds), others a
//! list of numbers, which a client can turn back. Integers beyond 64 bits become doubles, as they have no
//! other place; a double that is no number becomes null.

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::Value as Json;
use tidemill_engine::{OwnedValue, TupleRef, Value};

/// Writes a value of the engine as JSON.
pub(crate) struct AsJson<'a>(pub(crate) Value<'a>);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(truth),
            Value::I64(number) => serializer.serialize_i64(number),
            Value::F64(number) => serializer.serialize_f64(number),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.collect_seq(bytes),
            },
            Value::List(list) => serializer.collect_seq(list.iter().map(AsJson)),
            Value::Map(map) => {
                let mut object = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map.iter() {
                    object.serialize_entry(key, &AsJson(value))?;
                }
                object.end()
            }
        }
    }
}

/// Writes the fields of a tuple as a JSON list.
pub(crate) struct Fields<'a>(pub(crate) &'a TupleRef<'a>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for value in self.0.values() {
            list.serialize_element(&AsJson(value))?;
        }
        list.end()
    }
}

/// A JSON value as one of the engine's; text is moved, not copied.
pub fn to_engine(json: Json) -> OwnedValue {
    match json {
        Json::Null => OwnedValue::Null,
        Json::Bool(truth) => OwnedValue::Bool(truth),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => OwnedValue::I64(whole),
            None => OwnedValue::F64(number.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(text) => OwnedValue::Str(text),
        Json::Array(items) => OwnedValue::List(items.into_iter().map(to_engine).collect()),
        Json::Object(members) => OwnedValue::Map(
            members.into_iter().map(|(name, value)| (name, to_engine(value))).collect(),
        ),
    }
}
