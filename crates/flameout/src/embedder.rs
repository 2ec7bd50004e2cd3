//! Vectors from spellings.

use std::path::Path;

use flameout_encoder::{CharEncoder, Refusal};
use flameout_experiment::run_directory::{BEST_MODEL, ENCODER, LAST_MODEL};
use flameout_model::metrics::norm;
use flameout_model::{Examples, Sequential};
use flameout_word2vec::FastText;
use ndarray::{Array2, Axis};
use rayon::prelude::*;

use crate::error::Error;
use crate::space::Space;

/// The file of a model of n-grams.
pub const NGRAMS: &str = "ngrams.flameout";

/// What has learnt to give words vectors.
#[derive(Debug)]
pub struct Embedder {
    model: Model,
    space: Option<Space>,
}

#[derive(Debug)]
enum Model {
    Network { network: Sequential<f32>, encoder: CharEncoder },
    NGrams(flameout_ngrams::Model),
    FastText(FastText),
}

/// The vectors of some words, and which words have none.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedded {
    /// `(words kept, numbers)`, on the scale of the vectors that the model was trained on: see [`Embedder::space`].
    pub vectors: Array2<f32>,
    /// For each row its word's position in the list.
    pub kept: Vec<usize>,
    /// Positions of the words that have no vector, with the reason.
    pub refused: Vec<(usize, String)>,
}

impl Embedder {
    /// Joins a network and what turns words into its inputs. Vectors are as the network predicts them.
    ///
    /// # Errors
    /// [`Error::Alphabet`] if they do not belong together.
    pub fn new(network: Sequential<f32>, encoder: CharEncoder) -> Result<Self, Error> {
        let (network_alphabet, alphabet) = (network.architecture().alphabet, encoder.alphabet_len());
        if network_alphabet != alphabet {
            return Err(Error::Alphabet { network: network_alphabet, encoder: alphabet });
        }
        Ok(Self { model: Model::Network { network, encoder }, space: None })
    }

    /// Reads a directory that `flameout train` or `flameout import` has made: a model of n-grams; or a network, that of the
    /// lowest test loss if it was kept, else the last one. Or reads a binary model of fastText (`.bin`).
    ///
    /// # Errors
    /// [`Error::NoModel`] says which file is missing; others what is wrong with one.
    pub fn open(directory: impl AsRef<Path>) -> Result<Self, Error> {
        let directory = directory.as_ref();
        let no_model = |problem: &str| Error::NoModel { path: directory.into(), problem: problem.into() };
        if !directory.exists() {
            return Err(no_model("there is no such directory"));
        }
        if !directory.is_dir() {
            return Self::open_file(directory);
        }
        let space = Space::read(directory)?;
        let ngrams = directory.join(NGRAMS);
        if ngrams.is_file() {
            return Ok(Self { model: Model::NGrams(flameout_ngrams::Model::load(&ngrams)?), space });
        }
        let network = [BEST_MODEL, LAST_MODEL].map(|name| directory.join(name)).into_iter().find(|path| path.is_file());
        let network = network.ok_or_else(|| {
            no_model("holds no model (neither `best.flameout` nor `model.flameout`): is the run over?")
        })?;
        let path = directory.join(ENCODER);
        if !path.is_file() {
            return Err(no_model("holds no `encoder.json`, without which words cannot be spelt for the network"));
        }
        let json = flameout_files::read(&path, flameout_files::JSON).map_err(Error::io(&path))?;
        let encoder = serde_json::from_slice(&json)
            .map_err(|error| Error::NoModel { path: path.clone(), problem: format!("is no encoder: {error}") })?;
        Ok(Self { space, ..Self::new(Sequential::load(&network)?, encoder)? })
    }

    fn open_file(path: &Path) -> Result<Self, Error> {
        if !FastText::is_model(path)? {
            let problem = "is a file, but no fastText model (.bin); a model is the directory that `flameout train` or \
                           `flameout import` made";
            return Err(Error::NoModel { path: path.into(), problem: problem.into() });
        }
        Ok(Self { model: Model::FastText(FastText::open(path)?), space: None })
    }

    /// Returns the space that the vectors lie in; `None` if nothing tells it (an imported model): then they are as the
    /// network predicts them.
    #[must_use]
    pub fn space(&self) -> Option<Space> {
        self.space
    }

