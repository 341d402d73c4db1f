//! Any value comes back from an arena as it went in.

use proptest::prelude::*;

use super::*;
use crate::encode::{TupleWriter, encoded_len};

fn any_value() -> impl Strategy<Value = OwnedValue> {
    let leaf = prop_oneof![
        Just(OwnedValue::Null),
        any::<bool>().prop_map(OwnedValue::Bool),
        any::<i64>().prop_map(OwnedValue::I64),
        prop::num::f64::NORMAL.prop_map(OwnedValue::F64),
        ".{0,12}".prop_map(OwnedValue::Str),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(OwnedValue::Bytes),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(OwnedValue::List),
            prop::collection::vec((".{0,5}", inner), 0..4).prop_map(OwnedValue::Map),
        ]
    })
}

proptest! {
    #[test]
    fn values_come_back_as_written(values in prop::collection::vec(any_value(), 0..6)) {
        let mut bytes = Vec::new();
        for value in &values {
            let before = bytes.len();
            TupleWriter(&mut bytes).value(value.as_value());
            prop_assert!(bytes.len() - before <= encoded_len(value.as_value()));
        }
        let mut rest = bytes.as_slice();
        for value in &values {
            let read = read_value(&mut rest).unwrap();
            prop_assert_eq!(read, value.as_value());
            prop_assert_eq!(&read.to_owned(), value);
        }
        prop_assert!(rest.is_empty());
    }

    #[test]
    fn foreign_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut rest = bytes.as_slice();
        while let Some(value) = read_value(&mut rest) {
            let _ = value.to_owned();
        }
    }
}

#[test]
fn a_map_finds_its_keys() {
    let map = OwnedValue::Map(vec![("a".into(), 1i64.into()), ("b".into(), "two".into())]);
    let Value::Map(view) = map.as_value() else { panic!("a map became something else") };
    assert_eq!(view.get("b"), Some(Value::Str("two")));
    assert_eq!(view.get("c"), None);
}
