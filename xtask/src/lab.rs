//! Research, which is a program of its own, `crates/lab`: what does not need it does not compile it.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

/// What the lab is to do.
#[derive(Debug, clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Options of the command; see --help.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
    options: Vec<OsString>,
}

/// Builds the lab if need be, and runs a command of it.
pub fn run(command: &str, args: &Args) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut lab = Command::new(cargo);
    lab.args(["run", "--quiet", "--release", "--package", "flameout-lab", "--manifest-path"]);
    lab.arg(crate::root().join("Cargo.toml")).args(["--", command]).args(&args.options);
    run_in_place(lab).context("starting cargo, which builds and runs the lab")
}

/// Becomes the other program, so that signals reach it, and its exit code is ours.
#[cfg(unix)]
fn run_in_place(mut command: Command) -> std::io::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    Err(command.exec())
}

#[cfg(not(unix))]
fn run_in_place(mut command: Command) -> std::io::Result<ExitCode> {
    let status = command.status()?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}
