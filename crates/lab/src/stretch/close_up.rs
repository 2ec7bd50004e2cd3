//! The last steps before an onset, one by one.

use anyhow::{Context, Result};
use flameout::report::whole;
use flameout_curves::median;
use flameout_experiment::Batch;
use flameout_experiment::{Dataset, Intervention, Settings, Snapshot, Trainer};
use serde::{Deserialize, Serialize};

use super::effect::Effects;
use super::jacobian::{Probe, Stretch};
use super::{Run, rounded};
use crate::measured::Listing;
use crate::root;

/// Steps after the onset that are looked at.
const AFTER: u64 = 30;
/// Steps after the run's own onset within which a replay's collapse must begin. It is certain so many steps later.
const BEGUN: u64 = 100;
const CERTAIN: u64 = 1000;
/// So many steps before the onset the words are given other orders, so many each time.
const BACK: [u64; 5] = [30, 60, 100, 200, 500];
const ORDERS: u64 = 5;
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
    /// Replays from before the first unusual gradient: with all words of its batch, without the word, without another.
    #[serde(default)]
    pub replays: Vec<Replay>,
    /// How many replays collapse that go on from earlier with their words in other orders.
    #[serde(default)]
    pub orders: Vec<Orders>,
}

/// Replays of a run from some steps before its onset, with the rest of the words in other orders.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Orders {
    /// Steps before the onset.
    pub back: u64,
    /// How many begin to collapse by 100 steps after the run's own onset.
    pub collapsed: u64,
    /// Of how many.
    pub of: u64,
}

/// The same run, but for a word that one batch lacks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// The word, if one is left out.
    pub without: Option<String>,
    /// The first step of the collapse, if one begins by 100 steps after the run's own.
    pub onset: Option<u64>,
}

/// Leaves a row out of one batch.
struct Without<'a> {
    dataset: &'a Dataset,
    step: u64,
    rows: Vec<usize>,
}

impl Intervention for Without<'_> {
    fn batch(&mut self, number: u64, batch: &mut Batch) {
        if number == self.step {
            batch.fill(self.dataset, &self.rows);
        }
    }
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
    let (mut steps, mut states) = (Vec::new(), vec![trainer.snapshot()]);
    while trainer.steps() < onset + AFTER && !trainer.finished() {
        if BACK.iter().any(|&back| back < onset && trainer.steps() + back == onset) {
            states.push(trainer.snapshot());
        }
        if trainer.steps() + before < onset {
            trainer.advance(&dataset, &mut ())?;
            continue;
        }
        let batch = dataset.rows_of_step(settings, trainer.steps() + 1);
        let stretches = Probe::of_rows(trainer.architecture(), &dataset, &batch)?.measure(&trainer)?;
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
    let run = Run { steps: trainer.steps(), onset: Some(onset), ..Run::begin(settings) };
    let orders = orders(&mut trainer, &dataset, &states, onset)?;
    let mut close_up = CloseUp { run, steps, replays: Vec::new(), orders };
    if let Some((step, ..)) = close_up.trigger() {
        close_up.replays = replays(&mut trainer, settings, &dataset, &states, step, onset)?;
    }
    Ok(close_up)
}

/// Makes the run again from before a step: with its whole batch, without its word, and without another.
fn replays(
    trainer: &mut Trainer,
    settings: &Settings,
    dataset: &Dataset,
    states: &[Snapshot],
    step: &Step,
    onset: u64,
) -> Result<Vec<Replay>> {
    let state =
        states.iter().rev().find(|state| state.step() < step.step).context("a state is kept of the beginning")?;
    trainer.restore(dataset, state.clone())?;
    while trainer.steps() + 1 < step.step {
        trainer.advance(dataset, &mut ())?;
    }
    let (before, batch) = (trainer.snapshot(), dataset.rows_of_step(settings, step.step));
    let word = batch.iter().position(|&row| dataset.words[row] == step.word).context("the word is in its batch")?;
    let mut replays = Vec::new();
    for left_out in [None, Some(word), Some((word + 1) % batch.len())] {
        trainer.restore(dataset, before.clone())?;
        let kept = batch.iter().enumerate().filter(|&(index, _)| Some(index) != left_out);
        let mut without = Without { dataset, step: step.step, rows: kept.map(|(_, &row)| row).collect() };
        let onset = collapses(trainer, dataset, onset, &mut without)?;
        replays.push(Replay { without: left_out.map(|index| dataset.words[batch[index]].clone()), onset });
    }
    Ok(replays)
}

/// Makes the run again from each kept state but that of the beginning, with other orders of the words.
fn orders(trainer: &mut Trainer, dataset: &Dataset, states: &[Snapshot], onset: u64) -> Result<Vec<Orders>> {
    let mut found = Vec::new();
    for state in &states[1..] {
        let mut collapsed = 0;
        for order in 0..ORDERS {
            trainer.restore(dataset, state.clone())?;
            trainer.reorder(order);
            collapsed += u64::from(collapses(trainer, dataset, onset, &mut ())?.is_some());
        }
        found.push(Orders { back: onset - state.step(), collapsed, of: ORDERS });
    }
    Ok(found)
}

/// Goes on until it is certain whether the network collapses soon after a step.
fn collapses(
    trainer: &mut Trainer,
    dataset: &Dataset,
    onset: u64,
    intervention: &mut dyn Intervention,
) -> Result<Option<u64>> {
    while trainer.steps() < onset + BEGUN + CERTAIN
        && trainer.outcome().collapse_onset().is_none()
        && !trainer.finished()
    {
        trainer.advance(dataset, intervention)?;
    }
    Ok(trainer.outcome().collapse_onset())
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
        let onset = |index: usize| {
            close_up.replays.get(index).map_or(String::new(), |replay| replay.onset.map_or("none".into(), whole))
        };
        row.extend([onset(1), onset(2)]);
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
        "onset without the word",
        "onset without another",
    ];
    Listing { titles, texts: 1, rows: close_ups.iter().map(row).collect() }
}

/// A line for each network and number of steps: how many replays with other orders of the words collapse.
pub fn decided(close_ups: &[CloseUp]) -> Listing {
    let mut rows = Vec::new();
    for group in close_ups.chunk_by(|a, b| a.run.is_like(&b.run)) {
        for back in BACK.into_iter().rev() {
            let orders =
                || group.iter().flat_map(|close_up| &close_up.orders).filter(move |orders| orders.back == back);
            let (collapsed, of): (u64, u64) = (orders().map(|o| o.collapsed).sum(), orders().map(|o| o.of).sum());
            let all = orders().filter(|orders| orders.collapsed == orders.of).count();
            if of > 0 {
                rows.push(vec![
                    group[0].run.network.clone(),
                    back.to_string(),
                    format!("{collapsed} of {of}"),
                    format!("{all} of {}", orders().count()),
                ]);
            }
        }
    }
    let titles = vec!["network", "steps before the onset", "replays that collapse", "runs of which all do"];
    Listing { titles, texts: 1, rows }
}
