//! A network and its optimiser: all of a training that depends on the precision.

use flameout_cells::Tensor;
use flameout_kernels::Real;
use flameout_model::metrics::{self, NearestWords};
use flameout_model::{Architecture, Loss, Sequential};
use flameout_optim::{AnyOptimizer, Optimizer, clip, l2_norm};
use ndarray::{Array2, ArrayView2, Axis};

use crate::dataset::{Batch, Dataset};
use crate::error::Error;
use crate::floats::{Floats, Number};
use crate::guard::Guard;
use crate::intervention::Intervention;
use crate::settings::{Precision, Settings};
use crate::weights::{AnyWeights, Weights};

/// A network and the optimiser that moves it.
#[derive(Debug)]
pub struct Learner<T> {
    network: Sequential<T>,
    optimizer: AnyOptimizer<T>,
    guard: Option<Guard<T>>,
    /// Memory for the targets of a batch, and for the lengths of a kernel's columns.
    targets: Vec<T>,
    lengths: Vec<f64>,
}

/// A network and the optimiser that moves it, in the precision that the settings name.
#[derive(Debug)]
pub enum AnyLearner {
    /// In single precision.
    F32(Learner<f32>),
    /// In double precision.
    F64(Learner<f64>),
}

/// Does the same with a learner of either precision.
macro_rules! each {
    ($any:expr, $learner:ident => $body:expr) => {
        match $any {
            AnyLearner::F32($learner) => $body,
            AnyLearner::F64($learner) => $body,
        }
    };
}
pub(crate) use each;

/// What a step works with.
pub(crate) struct Step<'a> {
    /// From 1.
    pub(crate) number: u64,
    pub(crate) settings: &'a Settings,
    pub(crate) tensors: &'a [Tensor],
    pub(crate) batch: &'a Batch,
    /// What the gradient is multiplied by.
    pub(crate) weight: f64,
    pub(crate) learning_rate: f64,
}

/// What a step came to.
pub(crate) struct Stepped {
    pub(crate) loss: f64,
    pub(crate) accuracy: f64,
    pub(crate) gradient_norm: f64,
    pub(crate) update_norm: f64,
}

/// How good the predictions of some words are.
pub(crate) struct Quality {
    pub(crate) loss: f64,
    pub(crate) accuracy: f64,
    pub(crate) spread: f64,
    pub(crate) identical: f64,
    /// `None` without words.
    pub(crate) hit_at_10: Option<f64>,
}

/// Words that are ranked after an epoch, at most: a rank takes a product with every word's vector.
const RANKED: usize = 1000;

impl AnyLearner {
    /// A network with initial parameters, and an optimiser before its first step.
    pub(crate) fn new(settings: &Settings, architecture: Architecture) -> Result<Self, Error> {
        Ok(match settings.model.precision {
            Precision::F32 => Self::F32(Learner::new(settings, architecture)?),
            Precision::F64 => Self::F64(Learner::new(settings, architecture)?),
        })
    }

    /// The network's tensors, with their places in the flat buffers.
    pub(crate) fn tensors(&self) -> &[Tensor] {
        each!(self, learner => learner.network.tensors())
    }

    /// The parameters and the optimiser of another moment. They must be of this network.
    pub(crate) fn restore(&mut self, weights: AnyWeights) -> Result<(), Error> {
        let fits = match (self, weights) {
            (Self::F32(learner), AnyWeights::F32(weights)) => learner.restore(weights),
            (Self::F64(learner), AnyWeights::F64(weights)) => learner.restore(weights),
            _ => false,
        };
        if fits { Ok(()) } else { Err(Error::foreign_snapshot()) }
    }
}

impl<T> Learner<T> {
    /// The network.
    #[must_use]
    pub fn network(&self) -> &Sequential<T> {
        &self.network
    }

    /// The optimiser.
    #[must_use]
    pub fn optimizer(&self) -> &AnyOptimizer<T> {
        &self.optimizer
    }
}

impl<T: Number> Learner<T> {
    fn new(settings: &Settings, architecture: Architecture) -> Result<Self, Error> {
        let mut network = Sequential::of(architecture);
        network.initialise(&settings.initialisation(), settings.seed);
        let ranges: Vec<_> = network.tensors().iter().map(Tensor::range).collect();
        let optimizer = AnyOptimizer::for_tensors(settings.optimizer, &ranges)?;
        let guard = settings.guard.map(Guard::new);
        Ok(Self { network, optimizer, guard, targets: Vec::new(), lengths: Vec::new() })
    }

    /// A copy of what changes.
    pub(crate) fn weights(&self) -> AnyWeights {
        let (parameters, optimizer) = (self.network.parameters().to_vec(), self.optimizer.clone());
        T::weights(Weights { parameters, optimizer, guard: self.guard.clone() })
    }

