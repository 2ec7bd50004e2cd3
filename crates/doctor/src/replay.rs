//! The past again, with one thing changed.
//!
//! Training is a function of settings, data and seed, to the bit. So from a snapshot before something went wrong, a run
//! with nothing changed goes wrong again, step by step as recorded (the control); and if it does not with one thing
//! changed, that one thing was necessary. Only that is called a cause.

use std::collections::BTreeSet;
use std::ops::Range;

use flameout_cells::Tensor;
use flameout_curves::{Point, StepRecord};
use flameout_experiment::Batch;
use flameout_experiment::{Dataset, FloatsMut, Intervention, Settings, Snapshot, Trainer};
use ndarray::{Axis, Slice};
use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::condition::Condition;
use crate::course::Course;
use crate::options::Options;
use crate::proportion::Proportion;
use crate::side_by_side::in_this_pool;
use crate::snapshots::Snapshots;
use crate::subject::{Subject, begin_with};
use crate::{Error, targets};

/// Steps whose mean loss counts as high.
const AT_ONCE: usize = 10;

/// How a replay ended.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum End {
    /// It had trained well, before the snapshot or after, and its loss did not rise.
    Held,
    /// It had not trained well yet, and nothing happened.
    Untrained,
    /// The loss rose from this step on, as before a spike or a collapse (see `flameout_curves::outcome`).
    Rose {
        /// The first step of the rise.
        onset: u64,
    },
    /// A number was not finite at this step.
    NonFinite {
        /// The step.
        step: u64,
    },
}

impl End {
    /// Whether it went wrong.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Rose { .. } | Self::NonFinite { .. })
    }
}

/// One replay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The seed of another order of the words, if they had one.
    pub order: Option<u64>,
    /// How it ended.
    pub end: End,
    /// Steps that it took: its cost.
    pub steps: u64,
    /// The mean training loss over the last tenth of its steps.
    #[serde(deserialize_with = "flameout_experiment::record::nan_if_null")]
    pub loss: f64,
    /// The highest mean training loss over ten steps in a row: shows a dip that is no rise by the definition.
    #[serde(default = "unknown", deserialize_with = "flameout_experiment::record::nan_if_null")]
    pub highest: f64,
    /// BLAKE3 of the weights at its end.
    pub weights_blake3: String,
}

fn unknown() -> f64 {
    f64::NAN
}

fn mean(losses: &[f64]) -> f64 {
    losses.iter().sum::<f64>() / losses.len() as f64
}

/// Replays with the same change, in several orders of the words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trials {
    /// What was changed.
    pub change: Change,
    /// The replays; the first is in the run's own order.
    pub trials: Vec<Trial>,
}

impl Trials {
    /// How many went wrong.
    #[must_use]
    pub fn bad(&self) -> Proportion {
        Proportion::of(self.trials.iter().map(|trial| trial.end.is_bad()))
    }

    /// How many went wrong, in words; and how many never trained well, which is no success either.
    #[must_use]
    pub fn describe(&self) -> String {
        let (bad, untrained) = (self.bad(), self.trials.iter().filter(|trial| trial.end == End::Untrained).count());
        let untrained = if untrained > 0 { format!(", {untrained} never trained well") } else { String::new() };
        format!("{} of {}{untrained}", bad.count, bad.of)
    }

    /// Steps that they took together.
    #[must_use]
    pub fn cost(&self) -> u64 {
        self.trials.iter().map(|trial| trial.steps).sum()
    }

    /// The mean of their last losses.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.trials.iter().map(|trial| trial.loss).sum::<f64>() / self.trials.len() as f64
    }

    /// The highest of their highest losses.
    #[must_use]
    pub fn highest(&self) -> f64 {
        self.trials.iter().map(|trial| trial.highest).fold(f64::NAN, f64::max)
    }
}

/// What a replay is to reach: then it ends [`Held`](End::Held).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Goal {
    /// Not to go wrong until its end.
    Hold,
    /// To train well: it ends as soon as it has.
    Train,
}

/// From where, and how far.
#[derive(Debug)]
pub struct Replay<'a> {
    /// What is made again.
    pub subject: &'a Subject,
    /// Where it begins.
    pub from: &'a Snapshot,
    /// Earlier states, of which [`Change::Restore`] takes a tensor.
    pub earlier: &'a Snapshots,
    /// The step at which it ends, unless something goes wrong before.
    pub until: u64,
    /// What it is to reach.
    pub goal: Goal,
}

