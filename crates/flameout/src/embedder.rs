//! Vectors from spellings.

use std::borrow::Cow;
use std::path::Path;

use flameout_encoder::{CharEncoder, Refusal};
use flameout_experiment::run_directory::{BEST_MODEL, ENCODER, LAST_MODEL};
use flameout_model::Sequential;
use ndarray::Array2;

use crate::error::Error;

/// A trained network, with what turns words into its inputs.
#[derive(Debug)]
pub struct Embedder {
    network: Sequential<f32>,
    encoder: CharEncoder,
}

/// The vectors of some words, and which words have none.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// `(words kept, numbers)`. Vectors are in the space that the network was trained on: as the run's
    /// `data.normalization` says, by default centred and of about unit length.
    pub vectors: Array2<f32>,
    /// For each row its word's position in the list.
    pub kept: Vec<usize>,
    /// Positions of the words that cannot be spelt with the network's alphabet, or are too long, with the reason.
    pub refused: Vec<(usize, Refusal)>,
}

impl Embedder {
    /// A network and its encoder.
    ///
    /// # Errors
    /// [`Error::Alphabet`] if they do not belong together.
    pub fn new(network: Sequential<f32>, encoder: CharEncoder) -> Result<Self, Error> {
        let (network_alphabet, alphabet) = (network.architecture().alphabet, encoder.alphabet_len());
        if network_alphabet != alphabet {
            return Err(Error::Alphabet { network: network_alphabet, encoder: alphabet });
        }
        Ok(Self { network, encoder })
    }

    /// Reads a run's directory: the network of the lowest test loss if it was kept, else the last one. The directory that
    /// an imported model was written to works as well.
    ///
    /// # Errors
    /// [`Error::NoModel`] says which file is missing; [`Error::Model`] and [`Error::Io`] what is wrong with one.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, Error> {
        let directory = directory.as_ref();
        let no_model = |problem: &str| Error::NoModel { path: directory.into(), problem: problem.into() };
        if !directory.is_dir() {
            return Err(no_model("is no directory of a run or of a model"));
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
        self.network.architecture().outputs()
    }

    /// What turns words into indices.
    #[must_use]
    pub fn encoder(&self) -> &CharEncoder {
        &self.encoder
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Sequential<f32> {
        &self.network
    }

    /// The network, to keep.
    #[must_use]
    pub fn into_network(self) -> Sequential<f32> {
        self.network
    }

    /// The vectors of these words. A word with letters that the network does not know is tried in lower case.
    pub fn embed<S: AsRef<str>>(&mut self, words: &[S]) -> Embedded {
        let (mut rows, mut kept, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (position, word) in words.iter().enumerate() {
            match self.spell(word.as_ref()) {
                Ok(indices) => {
                    rows.extend(indices);
                    kept.push(position);
                }
                Err(reason) => refused.push((position, reason)),
            }
        }
        let indices = Array2::from_shape_vec((kept.len(), self.encoder.length()), rows).expect("whole rows");
        let vectors =
            if kept.is_empty() { Array2::zeros((0, self.dim())) } else { self.network.predict(indices.view()) };
        Embedded { vectors, kept, refused }
    }

    fn spell(&self, word: &str) -> Result<Vec<u16>, Refusal> {
        let encode = |word: Cow<'_, str>| match self.encoder.encode(&word) {
            Ok(indices) => Ok(indices),
            Err(flameout_encoder::Error::Word { reason, .. }) => Err(reason),
            Err(other) => unreachable!("an encoder refuses a word with a reason: {other}"),
        };
        encode(word.into()).or_else(|reason| encode(word.to_lowercase().into()).map_err(|_| reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_model::{Architecture, Flavour};

    fn embedder() -> Embedder {
        let encoder = CharEncoder::learn(["ab", "abc"]).unwrap();
        let mut network = Sequential::new(Architecture::lstm_single(encoder.alphabet_len(), 4, 3, Flavour::Keras3));
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
        let network = Sequential::<f32>::new(Architecture::lstm_single(9, 4, 3, Flavour::Keras3));
        network.save(&directory.path().join(LAST_MODEL)).unwrap();
        assert!(message(directory.path()).contains("encoder.json"));
        std::fs::write(directory.path().join(ENCODER), "{").unwrap();
        assert!(message(directory.path()).contains("is no encoder"));
        let json = serde_json::to_vec(&CharEncoder::learn(["ab"]).unwrap()).unwrap();
        std::fs::write(directory.path().join(ENCODER), json).unwrap();
        assert!(message(directory.path()).contains("different models"));
    }
}