    fn restore(&mut self, weights: Weights<T>) -> bool {
        let parameters = self.network.parameters_mut();
        let count = parameters.len();
        let fits = weights.parameters.len() == count
            && self.guard.as_mut().is_none_or(|guard| guard.restore(weights.guard, count));
        if fits {
            parameters.copy_from_slice(&weights.parameters);
            self.optimizer = weights.optimizer;
        }
        fits
    }

    pub(crate) fn parameters(&self) -> Floats<'_> {
        T::floats(self.network.parameters())
    }

    pub(crate) fn gradients(&self) -> Floats<'_> {
        T::floats(self.network.gradients())
    }

    /// The steps at which the guard acted; None if there is no guard.
    pub(crate) fn guarded(&self) -> Option<&[u64]> {
        self.guard.as_ref().map(Guard::acted)
    }

    pub(crate) fn change_settings(&mut self, settings: &Settings) -> Result<(), Error> {
        Ok(self.optimizer.change_settings(settings.optimizer)?)
    }

    /// A forward and a backward pass: loss and accuracy of a batch.
    pub(crate) fn backward(&mut self, batch: &Batch, loss: impl Loss<T>) -> Result<(f64, f64), Error> {
        self.targets.clear();
        self.targets.extend(batch.targets().iter().map(|&x| T::from_f64(x.into())));
        let targets = ArrayView2::from_shape(batch.targets().dim(), &self.targets).expect("as many targets");
        let loss = self.network.forward_backward(batch.examples(), targets, loss)?;
        Ok((loss, metrics::keras_accuracy(self.network.predictions(), targets)))
    }

    /// Moves the parameters by the gradient of a batch.
    pub(crate) fn step(&mut self, step: &Step<'_>, intervention: &mut dyn Intervention) -> Result<Stepped, Error> {
        let Step { number, settings, tensors, batch, weight, learning_rate } = *step;
        let (loss, accuracy) = self.backward(batch, settings.training.loss)?;
        let (parameters, gradients) = self.network.parameters_and_gradients();
        weigh(gradients, weight);
        intervention.gradients(number, tensors, T::floats_mut(gradients));
        if let Some(guard) = &mut self.guard {
            guard.gradients(number, gradients);
        }
        let gradient_norm = clip(gradients, &settings.clipping);
        let report = self.optimizer.update(parameters, gradients, learning_rate)?;
        if let Some(constraint) = &settings.constraint {
            constraint.apply(tensors, parameters, &mut self.lengths);
        }
        intervention.parameters(number, tensors, T::floats_mut(parameters));
        if let Some(guard) = &mut self.guard {
            guard.parameters(number, parameters);
        }
        // One pass over the parameters, where the step itself has made dozens.
        let parameter_norm = l2_norm(parameters);
        // From a finite number to one that is not is no finite way, though the update alone may have been finite.
        let update_norm = if parameter_norm.is_finite() { report.update_norm } else { parameter_norm };
        Ok(Stepped { loss, accuracy, gradient_norm, update_norm })
    }

    /// Predictions and targets of the words in these rows, `(words, outputs)`.
    pub(crate) fn predict(&mut self, dataset: &Dataset, rows: &[usize]) -> (Array2<T>, Array2<T>) {
        let batch = dataset.batch(rows);
        let predictions = self.network.predict(batch.examples()).expect("the network was made for these words");
        (predictions, batch.targets_in())
    }

    /// Measures the predictions of the words in these rows.
    pub(crate) fn measure(&mut self, dataset: &Dataset, rows: &[usize], loss: impl Loss<T>) -> Quality {
        let (predictions, targets) = self.predict(dataset, rows);
        let (predictions, targets) = (predictions.view(), targets.view());
        let ranked = rows.len().min(RANKED);
        let ranks = (ranked > 0).then(|| {
            let nearest = NearestWords::new(dataset.targets.mapv(|x| T::from_f64(x.into())).view());
            nearest.ranks(predictions.slice_axis(Axis(0), (..ranked).into()), &rows[..ranked])
        });
        Quality {
            loss: if predictions.is_empty() { 0.0 } else { loss.value(predictions, targets) },
            accuracy: metrics::keras_accuracy(predictions, targets),
            spread: metrics::spread(predictions),
            identical: metrics::identical_share(predictions),
            hit_at_10: ranks.map(|ranks| metrics::hit_rate(&ranks, 10)),
        }
    }
}

/// Multiplies the gradients of a batch by its weight.
fn weigh<T: Real>(gradients: &mut [T], weight: f64) {
    if weight != 1.0 {
        let weight = T::from_f64(weight);
        gradients.iter_mut().for_each(|gradient| *gradient *= weight);
    }
}
