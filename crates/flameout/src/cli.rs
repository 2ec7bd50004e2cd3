//! The command line: one module a command, and what commands share.
//!
//! Results go to standard output, progress and warnings to standard error. Exit codes: 0 done, 1 failed, 2 wrong usage,
//! 130 interrupted in a state that can be gone on from.

/// Prints a line on standard output; an error where `println!` would panic: a full disk, or a reader that has gone.
macro_rules! say {
    ($($text:tt)*) => {
        std::io::Write::write_fmt(&mut std::io::stdout().lock(), format_args!("{}\n", format_args!($($text)*)))
    };
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
mod nearest;
mod neighbours;
mod output;
mod pages;
pub mod progress;
mod replay;
mod report;
pub mod setting;
pub mod table;
mod train;
pub mod training;
mod vectors;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Trains networks that give words vectors from their spelling, uses them, and finds out why a training collapsed.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted (go on with --resume).
#[derive(Debug, Parser)]
#[command(name = "flameout", version, disable_help_subcommand = true)]
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

  flameout train --vectors my-vectors.bin --out runs/first     train a network on your own word vectors
  flameout embed --model runs/first unheard unseeable          vectors for words that are not in them
  flameout diagnose runs/first                                 did the training go well, and if not, why?

Your run is in Keras or PyTorch?  flameout diagnose training.log
Everything else: flameout --help";

/// Carries out the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.quiet {
        progress::silence();
    }
    let done = match cli.command {
        None => say!("{FIRST_THINGS}").map(|()| ExitCode::SUCCESS).map_err(Into::into),
        Some(Command::Train(args)) => train::run(&args),
        Some(Command::Embed(args)) => embed::run(&args),
        Some(Command::Neighbours(args)) => neighbours::run(&args),
        Some(Command::Analogy(args)) => analogy::run(&args),
        Some(Command::Evaluate(args)) => evaluate::run(&args),
        Some(Command::Diagnose(args)) => diagnose::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Report(args)) => report::run(&args),
        Some(Command::Compare(args)) => report::compare(&args),
        Some(Command::Export(args)) => export::run(&args),
        Some(Command::Import(args)) => import::run(&args),
        Some(Command::Vectors(args)) => vectors::run(&args),
        Some(Command::Completions(args)) => pages::completions(&args, &mut Cli::command()),
        Some(Command::Man(args)) => pages::manual(&args, Cli::command()),
    };
    done.unwrap_or_else(|error| {
        // The reader of our output has seen enough (`flameout embed … | head`): no fault of anybody's.
        if error.chain().any(is_broken_pipe) {
            return ExitCode::SUCCESS;
        }
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Where relative paths in a run's settings begin: here, unless its settings have been made elsewhere with absolute ones.
fn base() -> PathBuf {
    Path::new("").into()
}
