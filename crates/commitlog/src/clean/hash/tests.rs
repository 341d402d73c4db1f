//! The hash is the one it is said to be.

use super::*;

/// The first vectors of the reference implementation's `vectors_sip128`.
#[test]
fn hashes_are_those_of_the_reference() {
    let key = HashKey(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908);
    let hex = |bytes: &[u8]| {
        let words = key.hash(bytes);
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        bytes.map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    assert_eq!(hex(&[]), "a3817f04ba25a8e66df67214c7550293");
    assert_eq!(hex(&[0]), "da87c1d86b99af44347659119b22fc45");
    let long: Vec<u8> = (0..9).collect();
    assert_ne!(hex(&long), hex(&long[..8]));
}