impl<'a> Replay<'a> {
    /// From where a replay must begin to prevent what went wrong, and what it is to reach. None if nothing went wrong.
    pub(crate) fn of_course(subject: &'a Subject, course: &'a Course, options: &Options) -> Option<Self> {
        let (condition, steps, start) = (course.condition(), course.planned_steps(subject), &subject.start);
        if condition == Condition::Healthy {
            return None;
        }
        let earlier = &course.snapshots;
        let (from, until, goal) = match (condition.step(), course.outcome.trained_well_at()) {
            (None, _) => (start, steps, Goal::Train),
            (Some(step), Some(trained)) if trained < step => {
                let before = course.snapshots.at_or_before(step.saturating_sub(options.lead));
                (before.unwrap_or(start), step + options.hold, Goal::Hold)
            }
            // What goes wrong before anything is learnt must be put right from the start.
            (Some(step), _) => (start, steps.max(step + options.hold), Goal::Train),
        };
        Some(Self { subject, from, earlier, until, goal })
    }

    /// Replays with a change: in the run's own order of words and in `orders` others, side by side.
    ///
    /// # Errors
    /// [`Error::Experiment`] if the settings cannot be changed so; [`Error::Data`] if the change needs other data than the
    /// subject's; [`Error::NoState`] if it needs a state that is not there; [`Error::NoSecondMoment`] likewise.
    pub fn trials(&self, change: &Change, orders: u64) -> Result<Trials, Error> {
        let mut each = self.each(std::slice::from_ref(change), orders, &mut |_| {})?;
        Ok(each.remove(0))
    }

    /// Replays with nothing changed, likewise; and whether the first gives the losses that were recorded of the run, bit for bit.
    ///
    /// # Errors
    /// As [`trials`](Self::trials).
    pub fn control(&self, points: &[Point], orders: u64) -> Result<(Trials, bool), Error> {
        let control = |order: &Option<u64>| {
            let (mut at, mut exact) = (self.from.step() as usize, true);
            let trial = self.trial(&Change::Nothing, *order, &mut |record| {
                let recorded = points.get(at);
                exact &= recorded.is_none_or(|recorded| recorded.loss.to_bits() == record.loss.to_bits());
                at += 1;
            })?;
            Ok::<_, Error>((trial, exact))
        };
        let (trials, exact): (Vec<Trial>, Vec<bool>) =
            in_this_pool(&own_and(orders), control, |_| {})?.into_iter().unzip();
        Ok((Trials { change: Change::Nothing, trials }, exact[0]))
    }

    /// Replays with each of these changes, side by side; `done` sees them in their order, as they come.
    ///
    /// # Errors
    /// As [`trials`](Self::trials).
    pub fn each(&self, changes: &[Change], orders: u64, done: &mut dyn FnMut(&Trials)) -> Result<Vec<Trials>, Error> {
        let orders = own_and(orders);
        let jobs: Vec<(&Change, Option<u64>)> =
            changes.iter().flat_map(|change| orders.iter().map(move |order| (change, *order))).collect();
        let mut trials = Vec::with_capacity(orders.len());
        let mut all = Vec::with_capacity(changes.len());
        let gather = |trial: &Trial| {
            trials.push(trial.clone());
            if trials.len() == orders.len() {
                all.push(Trials { change: changes[all.len()].clone(), trials: std::mem::take(&mut trials) });
                done(&all[all.len() - 1]);
            }
        };
        in_this_pool(&jobs, |(change, order)| self.trial(change, *order, &mut |_| {}), gather)?;
        Ok(all)
    }

