//! `flameout sweep`: runs a plan of many trainings, and keeps a row of results for each.

pub mod cells;
mod collect;
pub mod curve;
mod display;
mod machine;
pub mod plan;
pub mod results;
mod row;
pub mod shard;
mod table;
pub mod verdict;
mod worker;

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use flameout_experiment::Settings;

use super::interrupt::stop_on_ctrl_c;
use super::jobs;
use super::table::counted;
use display::Display;
pub use machine::Machine;
use plan::Plan;
use results::Results;
pub use shard::Shard;
use worker::Worker;

/// Shown by `--help`. In a doc comment it would be taken for Rust.
const EXAMPLE: &str = r#"A plan:

    question = "Does a larger learning rate make the network collapse?"
    expected = "Yes, from some rate on, and the sooner the larger it is."
    steps = 20000                      # of each run, rounded up to whole epochs
    seeds = [0, 1, 2, 3, 4]
    curves = true                      # keep a thinned curve of each run as well (default: no)
    [settings]                         # what all runs share; what is not given is as in the question
    case = "lstm-single"
    data.vectors = "my-vectors.bin"
    model.units = 64
    training.stop-after-collapse = 2000
    [grid]                             # every combination of these
    schedule.learning-rate = [0.01, 0.02]
    training.batch = [32, 512]
    [[list]]                           # and, instead of or beside the grid, a list of changes
    optimizer.epsilon = 1e-4"#;

/// Runs every training of a plan: a grid or a list of settings, with several seeds each.
///
/// A plan says which question it asks, what was expected before it was run, and which settings vary. An example is below.
///
/// Finished runs are not repeated: their rows are found by the hash of their settings. Only a run whose row was kept by an
/// earlier definition of a collapse, and does not tell what today's asks for, is made again. An interrupted run goes on
/// where it was when the same plan is started again. Seeds come last: every setting is run with the first seed before
/// any is with the second.
///
/// Results: RESULTS/results.jsonl, one row a run with its complete settings and summary, and the same as results.csv;
/// thinned curves in RESULTS/curves. The runs' own files are in RUNS, without checkpoints once they are over. A row also has
/// version, kernel path and processor; they do not change its numbers.
///
/// On several machines: --shard I/N makes every N-th run, from number I on, and keeps its rows in RESULTS/shards, in a file that
/// no other part writes. When all parts are over, --collect RESULTS puts their rows into RESULTS/results.jsonl, in the order
/// of the plan. The rows are those that one machine makes. Slurm, Kubernetes and others give each task its number I.
///
/// Examples:
///
///   flameout sweep plan.toml
///   flameout sweep plan.toml --count
///   flameout sweep plan.toml --results shared/results --shard 3/200 --jobs 1
///   flameout sweep plan.toml --collect shared/results
///   flameout sweep plan.toml --table
#[derive(Debug, Clone, clap::Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLE)]
pub struct Args {
    /// The plans, run one after the other.
    #[arg(required = true, value_name = "PLAN.toml")]
    plans: Vec<PathBuf>,

    /// Trainings at a time; they share the cores evenly [default: one a core; RAYON_NUM_THREADS says how many cores].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where results are kept [default: runs/sweep].
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,

    /// Where the runs' own files go [default: RESULTS/runs].
    #[arg(long, value_name = "DIR")]
    pub runs: Option<PathBuf>,

    /// Make this part of the runs only: every N-th, from number I on (from 0). The numbers go on from plan to plan.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

    /// Run nothing; print how many runs there are, finished or not.
    #[arg(long, conflicts_with_all = ["jobs", "results", "runs", "shard"])]
    count: bool,

    /// Run nothing; put the rows of all parts in this directory of results together, and say which runs are missing.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["jobs", "results", "runs", "shard", "count"])]
    collect: Option<PathBuf>,

    /// With --collect: take rows of different versions of flameout.
    #[arg(long, requires = "collect")]
    mixed_versions: bool,

    /// Run nothing; print what is known so far.
    #[arg(long, conflicts_with_all = ["shard", "count", "collect"])]
    table: bool,
}

