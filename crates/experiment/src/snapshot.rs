//! A state of a training, from which it goes on as if nothing had happened.

use std::path::Path;

use flameout_files::checkpoint::{self, Container};
use flameout_optim::LearningRate;
use serde::{Deserialize, Serialize, Serializer};

use crate::error::Error;
use crate::floats::{Floats, FloatsMut, Number};
use crate::guard::Guard;
use crate::origin::Origin;
use crate::settings::Precision;
use crate::weights::{AnyWeights, Weights};
use flameout_curves::Outcome;

/// Version of a file that holds a state and its origin.
const VERSION: u32 = 1;
/// The same with what a guard remembers.
const GUARDED: u32 = 2;

/// What changes from step to step, apart from the weights.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) learning_rate: LearningRate,
    /// Steps taken.
    pub(crate) step: u64,
    /// Epochs completed.
    pub(crate) epoch: u64,
    /// Training words of the current epoch that have been used.
    pub(crate) used: usize,
    /// Sums over the current epoch, each batch weighted by its size.
    pub(crate) loss_sum: f64,
    pub(crate) accuracy_sum: f64,
    pub(crate) outcome: Outcome,
}

/// Does the same with weights of either precision.
macro_rules! each_weights {
    ($any:expr, $weights:ident => $body:expr) => {
        match $any {
            AnyWeights::F32($weights) => $body,
            AnyWeights::F64($weights) => $body,
        }
    };
}

/// Everything that is needed to go on from a step as if nothing had happened.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) weights: AnyWeights,
    pub(crate) progress: Progress,
    /// The seed of another order of the words than the settings', and the rows of the current epoch in it. No file holds it: runs
    /// that are written down are not reordered.
    pub(crate) reordered: Option<(u64, Vec<usize>)>,
}

/// What a file holds of a snapshot.
pub(crate) type Stored<T> = (Weights<T>, Progress);

/// What a file holds of a snapshot of a run with a guard.
pub(crate) type Guarded<T> = (Weights<T>, Progress, Guard<T>);

impl<T: Number> From<Stored<T>> for Snapshot {
    fn from((weights, progress): Stored<T>) -> Self {
        Self { weights: T::weights(weights), progress, reordered: None }
    }
}

impl<T: Number> From<Guarded<T>> for Snapshot {
    fn from((weights, progress, guard): Guarded<T>) -> Self {
        (Weights { guard: Some(guard), ..weights }, progress).into()
    }
}

/// Writes what is read without or with a guard, as there is none or one.
impl Serialize for Snapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        each_weights!(&self.weights, weights => match &weights.guard {
            None => (weights, &self.progress).serialize(serializer),
            Some(guard) => (weights, &self.progress, guard).serialize(serializer),
        })
    }
}

impl Snapshot {
    /// Steps taken when it was made.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.progress.step
    }

    /// Whether a number was not finite in a step before it was made.
    #[must_use]
    pub fn is_non_finite(&self) -> bool {
        self.progress.outcome.non_finite()
    }

    /// The network's parameters, flat.
    #[must_use]
    pub fn parameters(&self) -> Floats<'_> {
        each_weights!(&self.weights, weights => Number::floats(&weights.parameters))
    }

    /// The network's parameters, flat, to write: what is restored then is no state of the run it was made of.
    #[must_use]
    pub fn parameters_mut(&mut self) -> FloatsMut<'_> {
        each_weights!(&mut self.weights, weights => Number::floats_mut(&mut weights.parameters))
    }

    /// The optimiser's moving average of the squared gradient, one a parameter, to write (see
    /// [`parameters_mut`](Self::parameters_mut)); None where it keeps none.
    #[must_use]
    pub fn second_moment_mut(&mut self) -> Option<FloatsMut<'_>> {
        each_weights!(&mut self.weights, weights => weights.optimizer.second_moment_mut().map(Number::floats_mut))
    }

    /// The memory it takes, in bytes: parameters, the optimiser's state and another order of the words to the byte, and 4 KiB for
    /// all the rest (places in the data, the last steps' losses), which is never much.
    #[must_use]
    pub fn bytes(&self) -> usize {
        const REST: usize = 4096;
        let order = self.reordered.as_ref().map_or(0, |(_, rows)| size_of::<usize>() * rows.len());
        let weights = match &self.weights {
            AnyWeights::F32(weights) => size_of::<f32>() * weights.len(),
            AnyWeights::F64(weights) => size_of::<f64>() * weights.len(),
        };
        weights + order + REST
    }

    /// Whether it is of a run with a guard, whose memory a file then holds, too.
    pub(crate) fn is_guarded(&self) -> bool {
        each_weights!(&self.weights, weights => weights.guard.is_some())
    }

    /// The largest count of steps or epochs in it.
    pub(crate) fn counted(&self) -> u64 {
        let steps = each_weights!(&self.weights, weights => weights.optimizer.steps());
        self.progress.step.max(self.progress.epoch).max(steps)
    }

    /// Writes it with its origin to a file, atomically.
    ///
    /// # Errors
    /// [`Error::File`] if writing fails.
    pub fn write(&self, path: &Path, origin: &Origin) -> Result<(), Error> {
        Ok(checkpoint::write(path, if self.is_guarded() { GUARDED } else { VERSION }, &(origin, self))?)
    }

    /// Reads what [`write`](Self::write) wrote of a run of this precision.
    ///
    /// # Errors
    /// [`Error::File`] if reading fails or the file is damaged; [`Error::RunDirectory`] if it is of another origin.
    pub fn read(path: &Path, origin: &Origin, precision: Precision) -> Result<Self, Error> {
        match precision {
            Precision::F32 => read::<f32>(path, origin),
            Precision::F64 => read::<f64>(path, origin),
        }
    }
}

