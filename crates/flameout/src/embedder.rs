//! Vectors from spellings.

use std::path::Path;

use flameout_encoder::{CharEncoder, Refusal};
use flameout_experiment::run_directory::{BEST_MODEL, ENCODER, LAST_MODEL};
use flameout_model::Sequential;
use ndarray::Array2;

use crate::error::Error;

/// The file of a model of n-grams.
pub const NGRAMS: &str = "ngrams.flameout";

/// What has learnt to give words vectors.
#[derive(Debug)]
pub struct Embedder(Model);

#[derive(Debug)]
enum Model {
    Network { network: Sequential<f32>, encoder: CharEncoder },
    NGrams(flameout_ngrams::Model),
}

/// The vectors of some words, and which words have none.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// `(words kept, numbers)`. Vectors are in the space that was trained on: as the run's `data.normalization` says, by
    /// default centred and of about unit length.
    pub vectors: Array2<f32>,
    /// For each row its word's position in the list.
    pub kept: Vec<usize>,
    /// Positions of the words that have no vector, with the reason.
    pub refused: Vec<(usize, String)>,
}

impl Embedder {
    /// A network and what turns words into its inputs.
    ///
    /// # Errors
    /// [`Error::Alphabet`] if they do not belong together.
    pub fn new(network: Sequential<f32>, encoder: CharEncoder) -> Result<Self, Error> {
        let (network_alphabet, alphabet) = (network.architecture().alphabet, encoder.alphabet_len());
        if network_alphabet != alphabet {
            return Err(Error::Alphabet { network: network_alphabet, encoder: alphabet });
        }
        Ok(Self(Model::Network { network, encoder }))
    }

    /// Reads a directory that `flameout train` or `flameout import` has made: a model of n-grams; or a network, that of the
    /// lowest test loss if it was kept, else the last one.
    ///
    /// # Errors
    /// [`Error::NoModel`] says which file is missing; others what is wrong with one.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, Error> {
        let directory = directory.as_ref();
        let no_model = |problem: &str| Error::NoModel { path: directory.into(), problem: problem.into() };
        if !directory.is_dir() {
            return Err(no_model("is no directory of a run or of a model"));
        }
        let ngrams = directory.join(NGRAMS);
        if ngrams.is_file() {
            return Ok(flameout_ngrams::Model::load(&ngrams)?.into());
        }
        let network = [BEST_MODEL, LAST_MODEL].map(|name| directory.join(name)).into_iter().find(|path| path.is_file());
        let network = network.ok_or_else(|| {
            no_model("holds no model (neither `best.flameout` nor `model.flameout`): is the run over?")
        })?;
        let path = directory.join(ENCODER);
        if !path.is_file() {
            return Err(no_model("holds no `encoder.json`, without which words cannot be spelt for the network"));
        }
        let json = std::fs::read(&path).map_err(Error::io(&path))?;
        let encoder = serde_json::from_slice(&json)
            .map_err(|error| Error::NoModel { path: path.clone(), problem: format!("is no encoder: {error}") })?;
        Self::new(Sequential::load(&network)?, encoder)
    }

    /// Numbers of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        match &self.0 {
            Model::Network { network, .. } => network.architecture().outputs(),
            Model::NGrams(model) => model.dim(),
        }
    }

    /// The network with its encoder, if it is one.
    #[must_use]
    pub fn into_network(self) -> Option<(Sequential<f32>, CharEncoder)> {
        match self.0 {
            Model::Network { network, encoder } => Some((network, encoder)),
            Model::NGrams(_) => None,
        }
    }

    /// The vectors of these words. A word with letters that are not known is tried in lower case.
    pub fn embed<S: AsRef<str>>(&mut self, words: &[S]) -> Embedded {
        match &mut self.0 {
            Model::Network { network, encoder } => with_network(network, encoder, words),
            Model::NGrams(model) => with_ngrams(model, words),
        }
    }
}

