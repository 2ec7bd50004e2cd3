//! One thing changed in a run.

use std::collections::BTreeSet;
use std::fmt;

use flameout_cells::Tensor;
use flameout_experiment::Settings;
use serde::{Deserialize, Serialize};

use crate::Error;

/// By how much second moments are raised: √v, by which Adam divides, by a little more than three.
const RAISED: f64 = 10.0;

/// What a replay does differently from the run; everything else is as it was, to the bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Change {
    /// Nothing: the control.
    Nothing,
    /// Settings, each by its dotted name and as TOML text (see `Settings::set`). Of those of the data, a replay can change
    /// `data.length` only, and only to less.
    Settings(Vec<(String, String)>),
    /// The batches of these steps are left out.
    SkipBatches(BTreeSet<u64>),
    /// A tensor keeps the values that it has.
    Freeze(String),
    /// A tensor begins with the values that it had after an earlier step; moments stay as they are.
    Restore {
        /// The tensor.
        tensor: String,
        /// The earlier step, of which a state must have been kept.
        step: u64,
    },
    /// The optimiser begins as if a tensor's gradients had been larger: its second moment (Adam's v) is multiplied by this
    /// once, and forgets it again as it forgets everything.
    SecondMoment {
        /// The tensor.
        tensor: String,
        /// By how much.
        times: f64,
    },
    /// These rows of the data set are not trained on.
    DropWords(Vec<usize>),
    /// Initial weights are drawn again, as the settings say. Only from the beginning of a run.
    DrawWeights,
    /// Every target is centred and brought to unit length.
    UnitTargets,
    /// The training words come in random order in every epoch.
    Shuffle,
}

impl Change {
    /// A single setting.
    #[must_use]
    pub fn setting(key: &str, value: impl fmt::Display) -> Self {
        Self::Settings(vec![(key.to_owned(), value.to_string())])
    }

    /// A tensor's second moment raised.
    pub(crate) fn raised(tensor: &Tensor) -> Self {
        Self::SecondMoment { tensor: tensor.name.clone(), times: RAISED }
    }

    /// The settings with the change; the same if it changes none.
    ///
    /// # Errors
    /// [`Error::Experiment`] if there is no such setting, or it cannot have this value.
    pub fn apply(&self, settings: &Settings) -> Result<Settings, Error> {
        let mut changed = settings.clone();
        match self {
            Self::Settings(changes) => {
                for (key, value) in changes {
                    changed.set(key, value)?;
                }
            }
            Self::Shuffle => changed = settings.with(|settings| settings.training.shuffle = true)?,
            _ => {}
        }
        Ok(changed)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => write!(f, "nothing"),
            Self::Settings(changes) => {
                let changes: Vec<String> = changes.iter().map(|(key, value)| format!("{key} = {value}")).collect();
                write!(f, "{}", changes.join(", "))
            }
            Self::SkipBatches(steps) => match (steps.first(), steps.last()) {
                (Some(first), Some(last)) if first == last => write!(f, "without the batch of step {first}"),
                (Some(first), Some(last)) => write!(f, "without the batches of steps {first} to {last}"),
                _ => write!(f, "without no batch"),
            },
            Self::Freeze(tensor) => write!(f, "{tensor} frozen"),
            Self::Restore { tensor, step } => write!(f, "{tensor} as at step {step}"),
            Self::SecondMoment { tensor, times } => write!(f, "{tensor}: {times} times its second moment"),
            Self::DropWords(rows) if rows.len() == 1 => write!(f, "without one word"),
            Self::DropWords(rows) => write!(f, "without {} words", rows.len()),
            Self::DrawWeights => write!(f, "initial weights drawn again"),
            Self::UnitTargets => write!(f, "targets centred and of unit length"),
            Self::Shuffle => write!(f, "words in random order"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_experiment::Case;

    #[test]
    fn settings_are_changed_and_told() {
        let settings = Settings::for_case(Case::GruSingle);
        let change = Change::setting("optimizer.epsilon", "1e-4");
        let changed = change.apply(&settings).unwrap();
        assert_eq!(changed.entries()["optimizer.epsilon"], "0.0001");
        assert_eq!(change.to_string(), "optimizer.epsilon = 1e-4");
        assert_eq!(Change::Nothing.apply(&settings).unwrap(), settings);
        assert!(Change::setting("optimizer.epsilom", 1).apply(&settings).is_err());
    }
}
