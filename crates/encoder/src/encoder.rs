//! One word to its indices and back.

use crate::alphabet::Alphabet;
use crate::{EncoderSettings, Error, MARKER_INDEX, MAX_INDICES, Padding, Refusal, UnknownPolicy};

/// Turns words into fixed-length rows of character indices: `$`, the letters, `$` as padding.
///
/// An encoder is made of an alphabet and [`EncoderSettings`], and is valid by construction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "crate::stored::StoredEncoder", into = "crate::stored::StoredEncoder"))]
pub struct CharEncoder {
    alphabet: Alphabet,
    settings: EncoderSettings,
}

impl CharEncoder {
    /// An encoder with the default settings: length 19, case kept, errors for unknown
    /// characters and for words that are too long.
    ///
    /// # Errors
    /// As [`EncoderSettings::build`].
    pub fn new(alphabet: &str) -> Result<Self, Error> {
        EncoderSettings::default().build(alphabet)
    }

    /// An encoder with the default settings and the characters of `words` as its alphabet.
    ///
    /// # Errors
    /// As [`EncoderSettings::learn`].
    pub fn learn<I>(words: I) -> Result<Self, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        EncoderSettings::default().learn(words)
    }

    /// The default settings, to be changed and then built.
    #[must_use]
    pub fn builder() -> EncoderSettings {
        EncoderSettings::default()
    }

    pub(crate) fn from_parts(
        settings: EncoderSettings,
        characters: impl IntoIterator<Item = char>,
    ) -> Result<Self, Error> {
        settings.check()?;
        let reserved = usize::from(settings.unknown == UnknownPolicy::Map);
        let alphabet = Alphabet::new(characters, MAX_INDICES - reserved)?;
        let outside = |&c: &char| !settings.case.can_yield(c);
        match alphabet.characters().iter().copied().find(outside) {
            Some(character) => Err(Error::NotLowerCase { character }),
            None => Ok(Self { alphabet, settings }),
        }
    }

    /// The characters in index order, `$` first; the unknown symbol is not among them.
    #[must_use]
    pub fn alphabet(&self) -> &[char] {
        self.alphabet.characters()
    }

    /// The number of indices: of the characters, `$` included, and of the unknown symbol if
    /// there is one. This is the width of the one-hot form.
    #[must_use]
    pub fn alphabet_len(&self) -> usize {
        self.alphabet.len() + usize::from(self.settings.unknown == UnknownPolicy::Map)
    }

    /// The number of indices per word, the opening `$` included: the size of the time axis.
    #[must_use]
    pub fn length(&self) -> usize {
        self.settings.length
    }

    /// The greatest number of letters a word may have: [`length`](Self::length) less 1.
    #[must_use]
    pub fn max_word_len(&self) -> usize {
        self.settings.length - 1
    }

    /// The settings the encoder was built with.
    #[must_use]
    pub fn settings(&self) -> &EncoderSettings {
        &self.settings
    }

    /// The index of a character of the alphabet. The character is looked up as it is, neither
    /// normalised nor lower-cased.
    #[must_use]
    pub fn index_of(&self, character: char) -> Option<u16> {
        self.alphabet.index_of(character)
    }

    /// The index shared by all characters outside the alphabet, with [`UnknownPolicy::Map`].
    #[must_use]
    pub fn unknown_index(&self) -> Option<u16> {
        match self.settings.unknown {
            // The alphabet leaves room for one more index in this case.
            UnknownPolicy::Map => u16::try_from(self.alphabet.len()).ok(),
            UnknownPolicy::Error | UnknownPolicy::Skip => None,
        }
    }

    /// The indices of one word, [`length`](Self::length) of them.
    ///
    /// # Errors
    /// [`Error::Word`] if the word is empty, contains `$`, is too long or has a character
    /// outside the alphabet that is not mapped; checked in this order. With one word there is
    /// nothing to skip, so the skip policies give the error as well.
    pub fn encode(&self, word: &str) -> Result<Vec<u16>, Error> {
        let mut row = Vec::with_capacity(self.length());
        match self.append(word, &mut row) {
            Ok(()) => Ok(row),
            Err(reason) => Err(Error::Word { word: word.to_owned(), reason }),
        }
    }

    /// Appends the indices of `word` to `rows`, or leaves `rows` as it was.
    pub(crate) fn append(&self, word: &str, rows: &mut Vec<u16>) -> Result<(), Refusal> {
        let normal = self.settings.case.normalise(word);
        Refusal::check(&normal)?;
        let (letters, limit) = (normal.chars().count(), self.max_word_len());
        if letters > limit {
            return Err(Refusal::TooLong { letters, limit });
        }

        let start = rows.len();
        let unknown = self.unknown_index();
        rows.push(MARKER_INDEX);
        for (index, character) in normal.chars().enumerate() {
            let Some(found) = self.index_of(character).or(unknown) else {
                rows.truncate(start);
                return Err(Refusal::UnknownCharacter { character, index });
            };
            rows.push(found);
        }
        rows.resize(start + self.length(), MARKER_INDEX);
        if self.settings.padding == Padding::Before {
            rows[start..].rotate_right(limit - letters);
        }
        Ok(())
    }

    /// Says after how many of a row's indices a reader stops: after the last letter with [`Padding::Masked`], after all
    /// otherwise. At least 1.
    #[must_use]
    pub fn word_end(&self, indices: &[u16]) -> usize {
        match self.settings.padding {
            Padding::After | Padding::Before => indices.len(),
            Padding::Masked => indices.iter().rposition(|&index| index != MARKER_INDEX).map_or(1, |last| last + 1),
        }
    }

    /// Says it of each row of a batch, `rows` one after the other; `None` if all indices are to be read.
    #[must_use]
    pub fn word_ends(&self, rows: &[u16]) -> Option<Vec<usize>> {
        let is_masked = self.settings.padding == Padding::Masked;
        is_masked.then(|| rows.chunks_exact(self.length()).map(|row| self.word_end(row)).collect())
    }

    /// The word that `indices` stand for, without the opening and padding `$`: what was
    /// encoded, normalised and with its case treated. The unknown symbol shows as U+FFFD.
    ///
    /// # Errors
    /// [`Error::WrongLength`], [`Error::IndexOutOfRange`], [`Error::NotOpened`],
    /// [`Error::NoLetters`] or [`Error::LetterAfterPadding`] if no word can have these indices.
    pub fn decode(&self, indices: &[u16]) -> Result<String, Error> {
        self.check_length(indices.len())?;
        if let Some(time) = indices.iter().position(|&i| !self.has_index(i)) {
            return Err(self.out_of_range(0, time, indices[time]));
        }
        let letters = match indices {
            [MARKER_INDEX, letters @ ..] => letters,
            [index, ..] => return Err(Error::NotOpened { index: *index }),
            [] => return Err(Error::NoLetters),
        };
        let is_marker = |&i: &u16| i == MARKER_INDEX;
        let skipped = match self.settings.padding {
            Padding::Before => letters.iter().take_while(|i| is_marker(i)).count(),
            Padding::After | Padding::Masked => 0,
        };
        let letters = &letters[skipped..];
        let end = letters.iter().position(is_marker).unwrap_or(letters.len());
        let (word, padding) = letters.split_at(end);
        if let Some(after) = padding.iter().position(|i| !is_marker(i)) {
            return Err(Error::LetterAfterPadding { time: 1 + skipped + end + after, index: padding[after] });
        }
        if self.settings.padding == Padding::Before && !padding.is_empty() && !word.is_empty() {
            return Err(Error::PaddingAfterLetter { time: 1 + skipped + end });
        }
        if word.is_empty() {
            return Err(Error::NoLetters);
        }
        Ok(word.iter().map(|&i| self.character(i)).collect())
    }

    /// The character of an index; the unknown symbol is the only index without one.
    fn character(&self, index: u16) -> char {
        let known = self.alphabet().get(usize::from(index)).copied();
        known.unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    pub(crate) fn has_index(&self, index: u16) -> bool {
        usize::from(index) < self.alphabet_len()
    }

    pub(crate) fn check_length(&self, found: usize) -> Result<(), Error> {
        let expected = self.length();
        if found == expected { Ok(()) } else { Err(Error::WrongLength { found, expected }) }
    }

    pub(crate) fn out_of_range(&self, row: usize, time: usize, index: u16) -> Error {
        Error::IndexOutOfRange { row, time, index, alphabet_len: self.alphabet_len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CasePolicy, REFERENCE_ALPHABET};

    fn reference() -> CharEncoder {
        CharEncoder::new(REFERENCE_ALPHABET).unwrap()
    }

    fn refusal(encoder: &CharEncoder, word: &str) -> Refusal {
        match encoder.encode(word) {
            Err(Error::Word { reason, .. }) => reason,
            other => panic!("{word:?} gave {other:?}"),
        }
    }

    #[test]
    fn football_is_encoded_as_in_the_reference() {
        let encoder = reference();
        let shown: String =
            encoder.encode("football").unwrap().iter().map(|&i| encoder.alphabet()[usize::from(i)]).collect();
        assert_eq!(shown, "$football$$$$$$$$$$");
    }

    #[test]
    fn padding_before_a_word_comes_back() {
        let encoder = CharEncoder::builder().length(6).padding(Padding::Before).build("abc").unwrap();
        for (word, row) in [("cab", [0, 0, 0, 3, 1, 2]), ("a", [0, 0, 0, 0, 0, 1]), ("abcab", [0, 1, 2, 3, 1, 2])] {
            assert_eq!(encoder.encode(word).unwrap(), row);
            assert_eq!(encoder.decode(&row).unwrap(), word);
            assert_eq!(encoder.word_end(&row), 6);
        }
        assert_eq!(encoder.decode(&[0, 0, 1, 0, 0, 0]), Err(Error::PaddingAfterLetter { time: 3 }));
        assert_eq!(encoder.decode(&[0, 1, 0, 2, 0, 0]), Err(Error::LetterAfterPadding { time: 3, index: 2 }));
        assert_eq!(encoder.decode(&[0; 6]), Err(Error::NoLetters));
        assert_eq!(
            encoder.encode_batch(["a", "cab"]).unwrap().indices,
            ndarray::array![[0, 0, 0, 0, 0, 1], [0, 0, 0, 3, 1, 2]]
        );
    }

    #[test]
    fn a_masked_word_is_read_to_its_last_letter() {
        let encoder = CharEncoder::builder().length(6).padding(Padding::Masked).build("abc").unwrap();
        for (word, row, end) in [("cab", [0, 3, 1, 2, 0, 0], 4), ("abcab", [0, 1, 2, 3, 1, 2], 6)] {
            assert_eq!(encoder.encode(word).unwrap(), row);
            assert_eq!(encoder.decode(&row).unwrap(), word);
            assert_eq!(encoder.word_end(&row), end);
        }
        assert_eq!(encoder.word_end(&[0; 6]), 1);
        assert_eq!(reference().word_end(&reference().encode("cat").unwrap()), 19);
    }

    #[test]
    fn the_longest_word_has_no_padding() {
        let encoder = reference();
        let word = "abcdefghijklmnopqr";
        assert_eq!(word.len(), encoder.max_word_len());
        let indices = encoder.encode(word).unwrap();
        assert_eq!(indices, (0..19).collect::<Vec<u16>>());
        assert_eq!(encoder.decode(&indices).unwrap(), word);
        assert_eq!(refusal(&encoder, "abcdefghijklmnopqrs"), Refusal::TooLong { letters: 19, limit: 18 });
    }

    #[test]
    fn length_counts_characters_and_not_bytes() {
        let encoder = CharEncoder::builder().length(4).learn(["日本語"]).unwrap();
        assert_eq!(encoder.encode("日本語").unwrap(), [0, 1, 2, 3]);
        // Three characters as they are typed, two once they are composed.
        let encoder = CharEncoder::builder().length(3).build("né").unwrap();
        assert_eq!(encoder.encode("ne\u{301}").unwrap(), [0, 1, 2]);
    }

    #[test]
    fn empty_words_and_markers_are_always_refused() {
        let encoder = CharEncoder::builder().unknown(UnknownPolicy::Map).build("abc").unwrap();
        assert_eq!(refusal(&encoder, ""), Refusal::Empty);
        assert_eq!(refusal(&encoder, "a$"), Refusal::Marker { index: 1 });
        assert_eq!(refusal(&encoder, "$"), Refusal::Marker { index: 0 });
    }

    #[test]
    fn unknown_characters_are_named() {
        assert_eq!(refusal(&reference(), "naïve"), Refusal::UnknownCharacter { character: 'ï', index: 2 });
        assert_eq!(refusal(&reference(), "Paris"), Refusal::UnknownCharacter { character: 'P', index: 0 });
    }

    #[test]
    fn unknown_characters_can_be_mapped() {
        let encoder = CharEncoder::builder().length(5).unknown(UnknownPolicy::Map).build("abc").unwrap();
        assert_eq!(encoder.unknown_index(), Some(4));
        assert_eq!(encoder.alphabet_len(), 5);
        assert_eq!(encoder.alphabet(), ['$', 'a', 'b', 'c']);
        let indices = encoder.encode("aéb").unwrap();
        assert_eq!(indices, [0, 1, 4, 2, 0]);
        assert_eq!(encoder.decode(&indices).unwrap(), "a\u{FFFD}b");
    }

    #[test]
    fn mapping_takes_one_index_from_the_alphabet() {
        // Private-use characters have no other normal form.
        let characters = |count| ('\u{F0000}'..).take(count);
        let map = CharEncoder::builder().unknown(UnknownPolicy::Map);
        let encoder = map.clone().build_from_chars(characters(MAX_INDICES - 2)).unwrap();
        assert_eq!(encoder.unknown_index(), Some(u16::MAX));
        assert_eq!(encoder.alphabet_len(), MAX_INDICES);
        assert_eq!(encoder.decode(&encoder.encode("a").unwrap()).unwrap(), "\u{FFFD}");
        assert_eq!(
            map.build_from_chars(characters(MAX_INDICES - 1)).unwrap_err(),
            Error::TooManyCharacters { limit: MAX_INDICES - 1 }
        );
    }

    #[test]
    fn case_can_be_lowered() {
        let encoder = CharEncoder::builder().case(CasePolicy::Lower).build(REFERENCE_ALPHABET).unwrap();
        let indices = encoder.encode("FootBall").unwrap();
        assert_eq!(indices, reference().encode("football").unwrap());
        assert_eq!(encoder.decode(&indices).unwrap(), "football");
    }

    #[test]
    fn decoding_refuses_what_no_word_encodes_to() {
        let encoder = CharEncoder::builder().length(4).build("abc").unwrap();
        let decode = |indices: &[u16]| encoder.decode(indices).unwrap_err();
        let expected = 4;
        assert_eq!(decode(&[]), Error::WrongLength { found: 0, expected });
        assert_eq!(decode(&[0, 1, 0]), Error::WrongLength { found: 3, expected });
        assert_eq!(decode(&[1, 2, 0, 0]), Error::NotOpened { index: 1 });
        assert_eq!(decode(&[0, 0, 0, 0]), Error::NoLetters);
        assert_eq!(decode(&[0, 1, 0, 3]), Error::LetterAfterPadding { time: 3, index: 3 });
        assert_eq!(decode(&[0, 0, 2, 0]), Error::LetterAfterPadding { time: 2, index: 2 });
        assert_eq!(decode(&[0, 1, 4, 0]), encoder.out_of_range(0, 2, 4));
    }
}
