//! The command line: one module a command, and what commands share.
//!
//! Results go to standard output, progress and warnings to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage,
//! 130 interrupted in a state that can be gone on from.
//!
//! With the feature `repro` alone there is [`repro`] and what it needs, for `cargo xtask repro`, which compiles no more.

/// Prints a line on standard output, as [`terminal::print`]; an error where `println!` would panic.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::terminal::print(format_args!($($text)*)) };
}

/// Prints a line on standard error, as [`terminal::tell`], whatever --quiet asks for; no panic where `eprintln!` would.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::terminal::tell(format_args!($($text)*)) };
}

/// Prints a line on standard output, as [`work::say`]: long work goes on without it.
macro_rules! show {
    ($($text:tt)*) => { $crate::cli::work::say(format_args!($($text)*)) };
}

#[cfg(feature = "cli")]
mod advice;
#[cfg(feature = "cli")]
mod analogy;
mod chart;
#[cfg(feature = "cli")]
mod columnar;
pub mod course;
#[cfg(feature = "cli")]
pub mod csv_file;
#[cfg(feature = "cli")]
pub mod diagnose;
#[cfg(feature = "cli")]
mod diagnose_log;
pub mod diagnosis;
#[cfg(feature = "cli")]
mod embed;
#[cfg(feature = "cli")]
pub mod evaluate;
#[cfg(feature = "cli")]
mod export;
#[cfg(feature = "cli")]
mod import;
pub mod interrupt;
#[cfg(feature = "cli")]
pub mod jobs;
#[cfg(feature = "cli")]
pub mod json_lines;
#[cfg(feature = "cli")]
pub mod known;
#[cfg(feature = "cli")]
mod log_chart;
#[cfg(feature = "cli")]
mod logger;
#[cfg(feature = "cli")]
mod nearest;
#[cfg(feature = "cli")]
mod neighbours;
#[cfg(feature = "cli")]
mod output;
#[cfg(feature = "cli")]
mod pages;
pub mod progress;
#[cfg(feature = "cli")]
mod reading;
#[cfg(feature = "cli")]
mod replay;
#[cfg(feature = "cli")]
mod report;
pub mod repro;
pub mod setting;
pub mod start;
#[cfg(feature = "cli")]
pub mod sweep;
pub mod table;
#[cfg(feature = "cli")]
mod tensorboard;
pub mod terminal;
#[cfg(feature = "cli")]
mod train;
pub mod training;
mod training_bar;
#[cfg(feature = "cli")]
mod vectors;
#[cfg(feature = "cli")]
mod words;
pub mod work;

#[cfg(feature = "cli")]
use std::ffi::OsString;
#[cfg(feature = "cli")]
use std::path::{Path, PathBuf};
#[cfg(feature = "cli")]
use std::process::ExitCode;

#[cfg(feature = "cli")]
use anyhow::Result;
#[cfg(feature = "cli")]
use clap::{CommandFactory, Parser, Subcommand};

/// Trains networks that give words vectors from their spelling, uses them, and finds out why a training collapsed.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume).
#[cfg(feature = "cli")]
#[derive(Debug, Parser)]
#[command(name = "flameout", bin_name = "flameout", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// No progress on standard error; errors and warnings still come.
    #[arg(long, short, global = true)]
    quiet: bool,
}

#[cfg(feature = "cli")]
#[derive(Debug, Subcommand)]
enum Command {
    Train(train::Args),
    Embed(embed::Args),
    Neighbours(neighbours::Args),
    Analogy(analogy::Args),
    Evaluate(evaluate::Args),
    Diagnose(diagnose::Args),
    Replay(replay::Args),
    Logger(logger::Args),
    Repro(repro::Args),
    Sweep(sweep::Args),
    Report(report::Args),
    Compare(report::CompareArgs),
    Export(export::Args),
    Import(import::Args),
    Vectors(vectors::Args),
    Completions(pages::Completions),
    Man(pages::Man),
}

#[cfg(feature = "cli")]
const FIRST_THINGS: &str = "\
flameout gives words vectors from their spelling, and finds out why a training collapsed. Three things to begin with:

  flameout train --vectors my-vectors.bin --model ngrams --out runs/ngrams   learn from your own word vectors
  flameout embed --model runs/ngrams unheard unseeable                       vectors for words that are not in them
  flameout diagnose training.log                                             did a training in Keras or PyTorch go well?

Everything else: flameout --help";

/// Carries out the command line.
#[cfg(feature = "cli")]
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::from(run(std::env::args_os()))
}

/// Carries out a command line, whose first word is the program's name; returns the exit code. To be called once in a process.
#[cfg(feature = "cli")]
pub fn run(words: impl IntoIterator<Item = OsString>) -> u8 {
    let code = match start::begin_with::<Cli>(words) {
        Ok(cli) => start::end(carry_out(cli)),
        Err(code) => code,
    };
    (0..=u8::MAX).find(|&number| ExitCode::from(number) == code).unwrap_or(u8::MAX)
}

#[cfg(feature = "cli")]
fn carry_out(cli: Cli) -> Result<ExitCode> {
    if cli.quiet {
        progress::silence();
    }
    match cli.command {
        None => {
            say!("{FIRST_THINGS}")?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Train(args)) => train::run(&args),
        Some(Command::Embed(args)) => embed::run(&args),
        Some(Command::Neighbours(args)) => neighbours::run(&args),
        Some(Command::Analogy(args)) => analogy::run(&args),
        Some(Command::Evaluate(args)) => evaluate::run(&args),
        Some(Command::Diagnose(args)) => diagnose::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Logger(args)) => logger::run(&args),
        Some(Command::Repro(args)) => repro::run(&args, &base()).and_then(work::unless_lost),
        Some(Command::Sweep(args)) => sweep::run(&args, &base()).and_then(work::unless_lost),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Compare(args)) => report::compare(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::Vectors(args)) => vectors::run(&args),
        Some(Command::Completions(args)) => pages::completions(&args, &mut Cli::command()),
        Some(Command::Man(args)) => pages::manual(&args, Cli::command()),
    }
}

/// Where relative paths in a run's settings begin: here, unless its settings have been made elsewhere with absolute ones.
#[cfg(feature = "cli")]
fn base() -> PathBuf {
    Path::new("").into()
}
