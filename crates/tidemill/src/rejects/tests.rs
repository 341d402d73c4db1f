//! The rejects of small logs, packed and not, in pieces of any size.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::Rejects;

const GOOD: &str = r#"198.18.0.1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 "-" "x""#;
const BAD: &str = r#"198.18.0.1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 1 "-" "x"#;

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn check(log: &[u8], expected: &str) {
    for piece in [1, 7, 4096] {
        let kept = Kept::default();
        let mut rejects = Rejects::to(Box::new(kept.clone()));
        log.chunks(piece).for_each(|bytes| rejects.pass(bytes).unwrap());
        rejects.finish().unwrap();
        assert_eq!(String::from_utf8(kept.0.lock().unwrap().clone()).unwrap(), expected);
    }
}

#[test]
fn only_what_is_not_understood_is_kept() {
    check(
        format!("{GOOD}\n{BAD}\n\n{GOOD}\r\nno line\n{GOOD}").as_bytes(),
        &format!("{BAD}\nno line\n"),
    );
    check(b"x", "x\n");
    check(b"", "");
}

#[test]
fn a_packed_log_is_unpacked() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(format!("{GOOD}\n{BAD}\n").as_bytes()).unwrap();
    check(&packed.finish().unwrap(), &format!("{BAD}\n"));
}

#[test]
fn a_line_without_end_is_bounded() {
    let long = "a".repeat(1 << 20);
    check(format!("{long}\n{GOOD}\n").as_bytes(), &format!("{}\n", "a".repeat(64 << 10)));
}
