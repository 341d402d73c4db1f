//! Any bytes as what the collector stores and as a line of an access log.

#![no_main]

use libfuzzer_sys::fuzz_target;
use support::{Counting, within};
use tidemill_analytics::form;
use tidemill_analytics::hit::Hit;
use tidemill_analytics::import::line::Line;

#[global_allocator]
static COUNTING: Counting = Counting;

fuzz_target!(|input: &[u8]| {
    within(input.len() * 64 + (1 << 20), || {
        if let Some(hit) = Hit::decode(input) {
            let _ = (hit.action(), hit.number("screen"), hit.text("title"));
        }
        let Ok(text) = std::str::from_utf8(input) else { return };
        for (_, value) in form::pairs(text) {
            let _ = form::decode(value);
        }
        if let Ok(line) = Line::parse(text) {
            let _ = (line.is_answered(), line.is_page_view(), line.path().len());
        }
    });
});
