//! What a model was trained on.

use std::path::Path;

use anyhow::{Context, Result, bail};
use flameout_experiment::Settings;
use flameout_word2vec::{Normalization, ReadOptions, WordVectors};

use super::base;
use super::reading::{self, Reading};
use crate::Embedder;
use crate::space::{self, Space};

/// The settings that decide a model's words; none for an imported one.
pub fn settings(model: &Path) -> Result<Option<Settings>> {
    Ok(space::settings(model)?)
}

/// The words and vectors of the run's own file, or of another one, normalised as the run's settings say; as many as the
/// run read. A directory without settings (an imported model) needs a file; it is normalised if the model says how.
pub fn vectors(model: &Path, other: Option<&Path>, reading: Reading) -> Result<WordVectors> {
    let settings = settings(model)?;
    let own = settings.as_ref().map(|settings| settings.data.read_options());
    let normalization = match &settings {
        Some(settings) => settings.data.normalization,
        None => Space::read(model)?.map_or(Normalization::None, |space| space.normalization),
    };
    if let Some(path) = other {
        let options = reading.over(ReadOptions { limit: None, ..own.unwrap_or_default() });
        return normalised(reading::open(path, &options)?.0, normalization);
    }
    let (Some(settings), Some(own)) = (settings, own) else {
        bail!("{} does not say which vectors it was trained on: name them by --vectors", model.display())
    };
    let (vectors, _) = WordVectors::open_with(base().join(&settings.data.vectors), &reading.over(own))?;
    normalised(vectors, normalization)
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
                    tell!(
                        "warning: {error}; original vectors are those of the first {words} words, as the run read them"
                    );
                    vectors
                }
                (Err(error), None) => return Err(error.into()),
            }
        }
    };
    normalised(vectors, settings.data.normalization)
}

fn normalised(mut vectors: WordVectors, normalization: Normalization) -> Result<WordVectors> {
    vectors.normalize(normalization).context("normalising the vectors as the model's training did")?;
    Ok(vectors)
}
