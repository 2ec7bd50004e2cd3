//! `cargo xtask stretch`: how much the recurrent layer stretches differences of its state on the way to a collapse, and how
//! much each update changes the outputs.

pub mod close_up;
mod effect;
mod jacobian;
pub mod score;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use flameout::cli::interrupt::stop_on_ctrl_c;
use flameout_doctor::probe::mean_column_length;
use flameout_experiment::{Dataset, Settings, Trainer};
use serde::{Deserialize, Serialize};

use crate::hunt::plan::Plan;
use crate::measured::{changed, network, recurrent_kernel};
use crate::{jobs, json_lines, root};
use close_up::CloseUp;
use effect::{Effect, Effects};
use jacobian::{Probe, Stretch};

/// Makes the runs of plans again and measures, on the way, by which factor a small difference of the state grows until it
/// reaches the output: over the letters of a word, over the `$` behind it, and over both.
///
/// The factor is the largest singular value of the product of the steps' Jacobians, computed in double precision for
/// training words that lie evenly spread. The command also measures by which factor the gradient of each word's loss grows
/// on its way back, and the mean column L2 norm of the recurrent kernel. All factors are natural logarithms. And it
/// measures by how much each update of the epoch that follows changes the network's outputs.
///
/// Each run is made twice: first to learn when it collapses, then to be measured, more often just before its onset.
/// Finished runs are kept in a file, a line each, and not repeated. The tables show each group of runs, and how well each
/// quantity tells whether a run collapses within the next steps (area under the ROC curve: 0.5 is chance, 1 is certain).
///
/// Examples:
///
///   cargo xtask stretch docs/hunt/plans/gru-ten-seeds.toml docs/hunt/plans/padding-kind.toml --case gru-single
///   cargo xtask stretch docs/hunt/plans/gru-ten-seeds.toml --seeds 0 --close-up 60
///   cargo xtask stretch --table
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The plans.
    #[arg(required_unless_present = "table", value_name = "PLAN.toml")]
    plans: Vec<PathBuf>,

    /// Only runs of this network.
    #[arg(long, value_name = "CASE")]
    case: Option<String>,

    /// Only runs with these seeds.
    #[arg(long, value_name = "SEED", num_args = 1..)]
    seeds: Vec<u64>,

    /// Steps between measurements; in the last steps before an onset a tenth of it.
    #[arg(long, value_name = "STEPS", default_value_t = 1000)]
    every: u64,

    /// Training words that are measured.
    #[arg(long, value_name = "N", default_value_t = 100)]
    words: usize,

    /// Runs at a time, each on one core [default: one a core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where the runs are kept.
    #[arg(long, value_name = "FILE", default_value = "docs/hunt/stretch.jsonl")]
    out: PathBuf,

    /// Instead, look at the last steps before each onset one by one, at the words of each step's own batch.
    #[arg(long, value_name = "STEPS")]
    close_up: Option<u64>,

    /// Where these steps are kept.
    #[arg(long, value_name = "FILE", default_value = "docs/hunt/close-up.jsonl")]
    close_up_out: PathBuf,

    /// Run nothing; print what is known so far.
    #[arg(long, conflicts_with = "plans")]
    table: bool,
}

/// The margin is measured of one update in so many.
const MARGIN_EVERY: usize = 5;

/// A run that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which network, with its number of units.
    pub network: String,
    /// What differs from the question, but for units, words and learning rate; nothing in most runs.
    pub changed: String,
    /// The learning rate; where it falls, the first.
    pub rate: f64,
    /// The seed.
    pub seed: u64,
    /// Steps until the run ended.
    pub steps: u64,
    /// The first step of the collapse, if there was one.
    pub onset: Option<u64>,
    /// What was measured, in the order of the steps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
}

/// The network at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Steps made.
    pub step: u64,
    /// Mean column L2 norm of the recurrent kernel.
    pub norm: f64,
    /// Over the letters.
    pub letters: Words,
    /// Over the padding, if it is read.
    pub padding: Option<Words>,
    /// Over both.
    pub whole: Words,
    /// Growth of the gradient on its way back.
    pub gradient: Words,
    /// Change of the outputs by an update, as a share of their spread: over the updates of the next epoch.
    pub effect: Words,
    /// How far that change is from a straight line, 0 if it is one.
    pub bend: Words,
    /// How many such updates at once lose what was learnt: the smallest, the median and the largest of every fifth update.
    pub margin: Words,
}

