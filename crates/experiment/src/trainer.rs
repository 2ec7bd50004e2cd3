//! Training in memory, one step after the other.

use flameout_cells::Tensor;
use flameout_kernels::Real;
use flameout_model::{Architecture, Loss, Sequential, metrics};
use flameout_optim::{AnyOptimizer, Constraint, LearningRate, Optimizer, clip, hold_columns, l2_norm};
use ndarray::Array2;
use ndarray_rand::rand::seq::SliceRandom;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dataset::{Batch, Dataset};
use crate::error::Error;
use crate::intervention::Intervention;
use crate::memory::{self, Words};
use crate::non_finite::NonFinite;
use crate::rng::{Purpose, stream};
use crate::settings::Settings;
use flameout_curves::{EpochRecord, Outcome, StepRecord};

/// `f32` or `f64`, storable.
pub trait Number: Real + Serialize + DeserializeOwned {}

impl<T: Real + Serialize + DeserializeOwned> Number for T {}

/// Steps and epochs that no run reaches. A checkpoint may have been made by hand: counting on from there stays within 64 bits.
const LATEST: u64 = 1 << 53;

/// A network in training: weights, optimiser, learning rate and place in the data.
#[derive(Debug)]
pub struct Trainer<T> {
    settings: Settings,
    model: Sequential<T>,
    state: State<T>,
    /// The network's, in a place where they can be lent out beside its parameters.
    tensors: Vec<Tensor>,
    /// The seed of the words' order.
    order_seed: u64,
    /// The rows of the training words in the order of the current epoch.
    order: Vec<usize>,
    batch: Batch<T>,
    /// Memory for the lengths of a kernel's columns.
    lengths: Vec<f64>,
    /// Where the first number that was not finite was, if there was one since the last `restore`.
    non_finite: Option<NonFinite>,
}

/// What changes from step to step, apart from the weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State<T> {
    optimizer: AnyOptimizer<T>,
    learning_rate: LearningRate,
    /// Steps taken.
    step: u64,
    /// Epochs completed.
    epoch: u64,
    /// Training words of the current epoch that have been used.
    used: usize,
    /// Sums over the current epoch, each batch weighted by its size.
    loss_sum: f64,
    accuracy_sum: f64,
    outcome: Outcome,
}

/// Everything that is needed to go on from a step as if nothing had happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Snapshot<T> {
    parameters: Vec<T>,
    state: State<T>,
}

impl<T> Snapshot<T> {
    /// Steps taken when it was made.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// Whether a number was not finite in a step before it was made.
    #[must_use]
    pub fn is_non_finite(&self) -> bool {
        self.state.outcome.non_finite()
    }

    /// The network's parameters, flat.
    #[must_use]
    pub fn parameters(&self) -> &[T] {
        &self.parameters
    }

    /// The network's parameters, flat, to write: what is restored then is no state of the run it was made of.
    pub fn parameters_mut(&mut self) -> &mut [T] {
        &mut self.parameters
    }
}

impl<T: Real> Snapshot<T> {
    /// The memory it takes, in bytes: parameters and the optimiser's state to the byte, and 4 KiB for all the rest (places
    /// in the data, the last steps' losses), which is never much.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const REST: usize = 4096;
        size_of::<T>() * (self.parameters.len() + self.state.optimizer.state_len()) + REST
    }

    /// The optimiser's moving average of the squared gradient, one a parameter, to write (see
    /// [`parameters_mut`](Self::parameters_mut)); None where it keeps none.
    pub fn second_moment_mut(&mut self) -> Option<&mut [T]> {
        self.state.optimizer.second_moment_mut()
    }
}

