//! `cargo xtask hunt`: [`flameout sweep`](flameout::cli::sweep), with the project's results.

mod rescore;

use std::process::ExitCode;

use anyhow::Result;
use flameout::cli::sweep;
pub use flameout::cli::sweep::{cells, curve, plan, results};

use crate::root;
use results::Results;

/// Where results are kept.
const RESULTS: &str = "docs/hunt";
/// Where the runs' own files go.
const RUNS: &str = "runs/hunt";

/// Runs every training of a plan: `flameout sweep` with the words and results of this repository.
///
/// `flameout sweep --help` says what a plan holds. Here, relative paths begin at the repository's root.
///
/// Examples:
///
///   cargo xtask hunt docs/hunt/plans/gru-learning-rate.toml
///   cargo xtask hunt docs/hunt/plans/gru-learning-rate.toml --jobs 1
///   cargo xtask hunt docs/hunt/plans/gru-learning-rate.toml --table
///   cargo xtask hunt --rescore
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[group(skip)] // its name would be that of the arguments within it
#[command(mut_arg("plans", |plans| plans.required(false).required_unless_present("rescore")))]
#[command(mut_arg("results", |results| results.help(format!("Where results are kept [default: {RESULTS}]"))))]
#[command(mut_arg("runs", |runs| runs.help(format!("Where the runs' own files go [default: {RUNS}]"))))]
pub struct Args {
    #[command(flatten)]
    sweep: sweep::Args,

    /// Run nothing; print what the rows say by the definition of a collapse that they were kept with, and by today's.
    #[arg(long, conflicts_with_all = ["plans", "table", "count", "collect", "shard"])]
    rescore: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut sweep = args.sweep.clone();
    let results = sweep.results.get_or_insert_with(|| RESULTS.into());
    if args.rescore {
        rescore::print(&Results::open(&root().join(results))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    sweep.runs.get_or_insert_with(|| RUNS.into());
    sweep::run(&sweep, &root())
}