    /// Replays once; `see` is shown every step.
    ///
    /// # Errors
    /// As [`trials`](Self::trials).
    pub fn trial(&self, change: &Change, order: Option<u64>, see: &mut dyn FnMut(&StepRecord)) -> Result<Trial, Error> {
        let settings = change.apply(&self.subject.settings)?;
        let changed = changed_dataset(change, &self.subject.dataset)?;
        let dataset = changed.as_ref().unwrap_or(&self.subject.dataset);
        let mut trainer = self.begin(change, &settings, dataset)?;
        match change {
            Change::Restore { tensor, step } => self.put_back(tensor, *step, &mut trainer, dataset)?,
            Change::SecondMoment { tensor, times } => raise(tensor, *times, &mut trainer, dataset)?,
            _ => {}
        }
        if let Some(seed) = order {
            trainer.reorder(seed);
        }
        let known_spikes = trainer.outcome().spikes().len();
        let mut intervention = Changed::new(change, self.subject.intervention(), &trainer);
        let mut losses = Vec::new();
        let end = loop {
            if let Some(end) = bad_end(&trainer, known_spikes) {
                break end;
            }
            let trained = trainer.outcome().trained_well_at().is_some();
            if trainer.steps() >= self.until || trainer.finished() || (trained && self.goal == Goal::Train) {
                break if trained { End::Held } else { End::Untrained };
            }
            let batch = trainer.steps() + 1 + intervention.skipped;
            if intervention.skips(batch) {
                trainer.skip_batch(dataset);
                intervention.skipped += 1;
            } else {
                let record = trainer.step_with(dataset, &mut intervention)?;
                losses.push(record.loss);
                see(&record);
            }
            if trainer.at_end_of_epoch() {
                trainer.end_epoch(dataset, 0.0);
            }
        };
        let tail = &losses[losses.len() - losses.len().div_ceil(10)..];
        Ok(Trial {
            order,
            end,
            steps: losses.len() as u64,
            loss: mean(tail),
            highest: losses.windows(AT_ONCE.min(losses.len()).max(1)).map(mean).fold(f64::NAN, f64::max),
            weights_blake3: trainer.weights_blake3(),
        })
    }

    fn begin(&self, change: &Change, settings: &Settings, dataset: &Dataset) -> Result<Trainer, Error> {
        if self.from.step() == 0 {
            // The baseline belongs to the data, which may have changed, and initial weights to the settings.
            return match redraws(change) {
                true => Ok(Trainer::new(settings, dataset)?),
                false => begin_with(settings, dataset, self.from.parameters()),
            };
        }
        Ok(Trainer::continue_with(settings, dataset, self.from.clone())?)
    }

    /// Gives a tensor the values that it had after an earlier step.
    fn put_back(&self, name: &str, step: u64, trainer: &mut Trainer, dataset: &Dataset) -> Result<(), Error> {
        let state = self.earlier.at_or_before(step).filter(|state| state.step() == step);
        let Some((state, range)) = state.zip(range_of(name, trainer)) else {
            return Err(Error::NoState { tensor: name.into(), step });
        };
        let mut changed = trainer.snapshot();
        changed.parameters_mut().range(range.clone()).assign(state.parameters().range(range).iter());
        Ok(trainer.restore(dataset, changed)?)
    }
}

/// The run's own order of words, and others by their seeds.
fn own_and(orders: u64) -> Vec<Option<u64>> {
    std::iter::once(None).chain((1..=orders).map(Some)).collect()
}

/// Multiplies a tensor's second moment.
fn raise(name: &str, times: f64, trainer: &mut Trainer, dataset: &Dataset) -> Result<(), Error> {
    let mut changed = trainer.snapshot();
    let Some((mut moment, range)) = changed.second_moment_mut().zip(range_of(name, trainer)) else {
        return Err(Error::NoSecondMoment { tensor: name.into() });
    };
    moment.range(range).map(|v| v * times);
    Ok(trainer.restore(dataset, changed)?)
}

/// Where a tensor lies in the flat buffer of parameters.
fn range_of(name: &str, trainer: &Trainer) -> Option<Range<usize>> {
    trainer.tensors().iter().find(|tensor| tensor.name == name).map(Tensor::range)
}

/// Whether a change is about initial weights.
fn redraws(change: &Change) -> bool {
    match change {
        Change::DrawWeights => true,
        Change::Settings(changes) => changes.iter().any(|(key, _)| {
            ["model.recurrent-gain", "model.forget-bias", "model.flavour", "seed"].contains(&key.as_str())
        }),
        _ => false,
    }
}

/// The end, if something has gone wrong since the snapshot.
fn bad_end(trainer: &Trainer, known_spikes: usize) -> Option<End> {
    let outcome = trainer.outcome();
    if outcome.non_finite() {
        return Some(End::NonFinite { step: trainer.steps() });
    }
    let rise = outcome.collapse_onset().or(outcome.risen_since());
    rise.or(outcome.spikes().get(known_spikes).copied()).map(|onset| End::Rose { onset })
}

/// The data set with the change, if it is one of the data.
fn changed_dataset(change: &Change, dataset: &Dataset) -> Result<Option<Dataset>, Error> {
    let changed = match change {
        Change::DropWords(rows) => {
            let dropped: BTreeSet<usize> = rows.iter().copied().collect();
            let mut changed = dataset.clone();
            changed.train.retain(|row| !dropped.contains(row));
            changed.test.retain(|row| !dropped.contains(row));
            Some(changed)
        }
        Change::Settings(changes) => shortened(changes, dataset)?,
        Change::UnitTargets => {
            let mut changed = dataset.clone();
            targets::centre_and_scale(&mut changed.targets);
            Some(changed)
        }
        _ => None,
    };
    Ok(changed)
}