impl<T: Number> Trainer<T> {
    /// A network before its first step.
    ///
    /// # Errors
    /// If a setting is out of range, or there is not memory enough.
    #[inline(never)] // compiled once: see `instances`
    pub fn new(settings: &Settings, dataset: &Dataset<T>) -> Result<Self, Error> {
        settings.check()?;
        let architecture = require_possible(settings, dataset)?;
        let mut model = Sequential::of(architecture);
        model.initialise(&settings.initialisation(), settings.seed);
        let tensors = model.tensors().to_vec();
        settings.constraint.as_ref().map_or(Ok(()), |constraint| require_one(constraint, &tensors))?;
        let ranges: Vec<_> = tensors.iter().map(Tensor::range).collect();
        let state = State {
            optimizer: AnyOptimizer::for_tensors(settings.optimizer, &ranges)?,
            learning_rate: LearningRate::new(&settings.schedule)?,
            step: 0,
            epoch: 0,
            used: 0,
            loss_sum: 0.0,
            accuracy_sum: 0.0,
            outcome: Outcome::new(dataset.baseline(settings), dataset.steps_per_epoch(settings)),
        };
        let order_seed = settings.seed;
        let order = dataset.epoch_order(&settings.training, order_seed, 0);
        let (settings, batch, lengths) = (settings.clone(), Batch::new(), Vec::new());
        Ok(Self { settings, model, state, tensors, order_seed, order, batch, lengths, non_finite: None })
    }

    /// Trains on the next batch.
    ///
    /// # Errors
    /// [`Error::Optimizer`] if the optimiser's state does not fit the network: only after restoring a foreign snapshot.
    pub fn step(&mut self, dataset: &Dataset<T>) -> Result<StepRecord, Error> {
        self.step_with(dataset, &mut ())
    }

    /// As [`step`](Self::step), with something changed on the way.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    #[inline(never)] // compiled once: see `instances`
    pub fn step_with(
        &mut self,
        dataset: &Dataset<T>,
        intervention: &mut dyn Intervention<T>,
    ) -> Result<StepRecord, Error> {
        let (step, to) = (self.state.step + 1, self.next_batch(dataset));
        self.batch.fill(dataset, &self.order[self.state.used..to]);
        intervention.batch(step, &mut self.batch);
        let (words, targets) = (self.batch.words(), self.batch.targets());
        let loss = self.model.forward_backward(self.batch.indices(), targets, self.settings.training.loss)?;
        let accuracy = metrics::keras_accuracy(self.model.predictions(), targets);

        let learning_rate = self.state.learning_rate.at(self.state.step);
        let (parameters, gradients) = self.model.parameters_and_gradients();
        weigh(gradients, self.settings.training.weight_of_batch(words, self.order.len()));
        intervention.gradients(step, &self.tensors, gradients);
        let gradient_norm = clip(gradients, &self.settings.clipping);
        let report = self.state.optimizer.update(parameters, gradients, learning_rate)?;
        if let Some(constraint) = &self.settings.constraint {
            constrain(constraint, &self.tensors, parameters, &mut self.lengths);
        }
        intervention.parameters(step, &self.tensors, parameters);
        // One pass over the parameters, where the step itself has made dozens.
        let parameter_norm = l2_norm(parameters);

        let state = &mut self.state;
        state.step += 1;
        state.used = to;
        state.loss_sum += loss * words as f64;
        state.accuracy_sum += accuracy * words as f64;
        let record = StepRecord {
            step: state.step,
            epoch: state.epoch + 1,
            words,
            loss,
            accuracy,
            gradient_norm,
            // From a finite number to one that is not is no finite way, though the update alone may have been finite.
            update_norm: if parameter_norm.is_finite() { report.update_norm } else { parameter_norm },
            learning_rate,
        };
        state.outcome.step(&(&record).into());
        if state.outcome.non_finite() {
            self.non_finite.get_or_insert_with(|| NonFinite::find(step, loss, &self.model));
        }
        Ok(record)
    }

    /// As [`step_with`](Self::step_with), and measures the epoch if it ends with this step (without its speed).
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn advance(
        &mut self,
        dataset: &Dataset<T>,
        intervention: &mut dyn Intervention<T>,
    ) -> Result<(StepRecord, Option<EpochRecord>), Error> {
        let record = self.step_with(dataset, intervention)?;
        let epoch = self.at_end_of_epoch().then(|| self.end_epoch(dataset, 0.0));
        Ok((record, epoch))
    }

