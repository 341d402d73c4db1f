//! Tests of cutting streams into lines.

use std::io::Write;

use proptest::prelude::*;

use super::*;

/// Gives a few bytes at a time, as a slow pipe does.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let take = self.1.min(self.0.len()).min(buffer.len());
        let (now, later) = self.0.split_at(take);
        buffer[..take].copy_from_slice(now);
        self.0 = later;
        Ok(take)
    }
}

fn all(input: impl Read) -> Vec<(bool, Vec<u8>)> {
    let mut lines = Lines::new(input).unwrap();
    let mut found = Vec::new();
    loop {
        match lines.next() {
            Next::Line(line) => found.push((true, line.to_vec())),
            Next::TooLong(start) => found.push((false, start.to_vec())),
            Next::End => return found,
            Next::Dry => lines.fill().unwrap(),
        }
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_line_that_is_too_long_is_told_once_and_passed_over() {
    let long = "x".repeat(5 * READ_BYTES);
    let text = format!("a\n{long}\nb\r\n\nc");
    for step in [1_000, READ_BYTES] {
        let lines = all(Trickle(text.as_bytes(), step));
        let told: Vec<_> = lines.iter().map(|(whole, line)| (*whole, line.len())).collect();
        assert_eq!(told, [(true, 1), (false, LINE_BYTES_MAX), (true, 1), (true, 0), (true, 1)]);
    }
}

#[test]
fn gzip_is_known_by_its_first_bytes_also_in_several_parts() {
    let packed = [gzip(b"a\nb"), gzip(b"c\nd\n")].concat();
    let lines: Vec<_> = all(Trickle(&packed, 3)).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, [b"a".to_vec(), b"bc".to_vec(), b"d".to_vec()]);
    let mut lines = Lines::new(&packed[..packed.len() - 5]).unwrap();
    let broken = (0..100).find_map(|_| lines.fill().err());
    assert!(broken.is_some(), "a gzip file that was cut must not look like its end");
}

proptest! {
    #[test]
    fn lines_are_those_of_the_text(text in "([a-z ]{0,20}\n){0,20}[a-z]{0,5}", step in 1usize..50, packed in any::<bool>()) {
        let bytes = if packed { gzip(text.as_bytes()) } else { text.clone().into_bytes() };
        let lines: Vec<_> = all(Trickle(&bytes, step)).into_iter().map(|(_, line)| String::from_utf8(line).unwrap()).collect();
        let model: Vec<_> = text.lines().map(str::to_owned).collect();
        prop_assert_eq!(lines, model);
    }
}
