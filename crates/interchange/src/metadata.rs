//! What a network's indices mean, and how files carry it: as pairs of strings.

use std::collections::BTreeMap;
use std::path::Path;

use flameout_model::Architecture;

use crate::error::Error;

/// Our keys begin with this; all others are the user's.
const RESERVED: &str = "flameout.";
const ARCHITECTURE: &str = "flameout.architecture";
const ALPHABET: &str = "flameout.alphabet";
const LENGTH: &str = "flameout.length";

/// What a network's inputs mean. A file that others wrote may tell nothing of it.
///
/// In a file these are pairs of strings: `flameout.alphabet`, `flameout.length`, and the other keys as they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Metadata {
    /// The characters in index order, `$` first. One index more than there are characters stands for all unknown ones.
    pub alphabet: Option<String>,
    /// Indices a word: the time steps.
    pub length: Option<usize>,
    /// Whatever else is to travel; keys that begin with `flameout.` are reserved.
    pub other: BTreeMap<String, String>,
}

impl Metadata {
    /// Whether this describes a network of the architecture.
    ///
    /// # Errors
    /// [`Error::Metadata`] if the alphabet does not begin with `$`, or has another number of characters than the network
    /// has indices (one fewer is possible), if the length is 0, or if a key is reserved.
    pub fn check(&self, architecture: &Architecture) -> Result<(), Error> {
        let refuse = |what: String| Err(Error::Metadata { what });
        if let Some(alphabet) = &self.alphabet {
            let (characters, indices) = (alphabet.chars().count(), architecture.alphabet);
            if !alphabet.starts_with('$') {
                return refuse(format!("the alphabet begins with {:?}, not with `$`", alphabet.chars().next()));
            }
            if characters != indices && characters + 1 != indices {
                return refuse(format!("the alphabet has {characters} characters, the network {indices} indices"));
            }
        }
        if self.length == Some(0) {
            return refuse("a word has 0 time steps; at least 1 is needed".into());
        }
        match self.other.keys().find(|key| key.starts_with(RESERVED)) {
            Some(key) => {
                refuse(format!("the key `{key}` is reserved: choose one that does not begin with `{RESERVED}`"))
            }
            None => Ok(()),
        }
    }

    /// Everything as pairs, the architecture of the weights as they are written among them.
    pub(crate) fn to_pairs(&self, architecture: &Architecture) -> Result<BTreeMap<String, String>, Error> {
        self.check(architecture)?;
        let description = serde_json::to_string(architecture)
            .map_err(|error| Error::Metadata { what: format!("the architecture cannot be written: {error}") })?;
        let mut pairs = self.other.clone();
        pairs.insert(ARCHITECTURE.into(), description);
        pairs.extend(self.alphabet.clone().map(|alphabet| (ALPHABET.into(), alphabet)));
        pairs.extend(self.length.map(|length| (LENGTH.into(), length.to_string())));
        Ok(pairs)
    }

    /// Reads pairs back; the architecture is there if this crate wrote them.
    pub(crate) fn from_pairs(
        path: &Path,
        mut pairs: BTreeMap<String, String>,
    ) -> Result<(Self, Option<Architecture>), Error> {
        let architecture = match pairs.remove(ARCHITECTURE) {
            Some(text) => Some(parse_architecture(path, &text)?),
            None => None,
        };
        let length = match pairs.remove(LENGTH) {
            Some(text) => Some(
                text.parse().map_err(|_| Error::format(path, format!("`{LENGTH}` is {text:?}, which is no number")))?,
            ),
            None => None,
        };
        let alphabet = pairs.remove(ALPHABET);
        pairs.retain(|key, _| !key.starts_with(RESERVED));
        Ok((Self { alphabet, length, other: pairs }, architecture))
    }
}

fn parse_architecture(path: &Path, text: &str) -> Result<Architecture, Error> {
    let refuse = |error: &dyn std::fmt::Display| {
        Error::format(path, format!("`{ARCHITECTURE}` describes no network that this version knows: {error}"))
    };
    let architecture: Architecture = serde_json::from_str(text).map_err(|error| refuse(&error))?;
    architecture.check().map_err(|error| refuse(&error))?;
    Ok(architecture)
}

#[cfg(test)]
mod tests {
    use flameout_model::Flavour;

    use super::*;

    fn architecture() -> Architecture {
        Architecture::gru_single(3, 4, 2, Flavour::Keras3)
    }

    #[test]
    fn pairs_are_read_as_they_were_written() {
        let other = BTreeMap::from([("trained on".to_owned(), "GloVe".to_owned())]);
        let metadata = Metadata { alphabet: Some("$ab".into()), length: Some(19), other };
        let pairs = metadata.to_pairs(&architecture()).unwrap();
        assert_eq!(Metadata::from_pairs(Path::new("x"), pairs).unwrap(), (metadata, Some(architecture())));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let message = |metadata: Metadata| metadata.check(&architecture()).unwrap_err().to_string();
        let alphabet = |text: &str| Metadata { alphabet: Some(text.into()), ..Metadata::default() };
        assert!(message(alphabet("abc")).contains("not with `$`"));
        assert!(message(alphabet("$abc")).contains("4 characters"));
        assert!(alphabet("$a").check(&architecture()).is_ok(), "the third index is for unknown characters");
        assert!(message(Metadata { length: Some(0), ..Metadata::default() }).contains("0 time steps"));
        let other = BTreeMap::from([(LENGTH.to_owned(), "1".to_owned())]);
        assert!(message(Metadata { other, ..Metadata::default() }).contains("reserved"));
    }

    #[test]
    fn a_layer_of_a_later_version_is_named() {
        let text = r#"{"alphabet":3,"layers":[{"bidirectional_lstm":{"units":4}}]}"#;
        let pairs = BTreeMap::from([(ARCHITECTURE.to_owned(), text.to_owned())]);
        let message = Metadata::from_pairs(Path::new("x.safetensors"), pairs).unwrap_err().to_string();
        assert!(message.contains("x.safetensors") && message.contains("bidirectional_lstm"), "{message}");
    }
}
