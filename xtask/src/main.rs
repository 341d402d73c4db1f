//! All automation of the project, in the project's own language.
//!
//! `cargo xtask test` passes every test, `tidy` holds the rules no compiler knows, `bench` measures, `conform` runs
//! suites that others wrote, `setup` installs what tests need. Each command is a file; this one only chooses.

#![allow(clippy::print_stdout, reason = "a command's output is its product")]

mod bench;
mod conform;
mod fuzz;
mod peers;
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
  fuzz [NAME…] [--seconds N] each decoder of foreign bytes against libFuzzer, 60 s of processor time each unless told otherwise
  bench log [PART…] [--quick] [--folder DIR]  the broker beside a real Apache Kafka
  conform SUITE [--on kafka] [TEST…]  a suite that others wrote, on our broker or on a real Apache Kafka
  conform kill [--cycles N]  kills the broker under librdkafka's producers, and reads everything back
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
        "conform" => conform::run(&root, rest),
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
