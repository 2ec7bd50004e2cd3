//! Many words to one array of indices.

use ndarray::Array2;

use crate::{CharEncoder, Error, Refusal};

/// A batch of encoded words, and the account of those left out.
///
/// Every word of the list is either in `kept` or in `skipped`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The indices, `(batch, time)`: a row for each word kept, in the order of the list.
    pub indices: Array2<u16>,
    /// For each row its word's position in the list, counting from 0.
    pub kept: Vec<usize>,
    /// The words left out, in the order of the list; empty without a skip policy.
    pub skipped: Vec<Skipped>,
}

/// A word that a skip policy left out of a batch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Skipped {
    /// Its position in the list, counting from 0.
    pub position: usize,
    /// The word as given.
    pub word: String,
    /// Why it cannot be encoded.
    pub reason: Refusal,
}

impl CharEncoder {
    /// Encodes a list of words; an empty list gives an array of no rows.
    ///
    /// Words that a skip policy applies to are left out and listed. A word that is both too
    /// long and has an unknown character counts as too long.
    ///
    /// # Errors
    /// [`Error::WordInList`] for the first word that cannot be encoded and that no skip policy
    /// applies to. Empty words and words with `$` are always errors: they are faults of the
    /// list, not limits of the encoder.
    pub fn encode_batch<I>(&self, words: I) -> Result<Encoded, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut rows = Vec::new();
        let mut kept = Vec::new();
        let mut skipped = Vec::new();
        for (position, word) in words.into_iter().enumerate() {
            let word = word.as_ref();
            let Err(reason) = self.append(word, &mut rows) else {
                kept.push(position);
                continue;
            };
            let word = word.to_owned();
            if !self.settings().skips(reason) {
                return Err(Error::WordInList { position, word, reason });
            }
            skipped.push(Skipped { position, word, reason });
        }
        let indices =
            Array2::from_shape_vec((kept.len(), self.length()), rows).expect("every kept word appended one row");
        Ok(Encoded { indices, kept, skipped })
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::{EncoderSettings, TooLongPolicy, UnknownPolicy};

    const UNKNOWN: Refusal = Refusal::UnknownCharacter { character: 'x', index: 1 };
    const TOO_LONG: Refusal = Refusal::TooLong { letters: 4, limit: 3 };

    fn settings() -> EncoderSettings {
        CharEncoder::builder().length(4)
    }

    fn in_list(position: usize, word: &str, reason: Refusal) -> Error {
        Error::WordInList { position, word: word.into(), reason }
    }

    #[test]
    fn rows_follow_the_words() {
        let encoder = settings().build("abc").unwrap();
        let batch = encoder.encode_batch(["cab", "a", "a"]).unwrap();
        assert_eq!(batch.indices, array![[0, 3, 1, 2], [0, 1, 0, 0], [0, 1, 0, 0]]);
        assert_eq!(batch.kept, [0, 1, 2]);
        assert_eq!(batch.skipped, []);
    }

    #[test]
    fn an_empty_list_gives_no_rows() {
        let encoder = settings().build("abc").unwrap();
        let batch = encoder.encode_batch([""; 0]).unwrap();
        assert_eq!(batch.indices.dim(), (0, 4));
    }

    #[test]
    fn without_skip_policies_the_first_refused_word_is_named() {
        let encoder = settings().build("abc").unwrap();
        assert_eq!(encoder.encode_batch(["a", "bx", "abca"]).unwrap_err(), in_list(1, "bx", UNKNOWN));
        assert_eq!(encoder.encode_batch(["a", "b", "abca", "bx"]).unwrap_err(), in_list(2, "abca", TOO_LONG));
    }

    #[test]
    fn skip_policies_leave_out_and_list() {
        let encoder = settings().unknown(UnknownPolicy::Skip).too_long(TooLongPolicy::Skip).build("abc").unwrap();
        let batch = encoder.encode_batch(["bx", "a", "abcx", "c"].map(String::from)).unwrap();
        assert_eq!(batch.indices, array![[0, 1, 0, 0], [0, 3, 0, 0]]);
        assert_eq!(batch.kept, [1, 3]);
        let skipped = |position, word: &str, reason| Skipped { position, word: word.into(), reason };
        assert_eq!(batch.skipped, [skipped(0, "bx", UNKNOWN), skipped(2, "abcx", TOO_LONG)]);
    }

    #[test]
    fn a_skip_policy_covers_its_own_reason_only() {
        let unknown = settings().unknown(UnknownPolicy::Skip).build("abc").unwrap();
        assert_eq!(unknown.encode_batch(["bx", "abca"]).unwrap_err(), in_list(1, "abca", TOO_LONG));
        let too_long = settings().too_long(TooLongPolicy::Skip).build("abc").unwrap();
        assert_eq!(too_long.encode_batch(["abca", "bx"]).unwrap_err(), in_list(1, "bx", UNKNOWN));
    }

    #[test]
    fn markers_and_empty_words_are_never_skipped() {
        let encoder = settings().unknown(UnknownPolicy::Skip).too_long(TooLongPolicy::Skip).build("abc").unwrap();
        assert_eq!(encoder.encode_batch(["a", ""]).unwrap_err(), in_list(1, "", Refusal::Empty));
        assert_eq!(encoder.encode_batch(["abcabc$"]).unwrap_err(), in_list(0, "abcabc$", Refusal::Marker { index: 6 }));
    }
}
