//! Which words and vectors a run has.

use std::path::PathBuf;

use flameout_encoder::{EncoderSettings, Padding, TooLongPolicy, UnknownPolicy};
use flameout_word2vec::{NonFinitePolicy, Normalization, ReadOptions, Utf8Policy};
use serde::{Deserialize, Serialize};

/// Which words and vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct DataSettings {
    /// A file of word vectors: word2vec binary or text, GloVe, fastText, gzipped or not.
    pub vectors: PathBuf,
    /// Use the first so many words of the file; 0 for all of them.
    pub words: u64,
    /// The share of the words that are not trained on.
    pub test_share: f64,
    /// What the vectors are brought to before training.
    pub normalization: Normalization,
    /// Use only the words of so many letters; 0 for those of any number. It does not count for `words`.
    #[serde(skip_serializing_if = "is_default")]
    pub letters: usize,
    /// Length of an encoded word, the opening `$` included.
    pub length: usize,
    /// Where the `$` go that fill a short word up, and whether the network reads them.
    #[serde(skip_serializing_if = "is_default")]
    pub padding: Padding,
    /// The characters, `$` first; learnt from the words if not given. Words with other characters are left out.
    pub alphabet: Option<String>,
    /// What becomes of words of the file that are not valid UTF-8; the file is refused if not given.
    #[serde(skip_serializing_if = "is_default")]
    pub invalid_utf8: Utf8Policy,
    /// What becomes of vectors with NaN or infinity; the file is refused if not given.
    #[serde(skip_serializing_if = "is_default")]
    pub non_finite: NonFinitePolicy,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self {
            vectors: "fixtures/glove-100d-4k.bin".into(),
            words: 0,
            test_share: 0.1,
            normalization: Normalization::CentredThenUnit,
            letters: 0,
            length: flameout_encoder::DEFAULT_LENGTH,
            padding: Padding::default(),
            alphabet: None,
            invalid_utf8: Utf8Policy::default(),
            non_finite: NonFinitePolicy::default(),
        }
    }
}

impl DataSettings {
    /// How the file of vectors is read.
    #[must_use]
    pub fn read_options(&self) -> ReadOptions {
        let limit = (self.words > 0).then_some(self.words);
        let (invalid_utf8, non_finite) = (self.invalid_utf8, self.non_finite);
        ReadOptions { limit, invalid_utf8, non_finite, ..ReadOptions::default() }
    }

    /// Of the encoder, apart from its alphabet. Words that it cannot encode are left out.
    pub(crate) fn encoder(&self) -> EncoderSettings {
        EncoderSettings::default()
            .length(self.length)
            .unknown(UnknownPolicy::Skip)
            .too_long(TooLongPolicy::Skip)
            .padding(self.padding)
    }
}

/// Left out, so that a run without it has the name that it has always had.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