fn read<T: Number>(path: &Path, origin: &Origin) -> Result<Snapshot, Error> {
    let container = Container::open(path, VERSION..=VERSION)?;
    let (found, snapshot): (Origin, Snapshot) = match container.version() {
        VERSION => container.decode::<(Origin, Stored<T>)>().map(|(origin, stored)| (origin, stored.into()))?,
        GUARDED => container.decode::<(Origin, Guarded<T>)>().map(|(origin, stored)| (origin, stored.into()))?,
        version => {
            let what = format!("has version {version}; this program reads versions {VERSION} and {GUARDED}");
            return Err(flameout_files::Error::Format { path: path.into(), what }.into());
        }
    };
    if found == *origin {
        return Ok(snapshot);
    }
    let problem = "was kept of a run with other settings or words; remove it".into();
    Err(Error::RunDirectory { path: path.into(), problem })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Case, Dataset, Settings, Trainer};
    use flameout_word2vec::WordVectors;
    use ndarray::Array2;

    #[test]
    fn a_snapshot_that_claims_more_steps_than_can_be_counted_is_refused() {
        let mut settings = Settings::for_case(Case::LstmSingle);
        settings.set("model.units", "2").unwrap();
        settings.set("model.precision", "f64").unwrap();
        let words = ["ant", "bee", "cat", "dog"].map(String::from).to_vec();
        let vectors = Array2::from_shape_fn((4, 3), |(i, j)| ((i * 7 + j * 5) % 11) as f32);
        let dataset = Dataset::new(&settings, WordVectors::new(words, vectors).unwrap()).unwrap();
        let mut trainer = Trainer::new(&settings, &dataset).unwrap();
        let sound = serde_json::to_value(trainer.snapshot()).unwrap();
        let read = |value| Snapshot::from(serde_json::from_value::<Stored<f64>>(value).unwrap());
        for place in ["/1/step", "/1/epoch", "/0/optimizer/adam/steps"] {
            let mut claims = sound.clone();
            *claims.pointer_mut(place).unwrap() = u64::MAX.into();
            let message = trainer.restore(&dataset, read(claims)).unwrap_err().to_string();
            assert!(message.contains("18446744073709551615 steps"), "{place}: {message}");
        }
        trainer.restore(&dataset, read(sound)).unwrap();
    }

    #[test]
    fn a_snapshot_of_the_other_precision_is_refused() {
        let mut settings = Settings::for_case(Case::GruSingle);
        settings.set("model.units", "2").unwrap();
        let words = ["ant", "bee", "cat", "dog"].map(String::from).to_vec();
        let vectors = WordVectors::new(words, Array2::from_shape_fn((4, 3), |(i, j)| (i + 2 * j) as f32)).unwrap();
        let dataset = Dataset::new(&settings, vectors).unwrap();
        let single = Trainer::new(&settings, &dataset).unwrap().snapshot();
        settings.set("model.precision", "f64").unwrap();
        let mut double = Trainer::new(&settings, &dataset).unwrap();
        assert!(double.restore(&dataset, single).unwrap_err().to_string().contains("another network"));
    }
}