    /// Leaves the next batch out: its words count as used, but nothing is learnt from them and no step is counted.
    pub fn skip_batch(&mut self, dataset: &Dataset<T>) {
        self.state.used = self.next_batch(dataset);
    }

    /// Where the next batch ends in the order of its epoch, which begins if need be.
    fn next_batch(&mut self, dataset: &Dataset<T>) -> usize {
        if self.state.used == self.order.len() {
            self.begin_epoch(dataset);
        }
        (self.state.used + self.settings.training.batch).min(self.order.len())
    }

    /// Gives the words that this epoch has not used yet, and all later epochs, another order.
    #[inline(never)] // compiled once: see `instances`
    pub fn reorder(&mut self, seed: u64) {
        self.order_seed = seed;
        let mut rng = stream(seed, Purpose::Rest(self.state.epoch));
        self.order[self.state.used..].shuffle(&mut rng);
    }

    /// Whether the last step was the last of its epoch.
    #[must_use]
    pub fn at_end_of_epoch(&self) -> bool {
        self.state.used == self.order.len()
    }

    /// Measures the epoch whose last step has just been made. To be called once, before the next step.
    ///
    /// # Panics
    /// If the epoch has not ended.
    #[inline(never)] // compiled once: see `instances`
    pub fn end_epoch(&mut self, dataset: &Dataset<T>, words_per_second: f64) -> EpochRecord {
        assert!(self.at_end_of_epoch(), "the epoch has not ended");
        let count = self.order.len() as f64;
        let (loss, accuracy) = (self.state.loss_sum / count, self.state.accuracy_sum / count);
        let (predictions, targets) = self.predict(dataset, &dataset.test);
        let record = EpochRecord {
            epoch: self.state.epoch + 1,
            step: self.state.step,
            loss,
            accuracy,
            test_loss: self.loss(&predictions, &targets),
            test_accuracy: metrics::keras_accuracy(predictions.view(), targets.view()),
            spread: metrics::spread(predictions.view()),
            identical: metrics::identical_share(predictions.view()),
            words_per_second,
        };
        self.state.learning_rate.end_epoch(loss);
        self.state.outcome.epoch(&(&record).into());
        record
    }

    /// Predictions and targets of the words in these rows, `(words, outputs)`.
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn predict(&mut self, dataset: &Dataset<T>, rows: &[usize]) -> (Array2<T>, Array2<T>) {
        let batch = dataset.batch(rows);
        let predictions = self.model.predict(batch.indices()).expect("the network was made for these words");
        (predictions, batch.targets().to_owned())
    }

    /// The settings' loss of predictions against targets; 0 if there are none.
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn loss(&self, predictions: &Array2<T>, targets: &Array2<T>) -> f64 {
        if predictions.is_empty() {
            return 0.0;
        }
        self.settings.training.loss.value(predictions.view(), targets.view())
    }

    fn begin_epoch(&mut self, dataset: &Dataset<T>) {
        self.state.epoch += 1;
        self.state.used = 0;
        self.state.loss_sum = 0.0;
        self.state.accuracy_sum = 0.0;
        self.order = dataset.epoch_order(&self.settings.training, self.order_seed, self.state.epoch);
    }

    /// A copy of everything that changes.
    #[must_use]
    #[inline(never)] // compiled once: see `instances`
    pub fn snapshot(&self) -> Snapshot<T> {
        Snapshot { parameters: self.model.parameters().to_vec(), state: self.state.clone() }
    }

