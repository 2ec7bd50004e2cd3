//! The probes as an observer of a run.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use flameout_cells::Tensor;
use flameout_experiment::{Dataset, Error, Number, Observer, Settings, StepRecord, Trainer};
use flameout_kernels::Real;
use flameout_model::Sequential;
use flameout_optim::AnyOptimizer;

use super::log::{Log, LogWriter};
use super::reading::{Names, NonFinite, Quantity, Reading};
use super::reference::Reference;
use super::settings::ProbeSettings;
use super::update::{TensorStep, TensorTotals};

/// Watches a run: a [`Reading`] a step, with a measurement of the whole network at the first step seen and at every K-th.
#[derive(Debug)]
pub struct Probes<T> {
    every: u64,
    reference: Reference<T>,
    log: SharedLog,
    writer: Option<LogWriter>,
    seen_any: bool,
}

/// The log of probes that a run has taken possession of.
#[derive(Debug, Clone)]
pub struct SharedLog(Arc<Mutex<Log>>);

impl SharedLog {
    /// The log as it is. The run waits at its next step while the guard lives.
    pub fn lock(&self) -> MutexGuard<'_, Log> {
        // A panic elsewhere cannot have left a log half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Real> Probes<T> {
    /// For a run with these settings and words. `model` says the architecture.
    ///
    /// # Errors
    /// [`Error::Setting`] for a probe setting out of range.
    #[inline(never)] // compiled once: see `instances`
    pub fn new(
        probes: &ProbeSettings,
        run: &Settings,
        dataset: &Dataset<T>,
        model: &Sequential<T>,
    ) -> Result<Self, Error> {
        probes.check()?;
        let reference = Reference::new(model, run, dataset, probes.reference_words, probes.power_iterations);
        let names = Names {
            tensors: model.tensors().iter().map(|tensor| tensor.name.clone()).collect(),
            activations: reference.activation_names(),
            recurrent: reference.recurrent_names(),
        };
        let log = SharedLog(Arc::new(Mutex::new(Log::new(names, probes.kept))));
        Ok(Self { every: probes.every, reference, log, writer: None, seen_any: false })
    }

    /// Writes the readings to a file too, `probes.jsonl` by custom: names on the first line, then a reading a line. If steps
    /// have been `done` before, the run is resumed, and the readings of those steps stay.
    ///
    /// Trouble while writing ends the writing, not the run; [`Log::problem`] tells of it.
    ///
    /// # Errors
    /// If the file cannot be made, or, when resuming, is damaged.
    pub fn write_to(mut self, path: &Path, done: u64) -> Result<Self, Error> {
        let writer = LogWriter::open(path, self.log.lock().names(), done)?;
        self.writer = Some(writer);
        Ok(self)
    }

    /// The log, to be read while the run goes on or after it.
    #[must_use]
    pub fn log(&self) -> SharedLog {
        self.log.clone()
    }

    fn write(&mut self, write: impl FnOnce(&mut LogWriter) -> Result<(), Error>) {
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = write(writer) {
            self.log.lock().note_problem(error.to_string());
            self.writer = None;
        }
    }
}

impl<T: Number> Observer<T> for Probes<T> {
    fn step(&mut self, record: &StepRecord, trainer: &Trainer<T>) {
        let model = trainer.model();
        let mut reading = read_step(record, model, trainer.optimizer());
        if record.step.is_multiple_of(self.every) || !self.seen_any {
            let network = self.reference.measure(model);
            // A parameter that is not finite from the start spoils no gradient if nothing depends on it.
            if reading.non_finite.is_empty() && !all_finite(&network.parameter_norm) {
                reading.non_finite = non_finite(model);
            }
            reading.network = Some(network);
        }
        self.seen_any = true;
        self.write(|writer| writer.append(&reading));
        self.log.lock().push(reading);
    }

    fn end(&mut self) {
        self.write(LogWriter::flush);
    }
}

/// The cheap probes of a step: one pass over gradients and moments.
#[must_use]
#[inline(never)] // compiled once: see `instances`
pub fn read_step<T: Real>(record: &StepRecord, model: &Sequential<T>, optimizer: &AnyOptimizer<T>) -> Reading {
    let tensors = model.tensors();
    let totals: Vec<TensorTotals> = tensors
        .iter()
        .map(|tensor| TensorStep::new(model, optimizer, record.learning_rate, tensor.range()).totals())
        .collect();
    let ratios = || totals.iter().filter_map(|totals| totals.ratio);
    let mut reading = Reading {
        step: record.step,
        gradient_norm: totals.iter().map(|totals| totals.gradient_norm).collect(),
        update_norm: totals.iter().map(|totals| totals.update_norm).collect(),
        ratio_mean: ratios().map(|ratio| ratio.mean).collect(),
        ratio_rms: ratios().map(|ratio| ratio.root_mean_square).collect(),
        ratio_max: ratios().map(|ratio| ratio.largest).collect(),
        non_finite: Vec::new(),
        network: None,
    };
    // A norm is finite only if every element is: elements are looked at one by one only where it is not.
    if !all_finite(&reading.gradient_norm) || !all_finite(&reading.update_norm) {
        reading.non_finite = non_finite(model);
    }
    reading
}

fn all_finite(norms: &[f64]) -> bool {
    norms.iter().all(|norm| norm.is_finite())
}

fn non_finite<T: Real>(model: &Sequential<T>) -> Vec<NonFinite> {
    let of_tensor = |(index, tensor): (usize, &Tensor)| {
        let of = |of: Quantity, values: &[T]| non_finite_in(index, of, &values[tensor.range()]);
        [of(Quantity::Gradient, model.gradients()), of(Quantity::Parameter, model.parameters())]
    };
    model.tensors().iter().enumerate().flat_map(of_tensor).flatten().collect()
}

fn non_finite_in<T: Real>(tensor: usize, of: Quantity, values: &[T]) -> Option<NonFinite> {
    let mut places = values.iter().enumerate().filter(|(_, x)| !x.is_finite()).map(|(place, _)| place as u64);
    let first = places.next()?;
    Some(NonFinite { tensor, of, count: 1 + places.count() as u64, first })
}
