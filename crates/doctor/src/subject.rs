//! A run that can be made again.

use std::fmt;

use flameout_cells::Tensor;
use flameout_experiment::{Dataset, Floats, Intervention, Settings, Snapshot, Trainer};

use crate::Error;

/// Everything that decides a run's numbers: from it the run, and each part of it, can be made again to the bit.
pub struct Subject {
    /// The settings.
    pub settings: Settings,
    /// The words.
    pub dataset: Dataset,
    /// The state before the first step.
    pub start: Snapshot,
    tensors: Vec<Tensor>,
    interventions: Box<dyn Fn() -> Box<dyn Intervention> + Send + Sync>,
}

impl Subject {
    /// A run of these settings on these words, from its beginning.
    ///
    /// # Errors
    /// [`Error::Experiment`] if a setting is out of range.
    pub fn new(settings: Settings, dataset: Dataset) -> Result<Self, Error> {
        let trainer = Trainer::new(&settings, &dataset)?;
        let (start, tensors) = (trainer.snapshot(), trainer.tensors().to_vec());
        Ok(Self { settings, dataset, start, tensors, interventions: Box::new(|| Box::new(())) })
    }

    /// With something that reaches into its steps, made anew whenever the run is.
    #[must_use]
    pub fn with_intervention<I: Intervention + 'static>(
        mut self,
        make: impl Fn() -> I + Send + Sync + 'static,
    ) -> Self {
        self.interventions = Box::new(move || Box::new(make()));
        self
    }

    /// Steps of the whole run, should nothing end it early.
    #[must_use]
    pub fn planned_steps(&self) -> u64 {
        self.settings.training.epochs.saturating_mul(self.dataset.steps_per_epoch(&self.settings))
    }

    /// The network's tensors, with their places in a state's parameters.
    pub(crate) fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// What reaches into its steps.
    #[must_use]
    pub fn intervention(&self) -> Box<dyn Intervention> {
        (self.interventions)()
    }
}

/// A trainer before its first step, with these weights. All else belongs to the settings and the words, which need not be those
/// that the weights come from.
pub(crate) fn begin_with(settings: &Settings, dataset: &Dataset, parameters: Floats<'_>) -> Result<Trainer, Error> {
    let mut trainer = Trainer::new(settings, dataset)?;
    let mut begun = trainer.snapshot();
    begun.parameters_mut().assign(parameters.iter());
    trainer.restore(dataset, begun)?;
    Ok(trainer)
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("settings", &self.settings).finish_non_exhaustive()
    }
}
