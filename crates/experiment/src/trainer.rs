//! Training in memory, one step after the other.

use std::ops::ControlFlow;
use std::path::Path;

use flameout_cells::Tensor;
use flameout_model::{Architecture, Constraint};
use flameout_optim::LearningRate;
use ndarray_rand::rand::seq::SliceRandom;

use crate::dataset::{Batch, Dataset};
use crate::error::Error;
use crate::floats::Floats;
use crate::intervention::Intervention;
use crate::learner::{AnyLearner, Step, each};
use crate::memory::{self, Words};
use crate::non_finite::NonFinite;
use crate::rng::{Purpose, stream};
use crate::settings::Settings;
use crate::snapshot::{Progress, Snapshot};
use flameout_curves::{EpochRecord, Outcome, StepRecord};

/// Steps and epochs that no run reaches. A checkpoint may have been made by hand: counting on from there stays within 64 bits.
const LATEST: u64 = 1 << 53;

/// A network in training: weights, optimiser, learning rate and place in the data.
#[derive(Debug)]
pub struct Trainer {
    settings: Settings,
    learner: AnyLearner,
    progress: Progress,
    /// The network's, in a place where they can be lent out beside its parameters.
    tensors: Vec<Tensor>,
    /// The seed of the words' order, if it is not the settings'.
    reordered: Option<u64>,
    /// The rows of the training words in the order of the current epoch.
    order: Vec<usize>,
    batch: Batch,
    /// Where the first number that was not finite was, if there was one since the last `restore`.
    non_finite: Option<NonFinite>,
}

impl Trainer {
    /// A network before its first step.
    ///
    /// # Errors
    /// If a setting is out of range, or there is not memory enough.
    pub fn new(settings: &Settings, dataset: &Dataset) -> Result<Self, Error> {
        settings.check()?;
        let learner = AnyLearner::new(settings, require_possible(settings, dataset)?)?;
        let tensors = learner.tensors().to_vec();
        settings.constraint.as_ref().map_or(Ok(()), |constraint| require_one(constraint, &tensors))?;
        let progress = Progress {
            learning_rate: LearningRate::new(&settings.schedule)?,
            step: 0,
            epoch: 0,
            used: 0,
            loss_sum: 0.0,
            accuracy_sum: 0.0,
            outcome: Outcome::new(dataset.baseline(settings), dataset.steps_per_epoch(settings)),
        };
        let order = dataset.epoch_order(&settings.training, settings.seed, 0);
        let (settings, batch) = (settings.clone(), Batch::new());
        Ok(Self { settings, learner, progress, tensors, reordered: None, order, batch, non_finite: None })
    }

    /// Trains on the next batch.
    ///
    /// # Errors
    /// [`Error::Optimizer`] if the optimiser's state does not fit the network: only after restoring a foreign snapshot.
    pub fn step(&mut self, dataset: &Dataset) -> Result<StepRecord, Error> {
        self.step_with(dataset, &mut ())
    }

    /// As [`step`](Self::step), with something changed on the way.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn step_with(&mut self, dataset: &Dataset, intervention: &mut dyn Intervention) -> Result<StepRecord, Error> {
        let (number, to) = (self.progress.step + 1, self.next_batch(dataset));
        self.batch.fill(dataset, &self.order[self.progress.used..to]);
        intervention.batch(number, &mut self.batch);
        let (words, learning_rate) = (self.batch.words(), self.progress.learning_rate.at(self.progress.step));
        let weight = self.settings.training.weight_of_batch(words, self.order.len());
        let (settings, tensors, batch) = (&self.settings, &self.tensors[..], &self.batch);
        let step = Step { number, settings, tensors, batch, weight, learning_rate };
        let stepped = each!(&mut self.learner, learner => learner.step(&step, intervention))?;

