//! The last steps before an onset, one by one.

use anyhow::{Context, Result};
use flameout::report::whole;
use flameout_curves::median;
use flameout_experiment::{Dataset, Settings, Trainer};
use serde::{Deserialize, Serialize};

use super::effect::Effects;
use super::jacobian::{Probe, Stretch};
use super::{Listing, Run, rounded};
use crate::root;

/// Steps after the onset.
const AFTER: u64 = 30;
/// A gradient is unusual from this factor on, above the median of the steps before it.
const UNUSUAL: f64 = 5.0;
/// Steps before the first that may be called unusual.
const USUAL: usize = 5;

/// The last steps of a run before its onset, and some after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloseUp {
    /// The run, without readings.
    pub run: Run,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step, with the word of its batch whose gradient grows most on its way back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its number.
    pub step: u64,
    /// Words in the batch.
    pub words: usize,
    /// Loss of the batch before the update.
    pub loss: f64,
    /// L2 norm of the gradient.
    pub gradient_norm: f64,
    /// L2 norm of the update.
    pub update_norm: f64,
    /// Change of all outputs by the update, as a share of their spread.
    pub effect: f64,
    /// How far that change is from a straight line.
    pub bend: f64,
    /// The word.
    pub word: String,
    /// The word's stretch over its letters.
    pub letters: f64,
    /// The word's stretch over the padding, if it is read.
    pub padding: Option<f64>,
    /// Growth of the word's gradient.
    pub gradient: f64,
}

/// Makes a run that collapses again, and looks at its last `before` steps before the onset and some after it. `words`
/// training words measure the effect.
pub fn look(settings: &Settings, onset: u64, before: u64, words: usize) -> Result<CloseUp> {
    let dataset = Dataset::open(settings, &root())?;
    let mut trainer = Trainer::new(settings, &dataset)?;
    let mut effects = Effects::new(trainer.architecture(), &dataset, settings, words);
    let epoch = dataset.steps_per_epoch(settings);
    let mut steps = Vec::new();
    while trainer.steps() < onset + AFTER && !trainer.finished() {
        let done = trainer.steps();
        if done + before < onset {
            trainer.advance(&dataset, &mut ())?;
            continue;
        }
        let order = dataset.epoch_order(&settings.training, settings.seed, done / epoch);
        let from = (done % epoch) as usize * settings.training.batch;
        let batch = &order[from..(from + settings.training.batch).min(order.len())];
        let stretches = Probe::of_rows(trainer.architecture(), &dataset, batch)?.measure(&trainer)?;
        let by_gradient = |a: &(&usize, Stretch), b: &(&usize, Stretch)| a.1.gradient.total_cmp(&b.1.gradient);
        let (&row, most) = batch.iter().zip(stretches).max_by(by_gradient).context("a batch has words")?;
        effects.begin(&trainer)?;
        let (record, _) = trainer.advance(&dataset, &mut ())?;
        let effect = effects.measure(&trainer, false)?.context("the network was seen before the update")?;
        steps.push(Step {
            step: record.step,
            words: record.words,
            loss: record.loss,
            gradient_norm: record.gradient_norm,
            update_norm: rounded(record.update_norm),
            effect: rounded(effect.size),
            bend: rounded(effect.bend),
            word: dataset.words[row].clone(),
            letters: rounded(most.letters),
            padding: most.padding.map(rounded),
            gradient: rounded(most.gradient),
        });
    }
    Ok(CloseUp { run: Run { steps: trainer.steps(), onset: Some(onset), ..Run::begin(settings) }, steps })
}

impl CloseUp {
    /// The first step before the onset whose gradient is unusual, with the median of those before it.
    fn trigger(&self) -> Option<(&Step, f64, f64)> {
        let onset = self.run.onset?;
        (USUAL..self.steps.len()).take_while(|&index| self.steps[index].step < onset).find_map(|index| {
            let usual = |value: fn(&Step) -> f64| {
                median(&self.steps[..index].iter().map(value).collect::<Vec<_>>()).unwrap_or(f64::NAN)
            };
            let (gradient, update) = (usual(|step| step.gradient_norm), usual(|step| step.update_norm));
            let step = &self.steps[index];
            (step.gradient_norm >= UNUSUAL * gradient)
                .then(|| (step, step.gradient_norm / gradient, step.update_norm / update))
        })
    }
}

/// A line for each run: the first unusual gradient before its onset, and what it did.
pub fn triggers(close_ups: &[CloseUp]) -> Listing {
    let row = |close_up: &CloseUp| {
        let run = &close_up.run;
        let mut row = vec![run.network.clone(), run.seed.to_string(), run.onset.map_or(String::new(), whole)];
        match close_up.trigger() {
            Some((step, gradient, update)) => row.extend([
                (run.onset.unwrap_or(step.step) - step.step).to_string(),
                step.words.to_string(),
                format!("{gradient:.1}"),
                format!("{update:.1}"),
                format!("{:.2}", step.effect),
                step.word.clone(),
                format!("{:.1}", step.letters),
                step.padding.map_or(String::new(), |padding| format!("{padding:.1}")),
            ]),
            None => row.extend(std::iter::repeat_n("none".to_owned(), 8)),
        }
        row
    };
    let titles = vec![
        "network",
        "seed",
        "onset",
        "steps before it",
        "words",
        "gradient",
        "update",
        "effect",
        "word",
        "letters",
        "padding",
    ];
    Listing { titles, texts: 1, rows: close_ups.iter().map(row).collect() }
}
