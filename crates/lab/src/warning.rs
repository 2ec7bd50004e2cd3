//! `cargo xtask warning`: how early and how reliably a collapse can be announced.

mod score;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use anyhow::Result;
use flameout_experiment::Settings;
use flameout_optim::{CosineDecay, Schedule};

use crate::{csv_file, early, jobs, root};
use flameout::cli::interrupt::stop_on_ctrl_c;
use score::Run;

/// Makes runs that collapse and runs that do not, and counts what a warning would have said.
///
/// With each seed: GRU(64) on 1,000 words at learning rate 0.0175 (collapses within some thousand steps), at 0.004, and at
/// 0.0125 falling along a cosine (which do not). Each signal over its running median is compared with several thresholds.
/// For each signal the threshold is chosen on the even seeds: of those with at most one false alarm in 10,000 steps
/// the one that announces the most collapses. What it is worth is what it does on the odd seeds.
///
/// Examples:
///
///   cargo xtask warning
///   cargo xtask warning --seeds 0 --runs runs/hunt/gru-single-*
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Seeds, from 0.
    #[arg(long, value_name = "N", default_value_t = 8)]
    seeds: u64,

    /// Steps of each run, rounded up to whole epochs; fewer if it collapses.
    #[arg(long, value_name = "STEPS", default_value_t = 8000)]
    steps: u64,

    /// Count these finished runs as well: directories that `cargo xtask hunt` has left.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    runs: Vec<PathBuf>,

    /// Runs at a time, each on one core [default: one a core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where the table is written.
    #[arg(long, value_name = "FILE", default_value = "docs/doctor-zoo/warning.csv")]
    table: PathBuf,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let due: Vec<Settings> = (0..args.seeds).flat_map(|seed| settings(seed, args.steps)).collect();
    let stop = stop_on_ctrl_c()?;
    let finished = args.runs.iter().map(|directory| Run::read(directory)).collect::<Result<Vec<_>>>()?;
    let runs = Mutex::new(finished);
    jobs::do_all(&due, jobs::at_a_time(args.jobs, due.len()), 1, &stop, |settings| {
        let run = Run::of(settings.seed, early::run(settings)?);
        tell!("seed {}, {:?}: {run}", settings.seed, settings.schedule);
        runs.lock().unwrap_or_else(PoisonError::into_inner).push(run);
        Ok(())
    })?;
    if stop.load(Ordering::Relaxed) {
        return Ok(ExitCode::from(130));
    }
    let lines = score::table(&runs.into_inner().unwrap_or_else(PoisonError::into_inner));
    say!("{}", score::text(&lines));
    csv_file::write(&lines, &root().join(&args.table))?;
    Ok(ExitCode::SUCCESS)
}

fn settings(seed: u64, steps: u64) -> [Settings; 3] {
    let schedule = Schedule::Cosine(CosineDecay { learning_rate: 0.0125, floor: 0.0, steps });
    let cosine = early::settings(0.0125, seed, steps).with(|settings| settings.schedule = schedule);
    let cosine = cosine.expect("a known schedule");
    [early::settings(0.0175, seed, steps), early::settings(0.004, seed, steps), cosine]
}
