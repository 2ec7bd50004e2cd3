//! What a model was trained on.

use std::path::Path;

use anyhow::{Context, Result, bail};
use flameout_experiment::settings::DataSettings;
use flameout_experiment::{Case, Settings};
use flameout_word2vec::{ReadOptions, WordVectors};
use serde::{Deserialize, Serialize};

use super::base;
use super::reading::{self, Reading};
use crate::Embedder;

/// The file beside a model of n-grams that says what it was fitted to.
pub const NGRAMS_DATA: &str = "ngrams.toml";

/// What decides which words a model of n-grams is fitted to.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NGramsData {
    /// Decides which words are kept for testing.
    pub seed: u64,
    /// The words.
    pub data: DataSettings,
}

impl NGramsData {
    /// Settings of a network on the same words: what decides the words is the same.
    pub fn settings(&self) -> Settings {
        Settings { seed: self.seed, data: self.data.clone(), ..Settings::for_case(Case::LstmSingle) }
    }
}

/// The settings that decide a model's words; none for an imported one.
pub fn settings(model: &Path) -> Result<Option<Settings>> {
    let (run, ngrams) = (model.join("settings.toml"), model.join(NGRAMS_DATA));
    if run.is_file() {
        return Ok(Some(Settings::read(&run)?));
    }
    if !ngrams.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&ngrams).with_context(|| format!("reading {}", ngrams.display()))?;
    let data: NGramsData = toml::from_str(&text).with_context(|| format!("reading {}", ngrams.display()))?;
    Ok(Some(data.settings()))
}

/// The words and vectors of the run's own file, or of another one, normalised as the run's settings say; as many as the
/// run read. A directory without settings (an imported model) needs a file, which is taken as it is.
pub fn vectors(model: &Path, other: Option<&Path>, reading: Reading) -> Result<WordVectors> {
    let settings = settings(model)?;
    let own = settings.as_ref().map(|settings| settings.data.read_options());
    if let Some(path) = other {
        let options = reading.over(ReadOptions { limit: None, ..own.unwrap_or_default() });
        let (vectors, _) = reading::open(path, &options)?;
        return normalised(vectors, settings.as_ref());
    }
    let (Some(settings), Some(own)) = (settings, own) else {
        bail!("{} does not say which vectors it was trained on: name them by --vectors", model.display())
    };
    let (vectors, _) = WordVectors::open_with(base().join(&settings.data.vectors), &reading.over(own))?;
    normalised(vectors, Some(&settings))
}

/// [`vectors`], if they are as long as the model's.
pub fn for_embedder(embedder: &Embedder, model: &Path, other: Option<&Path>, reading: Reading) -> Result<WordVectors> {
    let known = vectors(model, other, reading)?;
    if known.dim() != embedder.dim() {
        bail!("the vectors have {} numbers, the network gives {}", known.dim(), embedder.dim());
    }
    Ok(known)
}

/// All words of the run's own file, or of another one, normalised as the run's settings say. If the rest of the run's own
/// file cannot be read, as it is cut off, the words that the run read.
pub fn all_vectors(settings: &Settings, other: Option<&Path>) -> Result<WordVectors> {
    let own = settings.data.read_options();
    let all = ReadOptions { limit: None, ..own.clone() };
    let vectors = match other {
        Some(path) => reading::open(path, &all)?.0,
        None => {
            let path = base().join(&settings.data.vectors);
            match (WordVectors::open_with(&path, &all), own.limit) {
                (Ok((vectors, _)), _) => vectors,
                (Err(error), Some(words)) => {
                    let (vectors, _) = WordVectors::open_with(&path, &own)?;
                    eprintln!(
                        "warning: {error}; original vectors are those of the first {words} words, as the run read them"
                    );
                    vectors
                }
                (Err(error), None) => return Err(error.into()),
            }
        }
    };
    normalised(vectors, Some(settings))
}

fn normalised(mut vectors: WordVectors, settings: Option<&Settings>) -> Result<WordVectors> {
    if let Some(settings) = settings {
        vectors.normalize(settings.data.normalization).context("normalising the vectors as the run did")?;
    }
    Ok(vectors)
}
