//! Tests of carrying facts over the topology.

use super::*;

#[test]
fn each_field_has_its_place() {
    let fact = nothing(7, 1, 2);
    assert_eq!(values(&fact).len(), FACT_FIELDS.len());
    let place = |name: &str| FACT_FIELDS.iter().position(|field| *field == name).unwrap();
    let values = values(&fact);
    assert_eq!(values[place("timestamp")].as_i64(), Some(7));
    assert_eq!(values[place("offset")].as_i64(), Some(2));
    assert_eq!(values[place("action")].as_i64(), Some(2));
    assert_eq!(values[place("metadata")].as_str(), Some(""));
}
