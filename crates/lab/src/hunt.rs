//! `cargo xtask hunt`: runs a plan of many trainings, and keeps a row of results for each.

pub mod cells;
pub mod curve;
mod display;
pub mod plan;
mod rescore;
pub mod results;
mod worker;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use flameout_experiment::Settings;

use crate::{jobs, root};
use display::Display;
use flameout::cli::interrupt::stop_on_ctrl_c;
use plan::Plan;
use results::Results;
use worker::Worker;

/// Runs every training of a plan: a grid or a list of settings, with several seeds each.
///
/// A plan says which question it asks, what was expected before it was run, and which settings vary:
///
///     question = "Does a larger learning rate make the network collapse?"
///     expected = "Yes, from some rate on, and the sooner the larger it is."
///     steps = 20000                      # of each run, rounded up to whole epochs
///     seeds = [0, 1, 2, 3, 4]
///     curves = true                      # keep a thinned curve of each run as well (default: no)
///     [settings]                         # what all runs share; what is not given is as in the question
///     case = "lstm-single"
///     model.units = 64
///     training.stop-after-collapse = 2000
///     [grid]                             # every combination of these
///     schedule.learning-rate = [0.01, 0.02]
///     training.batch = [32, 512]
///     [[list]]                           # and, instead of or beside the grid, a list of changes
///     optimizer.epsilon = 1e-4
///
/// Finished runs are not repeated: their rows are found by the hash of their settings. Only a run whose row was kept by an
/// earlier definition of a collapse, and does not tell what today's asks for, is made again. An interrupted run goes on
/// where it was when the same plan is started again. Seeds come last: every setting is run with the first seed before
/// any is with the second.
///
/// Results: RESULTS/results.jsonl, one row a run with its complete settings and summary, and the same as results.csv;
/// thinned curves in RESULTS/curves. The runs' own files are in RUNS, without checkpoints once they are over.
///
/// Examples:
///
///   cargo xtask hunt docs/hunt/plans/gru-learning-rate.toml
///   cargo xtask hunt docs/hunt/plans/gru-learning-rate.toml --jobs 1
///   cargo xtask hunt docs/hunt/plans/gru-learning-rate.toml --table
///   cargo xtask hunt --rescore
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The plans, run one after the other.
    #[arg(required_unless_present = "rescore", value_name = "PLAN.toml")]
    plans: Vec<PathBuf>,

    /// Trainings at a time; they share the cores evenly [default: one a core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where results are kept.
    #[arg(long, value_name = "DIR", default_value = "docs/hunt")]
    results: PathBuf,

    /// Where the runs' own files go.
    #[arg(long, value_name = "DIR", default_value = "runs/hunt")]
    runs: PathBuf,

    /// Run nothing; print what is known so far.
    #[arg(long)]
    table: bool,

    /// Run nothing; print what the rows say by the definition of a collapse that they were kept with, and by today's.
    #[arg(long, conflicts_with_all = ["plans", "table"])]
    rescore: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    // All before the first is run: a mistake should not show after hours.
    let plans = args.plans.iter().map(|path| Plan::read(path)).collect::<Result<Vec<_>>>()?;
    let results = Results::open(&root().join(&args.results))?;
    if args.rescore {
        rescore::print(&results)?;
        return Ok(ExitCode::SUCCESS);
    }
    let stop = stop_on_ctrl_c()?;
    for plan in &plans {
        let runs = plan.runs(&root()).with_context(|| format!("plan {}", plan.name))?;
        if !args.table {
            hunt(args, plan, &runs, &results, &stop)?;
        }
        cells::print(plan, &runs, &results.rows());
        if stop.load(Ordering::Relaxed) {
            say!("Stopped. The same command goes on from here.");
            return Ok(ExitCode::from(130));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Carries out the plan's runs that have no row yet.
fn hunt(args: &Args, plan: &Plan, runs: &[Settings], results: &Results, stop: &AtomicBool) -> Result<()> {
    let mut due: Vec<&Settings> = Vec::new();
    for settings in runs {
        if !results.holds(settings)? {
            due.push(settings);
        }
    }
    let workers = jobs::at_a_time(args.jobs, due.len())?;
    if workers == 0 {
        return Ok(());
    }
    let display = Display::new(plan, runs.len(), due.len());
    let worker = Worker { plan, results, runs: root().join(&args.runs), display: &display, stop };
    let threads = (jobs::cores()? / workers).max(1);
    jobs::do_all(&due, workers, threads, stop, |settings| worker.carry_out(settings))
}
