//! Training in memory, one step after the other.

use flameout_kernels::Real;
use flameout_model::{Sequential, metrics};
use flameout_optim::{LearningRate, Optimizer, clip};
use ndarray::Array2;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dataset::{Batch, Dataset};
use crate::error::Error;
use crate::outcome::Outcome;
use crate::record::{EpochRecord, StepRecord};
use crate::settings::Settings;

/// `f32` or `f64`, storable.
pub trait Number: Real + Serialize + DeserializeOwned {}

impl<T: Real + Serialize + DeserializeOwned> Number for T {}

/// A network in training: weights, optimiser, learning rate and place in the data.
#[derive(Debug)]
pub struct Trainer<T> {
    settings: Settings,
    model: Sequential<T>,
    state: State<T>,
    /// The rows of the training words in the order of the current epoch.
    order: Vec<usize>,
    batch: Batch<T>,
}

/// What changes from step to step, apart from the weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State<T> {
    optimizer: Optimizer<T>,
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
}

impl<T: Number> Trainer<T> {
    /// A network before its first step.
    ///
    /// # Errors
    /// If a setting is out of range.
    pub fn new(settings: &Settings, dataset: &Dataset<T>) -> Result<Self, Error> {
        settings.check()?;
        let architecture = settings.architecture(dataset.encoder.alphabet_len(), dataset.targets.ncols());
        let mut model = Sequential::new(architecture);
        model.initialise(&settings.initialisation(), settings.seed);
        let tensors: Vec<_> = model.tensors().iter().map(|tensor| tensor.range()).collect();
        let state = State {
            optimizer: Optimizer::for_tensors(settings.optimizer, &tensors)?,
            learning_rate: LearningRate::new(&settings.schedule)?,
            step: 0,
            epoch: 0,
            used: 0,
            loss_sum: 0.0,
            accuracy_sum: 0.0,
            outcome: Outcome::new(dataset.baseline(settings), dataset.steps_per_epoch(settings)),
        };
        let order = dataset.epoch_order(settings, 0);
        Ok(Self { settings: settings.clone(), model, state, order, batch: Batch::new() })
    }

    /// Trains on the next batch.
    ///
    /// # Errors
    /// [`Error::Optimizer`] if the optimiser's state does not fit the network: only after restoring a foreign snapshot.
    pub fn step(&mut self, dataset: &Dataset<T>) -> Result<StepRecord, Error> {
        if self.state.used == self.order.len() {
            self.begin_epoch(dataset);
        }
        let to = (self.state.used + self.settings.training.batch).min(self.order.len());
        self.batch.fill(dataset, &self.order[self.state.used..to]);
        let (words, targets) = (self.batch.words(), self.batch.targets());
        let loss = self.model.forward_backward(self.batch.indices(), targets, self.settings.training.loss);
        let accuracy = metrics::keras_accuracy(self.model.predictions(), targets);

        let learning_rate = self.state.learning_rate.at(self.state.step);
        let (parameters, gradients) = self.model.parameters_and_gradients();
        let gradient_norm = clip(gradients, &self.settings.clipping);
        let report = self.state.optimizer.step(parameters, gradients, learning_rate)?;

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
            update_norm: report.update_norm,
            learning_rate,
        };
        state.outcome.step(&record);
        Ok(record)
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
        self.state.outcome.epoch(&record);
        record
    }

    /// Predictions and targets of the words in these rows, `(words, outputs)`.
    #[must_use]
    pub fn predict(&mut self, dataset: &Dataset<T>, rows: &[usize]) -> (Array2<T>, Array2<T>) {
        let batch = dataset.batch(rows);
        (self.model.predict(batch.indices()), batch.targets().to_owned())
    }

    /// The settings' loss of predictions against targets; 0 if there are none.
    #[must_use]
    pub fn loss(&self, predictions: &Array2<T>, targets: &Array2<T>) -> f64 {
        if predictions.is_empty() {
            return 0.0;
        }
        let mut gradient = flameout_cells::Sequence::new();
        self.settings.training.loss.evaluate(predictions.view(), targets.view(), &mut gradient)
    }

    fn begin_epoch(&mut self, dataset: &Dataset<T>) {
        self.state.epoch += 1;
        self.state.used = 0;
        self.state.loss_sum = 0.0;
        self.state.accuracy_sum = 0.0;
        self.order = dataset.epoch_order(&self.settings, self.state.epoch);
    }

    /// A copy of everything that changes.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<T> {
        Snapshot { parameters: self.model.parameters().to_vec(), state: self.state.clone() }
    }

    /// Goes back to a snapshot of a trainer with the same settings and data.
    ///
    /// # Errors
    /// [`Error::Data`] if the snapshot is of another network or data set.
    pub fn restore(&mut self, dataset: &Dataset<T>, snapshot: Snapshot<T>) -> Result<(), Error> {
        let parameters = self.model.parameters_mut();
        if snapshot.parameters.len() != parameters.len() || snapshot.state.used > self.order.len() {
            return Err(Error::Data { problem: "the snapshot was made with another network or other words".into() });
        }
        parameters.copy_from_slice(&snapshot.parameters);
        self.state = snapshot.state;
        self.order = dataset.epoch_order(&self.settings, self.state.epoch);
        Ok(())
    }

    /// The network.
    #[must_use]
    pub fn model(&self) -> &Sequential<T> {
        &self.model
    }

    /// The optimiser.
    #[must_use]
    pub fn optimizer(&self) -> &Optimizer<T> {
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

    /// Whether all epochs have been run.
    #[must_use]
    pub fn finished(&self) -> bool {
        self.at_end_of_epoch() && self.state.epoch + 1 >= self.settings.training.epochs
    }
}
