//! Faults that come late: put into a healthy run, at a known step, after it has trained well.

use anyhow::Result;
use clap::ValueEnum;
use flameout_cells::Tensor;
use flameout_doctor::Subject;
use flameout_experiment::Batch;
use flameout_experiment::{Case, FloatsMut, Intervention};
use ndarray::Axis;
use serde::{Deserialize, Serialize};

use super::ground;
use super::sabotage::single;

/// What happens at the step, or from it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Late {
    /// A target is NaN, once.
    Nan,
    /// Each word gets the target of its neighbour in the batch, from then on.
    Labels,
    /// Targets × [`SCALE`], from then on.
    Scale,
    /// Updates × [`FASTER`], from then on.
    Rate,
    /// The gradient has the wrong sign, from then on.
    Sign,
    /// Weights shrink by [`FADE`] with every step, from then on: a slow fault.
    Fade,
    /// The weights are those from before the first step, once.
    Reset,
    /// Recurrent kernels × [`GAIN`], once.
    Gain,
}

/// Of targets.
const SCALE: f32 = 10.0;
/// Of updates.
const FASTER: f32 = 30.0;
/// What is left of the weights after a step: half after 69 steps.
const FADE: f32 = 0.99;
/// Of recurrent kernels.
const GAIN: f32 = 10.0;
/// The step, with seed 0. Plain runs have trained well by 1,700 (`docs/doctor-zoo/survey.jsonl`).
const LATE: u64 = 2000;
/// Steps between the faults of neighbouring seeds.
const APART: u64 = 113;

impl Late {
    /// The step of the fault.
    pub fn step(seed: u64) -> u64 {
        LATE + APART * seed
    }

    /// The run: twice as long as others, so that what rises has the time to be called a collapse.
    pub fn subject(self, case: Case, seed: u64) -> Result<Subject> {
        let mut settings = ground::settings(case, seed);
        let dataset = ground::dataset(&mut settings)?;
        let settings = settings.with(|settings| settings.training.epochs *= 2)?;
        let subject = Subject::new(settings, dataset)?;
        let start = subject.start.parameters().to_vec();
        let sabotage = Sabotage { late: self, at: Self::step(seed), before: Vec::new(), start };
        Ok(subject.with_intervention(move || sabotage.clone()))
    }
}

/// A late fault at work.
#[derive(Debug, Clone)]
struct Sabotage {
    late: Late,
    /// Its step.
    at: u64,
    /// The parameters before the update, for those who change the update.
    before: Vec<f32>,
    /// The parameters before the first step.
    start: Vec<f64>,
}

impl Intervention for Sabotage {
    fn batch(&mut self, step: u64, batch: &mut Batch) {
        let mut targets = batch.targets_mut();
        match self.late {
            Late::Nan if step == self.at => targets[[0, 0]] = f32::NAN,
            Late::Scale if step >= self.at => targets *= SCALE,
            Late::Labels if step >= self.at => {
                let rows: Vec<usize> = (0..targets.nrows()).map(|row| (row + 1) % targets.nrows()).collect();
                let of_neighbours = targets.select(Axis(0), &rows);
                targets.assign(&of_neighbours);
            }
            _ => {}
        }
    }

    fn gradients(&mut self, step: u64, _: &[Tensor], mut gradients: FloatsMut<'_>) {
        if self.late == Late::Sign && step >= self.at {
            gradients.map(|x| -x);
        }
    }

    fn parameters(&mut self, step: u64, tensors: &[Tensor], mut parameters: FloatsMut<'_>) {
        match self.late {
            Late::Rate => {
                let parameters = single(parameters);
                if step >= self.at {
                    let pairs = parameters.iter_mut().zip(&self.before);
                    pairs.for_each(|(now, before)| *now = before + FASTER * (*now - before));
                }
                parameters.as_ref().clone_into(&mut self.before);
            }
            Late::Fade if step >= self.at => single(parameters).iter_mut().for_each(|x| *x *= FADE),
            Late::Reset if step == self.at => parameters.assign(self.start.iter().copied()),
            Late::Gain if step == self.at => {
                for tensor in tensors.iter().filter(|tensor| tensor.name.ends_with("recurrent_kernel")) {
                    parameters.range(tensor.range()).map(|x| f64::from(GAIN) * x);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_experiment::Trainer;

    /// The weights after each of the first steps, with the fault at the third.
    fn weights(late: Option<Late>) -> Vec<Vec<f64>> {
        let subject = Late::Nan.subject(Case::LstmSingle, 1).unwrap();
        let mut trainer = Trainer::new(&subject.settings, &subject.dataset).unwrap();
        let start = subject.start.parameters().to_vec();
        let mut none = ();
        let mut sabotage = late.map(|late| Sabotage { late, at: 3, before: Vec::new(), start });
        let intervention: &mut dyn Intervention = match &mut sabotage {
            Some(sabotage) => sabotage,
            None => &mut none,
        };
        let mut step = |_| {
            trainer.step_with(&subject.dataset, intervention).unwrap();
            trainer.parameters().to_vec()
        };
        (1..=4).map(&mut step).collect()
    }

    #[test]
    fn every_fault_begins_at_its_step() {
        let sound = weights(None);
        for &late in Late::value_variants() {
            let faulty = weights(Some(late));
            assert_eq!(faulty[..2], sound[..2], "{late:?}");
            assert_ne!(faulty[2], sound[2], "{late:?}");
        }
    }
}