/// A plan with the settings of its runs.
struct Planned {
    plan: Plan,
    runs: Vec<Settings>,
}

/// Runs the command. Relative paths, those in settings too, begin at `base`.
///
/// # Errors
/// If a plan cannot be read, a run cannot be made, or a row cannot be written.
pub fn run(args: &Args, base: &Path) -> Result<ExitCode> {
    // All before the first is run: a mistake should not show after hours.
    let read = |path: &PathBuf| -> Result<Planned> {
        let plan = Plan::read(path)?;
        let runs = plan.runs(base).with_context(|| format!("plan {}", plan.name))?;
        Ok(Planned { plan, runs })
    };
    let plans = args.plans.iter().map(read).collect::<Result<Vec<_>>>()?;
    if args.count {
        show!("{}", numbered(&plans).count());
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(directory) = &args.collect {
        let collected = collect::collect(&plans, &base.join(directory), args.mixed_versions)?;
        plans.iter().for_each(|Planned { plan, runs }| cells::print(plan, runs, &collected.rows));
        collected.require_all()?;
        return Ok(ExitCode::SUCCESS);
    }
    let results = base.join(args.results.as_deref().unwrap_or(Path::new("runs/sweep")));
    let runs = args.runs.as_ref().map_or_else(|| results.join("runs"), |runs| base.join(runs));
    let stop = stop_on_ctrl_c()?;
    let sweep = Sweep { args, base, results: &results, runs: &runs, stop: &stop };
    for (at, planned) in plans.iter().enumerate() {
        let mine = |number: usize| args.shard.is_none_or(|shard| shard.has(number as u64));
        let runs = numbered(&plans).enumerate().filter(|(number, (plan, _))| *plan == at && mine(*number));
        sweep.plan(planned, runs.map(|(_, (_, settings))| settings).collect())?;
        if stop.load(Ordering::Relaxed) {
            show!("Stopped. The same command goes on from here.");
            return Ok(ExitCode::from(130));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Every run once, in the order of the plans, with the place of the first plan that asks for it.
fn numbered(plans: &[Planned]) -> impl Iterator<Item = (usize, &Settings)> {
    let mut seen = HashSet::new();
    let runs = plans.iter().enumerate().flat_map(|(at, planned)| planned.runs.iter().map(move |run| (at, run)));
    runs.filter(move |(_, run)| seen.insert(run.hash()))
}

/// What was asked for, where files go, and what ends the runs.
struct Sweep<'a> {
    args: &'a Args,
    base: &'a Path,
    results: &'a Path,
    runs: &'a Path,
    stop: &'a AtomicBool,
}

impl Sweep<'_> {
    /// Makes those of these runs that have no row yet, and prints what is known of the plan.
    fn plan(&self, planned: &Planned, runs: Vec<&Settings>) -> Result<()> {
        let Planned { plan, runs: all } = planned;
        let results = match self.args.shard {
            Some(shard) => Results::of_shard(self.results, &plan.name, shard)?,
            None => Results::open(self.results)?,
        };
        if !self.args.table {
            self.make(plan, &runs, &results)?;
        }
        match self.args.shard {
            Some(_) if self.stop.load(Ordering::Relaxed) => {}
            Some(shard) => show!("{}, part {shard}: {}", plan.name, counted(runs.len() as u64, "run")),
            None => cells::print(plan, all, &results.rows()),
        }
        Ok(())
    }

    fn make(&self, plan: &Plan, runs: &[&Settings], results: &Results) -> Result<()> {
        let mut due: Vec<&Settings> = Vec::new();
        for settings in runs {
            if !results.holds(settings)? {
                due.push(settings);
            }
        }
        let workers = jobs::at_a_time(self.args.jobs, due.len());
        if workers == 0 {
            return Ok(());
        }
        let display = Display::new(plan, runs.len(), due.len());
        let (runs, base) = (self.runs.to_path_buf(), self.base.to_path_buf());
        let worker = Worker { plan, results, runs, base, display: &display, stop: self.stop };
        let threads = (jobs::cores() / workers).max(1);
        jobs::do_all(&due, workers, threads, self.stop, |settings| worker.carry_out(settings))
    }
}