/// The median, the 99 % quantile and the maximum over the words, or over updates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Words(pub f64, pub f64, pub f64);

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let (path, close_ups) = (root().join(&args.out), root().join(&args.close_up_out));
    let stop = stop_on_ctrl_c()?;
    if !args.table {
        let known: Vec<Run> = match args.close_up {
            None => json_lines::read(&path)?,
            Some(_) => json_lines::read(&close_ups)?.into_iter().map(|close_up: CloseUp| close_up.run).collect(),
        };
        let due = due(args, &known)?;
        jobs::do_all(&due, jobs::at_a_time(args.jobs, due.len()), 1, &stop, |settings| {
            let Some((steps, onset)) = first(settings, &stop)? else { return Ok(()) };
            match args.close_up {
                None => match measure(settings, args, steps, onset, &stop)? {
                    Some(run) => json_lines::append(&path, &run)?,
                    None => return Ok(()),
                },
                Some(before) => match onset {
                    Some(onset) => {
                        let close_up = close_up::look(settings, onset, before, args.words)?;
                        json_lines::append(&close_ups, &close_up)?;
                    }
                    None => return Ok(()),
                },
            }
            tell!("{} seed {}: onset {onset:?}", settings.case.name(), settings.seed);
            Ok(())
        })?;
    }
    let (runs, close_ups) = (read(&path)?, read_close_ups(&close_ups)?);
    say!(
        "The last reading before the onset, or at the end: median over the runs (lowest to highest) of the maximum over"
    );
    say!("words or updates, of the margin of the median over updates.\n{}", score::groups(&runs).table());
    say!("How well a quantity tells whether an onset comes within 1,000 steps:\n{}", score::quantities(&runs).table());
    say!(
        "The first step before each onset whose gradient norm is at least five times the median of the steps before it;"
    );
    say!("gradient and update in times that median:\n{}", close_up::triggers(&close_ups).table());
    say!("From some steps before the onset on, the words in other orders:\n{}", close_up::decided(&close_ups).table());
    Ok(if stop.load(Ordering::Relaxed) { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

/// The measured runs of a file, in the order of their settings.
pub fn read(path: &Path) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = json_lines::read(path)?;
    runs.sort_by(Run::order);
    Ok(runs)
}

/// The close-ups of a file, in the order of their settings.
pub fn read_close_ups(path: &Path) -> Result<Vec<CloseUp>> {
    let mut close_ups: Vec<CloseUp> = json_lines::read(path)?;
    close_ups.sort_by(|a, b| a.run.order(&b.run));
    Ok(close_ups)
}

/// The runs of the plans that were not measured yet.
fn due(args: &Args, known: &[Run]) -> Result<Vec<Settings>> {
    let mut due: Vec<Settings> = Vec::new();
    for path in &args.plans {
        for settings in Plan::read(path)?.runs(&root())? {
            let settings = settings.with(|settings| settings.training.stop_after_collapse = Some(0))?;
            let wanted = args.case.as_ref().is_none_or(|case| case == settings.case.name())
                && (args.seeds.is_empty() || args.seeds.contains(&settings.seed));
            let is_known = known.iter().any(|run| run.is_of(&settings));
            if wanted && !is_known && !due.contains(&settings) {
                due.push(settings);
            }
        }
    }
    Ok(due)
}

impl Run {
    fn begin(settings: &Settings) -> Self {
        Self {
            network: network(settings),
            changed: changed(settings),
            rate: settings.schedule.learning_rate().unwrap_or(f64::NAN),
            seed: settings.seed,
            steps: 0,
            onset: None,
            readings: Vec::new(),
        }
    }

    /// By network, change, rate and seed.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let key = |run: &Self| (run.network.clone(), run.changed.clone(), run.rate.to_bits(), run.seed);
        key(self).cmp(&key(other))
    }

    fn is_of(&self, settings: &Settings) -> bool {
        let other = Self::begin(settings);
        self.is_like(&other) && self.seed == other.seed
    }

    /// Whether it differs in its seed alone.
    fn is_like(&self, other: &Self) -> bool {
        (&self.network, &self.changed, self.rate) == (&other.network, &other.changed, other.rate)
    }
}

/// Makes a run without measuring it: its steps, and its onset. None if it was stopped.
fn first(settings: &Settings, stop: &AtomicBool) -> Result<Option<(u64, Option<u64>)>> {
    let dataset = Dataset::open(settings, &root())?;
    let mut trainer = Trainer::new(settings, &dataset)?;
    while !trainer.finished() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        trainer.advance(&dataset, &mut ())?;
    }
    Ok(Some((trainer.steps(), trainer.outcome().collapse_onset())))
}

