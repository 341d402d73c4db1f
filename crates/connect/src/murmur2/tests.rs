//! The hashes that Kafka's own tests expect.

use super::murmur2;

#[test]
fn known_hashes() {
    let cases: [(&str, i32); 4] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
    ];
    for (key, expected) in cases {
        assert_eq!(murmur2(key.as_bytes()).cast_signed(), expected, "{key}");
    }
}
