//! The command line: one module a command, and what commands share.
//!
//! Results go to standard output, progress and warnings to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage,
//! 130 interrupted in a state that can be gone on from.

/// Prints a line on standard output, as [`terminal::print`]; an error where `println!` would panic.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::terminal::print(format_args!($($text)*)) };
}

/// Prints a line on standard error, as [`terminal::tell`], whatever --quiet asks for; no panic where `eprintln!` would.
macro_rules! tell {
    ($($text:tt)*) => { $crate::cli::terminal::tell(format_args!($($text)*)) };
}

mod advice;
mod analogy;
pub mod diagnose;
mod diagnose_log;
pub mod diagnosis;
mod embed;
pub mod evaluate;
mod export;
mod import;
pub mod interrupt;
pub mod known;
mod log_chart;
mod logger;
mod nearest;
mod neighbours;
mod output;
mod pages;
pub mod progress;
mod reading;
mod replay;
mod report;
pub mod setting;
pub mod start;
pub mod table;
pub mod terminal;
mod train;
pub mod training;
mod vectors;
mod words;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

/// Trains networks that give words vectors from their spelling, uses them, and finds out why a training collapsed.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume).
#[derive(Debug, Parser)]
#[command(name = "flameout", bin_name = "flameout", version, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    /// No progress on standard error; errors and warnings still come.
    #[arg(long, short, global = true)]
    quiet: bool,
}

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
    Report(report::Args),
    Compare(report::CompareArgs),
    Export(export::Args),
    Import(import::Args),
    Vectors(vectors::Args),
    Completions(pages::Completions),
    Man(pages::Man),
}

const FIRST_THINGS: &str = "\
flameout gives words vectors from their spelling, and finds out why a training collapsed. Three things to begin with:

  flameout train --vectors my-vectors.bin --model ngrams --out runs/ngrams   learn from your own word vectors
  flameout embed --model runs/ngrams unheard unseeable                       vectors for words that are not in them
  flameout diagnose training.log                                             did a training in Keras or PyTorch go well?

Everything else: flameout --help";

/// Carries out the command line.
pub fn main() -> ExitCode {
    match start::begin::<Cli>() {
        Ok(cli) => start::end(carry_out(cli)),
        Err(code) => code,
    }
}

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
fn base() -> PathBuf {
    Path::new("").into()
}
