//! All automation of the project, in the project's own language.
//!
//! `cargo xtask test` passes every test, `tidy` holds the rules no compiler knows, `bench` measures, `setup`
//! installs what tests need. Each command is a file; this one only chooses.

#![allow(clippy::print_stdout, reason = "a command's output is its product")]

mod bench;
mod fuzz;
mod process;
mod setup;
mod test;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask COMMAND

  test [NAME…]          every check and test (or those whose name contains NAME); ends `N passed, N failed`
  tidy                  crate floors, module loops, long files, missing heads
  bench [NAME…] [--json] one line a figure: median of five, spread, machine
  fuzz [NAME…] [--seconds N] each decoder of foreign bytes against libFuzzer, 60 s each unless told otherwise
  setup                 installs what the tests need into .tools/ (test does it by itself)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((command, rest)) = arguments.split_first() else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let root = root();
    let result = match command.as_str() {
        "test" => test::run(&root, rest),
        "tidy" => tidy::run(&root),
        "bench" => bench::run(&root, rest),
        "fuzz" => fuzz::run(&root, rest),
        "setup" => setup::Tools::install(&root).map(|_| ()),
        "help" | "--help" | "-h" => {
            println!("{USAGE}");
            Ok(())
        }
        unknown => {
            eprintln!("error: there is no command `{unknown}`\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the checkout: the folder above this crate.
fn root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}
