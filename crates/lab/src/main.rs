//! The research behind the product, as `cargo xtask` starts it. Nothing imports it.
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

mod baselines;
mod bench;
mod docs;
mod early;
mod growth;
mod guard;
mod hunt;
mod map;
mod measured;
mod second_moment;
mod stretch;
mod warning;
mod zoo;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use flameout::cli::{csv_file, jobs, json_lines, start, work};

/// The project's research.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    Hunt(hunt::Args),
    Growth(growth::Args),
    Stretch(stretch::Args),
    SecondMoment(second_moment::Args),
    Map(map::Args),
    Docs(docs::Args),
    Zoo(zoo::Args),
    Warning(warning::Args),
    Guard(guard::Args),
    Baselines(baselines::Args),
    Bench(bench::Args),
}

fn main() -> ExitCode {
    match start::begin::<Cli>() {
        Ok(cli) => start::end(carry_out(cli.task).and_then(work::unless_lost)),
        Err(code) => code,
    }
}

fn carry_out(task: Task) -> Result<ExitCode> {
    match task {
        Task::Hunt(args) => hunt::run(&args),
        Task::Growth(args) => growth::run(&args),
        Task::Stretch(args) => stretch::run(&args),
        Task::SecondMoment(args) => second_moment::run(&args),
        Task::Map(args) => map::run(&args),
        Task::Docs(args) => docs::run(&args),
        Task::Zoo(args) => zoo::run(&args),
        Task::Warning(args) => warning::run(&args),
        Task::Guard(args) => guard::run(&args),
        Task::Baselines(args) => baselines::run(&args),
        Task::Bench(args) => bench::run(&args),
    }
}

/// The repository's root, where relative paths in settings begin.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the lab lies in the repository's crates/").into()
}
