//! Writes `src/generated/` from `messages/`. Run it after every change of a description:
//! `cargo run -p tidemill-wire --example generate`.

#[path = "../generator/mod.rs"]
mod generator;

use std::path::Path;

fn main() -> Result<(), String> {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let apis = generator::load(&home.join("messages"))?;
    for (name, text) in generator::generate(&apis) {
        let path = home.join("src/generated").join(name);
        std::fs::write(&path, text).map_err(|error| format!("{path:?}: {error}"))?;
    }
    Ok(())
}
