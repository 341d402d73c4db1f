//! Typed tuples and dynamic ones are two views of the same bytes.

use super::*;
use crate::encode::KeyHasher;
use crate::tuple_ref::{Repr, TupleMeta, TupleRef};

crate::tuple! {
    struct Mixed { name: str, raw: [u8], count: i64, share: f64, open: bool, rest: AnyValue, note: Maybe<str> }
}

fn sample() -> Mixed {
    Mixed {
        name: "tide".into(),
        raw: vec![1, 2, 3],
        count: -7,
        share: 0.5,
        open: false,
        rest: OwnedValue::List(vec![OwnedValue::Null, 4i64.into()]),
        note: None,
    }
}

fn written(tuple: &Mixed) -> Vec<u8> {
    let mut bytes = Vec::new();
    Mixed::encode(tuple.as_ref(), &mut TupleWriter(&mut bytes));
    bytes
}

#[test]
fn a_typed_tuple_comes_back_as_written() {
    for note in [None, Some("ebb".to_owned())] {
        let tuple = Mixed { note, ..sample() };
        let bytes = written(&tuple);
        let read = Mixed::decode(&mut TupleReader::encoded(&bytes)).unwrap();
        assert_eq!(Mixed::from_ref(read), tuple);
    }
}

#[test]
fn a_typed_tuple_comes_back_from_dynamic_values() {
    let tuple = sample();
    let back = Mixed::with_values(tuple.as_ref(), |values| {
        Mixed::decode(&mut TupleReader::values(values)).map(Mixed::from_ref)
    });
    assert_eq!(back, Some(tuple));
}

#[test]
fn a_dynamic_view_reads_a_typed_tuple() {
    let bytes = written(&sample());
    let meta = TupleMeta {
        component: "c".into(),
        stream: "s".into(),
        task: 1,
        input: 0,
        fields: Mixed::FIELDS.iter().map(|field| (*field).to_owned()).collect(),
    };
    let view = TupleRef { meta: &meta, repr: Repr::Encoded(&bytes) };
    assert_eq!(view.by_name("count"), Some(Value::I64(-7)));
    assert_eq!(view.by_name("note"), Some(Value::Null));
    assert_eq!(view.by_name("none"), None);
    assert_eq!(view.get(99), Value::Null);
    assert_eq!(view.values().count(), 7);
}

#[test]
fn a_field_of_another_type_is_refused() {
    crate::tuple! { struct Text { name: str } struct Number { name: i64 } struct Truth { name: bool } }
    let mut bytes = Vec::new();
    Text::encode(Text::borrow("7"), &mut TupleWriter(&mut bytes));
    assert!(Number::decode(&mut TupleReader::encoded(&bytes)).is_none());
    assert!(Truth::decode(&mut TupleReader::encoded(&bytes)).is_none());
    assert!(Text::decode(&mut TupleReader::encoded(&bytes[..3])).is_none());
    assert!(Number::decode(&mut TupleReader::values(&[Value::Str("7")])).is_none());
}

#[test]
fn both_faces_hash_alike() {
    let tuple = sample();
    let dynamic = Mixed::with_values(tuple.as_ref(), |values| {
        values.iter().map(|value| hash(|hasher| hasher.value(*value))).collect::<Vec<_>>()
    });
    for (index, dynamic) in dynamic.into_iter().enumerate() {
        let typed = hash(|hasher| Mixed::hash_field(tuple.as_ref(), index, hasher));
        assert_eq!(typed, dynamic, "field {}", Mixed::FIELDS[index]);
    }
}

fn hash(act: impl FnOnce(&mut KeyHasher)) -> u64 {
    let mut hasher = KeyHasher::new();
    act(&mut hasher);
    hasher.finish()
}
