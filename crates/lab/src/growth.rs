//! `cargo xtask growth`: how long the weights of the recurrent kernel are on the way to a collapse.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};
use flameout::cli::interrupt::stop_on_ctrl_c;
use flameout::cli::table;
use flameout_doctor::probe::mean_column_length;
use flameout_experiment::{Dataset, Settings, Trainer};
use serde::{Deserialize, Serialize};

use crate::hunt::plan::Plan;
use crate::measured::{changed, network, recurrent_kernel};
use crate::{csv_file, jobs, root};

/// Makes the runs of plans again and measures, on the way, the mean column L2 norm of the first layer's recurrent
/// kernel: of the weights that lead from all units to one.
///
/// A run ends when it has collapsed. The table has the length about a hundred steps before the onset, or at the end of runs
/// that did not collapse; the file a point about every tenth of the way, which `cargo xtask map` draws.
///
/// Examples:
///
///   cargo xtask growth docs/hunt/plans/gru-learning-rate.toml docs/hunt/plans/gru-ten-seeds.toml
///   cargo xtask growth docs/hunt/plans/gru-remedies.toml --out runs/remedies.csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The plans.
    #[arg(required = true, value_name = "PLAN.toml")]
    plans: Vec<PathBuf>,

    /// Runs at a time, each on one core [default: one a core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where the lengths are written.
    #[arg(long, value_name = "FILE", default_value = "docs/hunt/growth.csv")]
    out: PathBuf,
}

/// Steps between measurements.
const EVERY: u64 = 50;
/// A length is of before the collapse if it was measured so many steps before the onset: the loss is a mean over as many.
const BEFORE: u64 = 100;
/// Points that are kept grow apart by this factor.
const APART: f64 = 1.1;

/// The length at a step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Which network, with its number of units.
    pub network: String,
    /// What differs from the question, but for units, words and learning rate; nothing in most runs.
    pub changed: String,
    /// The learning rate; where it falls, the first.
    pub rate: f64,
    /// The seed.
    pub seed: u64,
    /// The first step of the collapse, if there was one.
    pub onset: Option<u64>,
    /// The step.
    pub step: u64,
    /// The mean length of the columns.
    pub length: f64,
}

impl Sample {
    /// Whether it is of a run that differs in its seed alone.
    fn is_like(&self, other: &Self) -> bool {
        (&self.network, &self.changed, self.rate) == (&other.network, &other.changed, other.rate)
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let stop = stop_on_ctrl_c()?;
    let runs = runs(&args.plans)?;
    let measured = Mutex::new(Vec::new());
    jobs::do_all(&runs, jobs::at_a_time(args.jobs, runs.len()), 1, &stop, |settings| {
        // A run that never trained well cannot collapse, and says nothing.
        if let Some(samples) = measure(settings)? {
            let last = samples.last().context("a run has at least one step")?;
            tell!("{} {} seed {}: {:.2}", last.network, last.rate, last.seed, last.length);
            measured.lock().unwrap_or_else(PoisonError::into_inner).push(samples);
        }
        Ok(())
    })?;
    if stop.load(Ordering::Relaxed) {
        return Ok(ExitCode::from(130));
    }
    let mut measured = measured.into_inner().unwrap_or_else(PoisonError::into_inner);
    measured.sort_by(|a, b| {
        let key = |samples: &[Sample]| {
            let first = &samples[0];
            (first.network.clone(), first.changed.clone(), first.rate.to_bits(), first.seed)
        };
        key(a).cmp(&key(b))
    });
    print(&measured);
    csv_file::write(measured.into_iter().flatten(), &root().join(&args.out))?;
    Ok(ExitCode::SUCCESS)
}

/// The runs of the plans, each once; of those that differ in their length alone, the longest.
fn runs(plans: &[PathBuf]) -> Result<Vec<Settings>> {
    let mut runs: Vec<Settings> = Vec::new();
    for path in plans {
        for settings in Plan::read(path)?.runs(&root())? {
            ensure!(
                settings.schedule.learning_rate().is_some(),
                "{}: a run's schedule has no learning rate of its own",
                path.display()
            );
            let settings = settings.with(|settings| {
                (settings.training.stop_after_collapse, settings.training.checkpoint_every) = (Some(0), 500);
            })?;
            let of_length = |epochs| settings.with(|settings| settings.training.epochs = epochs);
            let same = |other: &&mut Settings| of_length(other.training.epochs).is_ok_and(|longer| longer == **other);
            match runs.iter_mut().find(same) {
                Some(other) if other.training.epochs >= settings.training.epochs => {}
                Some(other) => *other = settings,
                None => runs.push(settings),
            }
        }
    }
    Ok(runs)
}

/// Makes a run and measures it; None if it never trained well.
fn measure(settings: &Settings) -> Result<Option<Vec<Sample>>> {
    let dataset = Dataset::open(settings, &root())?;
    let mut trainer = Trainer::new(settings, &dataset)?;
    let kernel = recurrent_kernel(&trainer)?;
    let length = |trainer: &Trainer| mean_column_length(&kernel, trainer.parameters());
    let mut lengths = vec![(0, length(&trainer))];
    while !trainer.finished() {
        trainer.advance(&dataset, &mut ())?;
        if trainer.steps().is_multiple_of(EVERY) {
            lengths.push((trainer.steps(), length(&trainer)));
        }
    }
    let rate = settings.schedule.learning_rate().context("the schedule has no learning rate of its own")?;
    let outcome = trainer.outcome();
    let onset = outcome.collapse_onset();
    let until = onset.map_or(u64::MAX, |onset| onset.saturating_sub(BEFORE));
    lengths.retain(|&(step, _)| step <= until);
    let sample = |(step, length)| Sample {
        network: network(settings),
        changed: changed(settings),
        rate,
        seed: settings.seed,
        onset,
        step,
        length,
    };
    Ok(outcome.trained_well_at().map(|_| thinned(&lengths).into_iter().map(sample).collect()))
}

/// Points that lie apart by a factor, and the last.
fn thinned(lengths: &[(u64, f64)]) -> Vec<(u64, f64)> {
    let mut kept: Vec<(u64, f64)> = Vec::new();
    for &point in lengths {
        if kept.last().is_none_or(|last| point.0 as f64 >= APART * last.0 as f64) {
            kept.push(point);
        }
    }
    if kept.last() != lengths.last() {
        kept.extend(lengths.last());
    }
    kept
}

/// Reads what the command has written; nothing if it has not yet.
pub fn read(path: &Path) -> Result<Vec<Sample>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    csv_file::read(path)
}

