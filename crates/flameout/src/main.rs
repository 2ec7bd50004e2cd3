//! The `flameout` command: `flameout --help`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    flameout::cli::main()
}
