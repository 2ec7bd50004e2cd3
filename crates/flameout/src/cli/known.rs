//! What a model was trained on.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flameout_experiment::settings::DataSettings;
use flameout_experiment::{Case, Settings, small_file};
use flameout_word2vec::{ReadOptions, WordVectors};
use serde::{Deserialize, Serialize};

use super::base;
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
    let text =
        small_file::read_text(&ngrams, small_file::TOML).with_context(|| format!("reading {}", ngrams.display()))?;
    let data: NGramsData = toml::from_str(&text).with_context(|| format!("reading {}", ngrams.display()))?;
    Ok(Some(data.settings()))
}

/// The words and vectors of the run's own file, or of another one, normalised as the run's settings say; as many as the
/// run read. A directory without settings (an imported model) needs a file, which is taken as it is.
pub fn vectors(model: &Path, other: Option<&PathBuf>) -> Result<WordVectors> {
    let settings = settings(model)?;
    let path = match (other, &settings) {
        (Some(path), _) => path.clone(),
        (None, Some(settings)) => base().join(&settings.data.vectors),
        (None, None) => {
            bail!("{} does not say which vectors it was trained on: name them by --vectors", model.display())
        }
    };
    let limit = settings.as_ref().map(|settings| settings.data.words).filter(|&words| words > 0);
    read(&path, limit.filter(|_| other.is_none()), settings.as_ref())
}

/// [`vectors`], if they are as long as the model's.
pub fn for_embedder(embedder: &Embedder, model: &Path, other: Option<&PathBuf>) -> Result<WordVectors> {
    let known = vectors(model, other)?;
    if known.dim() != embedder.dim() {
        bail!("the vectors have {} numbers, the network gives {}", known.dim(), embedder.dim());
    }
    Ok(known)
}

/// All words of the run's own file, or of another one, normalised as the run's settings say.
pub fn all_vectors(settings: &Settings, other: Option<&Path>) -> Result<WordVectors> {
    let path = other.map_or_else(|| base().join(&settings.data.vectors), Path::to_path_buf);
    read(&path, None, Some(settings))
}

/// The first `limit` words of a file, normalised as the settings say, if there are any.
fn read(path: &Path, limit: Option<u64>, settings: Option<&Settings>) -> Result<WordVectors> {
    let (mut vectors, _) = WordVectors::open_with(path, &ReadOptions { limit, ..ReadOptions::default() })?;
    if let Some(settings) = settings {
        vectors.normalize(settings.data.normalization).context("normalising the vectors as the run did")?;
    }
    Ok(vectors)
}
