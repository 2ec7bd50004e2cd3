//! `cargo xtask second-moment`: how Adam's second moment shrinks and grows from dip to dip.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result};
use flameout::cli::interrupt::stop_on_ctrl_c;
use flameout_cells::Tensor;
use flameout_curves::median;
use flameout_experiment::{Dataset, Settings, Trainer};
use flameout_optim::OptimizerSettings;
use serde::{Deserialize, Serialize};

use crate::hunt::plan::Plan;
use crate::hunt::results::Results;
use crate::measured::Listing;
use crate::{jobs, json_lines, root};

/// Makes the runs of a plan again and measures, on the way, √v of each kernel: the root of Adam's second moment, its mean over
/// the kernel's weights.
///
/// Finished runs are kept in a file, a line each, and not repeated. The table compares √v before each dip with √v after it,
/// and its fall between dips with that of a moment that gets no gradient at all. `cargo xtask map` draws the runs of seed 0.
///
/// Examples:
///
///   cargo xtask second-moment docs/hunt/plans/double-forgetting.toml --seeds 0 1 2
///   cargo xtask second-moment --table
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The plan. Of its runs, those with Adam and the case's own layers are made.
    #[arg(required_unless_present = "table", value_name = "PLAN.toml")]
    plan: Option<PathBuf>,

    /// Only runs with these seeds.
    #[arg(long, value_name = "SEED", num_args = 1..)]
    seeds: Vec<u64>,

    /// Runs at a time, each on one core [default: one a core].
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,

    /// Where the runs are kept.
    #[arg(long, value_name = "FILE", default_value = "docs/hunt/second-moment.jsonl")]
    out: PathBuf,

    /// Run nothing; print what is known so far.
    #[arg(long, conflicts_with = "plan")]
    table: bool,
}

/// The kernels of the deep network whose second moment is measured, and what they are called.
pub const KERNELS: [(&str, &str); 3] = [
    ("layer0/recurrent_kernel", "recurrent kernel of the first LSTM"),
    ("layer1/kernel", "kernel of the sigmoid layer"),
    ("layer2/recurrent_kernel", "recurrent kernel of the second LSTM"),
];
/// Where the hunts keep their rows.
const RESULTS: &str = "docs/hunt";
/// Steps between measurements; the loss is the mean over as many.
const EVERY: u64 = 25;
/// After a dip, √v is the highest within so many steps.
const AFTER: u64 = 500;
/// Its fall is measured over so many steps.
const FALL: u64 = 500;

/// A run that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Adam's β2.
    pub beta2: f64,
    /// The seed.
    pub seed: u64,
    /// The steps at which dips began.
    pub dips: Vec<u64>,
    /// What was measured, in the order of the steps.
    pub readings: Vec<Reading>,
}

/// The run at a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Steps made.
    pub step: u64,
    /// The training loss.
    pub loss: f64,
    /// The mean of √v over each of [`KERNELS`].
    pub roots: [f64; KERNELS.len()],
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let path = root().join(&args.out);
    let stop = stop_on_ctrl_c()?;
    if let Some(plan) = &args.plan {
        let results = Results::open(&root().join(RESULTS))?.rows();
        let due = due(plan, &args.seeds, &read(&path)?)?;
        jobs::do_all(&due, jobs::at_a_time(args.jobs, due.len()), 1, &stop, |settings| {
            let row = results.iter().find(|row| row.settings == *settings);
            let dips =
                row.and_then(|row| row.dips.clone()).context("the run has no row yet: `cargo xtask hunt` makes it")?;
            if let Some(readings) = measure(settings, &stop)? {
                let beta2 = beta2(settings).context("the run is not one of Adam alone")?;
                let run = Run { beta2, seed: settings.seed, dips, readings };
                tell!("β2 {} seed {}: {} dips", run.beta2, run.seed, run.dips.len());
                json_lines::append(&path, &run)?;
            }
            Ok(())
        })?;
    }
    say!("{}", listing(&read(&path)?).table());
    Ok(if stop.load(Ordering::Relaxed) { ExitCode::from(130) } else { ExitCode::SUCCESS })
}

