//! The alphabet: which character has which index.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use crate::Error;

/// The character that opens a word and pads it on the right.
pub const MARKER: char = '$';

/// The index of [`MARKER`] in every alphabet.
pub const MARKER_INDEX: u16 = 0;

/// The most indices an encoder can have: as many as a `u16` can tell apart.
pub const MAX_INDICES: usize = 1 << u16::BITS;

/// The alphabet of the reference runs: `$` and the 26 lower-case Latin letters.
pub const REFERENCE_ALPHABET: &str = "$abcdefghijklmnopqrstuvwxyz";

/// Distinct characters in index order, `$` first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alphabet {
    characters: Vec<char>,
    indices: BTreeMap<char, u16>,
}

impl Alphabet {
    /// Numbers `characters` in the order given, putting `$` first if it is missing.
    ///
    /// Each character is normalised by itself, not with its neighbours: an alphabet may hold
    /// both `z` and a combining accent, and these must not melt into `ź`.
    pub(crate) fn new(characters: impl IntoIterator<Item = char>, limit: usize) -> Result<Self, Error> {
        let mut characters = characters.into_iter().flat_map(|c| std::iter::once(c).nfc()).peekable();
        let marker_given = characters.next_if_eq(&MARKER).is_some();

        let mut alphabet = Self { characters: vec![MARKER], indices: BTreeMap::from([(MARKER, MARKER_INDEX)]) };
        for (position, character) in characters.enumerate() {
            if character == MARKER && !marker_given {
                return Err(Error::MarkerNotFirst { index: position });
            }
            alphabet.push(character, limit)?;
        }
        if alphabet.len() == 1 {
            return Err(Error::EmptyAlphabet);
        }
        Ok(alphabet)
    }

    fn push(&mut self, character: char, limit: usize) -> Result<(), Error> {
        let next = self.len();
        if let Some(&first) = self.indices.get(&character) {
            return Err(Error::DuplicateCharacter { character, first: usize::from(first), second: next });
        }
        let too_many = Error::TooManyCharacters { limit };
        if next >= limit {
            return Err(too_many);
        }
        let index = u16::try_from(next).map_err(|_| too_many)?;
        self.characters.push(character);
        self.indices.insert(character, index);
        Ok(())
    }

    pub(crate) fn characters(&self) -> &[char] {
        &self.characters
    }

    pub(crate) fn len(&self) -> usize {
        self.characters.len()
    }

    pub(crate) fn index_of(&self, character: char) -> Option<u16> {
        self.indices.get(&character).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alphabet(text: &str) -> Result<Alphabet, Error> {
        Alphabet::new(text.chars(), MAX_INDICES)
    }

    /// The first `count` characters from U+4E00 on that are their own normal form.
    fn many(count: usize) -> impl Iterator<Item = char> {
        ('\u{4E00}'..=char::MAX).filter(|&c| std::iter::once(c).nfc().eq([c])).take(count)
    }

    #[test]
    fn the_marker_is_put_first_unless_given() {
        assert_eq!(alphabet("ba").unwrap().characters(), ['$', 'b', 'a']);
        assert_eq!(alphabet("$ba").unwrap(), alphabet("ba").unwrap());
    }

    #[test]
    fn a_marker_elsewhere_is_an_error() {
        assert_eq!(alphabet("ab$").unwrap_err(), Error::MarkerNotFirst { index: 2 });
    }

    #[test]
    fn duplicates_are_an_error() {
        let duplicate = |character, first, second| Error::DuplicateCharacter { character, first, second };
        assert_eq!(alphabet("abca").unwrap_err(), duplicate('a', 1, 4));
        assert_eq!(alphabet("$ab$").unwrap_err(), duplicate('$', 0, 3));
        // The Kelvin sign's normal form is the letter K.
        assert_eq!(alphabet("K\u{212A}").unwrap_err(), duplicate('K', 1, 2));
    }

    #[test]
    fn an_alphabet_of_the_marker_alone_is_an_error() {
        assert_eq!(alphabet("").unwrap_err(), Error::EmptyAlphabet);
        assert_eq!(alphabet("$").unwrap_err(), Error::EmptyAlphabet);
    }

    #[test]
    fn neighbours_do_not_melt_together() {
        let alphabet = alphabet("z\u{301}").unwrap();
        assert_eq!(alphabet.characters(), ['$', 'z', '\u{301}']);
    }

    #[test]
    fn the_limit_is_the_last_u16() {
        let full = Alphabet::new(many(MAX_INDICES - 1), MAX_INDICES).unwrap();
        assert_eq!(full.len(), MAX_INDICES);
        let last = *full.characters().last().unwrap();
        assert_eq!(full.index_of(last), Some(u16::MAX));
        assert_eq!(
            Alphabet::new(many(MAX_INDICES), MAX_INDICES).unwrap_err(),
            Error::TooManyCharacters { limit: MAX_INDICES }
        );
    }
}
