//! `flameout logger`: a class that writes a line for each step of a training in another program.

use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use flameout_curves::loggers;

/// Prints a class, ready to paste, that logs each step of a training in Keras or PyTorch.
///
/// The log has a line of JSON for each step: loss, learning rate, length of the update, and more. `flameout diagnose` reads
/// it, and sees more in it than in means over epochs.
///
/// Examples:
///
///   flameout logger keras > steplog.py       from steplog import StepLog; model.fit(..., callbacks=[StepLog("steps.jsonl")])
///   flameout logger pytorch > steplog.py     from steplog import StepLog; log = StepLog("steps.jsonl", optimizer)
///   flameout diagnose steps.jsonl
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The program that trains.
    #[arg(value_enum)]
    program: Program,
}

/// Programs for which there is a logger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Program {
    /// Keras 3, with any backend: a callback.
    Keras,
    /// PyTorch: an object that is told of each loss.
    Pytorch,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let code = match args.program {
        Program::Keras => loggers::KERAS,
        Program::Pytorch => loggers::PYTORCH,
    };
    say!("{}", code.trim_end())?;
    Ok(ExitCode::SUCCESS)
}
