//! Tests of answering files.

use super::*;

const SOME: &[File] = &[
    File { name: "index.html", plain: b"<html>long enough</html>", packed: b"packed" },
    File { name: "assets/a-1.js", plain: b"x", packed: b"longer than plain" },
];

fn ask(files: &[File], path: &str, encoding: &'static str) -> Option<Reply> {
    let request =
        hyper::Request::builder().uri(path).header(ACCEPT_ENCODING, encoding).body(()).unwrap();
    find(files, &request.into_parts().0)
}

#[test]
fn files_are_packed_if_that_is_shorter_and_guarded() {
    let page = ask(SOME, "/", "br, gzip").unwrap();
    assert_eq!(page.headers()[CONTENT_ENCODING], "gzip");
    assert_eq!(page.headers()[CACHE_CONTROL], "no-cache");
    assert!(
        page.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'self'")
    );
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    let asset = ask(SOME, "/assets/a-1.js", "gzip").unwrap();
    assert!(!asset.headers().contains_key(CONTENT_ENCODING));
    assert!(asset.headers()[CACHE_CONTROL].to_str().unwrap().contains("immutable"));
    assert!(!ask(SOME, "/", "identity").unwrap().headers().contains_key(CONTENT_ENCODING));
    assert!(ask(SOME, "/../etc/passwd", "").is_none() && ask(SOME, "/none", "").is_none());
}

#[test]
fn a_program_without_the_page_says_so() {
    assert_eq!(ask(&[], "/", "").unwrap().status(), StatusCode::OK);
    assert!(ask(&[], "/assets/a-1.js", "").is_none());
}