/// The measured runs of a file, by β2 and seed.
pub fn read(path: &Path) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = json_lines::read(path)?;
    runs.sort_by(|a, b| a.beta2.total_cmp(&b.beta2).then(a.seed.cmp(&b.seed)));
    Ok(runs)
}

/// Adam's β2, of a run with nothing else changed.
fn beta2(settings: &Settings) -> Option<f64> {
    match settings.optimizer {
        OptimizerSettings::Adam(adam) if !adam.amsgrad && settings.model.layers.is_none() => Some(adam.beta2),
        _ => None,
    }
}

/// The runs of the plan that can be compared and were not measured yet.
fn due(plan: &Path, seeds: &[u64], known: &[Run]) -> Result<Vec<Settings>> {
    let mut runs = Plan::read(plan)?.runs(&root())?;
    runs.retain(|settings| {
        let is_known = |beta2| known.iter().any(|run| run.beta2 == beta2 && run.seed == settings.seed);
        beta2(settings).is_some_and(|beta2| !is_known(beta2)) && (seeds.is_empty() || seeds.contains(&settings.seed))
    });
    Ok(runs)
}

/// Makes a run and measures it; None if it was stopped.
fn measure(settings: &Settings, stop: &AtomicBool) -> Result<Option<Vec<Reading>>> {
    let dataset = Dataset::open(settings, &root())?;
    let mut trainer = Trainer::new(settings, &dataset)?;
    let (mut readings, mut losses) = (Vec::new(), 0.0);
    while !trainer.finished() {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        losses += trainer.advance(&dataset, &mut ())?.0.loss;
        if trainer.steps().is_multiple_of(EVERY) {
            let loss = rounded(losses / EVERY as f64);
            readings.push(Reading { step: trainer.steps(), loss, roots: roots(&trainer)? });
            losses = 0.0;
        }
    }
    Ok(Some(readings))
}

/// The mean of √v over each of [`KERNELS`].
fn roots(trainer: &Trainer) -> Result<[f64; KERNELS.len()]> {
    let mut snapshot = trainer.snapshot();
    let mut moments = snapshot.second_moment_mut().context("the optimiser has no second moment")?;
    let mut roots = [f64::NAN; KERNELS.len()];
    for ((name, _), root) in KERNELS.iter().zip(&mut roots) {
        let tensor = trainer.tensors().iter().find(|tensor: &&Tensor| tensor.name == *name);
        let tensor = tensor.with_context(|| format!("the network has no {name}: it is not the deep network"))?;
        let moments = moments.range(tensor.range()).read().to_vec();
        *root = rounded(moments.iter().map(|v| v.sqrt()).sum::<f64>() / moments.len() as f64);
    }
    Ok(roots)
}

/// Four significant digits are more than is known.
fn rounded(value: f64) -> f64 {
    format!("{value:.3e}").parse().expect("a number as it was just written")
}

/// What the runs of each β2 come to, a line for each kernel.
pub fn listing(runs: &[Run]) -> Listing {
    let mut rows = Vec::new();
    for group in runs.chunk_by(|a, b| a.beta2 == b.beta2) {
        let beta2 = group[0].beta2;
        for (kernel, (_, name)) in KERNELS.iter().enumerate() {
            let of = |value: fn(&Run, usize) -> Vec<f64>| group.iter().flat_map(|run| value(run, kernel)).collect();
            let (rises, falls): (Vec<f64>, Vec<f64>) = (of(Run::rises), of(Run::falls));
            rows.push(vec![
                beta2.to_string(),
                (*name).to_owned(),
                group.len().to_string(),
                rises.len().to_string(),
                range(&rises, 1),
                range(&falls, 2),
                format!("{:.2}", beta2.powf(FALL as f64 / 2.0)),
            ]);
        }
    }
    let titles = vec![
        "β2",
        "kernel",
        "runs",
        "dips",
        "√v after a dip, in times that before: median",
        "√v 500 steps later, in times: median",
        "with no gradient at all",
    ];
    Listing { titles, texts: 2, rows }
}

