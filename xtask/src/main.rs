//! The project's tasks: `cargo xtask --help`.
#![forbid(unsafe_code)]

mod baselines;
mod bench;
mod csv_file;
mod early;
mod growth;
mod guard;
mod hunt;
mod jobs;
mod json_lines;
mod map;
mod parity;
mod repro;
mod score;
mod torture;
mod warning;
mod zoo;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

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
    Hunt(hunt::Args),
    Score(score::Args),
    Growth(growth::Args),
    Map(map::Args),
    Zoo(zoo::Args),
    Warning(warning::Args),
    Guard(guard::Args),
    Parity(parity::Args),
    Bench(bench::Args),
    Baselines(baselines::Args),
    Torture(torture::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().task {
        Task::Repro(args) => repro::run(&args),
        Task::Hunt(args) => hunt::run(&args),
        Task::Score(args) => score::run(&args),
        Task::Growth(args) => growth::run(&args),
        Task::Map(args) => map::run(&args),
        Task::Zoo(args) => zoo::run(&args),
        Task::Warning(args) => warning::run(&args),
        Task::Guard(args) => guard::run(&args),
        Task::Parity(args) => parity::run(&args),
        Task::Bench(args) => bench::run(&args),
        Task::Baselines(args) => baselines::run(&args),
        Task::Torture(args) => torture::run(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

/// The repository's root, where relative paths in settings begin.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the repository").into()
}