    /// Goes back to a snapshot of a trainer with the same settings and data.
    ///
    /// # Errors
    /// [`Error::Data`] if the snapshot is of another network or data set.
    #[inline(never)] // compiled once: see `instances`
    pub fn restore(&mut self, dataset: &Dataset<T>, snapshot: Snapshot<T>) -> Result<(), Error> {
        let parameters = self.model.parameters_mut();
        let state = &snapshot.state;
        if snapshot.parameters.len() != parameters.len() || state.used > dataset.train.len() {
            return Err(Error::Data { problem: "the snapshot was made with another network or other words".into() });
        }
        let counted = state.step.max(state.epoch).max(state.optimizer.steps());
        if counted > LATEST {
            return Err(Error::Data {
                problem: format!("the snapshot claims {counted} steps or epochs: it is no run's"),
            });
        }
        parameters.copy_from_slice(&snapshot.parameters);
        self.state = snapshot.state;
        self.non_finite = None;
        self.order_seed = self.settings.seed;
        self.order = dataset.epoch_order(&self.settings.training, self.order_seed, self.state.epoch);
        // Of a run that trains on the remainder of an epoch, which these settings may leave out.
        self.state.used = self.state.used.min(self.order.len());
        Ok(())
    }

    /// A trainer that goes on from another's snapshot with these settings in place of its own: what the change brings
    /// about from there on. Moments that the optimiser keeps in either case are kept. With the snapshot's own settings the
    /// result is the trainer it was taken of, to the bit.
    ///
    /// # Errors
    /// As [`new`](Self::new) and [`restore`](Self::restore).
    #[inline(never)] // compiled once: see `instances`
    pub fn continue_with(settings: &Settings, dataset: &Dataset<T>, snapshot: Snapshot<T>) -> Result<Self, Error> {
        let mut trainer = Self::new(settings, dataset)?;
        trainer.restore(dataset, snapshot)?;
        trainer.state.optimizer.change_settings(settings.optimizer)?;
        trainer.state.learning_rate.change_schedule(&settings.schedule)?;
        Ok(trainer)
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &Sequential<T> {
        &self.model
    }

    /// The optimiser.
    #[must_use]
    pub fn optimizer(&self) -> &AnyOptimizer<T> {
        &self.state.optimizer
    }

    /// What became of the run so far.
    #[must_use]
    pub fn outcome(&self) -> &Outcome {
        &self.state.outcome
    }

    /// Steps taken.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.state.step
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
        let (outcome, done) = (&self.state.outcome, self.state.epoch + 1);
        let epochs_over = self.at_end_of_epoch() && done >= self.settings.training.epochs;
        let patience_over = match (outcome.best_test(), self.settings.training.patience) {
            (Some(best), Some(epochs)) => self.at_end_of_epoch() && done >= best.epoch.saturating_add(epochs),
            _ => false,
        };
        let collapse_over = match (outcome.collapse_onset(), self.settings.training.stop_after_collapse) {
            (Some(onset), Some(steps)) => self.state.step >= onset.saturating_add(steps),
            _ => false,
        };
        epochs_over || patience_over || collapse_over || outcome.non_finite()
    }
}

/// The network that the settings make of these words, if it can be built and trained.
pub(crate) fn require_possible<T: Number>(settings: &Settings, dataset: &Dataset<T>) -> Result<Architecture, Error> {
    let architecture = settings.architecture(dataset.encoder.alphabet_len(), dataset.targets.ncols());
    architecture.check()?;
    let (count, length, numbers) = (dataset.words.len(), dataset.indices.ncols(), dataset.targets.ncols());
    memory::require(settings, &architecture, Words { count, length, numbers, number: size_of::<T>() })?;
    Ok(architecture)
}

/// Multiplies the gradients of a batch by its weight.
fn weigh<T: Real>(gradients: &mut [T], weight: f64) {
    if weight != 1.0 {
        let weight = T::from_f64(weight);
        gradients.iter_mut().for_each(|gradient| *gradient *= weight);
    }
}

/// Holds the tensors to the constraint.
fn constrain<T: Real>(constraint: &Constraint, tensors: &[Tensor], parameters: &mut [T], lengths: &mut Vec<f64>) {
    for tensor in tensors.iter().filter(|tensor| constraint.holds(&tensor.name)) {
        let columns = tensor.matrix_shape().1;
        hold_columns(&mut parameters[tensor.range()], columns, constraint.max_norm, lengths);
    }
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