/// The data set with the changed `data.length`. Its words are split, normalised and encoded already: shorter inputs lose
/// padding only, and no other setting of the data could take effect.
fn shortened(changes: &[(String, String)], dataset: &Dataset) -> Result<Option<Dataset>, Error> {
    let mut shortened = None;
    for (key, value) in changes.iter().filter(|(key, _)| key == "data" || key.starts_with("data.")) {
        let length = value.parse().ok().filter(|_| key == "data.length");
        let columns = length.filter(|&length: &usize| length <= dataset.indices.ncols());
        let columns = columns.ok_or_else(|| Error::Data {
            key: key.clone(),
            value: value.clone(),
            length: dataset.indices.ncols(),
        })?;
        let mut changed = dataset.clone();
        changed.indices = changed.indices.slice_axis(Axis(1), Slice::from(..columns)).to_owned();
        shortened = Some(changed);
    }
    Ok(shortened)
}

/// The subject's intervention and the change's.
struct Changed {
    of_subject: Box<dyn Intervention>,
    skip: BTreeSet<u64>,
    /// Batches left out so far.
    skipped: u64,
    frozen: Option<(Range<usize>, Vec<f64>)>,
}

impl Changed {
    fn new(change: &Change, of_subject: Box<dyn Intervention>, trainer: &Trainer) -> Self {
        let (mut skip, mut frozen) = (BTreeSet::new(), None);
        match change {
            Change::SkipBatches(steps) => skip.clone_from(steps),
            Change::Freeze(name) => {
                let values = |range: Range<usize>| (range.clone(), trainer.parameters().range(range).to_vec());
                frozen = range_of(name, trainer).map(values);
            }
            _ => {}
        }
        Self { of_subject, skip, skipped: 0, frozen }
    }

    fn skips(&self, batch: u64) -> bool {
        self.skip.contains(&batch)
    }
}

impl Intervention for Changed {
    fn batch(&mut self, step: u64, batch: &mut Batch) {
        self.of_subject.batch(step + self.skipped, batch);
    }

    fn gradients(&mut self, step: u64, tensors: &[Tensor], gradients: FloatsMut<'_>) {
        self.of_subject.gradients(step + self.skipped, tensors, gradients);
    }

    fn parameters(&mut self, step: u64, tensors: &[Tensor], mut parameters: FloatsMut<'_>) {
        self.of_subject.parameters(step + self.skipped, tensors, parameters.range(0..parameters.read().len()));
        if let Some((range, values)) = &self.frozen {
            parameters.range(range.clone()).assign(values.iter().copied());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_experiment::Case;
    use flameout_word2vec::WordVectors;
    use ndarray::Array2;

    fn subject() -> Subject {
        let words = ["ant", "bee", "cat", "dog", "eel", "fox", "gnu", "hen"].map(String::from).to_vec();
        let vectors = Array2::from_shape_fn((8, 4), |(i, j)| ((i * 7 + j * 5) % 11) as f32);
        let mut settings = Settings::for_case(Case::GruSingle);
        settings.set("model.units", "4").unwrap();
        let dataset = Dataset::new(&settings, WordVectors::new(words, vectors).unwrap()).unwrap();
        Subject::new(settings, dataset).unwrap()
    }

    #[test]
    fn settings_of_the_data_cannot_be_replayed_but_for_less_padding() {
        let subject = subject();
        let none = Snapshots::default();
        let replay = Replay { subject: &subject, from: &subject.start, earlier: &none, until: 3, goal: Goal::Hold };
        let trial = |key: &str, value: &str| replay.trial(&Change::setting(key, value), None, &mut |_| {});
        assert_ne!(trial("data.length", "6").unwrap(), trial("data.length", "19").unwrap());
        for (key, value) in [
            ("data.words", "5"),
            ("data.test-share", "0.3"),
            ("data.normalization", "none"),
            ("data.length", "20"),
            ("data", "{ words = 5 }"),
        ] {
            let message = trial(key, value).unwrap_err().to_string();
            assert!(message.contains(&format!("{key} = {value}")) && message.contains("from the start"), "{message}");
        }
    }
}
