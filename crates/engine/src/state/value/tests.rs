//! Values through their bytes and back.

use proptest::prelude::*;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_come_back(
        text in ".{0,20}", numbers in proptest::collection::vec(any::<i64>(), 0..9),
        some in any::<Option<bool>>(), float in any::<f64>(),
    ) {
        let value = ((text, numbers), (some, float.to_bits()));
        prop_assert_eq!(StateValue::from_bytes(&value.to_bytes()), Some(value));
    }

    #[test]
    fn foreign_bytes_are_refused_or_read_and_never_more(
        bytes in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let mut rest = &bytes[..];
        if let Some(value) = <Vec<(String, Option<u32>)>>::read(&mut rest) {
            let read = bytes.len() - rest.len();
            prop_assert_eq!(value.to_bytes(), &bytes[..read]);
        }
    }
}

#[test]
fn a_length_that_lies_takes_no_memory() {
    let mut lie = u32::MAX.to_bytes();
    lie.extend_from_slice(&[0; 8]);
    assert_eq!(<Vec<u64>>::from_bytes(&lie), None);
    assert_eq!(String::from_bytes(&lie), None);
}
