//! What can be wrong with an alphabet, a word or a row of indices.

use std::fmt;

use crate::{MARKER, MAX_LENGTH, MIN_LENGTH};

/// Why a word cannot be encoded.
///
/// Indices count characters of the normalised word from 0 (see [`crate::CasePolicy`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Refusal {
    /// The word has no letter.
    #[error("is empty")]
    Empty,
    /// The word contains `$`, which could not be told from padding.
    #[error("contains `$` at index {index}")]
    Marker {
        /// Where the first `$` stands.
        index: usize,
    },
    /// The word has more letters than there is room for.
    #[error("has {letters} letters, more than the {limit} there is room for")]
    TooLong {
        /// The word's number of characters.
        letters: usize,
        /// The greatest number of letters that can be encoded.
        limit: usize,
    },
    /// A character is not in the alphabet.
    #[error("has {} at index {index}, which is not in the alphabet", Named(*.character))]
    UnknownCharacter {
        /// The first such character.
        character: char,
        /// Where it stands.
        index: usize,
    },
}

impl Refusal {
    /// Refuses what no setting allows: an empty word, or one with `$` in it.
    ///
    /// # Errors
    /// [`Empty`](Self::Empty) or [`Marker`](Self::Marker).
    pub fn check(word: &str) -> Result<(), Self> {
        if word.is_empty() {
            return Err(Self::Empty);
        }
        match word.chars().position(|c| c == MARKER) {
            Some(index) => Err(Self::Marker { index }),
            None => Ok(()),
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::Empty => "remove it from the list",
            Self::Marker { .. } => "`$` opens and pads every word: remove the word or the `$`",
            Self::TooLong { .. } => "raise the length, or skip words that are too long",
            Self::UnknownCharacter { .. } => {
                "add the character to the alphabet, or skip such words, or map unknown characters"
            }
        }
    }
}

/// What can go wrong when an encoder is built or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The length is too small to hold a letter, or absurdly large.
    #[error(
        "length {length} is not between {MIN_LENGTH} and {MAX_LENGTH}; \
         it counts the opening `$` and the letters"
    )]
    Length {
        /// The length asked for.
        length: usize,
    },
    /// The alphabet has no character besides `$`.
    #[error("the alphabet has no character besides `$`; give it letters, or words to learn from")]
    EmptyAlphabet,
    /// The alphabet holds a character twice.
    #[error(
        "the alphabet has {} twice, at index {first} and at index {second} \
         (`$` has index 0); remove one",
        Named(*.character)
    )]
    DuplicateCharacter {
        /// The character, normalised.
        character: char,
        /// Its first index, `$` being 0 whether given or not.
        first: usize,
        /// The index it would have the second time.
        second: usize,
    },
    /// The alphabet has `$`, but not in the first place.
    #[error(
        "the alphabet has `$` at index {index}, but `$` always has index 0; \
         put it first or leave it out"
    )]
    MarkerNotFirst {
        /// Where the `$` was found, counting the given characters from 0.
        index: usize,
    },
    /// Words are lower-cased, but the alphabet has a character that is not lower-case.
    #[error(
        "the alphabet has {}, which no word can contain once it is lower-cased; \
         give its lower-case form, or keep the case of words",
        Named(*.character)
    )]
    NotLowerCase {
        /// The character.
        character: char,
    },
    /// The alphabet has more characters than there are indices.
    #[error(
        "the alphabet has more than {limit} characters, `$` included: \
         indices are 16 bits wide; use fewer characters"
    )]
    TooManyCharacters {
        /// The most characters it may have, `$` included, with these settings.
        limit: usize,
    },
    /// A word cannot be encoded.
    #[error("word {} {reason}; {}", Quoted(.word), .reason.remedy())]
    Word {
        /// The word as given.
        word: String,
        /// What is wrong with it.
        reason: Refusal,
    },
    /// A word of a list cannot be encoded or learnt from.
    #[error(
        "word {} at position {position} of the list, counting from 0, {reason}; {}",
        Quoted(.word),
        .reason.remedy()
    )]
    WordInList {
        /// Its position, counting from 0.
        position: usize,
        /// The word as given.
        word: String,
        /// What is wrong with it.
        reason: Refusal,
    },
    /// A row of indices does not have the encoder's length.
    #[error("{found} indices per word, but this encoder uses {expected}")]
    WrongLength {
        /// The number of indices given.
        found: usize,
        /// The encoder's length.
        expected: usize,
    },
    /// An index is beyond the alphabet.
    #[error(
        "index {index} at time {time} of row {row} is beyond the alphabet, \
         whose {alphabet_len} indices count from 0"
    )]
    IndexOutOfRange {
        /// The row, counting from 0; 0 if there is one only.
        row: usize,
        /// The place in the row, counting from 0.
        time: usize,
        /// The index found there.
        index: u16,
        /// The encoder's number of indices.
        alphabet_len: usize,
    },
    /// The indices do not begin with that of `$`.
    #[error("the indices begin with {index} instead of 0, the index of `$`")]
    NotOpened {
        /// The first index.
        index: u16,
    },
    /// The indices hold no letter between the opening `$` and the padding.
    #[error("the indices hold no letter: all are 0, the index of `$`")]
    NoLetters,
    /// A letter follows the padding.
    #[error("index {index} at time {time} follows the padding, where only 0 may stand")]
    LetterAfterPadding {
        /// The place of the letter, counting from 0.
        time: usize,
        /// Its index.
        index: u16,
    },
    /// Padding follows a letter, where the padding stands before the word.
    #[error("the `$` at time {time} follows a letter, where the padding stands before the word")]
    PaddingAfterLetter {
        /// The place of the `$`, counting from 0.
        time: usize,
    },
    /// The one-hot form does not fit in memory.
    #[error(
        "the one-hot form of {rows} words, {length} x {alphabet_len} numbers each, \
         does not fit in memory; use smaller batches"
    )]
    OneHotTooLarge {
        /// The number of words.
        rows: usize,
        /// Indices per word.
        length: usize,
        /// The encoder's number of indices.
        alphabet_len: usize,
    },
}

/// A character as messages show it: itself and its code point, for those that look alike.
struct Named(char);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} (U+{:04X})", self.0, u32::from(self.0))
    }
}

/// A word as messages show it: quoted, control characters escaped, cut if it is very long.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        match self.0.char_indices().nth(SHOWN) {
            Some((end, _)) => write!(f, "{:?}...", &self.0[..end]),
            None => write!(f, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_where_and_what_to_do() {
        let error = Error::WordInList {
            position: 7,
            word: "straße".into(),
            reason: Refusal::UnknownCharacter { character: 'ß', index: 4 },
        };
        assert_eq!(
            error.to_string(),
            "word \"straße\" at position 7 of the list, counting from 0, has 'ß' (U+00DF) at \
             index 4, which is not in the alphabet; add the character to the alphabet, or skip \
             such words, or map unknown characters"
        );
        let error = Error::Length { length: 1 };
        assert_eq!(error.to_string(), "length 1 is not between 2 and 65535; it counts the opening `$` and the letters");
    }

    #[test]
    fn very_long_words_are_cut_in_messages() {
        assert_eq!(Quoted(&"é".repeat(60)).to_string().chars().count(), 62);
        let cut = Quoted(&"é".repeat(61)).to_string();
        assert!(cut.ends_with("é\"..."));
        assert_eq!(cut.chars().count(), 65);
    }
}