    /// Numbers of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        match &self.model {
            Model::Network { network, .. } => network.architecture().outputs(),
            Model::NGrams(model) => model.dim(),
            Model::FastText(model) => model.dim(),
        }
    }

    /// The network with its encoder, if it is one.
    #[must_use]
    pub fn into_network(self) -> Option<(Sequential<f32>, CharEncoder)> {
        match self.model {
            Model::Network { network, encoder } => Some((network, encoder)),
            Model::NGrams(_) | Model::FastText(_) => None,
        }
    }

    /// The vectors of these words. A word with letters that are not known is tried in lower case.
    pub fn embed<S: AsRef<str>>(&mut self, words: &[S]) -> Embedded {
        let predicted = match &mut self.model {
            Model::Network { network, encoder } => with_network(network, encoder, words),
            Model::NGrams(model) => with_ngrams(model.dim(), |word| Some(model.predict(word)?.to_vec()), words),
            Model::FastText(model) => with_ngrams(model.dim(), |word| model.vector(word), words),
        };
        to_length(predicted, self.space.and_then(|space| space.length))
    }
}

impl From<flameout_ngrams::Model> for Embedder {
    fn from(model: flameout_ngrams::Model) -> Self {
        Self { model: Model::NGrams(model), space: None }
    }
}

/// Brings each vector to a length, if there is one. A vector that is not finite, or has no direction, is refused.
fn to_length(mut embedded: Embedded, length: Option<f64>) -> Embedded {
    let mut sound = Vec::with_capacity(embedded.kept.len());
    for (row, mut vector) in embedded.vectors.rows_mut().into_iter().enumerate() {
        let norm = norm(vector.view());
        let problem = match length {
            _ if !norm.is_finite() => Some("gets numbers that are not finite from the model"),
            Some(_) if norm == 0.0 => Some("gets zeros alone from the model, which have no direction"),
            Some(length) => {
                vector.mapv_inplace(|x| (f64::from(x) / norm * length) as f32);
                None
            }
            None => None,
        };
        match problem {
            Some(problem) => embedded.refused.push((embedded.kept[row], problem.to_owned())),
            None => sound.push(row),
        }
    }
    if sound.len() < embedded.kept.len() {
        embedded.vectors = embedded.vectors.select(Axis(0), &sound);
        embedded.kept = sound.into_iter().map(|row| embedded.kept[row]).collect();
        embedded.refused.sort_by_key(|(position, _)| *position);
    }
    embedded
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
        let ends = encoder.word_ends(&rows);
        let indices = Array2::from_shape_vec((kept.len(), encoder.length()), rows).expect("whole rows");
        let examples = Examples::from(indices.view());
        let examples = match &ends {
            Some(ends) => examples.with_lengths(ends),
            None => examples,
        };
        network.predict(examples).expect("the encoder's indices lie in the network's alphabet")
    };
    Embedded { vectors, kept, refused }
}

fn spell(encoder: &CharEncoder, word: &str) -> Result<Vec<u16>, Refusal> {
    let encode = |word: &str| match encoder.encode(word) {
        Ok(indices) => Ok(indices),
        Err(flameout_encoder::Error::Word { reason, .. }) => Err(reason),
        Err(other) => unreachable!("an encoder refuses a word with a reason: {other}"),
    };
    // What stands in the way in lower case does so in both: of `New_York` that is `_`, not `N`.
    encode(word).or_else(|_| encode(&word.to_lowercase()))
}

fn with_ngrams<S: AsRef<str>>(
    dim: usize,
    vector: impl Fn(&str) -> Option<Vec<f32>> + Send + Sync,
    words: &[S],
) -> Embedded {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let found: Vec<_> = words.into_par_iter().map(vector).collect();
    let (mut rows, mut kept, mut refused) = (Vec::with_capacity(found.len() * dim), Vec::new(), Vec::new());
    for (position, vector) in found.into_iter().enumerate() {
        match vector {
            Some(vector) => {
                rows.extend(vector);
                kept.push(position);
            }
            None => refused.push((position, "has no letter n-gram that is known".to_owned())),
        }
    }
    let vectors = Array2::from_shape_vec((kept.len(), dim), rows).expect("whole rows");
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
        let (_, reason) = &embedder.embed(&["A_B"]).refused[0];
        assert!(reason.contains("'_'"), "the capital letter is none of the trouble: {reason}");
    }

    #[test]
    fn a_model_of_fasttext_is_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../word2vec/fixtures/fasttext/syllables.bin");
        let model = FastText::open(&path).unwrap();
        let embedded = Embedder::open(&path).unwrap().embed(&["unheard", "kalomi"]);
        assert_eq!(embedded.kept, [0, 1]);
        assert_eq!(embedded.vectors.row(0).to_vec(), model.vector("unheard").unwrap());
        let message = Embedder::open(path.with_extension("json")).unwrap_err();
        assert!(message.to_string().contains("no fastText model"), "{message}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let message = |path: &Path| Embedder::open(path).unwrap_err().to_string();
        assert!(message(&directory.path().join("nowhere")).contains("no such directory"));
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
