//! The project's tasks: `cargo xtask --help`.
#![forbid(unsafe_code)]
// What is printed goes through `cli::terminal`.
#![deny(clippy::print_stdout, clippy::print_stderr)]

/// Prints a line on standard output ([`flameout::cli::work::say`]): no panic where `println!` would.
macro_rules! say {
    ($($text:tt)*) => { flameout::cli::work::say(format_args!($($text)*)) };
}

/// Prints a line on standard error: no panic where `eprintln!` would.
macro_rules! tell {
    ($($text:tt)*) => { flameout::cli::terminal::tell(format_args!($($text)*)) };
}

mod lab;
mod parity;
mod torture;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use flameout::cli::{repro, start, work};

/// The project's tasks.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Repro(repro::Args),
    Parity(parity::Args),
    Torture(torture::Args),
    /// Runs every training of a plan: a grid or a list of settings, with several seeds each.
    Hunt(lab::Args),
    /// Makes the runs of plans again and measures how the columns of the first recurrent kernel grow.
    Growth(lab::Args),
    /// Makes the runs of plans again and measures how much the recurrent layer stretches differences of its state.
    Stretch(lab::Args),
    /// Draws what the hunts have found, from the rows and curves in the repository; nothing is trained.
    Map(lab::Args),
    /// Fills the tables of the documentation from the kept rows, and checks what people read.
    Docs(lab::Args),
    /// Shows the doctor runs with known faults, and healthy ones, and counts how often it is right.
    Zoo(lab::Args),
    /// Makes runs that collapse and runs that do not, and counts what a warning would have said.
    Warning(lab::Args),
    /// Makes runs that collapse, without a guard and with each, and counts how many collapse.
    Guard(lab::Args),
    /// Measures simple methods on the words and split of a run: what a network has to beat.
    Baselines(lab::Args),
    /// Measures speed: the machine's limits, then train steps, forward passes and word-vector files.
    Bench(lab::Args),
}

fn main() -> ExitCode {
    match start::begin::<Cli>() {
        Ok(cli) => start::end(carry_out(cli.task).and_then(work::unless_lost)),
        Err(code) => code,
    }
}

fn carry_out(task: Task) -> Result<ExitCode> {
    match task {
        Task::Repro(args) => repro::run(&args, &root()),
        Task::Parity(args) => parity::run(&args),
        Task::Bench(args) => lab::run("bench", &args),
        Task::Torture(args) => torture::run(&args),
        Task::Hunt(args) => lab::run("hunt", &args),
        Task::Growth(args) => lab::run("growth", &args),
        Task::Stretch(args) => lab::run("stretch", &args),
        Task::Map(args) => lab::run("map", &args),
        Task::Docs(args) => lab::run("docs", &args),
        Task::Zoo(args) => lab::run("zoo", &args),
        Task::Warning(args) => lab::run("warning", &args),
        Task::Guard(args) => lab::run("guard", &args),
        Task::Baselines(args) => lab::run("baselines", &args),
    }
}

/// The repository's root, where relative paths in settings begin.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").into()
}