impl Run {
    /// By which factor √v rises in each dip.
    fn rises(&self, kernel: usize) -> Vec<f64> {
        self.dips.iter().filter_map(|&dip| Some(self.highest(dip, kernel)?.1 / self.before(dip, kernel)?)).collect()
    }

    /// By which factor √v falls in the steps after its highest value in each dip, if there is no other dip in them.
    fn falls(&self, kernel: usize) -> Vec<f64> {
        let fall = |&dip: &u64| {
            let (step, highest) = self.highest(dip, kernel)?;
            let undisturbed = !self.dips.iter().any(|&other| other > dip && other <= step + FALL);
            let later = self.readings.iter().find(|reading| reading.step == step + FALL).filter(|_| undisturbed)?;
            Some(later.roots[kernel] / highest)
        };
        self.dips.iter().filter_map(fall).collect()
    }

    /// √v in the last reading before a step.
    fn before(&self, step: u64, kernel: usize) -> Option<f64> {
        self.readings.iter().rfind(|reading| reading.step < step).map(|reading| reading.roots[kernel])
    }

    /// The highest √v after the first sign of a dip, with its step.
    fn highest(&self, dip: u64, kernel: usize) -> Option<(u64, f64)> {
        let after = self.readings.iter().filter(|reading| (dip..=dip + AFTER).contains(&reading.step));
        let values = after.map(|reading| (reading.step, reading.roots[kernel]));
        values.max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

/// The median, and from the lowest to the highest.
fn range(values: &[f64], digits: usize) -> String {
    let Some(middle) = median(values) else { return "–".into() };
    let (low, high) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    format!("{middle:.digits$} ({low:.digits$} to {high:.digits$})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dip_raises_and_forgetting_lowers() {
        let root = |step: u64| match step {
            ..=1000 => 0.5,
            1025..=1100 => 0.5 + (step - 1000) as f64 / 100.0,
            _ => 1.5 * 0.999_f64.powf((step - 1100) as f64 / 2.0),
        };
        let reading = |step| Reading { step, loss: 0.001, roots: [root(step), 1.0, 2.0] };
        let readings = (1..=100).map(|at| reading(EVERY * at)).collect();
        let run = Run { beta2: 0.999, seed: 0, dips: vec![1010], readings };
        assert_eq!(run.rises(0), [3.0]);
        approx::assert_relative_eq!(run.falls(0)[0], 0.999_f64.powi(250), epsilon = 1e-12);
        let listing = listing(&[run]);
        assert_eq!(listing.rows[0][3..], ["1", "3.0 (3.0 to 3.0)", "0.78 (0.78 to 0.78)", "0.78"]);
        assert_eq!(listing.rows[2][4], "1.0 (1.0 to 1.0)");
    }

    #[test]
    fn a_deep_network_is_measured_and_another_refused() {
        let small = |case| {
            let mut settings = Settings::for_case(case);
            for (key, value) in [("model.units", "5"), ("data.words", "64"), ("training.epochs", "30")] {
                settings.set(key, value).unwrap();
            }
            measure(&settings, &AtomicBool::new(false))
        };
        let readings = small(flameout_experiment::Case::LstmDouble).unwrap().unwrap();
        assert_eq!(readings.iter().map(|reading| reading.step).collect::<Vec<_>>(), [25, 50]);
        assert!(readings.iter().all(|reading| reading.roots.iter().all(|root| *root > 0.0)));
        let refused = small(flameout_experiment::Case::GruSingle).unwrap_err().to_string();
        assert!(refused.contains("not the deep network"), "{refused}");
    }
}
