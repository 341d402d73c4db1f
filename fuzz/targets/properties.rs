//! Any text as a `server.properties` file.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    tidemill_broker::fuzz::properties(text);
});
