//! The files in `src/generated/` are what the generator makes of `messages/` today.

#[path = "../generator/mod.rs"]
mod generator;

use std::path::Path;

#[test]
fn generated_files_are_fresh() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = generator::generate(&generator::load(&home.join("messages")).unwrap());
    for (name, text) in &files {
        let on_disk = std::fs::read_to_string(home.join("src/generated").join(name)).unwrap();
        assert!(
            on_disk == *text,
            "{name} is stale: run `cargo run -p tidemill-wire --example generate`"
        );
    }
    let count = std::fs::read_dir(home.join("src/generated")).unwrap().count();
    assert_eq!(count, files.len(), "a generated file has lost its description");
}

#[test]
fn a_description_with_a_mistake_is_refused_with_its_line() {
    let text = "# X.\napi 1 X 0-1 flexible 1+\nrequest\na: int31\nresponse\n";
    let error = generator::schema::parse(text).unwrap_err();
    assert_eq!(error, "line 4: unknown type `int31`");
}
