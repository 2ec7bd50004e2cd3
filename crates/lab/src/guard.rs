//! `cargo xtask guard`: whether a guard keeps runs from collapsing.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use clap::ValueEnum;
use comfy_table::Table;
use flameout_doctor::Proportion;
use flameout_experiment::GuardSettings;
use serde::Serialize;

use flameout::cli::interrupt::stop_on_ctrl_c;
use flameout::cli::table;

use crate::{csv_file, early, jobs, root};

/// Makes runs that collapse, without a guard and with each, and counts how many collapse.
///
/// GRU(64) on 1,000 words, as in `cargo xtask warning`.
///
/// Examples:
///
///   cargo xtask guard
///   cargo xtask guard --rate 0.0125 --seeds 4 --steps 20700
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The learning rate.
    #[arg(long, default_value_t = 0.0175)]
    rate: f64,

    /// Seeds, from 0.
    #[arg(long, value_name = "N", default_value_t = 5)]
    seeds: u64,

    /// Steps of each run, rounded up to whole epochs; fewer if it collapses.
    #[arg(long, value_name = "STEPS", default_value_t = 8000)]
    steps: u64,

    /// Runs at a time, each on one core [default: one a core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where the rows are written [default: docs/doctor-zoo/guard-RATE.csv].
    #[arg(long, value_name = "FILE")]
    table: Option<PathBuf>,
}

/// What guards a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// Nothing.
    None,
    /// Gradients at most twice the running median.
    Clip,
    /// Weights taken back at a warning, and half the rate from there on.
    RollBack,
}

impl Kind {
    fn guard(self) -> Option<GuardSettings> {
        match self {
            Self::None => None,
            Self::Clip => Some(GuardSettings::Clip { factor: 2.0 }),
            Self::RollBack => Some(GuardSettings::RollBack { threshold: 4.0, factor: 0.5 }),
        }
    }
}

/// What became of a run.
#[derive(Debug, Serialize)]
struct Row {
    guard: Kind,
    learning_rate: f64,
    seed: u64,
    steps: usize,
    trained_well_step: Option<u64>,
    onset_step: Option<u64>,
    spikes: usize,
    best_loss: Option<f64>,
    /// Steps at which the guard did something.
    acted: usize,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let kinds = Kind::value_variants().iter().copied();
    let due: Vec<(u64, Kind)> = (0..args.seeds).flat_map(|seed| kinds.clone().map(move |kind| (seed, kind))).collect();
    let stop = stop_on_ctrl_c()?;
    let rows = Mutex::new(Vec::new());
    jobs::do_all(&due, jobs::at_a_time(args.jobs, due.len()), 1, &stop, |&(seed, kind)| {
        let row = row(args, seed, kind)?;
        tell!("{row:?}");
        rows.lock().unwrap_or_else(PoisonError::into_inner).push(row);
        Ok(())
    })?;
    if stop.load(Ordering::Relaxed) {
        return Ok(ExitCode::from(130));
    }
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|row| (row.guard, row.seed));
    say!("{}", text(&rows));
    let by_default = || format!("docs/doctor-zoo/guard-{}.csv", args.rate).into();
    let path = root().join(args.table.clone().unwrap_or_else(by_default));
    csv_file::write(&rows, &path)?;
    Ok(ExitCode::SUCCESS)
}

fn row(args: &Args, seed: u64, kind: Kind) -> Result<Row> {
    let settings = early::settings(args.rate, seed, args.steps).with(|settings| settings.guard = kind.guard())?;
    let seen = early::run(&settings)?;
    Ok(Row {
        guard: kind,
        learning_rate: args.rate,
        seed,
        steps: seen.points.len(),
        trained_well_step: seen.outcome.trained_well_at(),
        onset_step: seen.outcome.collapse_onset(),
        spikes: seen.outcome.spikes().len(),
        best_loss: seen.outcome.best().map(|best| best.loss),
        acted: seen.guarded,
    })
}

/// A line for each guard; runs that never trained well cannot collapse and do not count.
fn text(rows: &[Row]) -> Table {
    let mut table = table::new(["guard", "collapsed", "best loss, mean", "acted, mean"]);
    for &kind in Kind::value_variants() {
        let rows = || rows.iter().filter(|row| row.guard == kind && row.trained_well_step.is_some());
        let count = rows().count() as f64;
        let loss = rows().filter_map(|row| row.best_loss).sum::<f64>() / count;
        let acted = rows().map(|row| row.acted).sum::<usize>() as f64 / count;
        let collapsed = Proportion::of(rows().map(|row| row.onset_step.is_some()));
        table.add_row([format!("{kind:?}"), collapsed.to_string(), format!("{loss:.5}"), format!("{acted:.1}")]);
    }
    table
}