/// A line for each network, change and rate.
fn print(measured: &[Vec<Sample>]) {
    let mut table = table::new([
        "network",
        "changed",
        "learning rate",
        "trained well",
        "collapsed",
        "steps of the onsets",
        "length 100 steps before",
        "length at the end of the others",
    ]);
    for runs in measured.chunk_by(|a, b| a[0].is_like(&b[0])) {
        let last = |run: &Vec<Sample>| run.last().expect("not empty").length;
        let (collapsed, held): (Vec<_>, Vec<_>) = runs.iter().partition(|run| run[0].onset.is_some());
        let onsets: Vec<f64> = collapsed.iter().filter_map(|run| run[0].onset).map(|onset| onset as f64).collect();
        table.add_row([
            runs[0][0].network.clone(),
            runs[0][0].changed.clone(),
            runs[0][0].rate.to_string(),
            runs.len().to_string(),
            collapsed.len().to_string(),
            range(&onsets, 0),
            range(&collapsed.into_iter().map(last).collect::<Vec<_>>(), 1),
            range(&held.into_iter().map(last).collect::<Vec<_>>(), 1),
        ]);
    }
    say!("{table}");
}

/// From the lowest to the highest.
fn range(values: &[f64], digits: usize) -> String {
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    match values {
        [] => String::new(),
        [one] => format!("{one:.digits$}"),
        _ => format!("{low:.digits$} to {high:.digits$}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_and_last_points_are_kept_and_few_between() {
        let lengths: Vec<(u64, f64)> = (0..=400).map(|i| (50 * i, i as f64)).collect();
        let kept = thinned(&lengths);
        assert_eq!((kept[0], kept[1], kept.last()), ((0, 0.0), (50, 1.0), lengths.last()));
        assert!(kept.len() < 60, "{}", kept.len());
        assert!(kept.windows(2).all(|two| two[0].0 < two[1].0));
    }

    #[test]
    fn a_run_of_two_plans_is_made_once() {
        let plan = |name: &str| root().join("docs/hunt/plans").join(name);
        let both = runs(&[plan("gru-learning-rate.toml"), plan("gru-ten-seeds.toml")]).unwrap();
        // 20 of the first; of the second's 20, five are the same.
        assert_eq!(both.len(), 35);
    }
}