impl From<flameout_ngrams::Model> for Embedder {
    fn from(model: flameout_ngrams::Model) -> Self {
        Self(Model::NGrams(model))
    }
}

fn with_network<S: AsRef<str>>(network: &mut Sequential<f32>, encoder: &CharEncoder, words: &[S]) -> Embedded {
    let (mut rows, mut kept, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (position, word) in words.iter().enumerate() {
        match spell(encoder, word.as_ref()) {
            Ok(indices) => {
                rows.extend(indices);
                kept.push(position);
            }
            Err(reason) => refused.push((position, reason.to_string())),
        }
    }
    let vectors = if kept.is_empty() {
        Array2::zeros((0, network.architecture().outputs()))
    } else {
        let indices = Array2::from_shape_vec((kept.len(), encoder.length()), rows).expect("whole rows");
        network.predict(indices.view()).expect("the encoder's indices lie in the network's alphabet")
    };
    Embedded { vectors, kept, refused }
}

fn spell(encoder: &CharEncoder, word: &str) -> Result<Vec<u16>, Refusal> {
    let encode = |word: &str| match encoder.encode(word) {
        Ok(indices) => Ok(indices),
        Err(flameout_encoder::Error::Word { reason, .. }) => Err(reason),
        Err(other) => unreachable!("an encoder refuses a word with a reason: {other}"),
    };
    encode(word).or_else(|reason| encode(&word.to_lowercase()).map_err(|_| reason))
}

fn with_ngrams<S: AsRef<str>>(model: &flameout_ngrams::Model, words: &[S]) -> Embedded {
    let (mut rows, mut kept, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (position, word) in words.iter().enumerate() {
        match model.predict(word.as_ref()) {
            Some(vector) => {
                rows.extend(vector);
                kept.push(position);
            }
            None => refused.push((position, "has no letter n-gram that is known".to_owned())),
        }
    }
    let vectors = Array2::from_shape_vec((kept.len(), model.dim()), rows).expect("whole rows");
    Embedded { vectors, kept, refused }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_model::{Architecture, Flavour};

    fn embedder() -> Embedder {
        let encoder = CharEncoder::learn(["ab", "abc"]).unwrap();
        let mut network = Sequential::of(Architecture::lstm_single(encoder.alphabet_len(), 4, 3, Flavour::Keras3));
        network.initialise(&Flavour::Keras3.initialisation(), 1);
        Embedder::new(network, encoder).unwrap()
    }

    #[test]
    fn words_are_told_from_those_that_cannot_be_spelt() {
        let mut embedder = embedder();
        let embedded = embedder.embed(&["cab", "x", "ABBA", "", "a$b", &"a".repeat(19)]);
        assert_eq!(embedded.kept, [0, 2]);
        assert_eq!(embedded.refused.iter().map(|(position, _)| *position).collect::<Vec<_>>(), [1, 3, 4, 5]);
        assert_eq!(embedded.vectors.row(1), embedder.embed(&["abba"]).vectors.row(0));
        assert_eq!(embedder.embed::<&str>(&[]).vectors.dim(), (0, 3));
    }

    #[test]
    fn what_is_missing_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let message = |path: &Path| Embedder::open(path).unwrap_err().to_string();
        assert!(message(&directory.path().join("nowhere")).contains("is no directory"));
        assert!(message(directory.path()).contains("best.flameout"));
        let network = Sequential::<f32>::of(Architecture::lstm_single(9, 4, 3, Flavour::Keras3));
        network.save(&directory.path().join(LAST_MODEL)).unwrap();
        assert!(message(directory.path()).contains("encoder.json"));
        std::fs::write(directory.path().join(ENCODER), "{").unwrap();
        assert!(message(directory.path()).contains("is no encoder"));
        let json = serde_json::to_vec(&CharEncoder::learn(["ab"]).unwrap()).unwrap();
        std::fs::write(directory.path().join(ENCODER), json).unwrap();
        assert!(message(directory.path()).contains("different models"));
    }
}
