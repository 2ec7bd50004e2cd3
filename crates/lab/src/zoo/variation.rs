//! Healthy runs of varied settings, on which the doctor must not raise an alarm.

use anyhow::Result;
use clap::ValueEnum;
use flameout_doctor::Subject;
use flameout_experiment::{Case, UncheckedSettings};
use flameout_model::{Flavour, LossKind};
use flameout_optim::{AdamForm, AdamSettings, Clipping, OptimizerSettings};
use serde::{Deserialize, Serialize};

use super::ground;

/// What is different from the plain run. None of it does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Variation {
    /// Nothing.
    Plain,
    /// Half as many words a step.
    SmallBatches,
    /// Twice as many words a step.
    LargeBatches,
    /// The learning rate × 0.5.
    LowerRate,
    /// The learning rate × 2.
    HigherRate,
    /// Gradients clipped by their global norm.
    Clipped,
    /// The cosine loss.
    CosineLoss,
    /// Keras 2's conventions.
    Keras2,
    /// Keras 3's conventions.
    Keras3,
    /// PyTorch's conventions.
    Pytorch,
    /// PyTorch's form of Adam.
    PytorchAdam,
    /// AMSGrad.
    Amsgrad,
    /// The words in the order of the file.
    FileOrder,
    /// More words, with targets that the spelling decides.
    SpeltTargets,
}

impl Variation {
    /// Whether this network trains well with it within a run as short as the zoo's: what does not is not healthy.
    pub fn suits(self, case: Case) -> bool {
        case != Case::LstmDouble || !matches!(self, Self::CosineLoss | Self::Pytorch)
    }

    /// The run.
    pub fn subject(self, case: Case, seed: u64) -> Result<Subject> {
        let mut settings = ground::settings(case, seed).with(|settings| self.vary(settings))?;
        let dataset = match self {
            Self::SpeltTargets => ground::spelt_dataset(&mut settings)?,
            _ => ground::dataset(&mut settings)?,
        };
        Ok(Subject::new(settings, dataset)?)
    }

    fn vary(self, settings: &mut UncheckedSettings) {
        let adam = AdamSettings::default();
        match self {
            Self::Plain | Self::SpeltTargets => {}
            Self::SmallBatches => settings.training.batch /= 2,
            Self::LargeBatches => settings.training.batch *= 2,
            Self::LowerRate => ground::scale_learning_rate(settings, 0.5),
            Self::HigherRate => ground::scale_learning_rate(settings, 2.0),
            Self::Clipped => settings.clipping = Clipping::GlobalNorm { limit: 0.02 },
            Self::CosineLoss => settings.training.loss = LossKind::Cosine,
            Self::Keras2 => settings.model.flavour = Flavour::Keras2,
            Self::Keras3 => settings.model.flavour = Flavour::Keras3,
            Self::Pytorch => settings.model.flavour = Flavour::PyTorch,
            Self::PytorchAdam => {
                settings.optimizer = OptimizerSettings::Adam(AdamSettings { form: AdamForm::PyTorch, ..adam });
            }
            Self::Amsgrad => settings.optimizer = OptimizerSettings::Adam(AdamSettings { amsgrad: true, ..adam }),
            Self::FileOrder => settings.training.shuffle = false,
        }
    }
}
