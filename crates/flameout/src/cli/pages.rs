//! `flameout completions` and `flameout man`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap_complete::Shell;

/// Prints a shell's completions of this command.
///
/// Examples:
///
///   flameout completions bash > ~/.local/share/bash-completion/completions/flameout
///   flameout completions fish > ~/.config/fish/completions/flameout.fish
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Completions {
    /// The shell.
    shell: Shell,
}

/// Writes manual pages, one a command.
///
/// Example:
///
///   flameout man ~/.local/share/man/man1
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Man {
    /// The directory to write them to.
    directory: PathBuf,
}

/// Runs `flameout completions`.
pub fn completions(args: &Completions, command: &mut clap::Command) -> Result<ExitCode> {
    // Into memory first: the generator panics where writing fails.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, command, "flameout", &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script).and_then(|()| out.flush()).context("writing standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `flameout man`.
pub fn manual(args: &Man, command: clap::Command) -> Result<ExitCode> {
    let here = || format!("writing manual pages to {}", args.directory.display());
    std::fs::create_dir_all(&args.directory).with_context(here)?;
    clap_mangen::generate_to(command, &args.directory).with_context(here)?;
    Ok(ExitCode::SUCCESS)
}
