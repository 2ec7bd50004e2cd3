//! The stored form of an encoder.

use serde::{Deserialize, Serialize};

use crate::{CharEncoder, EncoderSettings, Error};

/// What is written; reading builds the encoder anew, so that every check is made again.
///
/// The alphabet is a list of characters and not a text: in a text, `z` and a combining accent
/// that follows it could be taken for one character.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StoredEncoder {
    alphabet: Vec<char>,
    settings: EncoderSettings,
}

impl From<CharEncoder> for StoredEncoder {
    fn from(encoder: CharEncoder) -> Self {
        Self { alphabet: encoder.alphabet().to_vec(), settings: encoder.settings().clone() }
    }
}

impl TryFrom<StoredEncoder> for CharEncoder {
    type Error = Error;

    fn try_from(stored: StoredEncoder) -> Result<Self, Error> {
        stored.settings.build_from_chars(stored.alphabet)
    }
}