/// Makes a run again and measures it; None if it was stopped.
fn measure(settings: &Settings, args: &Args, steps: u64, onset: Option<u64>, stop: &AtomicBool) -> Result<Option<Run>> {
    let mut run = Run { steps, onset, ..Run::begin(settings) };
    let dataset = Dataset::open(settings, &root())?;
    let mut trainer = Trainer::new(settings, &dataset)?;
    let mut probe = Probe::new(trainer.architecture(), &dataset, args.words)?;
    let kernel = recurrent_kernel(&trainer)?;
    let mut effects = Effects::new(trainer.architecture(), &dataset, settings, args.words);
    let epoch = dataset.steps_per_epoch(settings) as usize;
    let (mut begun, mut made): (Option<Reading>, Vec<Effect>) = (None, Vec::new());
    let end = onset.unwrap_or(run.steps);
    while trainer.steps() < end && !trainer.finished() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        trainer.advance(&dataset, &mut ())?;
        if begun.is_some() {
            made.extend(effects.measure(&trainer, made.len().is_multiple_of(MARGIN_EVERY))?);
            if made.len() == epoch {
                run.readings.extend(begun.take().map(|reading| reading.with(&made)));
            }
        }
        let step = trainer.steps();
        let near = onset.is_some_and(|onset| step + args.every >= onset);
        let every = if near { (args.every / 10).max(1) } else { args.every };
        if begun.is_none() && step.is_multiple_of(every) {
            let words = probe.measure(&trainer)?;
            begun = Some(Reading::new(step, mean_column_length(&kernel, trainer.parameters()), &words));
            made.clear();
            effects.begin(&trainer)?;
        }
    }
    Ok(Some(run))
}

impl Reading {
    fn new(step: u64, norm: f64, words: &[Stretch]) -> Self {
        let over = |value: fn(&Stretch) -> f64| Words::of(words.iter().map(value).collect());
        let padding: Option<Vec<f64>> = words.iter().map(|word| word.padding).collect();
        Self {
            step,
            norm: rounded(norm),
            letters: over(|word| word.letters),
            padding: padding.map(Words::of),
            whole: over(|word| word.whole),
            gradient: over(|word| word.gradient),
            effect: Words(f64::NAN, f64::NAN, f64::NAN),
            bend: Words(f64::NAN, f64::NAN, f64::NAN),
            margin: Words(f64::NAN, f64::NAN, f64::NAN),
        }
    }

    fn with(self, effects: &[Effect]) -> Self {
        let over = |value: fn(&Effect) -> f64| Words::of(effects.iter().map(value).collect());
        let mut margins: Vec<f64> = effects.iter().filter_map(|effect| effect.margin).map(rounded).collect();
        margins.sort_by(f64::total_cmp);
        let margin = Words(margins[0], margins[margins.len() / 2], margins[margins.len() - 1]);
        Self { effect: over(|effect| effect.size), bend: over(|effect| effect.bend), margin, ..self }
    }
}

impl Words {
    fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| rounded(values[((values.len() - 1) as f64 * share).round() as usize]);
        Self(at(0.5), at(0.99), at(1.0))
    }
}

/// Three digits after the point are more than is known.
fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_measured_up_to_its_onset() {
        let mut settings = Settings::for_case(flameout_experiment::Case::GruSingle);
        for (key, value) in [("model.units", "6"), ("data.words", "64"), ("training.epochs", "60")] {
            settings.set(key, value).unwrap();
        }
        let args = Args {
            plans: Vec::new(),
            case: None,
            seeds: Vec::new(),
            every: 20,
            words: 5,
            jobs: None,
            out: PathBuf::new(),
            close_up: None,
            close_up_out: PathBuf::new(),
            table: false,
        };
        let stop = AtomicBool::new(false);
        let (steps, onset) = first(&settings, &stop).unwrap().unwrap();
        let run = measure(&settings, &args, steps, onset, &stop).unwrap().unwrap();
        assert!(run.is_of(&settings) && run.onset.is_none());
        let close_up = close_up::look(&settings, 60, 20, 5).unwrap();
        let numbers: Vec<u64> = close_up.steps.iter().map(|step| step.step).collect();
        assert_eq!(numbers, (41..=90).collect::<Vec<_>>());
        assert_eq!(run.readings.len() as u64, run.steps / 20 - 1);
        assert!(run.readings.iter().all(|reading| {
            let Words(median, most, maximum) = reading.whole;
            median <= most
                && most <= maximum
                && reading.gradient.0 <= maximum
                && reading.padding.is_some()
                && reading.effect.0 > 0.0
                && reading.bend.2 < 1.0
        }));
    }
}
