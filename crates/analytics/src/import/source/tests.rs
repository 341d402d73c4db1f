//! Tests of knowing a file again.

use super::*;

#[test]
fn a_second_import_is_told_from_a_late_hit() {
    let sources = Sources::default();
    for (line, offset) in [(1, 10), (2, 11), (5, 12)] {
        assert!(sources.note("s", line, offset));
    }
    assert!(sources.note("s", 2, 11), "the same hit, replayed by the engine");
    assert!(!sources.note("s", 1, 20) && !sources.note("s", 5, 22));
    assert!(sources.note("s", 6, 23));
    assert!(sources.note("t", 1, 24));
    assert_eq!((sources.highest("s"), sources.highest("nothing")), (6, 0));
}

#[test]
fn a_file_is_the_same_after_it_has_grown() {
    let sources = Sources::default();
    let line = "192.0.2.1 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1\n";
    let short = sources.identify("s", line.as_bytes());
    sources.note(&short, 1, 0);
    let long = line.repeat(100);
    assert_eq!(sources.identify("s", long.as_bytes()), short);
    let fresh = Sources::default();
    let by_start = fresh.identify("s", long.as_bytes());
    assert_ne!(by_start, short);
    assert_eq!(fresh.identify("s", &long.as_bytes()[..START_BYTES + 10]), by_start);
    assert_ne!(fresh.identify("t", long.as_bytes()), by_start);
}
