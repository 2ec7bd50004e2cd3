//! The space that a model's vectors lie in.

use std::path::Path;

use flameout_experiment::DataSettings;
use flameout_experiment::{Case, Dataset, Settings};
use flameout_files::{JSON, TOML, read_text};
use flameout_model::{LossKind, metrics};
use flameout_word2vec::Normalization;
use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The file beside an imported model that holds its [`Space`], if the imported file told it.
pub const FILE: &str = "space.json";
/// The key under which a file for another program holds the [`Space`], as JSON.
pub const KEY: &str = "vector_space";
/// The file beside a model of n-grams that says what it was fitted to.
pub const NGRAMS_DATA: &str = "ngrams.toml";

/// What decides which words a model of n-grams is fitted to: the file [`NGRAMS_DATA`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NGramsData {
    /// Decides which words are kept for testing.
    pub seed: u64,
    /// The words.
    pub data: DataSettings,
}

/// What vectors are brought to, those that a model was trained on and those that it predicts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    /// What the training vectors were brought to.
    pub normalization: Normalization,
    /// The length of each predicted vector. Without one, the model has learnt lengths too, and they stay as it predicts them.
    pub length: Option<f64>,
}

impl Space {
    /// Reads the space from a model's directory; `None` if the directory does not tell it.
    ///
    /// # Errors
    /// [`Error::NoModel`] or [`Error::Experiment`] if a file of the directory is damaged, or if the length of the training
    /// vectors is needed and they cannot be read.
    pub fn read(directory: &Path) -> Result<Option<Self>, Error> {
        if let Some(settings) = settings(directory)? {
            return Self::of(&settings, directory.join(NGRAMS_DATA).is_file()).map(Some);
        }
        let path = directory.join(FILE);
        if !path.is_file() {
            return Ok(None);
        }
        let text = read_text(&path, JSON).map_err(Error::io(&path))?;
        let space = Self::from_json(&text);
        space.map(Some).map_err(|problem| Error::NoModel { path, problem })
    }

    /// Reads what [`to_json`](Self::to_json) wrote.
    ///
    /// # Errors
    /// With what is wrong, if it is no space.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let space: Self = serde_json::from_str(text).map_err(|error| format!("is no space of vectors: {error}"))?;
        match space.length {
            Some(length) if !(length.is_finite() && length > 0.0) => Err(format!("gives vectors the length {length}")),
            _ => Ok(space),
        }
    }

    /// Writes the space as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("plain data")
    }

    /// Derives the space from the settings that a model was trained with. Unit vectors are predicted as unit vectors. A
    /// cosine loss teaches directions only: predicted vectors get the mean length of the training vectors.
    fn of(settings: &Settings, ngrams: bool) -> Result<Self, Error> {
        let normalization = settings.data.normalization;
        let length = match normalization {
            Normalization::Unit | Normalization::CentredThenUnit => Some(1.0),
            _ if !ngrams && settings.training.loss == LossKind::Cosine => {
                let dataset = Dataset::open(settings, Path::new(""))?;
                let lengths = dataset.train.iter().map(|&row| metrics::norm(dataset.targets.row(row)));
                Some(lengths.sum::<f64>() / dataset.train.len() as f64).filter(|length| *length > 0.0)
            }
            _ => None,
        };
        Ok(Self { normalization, length })
    }
}

/// Reads the settings that decide a model's words; `None` for an imported model, which has none.
///
/// # Errors
/// [`Error::Experiment`] if they are damaged or out of range.
pub fn settings(directory: &Path) -> Result<Option<Settings>, Error> {
    let (run, ngrams) = (directory.join("settings.toml"), directory.join(NGRAMS_DATA));
    if run.is_file() {
        return Ok(Some(Settings::read(&run)?));
    }
    if !ngrams.is_file() {
        return Ok(None);
    }
    let text = read_text(&ngrams, TOML).map_err(Error::io(&ngrams))?;
    let refuse = |problem: String| Error::NoModel { path: ngrams.clone(), problem };
    let NGramsData { seed, data } = toml::from_str(&text).map_err(|error| refuse(error.to_string()))?;
    // A run's settings name a network as well, which has no say here.
    let settings = Settings::for_case(Case::LstmSingle).with(|settings| (settings.seed, settings.data) = (seed, data));
    settings.map(Some).map_err(|error| refuse(error.to_string()))
}