        let progress = &mut self.progress;
        progress.step = number;
        progress.used = to;
        progress.loss_sum += stepped.loss * words as f64;
        progress.accuracy_sum += stepped.accuracy * words as f64;
        let record = StepRecord {
            step: number,
            epoch: progress.epoch + 1,
            words,
            loss: stepped.loss,
            accuracy: stepped.accuracy,
            gradient_norm: stepped.gradient_norm,
            update_norm: stepped.update_norm,
            learning_rate,
        };
        progress.outcome.step(&(&record).into());
        if progress.outcome.non_finite() && self.non_finite.is_none() {
            let found = each!(&self.learner, learner => NonFinite::find(number, record.loss, learner.network()));
            self.non_finite = Some(found);
        }
        Ok(record)
    }

    /// Goes on until the run is finished or `see` breaks off: it is shown every step, and the epoch that ended with it. What goes
    /// on from a snapshot this way makes the run again, to the bit.
    ///
    /// # Errors
    /// As [`step`](Self::step), and whatever `see` says.
    pub fn go_on<E: From<Error>>(
        &mut self,
        dataset: &Dataset,
        intervention: &mut dyn Intervention,
        mut see: impl FnMut(&Self, StepRecord, Option<EpochRecord>) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        while !self.finished() {
            let (step, epoch) = self.advance(dataset, intervention)?;
            if see(self, step, epoch)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Goes on until so many steps have been taken, or the run is finished.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn go_on_to(&mut self, step: u64, dataset: &Dataset, intervention: &mut dyn Intervention) -> Result<(), Error> {
        if self.progress.step >= step {
            return Ok(());
        }
        self.go_on(dataset, intervention, |trainer, _, _| Ok(stop_if(trainer.steps() >= step)))
    }

    /// As [`step_with`](Self::step_with), and measures the epoch if it ends with this step (without its speed).
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn advance(
        &mut self,
        dataset: &Dataset,
        intervention: &mut dyn Intervention,
    ) -> Result<(StepRecord, Option<EpochRecord>), Error> {
        let record = self.step_with(dataset, intervention)?;
        let epoch = self.at_end_of_epoch().then(|| self.end_epoch(dataset, 0.0));
        Ok((record, epoch))
    }

    /// Leaves the next batch out: its words count as used, but nothing is learnt from them and no step is counted.
    pub fn skip_batch(&mut self, dataset: &Dataset) {
        self.progress.used = self.next_batch(dataset);
    }

    /// Where the next batch ends in the order of its epoch, which begins if need be.
    fn next_batch(&mut self, dataset: &Dataset) -> usize {
        if self.progress.used == self.order.len() {
            self.begin_epoch(dataset);
        }
        (self.progress.used + self.settings.training.batch).min(self.order.len())
    }

    /// Gives the words that this epoch has not used yet, and all later epochs, another order.
    pub fn reorder(&mut self, seed: u64) {
        self.reordered = Some(seed);
        let mut rng = stream(seed, Purpose::Rest(self.progress.epoch));
        self.order[self.progress.used..].shuffle(&mut rng);
    }

    /// Whether the last step was the last of its epoch.
    #[must_use]
    pub fn at_end_of_epoch(&self) -> bool {
        self.progress.used == self.order.len()
    }

    /// Measures the epoch whose last step has just been made. To be called once, before the next step.
    ///
    /// # Panics
    /// If the epoch has not ended.
    pub fn end_epoch(&mut self, dataset: &Dataset, words_per_second: f64) -> EpochRecord {
        assert!(self.at_end_of_epoch(), "the epoch has not ended");
        let count = self.order.len() as f64;
        let (loss, accuracy) = (self.progress.loss_sum / count, self.progress.accuracy_sum / count);
        let test =
            each!(&mut self.learner, learner => learner.measure(dataset, &dataset.test, self.settings.training.loss));
        let record = EpochRecord {
            epoch: self.progress.epoch + 1,
            step: self.progress.step,
            loss,
            accuracy,
            test_loss: test.loss,
            test_accuracy: test.accuracy,
            test_hit_at_10: test.hit_at_10,
            spread: test.spread,
            identical: test.identical,
            words_per_second,
        };
        self.progress.learning_rate.end_epoch(loss);
        self.progress.outcome.epoch(&(&record).into());
        record
    }

    fn begin_epoch(&mut self, dataset: &Dataset) {
        self.progress.epoch += 1;
        self.progress.used = 0;
        self.progress.loss_sum = 0.0;
        self.progress.accuracy_sum = 0.0;
        self.order = self.order_of_epoch(dataset);
    }

    fn order_of_epoch(&self, dataset: &Dataset) -> Vec<usize> {
        let seed = self.reordered.unwrap_or(self.settings.seed);
        dataset.epoch_order(&self.settings.training, seed, self.progress.epoch)
    }

    /// Computes the loss of a batch and its gradient, which [`gradients`](Self::gradients) then gives. Nothing else changes.
    ///
    /// # Errors
    /// [`Error::Model`] if the batch is of another network.
    pub fn backward(&mut self, batch: &Batch) -> Result<f64, Error> {
        let loss = self.settings.training.loss;
        each!(&mut self.learner, learner => Ok(learner.backward(batch, loss)?.0))
    }

    /// A copy of everything that changes.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let reordered = self.reordered.map(|seed| (seed, self.order.clone()));
        let weights = each!(&self.learner, learner => learner.weights());
        Snapshot { weights, progress: self.progress.clone(), reordered }
    }

    /// Goes back to a snapshot of a trainer with the same settings and data.
    ///
    /// # Errors
    /// [`Error::Data`] if the snapshot is of another network or data set.
    pub fn restore(&mut self, dataset: &Dataset, snapshot: Snapshot) -> Result<(), Error> {
        if snapshot.progress.used > dataset.train.len() {
            return Err(Error::foreign_snapshot());
        }
        let counted = snapshot.counted();
        if counted > LATEST {
            return Err(Error::Data {
                problem: format!("the snapshot claims {counted} steps or epochs: it is no run's"),
            });
        }
        self.learner.restore(snapshot.weights)?;
        self.progress = snapshot.progress;
        self.non_finite = None;
        self.reordered = snapshot.reordered.as_ref().map(|(seed, _)| *seed);
        // The rest of an epoch may have been given its order in the midst of it. Other settings may use fewer words.
        self.order = match snapshot.reordered {
            Some((_, rows)) if rows.len() == self.order.len() => rows,
            _ => self.order_of_epoch(dataset),
        };
        // Of a run that trains on the remainder of an epoch, which these settings may leave out.
        self.progress.used = self.progress.used.min(self.order.len());
        Ok(())
    }

    /// A trainer that goes on from another's snapshot with these settings in place of its own: what the change brings
    /// about from there on. Moments that the optimiser keeps in either case are kept. With the snapshot's own settings the
    /// result is the trainer it was taken of, to the bit.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`restore`](Self::restore).
    pub fn continue_with(settings: &Settings, dataset: &Dataset, snapshot: Snapshot) -> Result<Self, Error> {
        let mut trainer = Self::new(settings, dataset)?;
        trainer.restore(dataset, snapshot)?;
        each!(&mut trainer.learner, learner => learner.change_settings(settings))?;
        trainer.progress.learning_rate.change_schedule(&settings.schedule)?;
        Ok(trainer)
    }

    /// The network and its optimiser.
    #[must_use]
    pub fn learner(&self) -> &AnyLearner {
        &self.learner
    }

    pub(crate) fn learner_mut(&mut self) -> &mut AnyLearner {
        &mut self.learner
    }

    /// Names, shapes and places of all parameters.
    #[must_use]
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// The network's parameters, flat.
    #[must_use]
    pub fn parameters(&self) -> Floats<'_> {
        each!(&self.learner, learner => learner.parameters())
    }

    /// The gradients of the last step, flat.
    #[must_use]
    pub fn gradients(&self) -> Floats<'_> {
        each!(&self.learner, learner => learner.gradients())
    }

    /// What the network consists of.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        each!(&self.learner, learner => learner.network().architecture())
    }

    /// BLAKE3 of the network's parameters (see `Sequential::weights_blake3`).
    #[must_use]
    pub fn weights_blake3(&self) -> String {
        each!(&self.learner, learner => learner.network().weights_blake3())
    }

    /// Writes the network to a file (see `Sequential::save`).
    ///
    /// # Errors
    /// [`Error::Model`] if writing fails.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        Ok(each!(&self.learner, learner => learner.network().save(path))?)
    }

    /// The steps at which the guard acted; None if the settings name no guard.
    #[must_use]
    pub fn guarded(&self) -> Option<&[u64]> {
        each!(&self.learner, learner => learner.guarded())
    }

    /// What became of the run so far.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.progress.outcome
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.progress.step
    }

    /// Where the first number that was not finite was, if there was one since the trainer was made or restored.
    #[must_use]
    pub fn non_finite(&self) -> Option<&NonFinite> {
        self.non_finite.as_ref()
    }

    /// Whether there is nothing left to run: all epochs, the patience with the test loss, or what the settings want to see
    /// of a collapse, are over, or a number is not finite.
    #[must_use]
    pub fn finished(&self) -> bool {
        let (outcome, done) = (&self.progress.outcome, self.progress.epoch + 1);
        let epochs_over = self.at_end_of_epoch() && done >= self.settings.training.epochs;
        let patience_over = match (outcome.best_test(), self.settings.training.patience) {
            (Some(best), Some(epochs)) => self.at_end_of_epoch() && done >= best.epoch.saturating_add(epochs),
            _ => false,
        };
        let collapse_over = match (outcome.collapse_onset(), self.settings.training.stop_after_collapse) {
            (Some(onset), Some(steps)) => self.progress.step >= onset.saturating_add(steps),
            _ => false,
        };
        epochs_over || patience_over || collapse_over || outcome.non_finite()
    }
}

/// The network that the settings make of these words, if it can be built and trained.
pub(crate) fn require_possible(settings: &Settings, dataset: &Dataset) -> Result<Architecture, Error> {
    let architecture = settings.architecture(dataset.encoder.alphabet_len(), dataset.targets.ncols());
    architecture.check()?;
    let (count, length, numbers) = (dataset.words.len(), dataset.indices.ncols(), dataset.targets.ncols());
    memory::require(settings, &architecture, Words { count, length, numbers })?;
    Ok(architecture)
}

/// For [`Trainer::go_on`]: breaks off if something holds.
pub fn stop_if(holds: bool) -> ControlFlow<()> {
    if holds { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// Whether there is a tensor that the constraint holds.
fn require_one(constraint: &Constraint, tensors: &[Tensor]) -> Result<(), Error> {
    if tensors.iter().any(|tensor| constraint.holds(&tensor.name)) {
        return Ok(());
    }
    let names: Vec<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let problem = format!("is `{}`, but the network's tensors are {}", constraint.tensor, names.join(", "));
    Err(Error::setting("constraint.tensor", problem))
}
