//! Puts the built dashboard into the program.
//!
//! Takes `web/dist` at the root of the repository if it is there and no source is newer; else builds it with npm if both
//! are there; else takes what there is: an older page, or none, and then the program says so when it starts. Each file is packed here, once, so that
//! nothing is packed while it runs.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let web = root.join("../../web");
    for watched in ["src", "package-lock.json", "index.html", "dist"] {
        if web.join(watched).exists() {
            println!("cargo::rerun-if-changed={}", web.join(watched).display());
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    let dist = web.join("dist");
    let built = modified(&dist.join("index.html"));
    if built.is_none() || newest(&web.join("src")) > built {
        build(&web);
    }
    let out = PathBuf::from(std::env::var("OUT_DIR").unwrap_or_default());
    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, &dist, &mut files);
    }
    files.sort();
    if let Err(error) = embed(&files, &out) {
        println!("cargo::error=cannot embed the dashboard: {error}");
    }
}

/// Runs npm; a failure leaves no page, and the warning says why.
fn build(web: &Path) {
    if !web.join("package.json").is_file() {
        return;
    }
    let mut steps: Vec<&[&str]> = vec![&["run", "build"]];
    if !web.join("node_modules").is_dir() {
        steps.insert(0, &["ci", "--no-audit", "--no-fund"]);
    }
    for arguments in steps {
        match Command::new("npm").args(arguments).current_dir(web).output() {
            Ok(output) if output.status.success() => {}
            Ok(output) => {
                let told = String::from_utf8_lossy(&output.stderr)
                    .lines()
                    .last()
                    .unwrap_or_default()
                    .to_owned();
                println!(
                    "cargo::warning=the dashboard was not built: npm {}: {told}",
                    arguments.join(" ")
                );
                return;
            }
            Err(error) => {
                println!("cargo::warning=the dashboard was not built, npm cannot be run: {error}");
                return;
            }
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|found| found.modified()).ok()
}

/// When the newest file below a folder was changed.
fn newest(folder: &Path) -> Option<SystemTime> {
    let mut files = Vec::new();
    collect(folder, folder, &mut files);
    files.iter().filter_map(|(_, path)| modified(path)).max()
}

/// All files below a folder, with their paths inside it.
fn collect(folder: &Path, root: &Path, files: &mut Vec<(String, PathBuf)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            collect(&path, root, files);
        } else if let Ok(inside) = path.strip_prefix(root) {
            let name = inside.to_string_lossy().replace('\\', "/");
            files.push((name, path.clone()));
        }
    }
}

/// Writes the packed files and the list of them.
fn embed(files: &[(String, PathBuf)], out: &Path) -> std::io::Result<()> {
    let mut list = String::from("&[\n");
    for (number, (name, path)) in files.iter().enumerate() {
        let plain = std::fs::read(path)?;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&plain)?;
        let packed = out.join(format!("page-{number}.gz"));
        std::fs::write(&packed, encoder.finish()?)?;
        list.push_str(&format!(
            "File {{ name: {name:?}, plain: include_bytes!({:?}), packed: include_bytes!({:?}) }},\n",
            path.canonicalize()?,
            packed
        ));
    }
    list.push_str("]\n");
    std::fs::write(out.join("page.rs"), list)
}
