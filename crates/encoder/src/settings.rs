//! Settings of an encoder, and the policies for what it cannot encode.

use std::borrow::Cow;

use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::{CharEncoder, Error, Refusal};

/// The length of the reference runs: the opening `$` and at most 18 letters.
pub const DEFAULT_LENGTH: usize = 19;

/// The shortest length: the opening `$` and one letter.
pub const MIN_LENGTH: usize = 2;

/// The greatest length. No word needs it; it keeps a mistyped number from asking for gigabytes.
pub const MAX_LENGTH: usize = 65_535;

/// What happens to the case of a word before it is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CasePolicy {
    /// The word is encoded as it is written.
    #[default]
    Keep,
    /// The word is lower-cased by Unicode's rules ([`str::to_lowercase`]).
    Lower,
}

/// What happens to a word with a character that the alphabet does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum UnknownPolicy {
    /// It is an error.
    #[default]
    Error,
    /// A batch leaves the word out and lists it as skipped.
    Skip,
    /// The character gets an index of its own, after the alphabet's last; all unknown
    /// characters share it, and decoding shows it as U+FFFD.
    Map,
}

/// What happens to a word with more letters than the length has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum TooLongPolicy {
    /// It is an error.
    #[default]
    Error,
    /// A batch leaves the word out and lists it as skipped.
    Skip,
}

/// Where the `$` go that fill a short word up to the length, and whether they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Padding {
    /// After the word: `$cat$$`.
    #[default]
    After,
    /// Before the word: `$$$cat`.
    Before,
    /// After the word, and not to be read: whoever reads the indices stops where [`CharEncoder::word_end`] says.
    Masked,
}

/// The settings of a [`CharEncoder`] apart from its alphabet, and its builder.
///
/// Set the fields, or chain the methods of the same names; then call [`build`](Self::build),
/// [`build_from_chars`](Self::build_from_chars) or [`learn`](Self::learn).
///
/// ```
/// use flameout_encoder::{CasePolicy, EncoderSettings};
///
/// let encoder = EncoderSettings::default()
///     .length(6)
///     .case(CasePolicy::Lower)
///     .build("abc")?;
/// assert_eq!(encoder.encode("Cab")?, [0, 3, 1, 2, 0, 0]);
/// # Ok::<(), flameout_encoder::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct EncoderSettings {
    /// Indices per word, the opening `$` included; [`MIN_LENGTH`] to [`MAX_LENGTH`].
    pub length: usize,
    /// What happens to the case of a word.
    pub case: CasePolicy,
    /// What happens to a word with a character outside the alphabet.
    pub unknown: UnknownPolicy,
    /// What happens to a word with more than `length - 1` letters.
    pub too_long: TooLongPolicy,
    /// Where the `$` go that fill a short word up.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "is_default"))]
    pub padding: Padding,
}

/// Left out, so that an encoder without it is stored as it has always been.
#[cfg(feature = "serde")]
fn is_default(padding: &Padding) -> bool {
    *padding == Padding::default()
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            length: DEFAULT_LENGTH,
            case: CasePolicy::default(),
            unknown: UnknownPolicy::default(),
            too_long: TooLongPolicy::default(),
            padding: Padding::default(),
        }
    }
}

impl EncoderSettings {
    /// Sets the number of indices per word, the opening `$` included.
    #[must_use]
    pub fn length(mut self, length: usize) -> Self {
        self.length = length;
        self
    }

    /// Sets what happens to the case of a word.
    #[must_use]
    pub fn case(mut self, case: CasePolicy) -> Self {
        self.case = case;
        self
    }

    /// Sets what happens to a word with a character outside the alphabet.
    #[must_use]
    pub fn unknown(mut self, unknown: UnknownPolicy) -> Self {
        self.unknown = unknown;
        self
    }

    /// Sets what happens to a word with too many letters.
    #[must_use]
    pub fn too_long(mut self, too_long: TooLongPolicy) -> Self {
        self.too_long = too_long;
        self
    }

    /// Sets where the `$` go that fill a short word up, and whether they are read.
    #[must_use]
    pub fn padding(mut self, padding: Padding) -> Self {
        self.padding = padding;
        self
    }

    /// Checks the settings; building an encoder does so as well.
    ///
    /// # Errors
    /// [`Error::Length`] if the length is not between [`MIN_LENGTH`] and [`MAX_LENGTH`].
    pub fn check(&self) -> Result<(), Error> {
        if (MIN_LENGTH..=MAX_LENGTH).contains(&self.length) {
            Ok(())
        } else {
            Err(Error::Length { length: self.length })
        }
    }

    /// Builds an encoder whose alphabet is the characters of `alphabet`, in their order.
    ///
    /// The text is brought to normalisation form C as a whole: `e` followed by a combining
    /// acute accent is the one character `é`.
    ///
    /// # Errors
    /// [`Error::Length`] for the settings; [`Error::EmptyAlphabet`],
    /// [`Error::DuplicateCharacter`], [`Error::MarkerNotFirst`], [`Error::NotLowerCase`] or
    /// [`Error::TooManyCharacters`] for the alphabet.
    pub fn build(self, alphabet: &str) -> Result<CharEncoder, Error> {
        self.build_from_chars(alphabet.nfc())
    }

    /// Builds an encoder whose alphabet is `characters`, in their order.
    ///
    /// Unlike [`build`](Self::build) this normalises each character by itself, so that a
    /// combining accent stays a character of its own.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_from_chars(self, characters: impl IntoIterator<Item = char>) -> Result<CharEncoder, Error> {
        CharEncoder::from_parts(self, characters)
    }

    /// Builds an encoder whose alphabet is the characters that occur in `words`, after the
    /// words are normalised and their case treated, sorted by scalar value: neither the order
    /// of the words nor repetitions matter. Words too long to be encoded count as well.
    ///
    /// # Errors
    /// [`Error::WordInList`] if a word is empty or contains `$`; [`Error::EmptyAlphabet`] if
    /// there is no word; [`Error::Length`]; [`Error::TooManyCharacters`].
    pub fn learn<I>(self, words: I) -> Result<CharEncoder, Error>
    where
        I: IntoIterator<Item: AsRef<str>>,
    {
        let mut characters = std::collections::BTreeSet::new();
        for (position, word) in words.into_iter().enumerate() {
            let word = word.as_ref();
            let normal = self.case.normalise(word);
            Refusal::check(&normal).map_err(|reason| Error::WordInList { position, word: word.to_owned(), reason })?;
            characters.extend(normal.chars());
        }
        self.build_from_chars(characters)
    }

    /// Whether a batch passes over a word refused for `reason` instead of failing.
    pub(crate) fn skips(&self, reason: Refusal) -> bool {
        match reason {
            Refusal::Empty | Refusal::Marker { .. } => false,
            Refusal::TooLong { .. } => self.too_long == TooLongPolicy::Skip,
            Refusal::UnknownCharacter { .. } => self.unknown == UnknownPolicy::Skip,
        }
    }
}

impl CasePolicy {
    /// The form of `word` whose characters are looked up in the alphabet.
    pub(crate) fn normalise(self, word: &str) -> Cow<'_, str> {
        let word = compose(word);
        match self {
            Self::Keep => word,
            // Lower-casing can leave a letter and an accent that compose.
            Self::Lower => Cow::Owned(compose(&word.to_lowercase()).into_owned()),
        }
    }

    /// Whether a normalised word can contain `character` at all.
    pub(crate) fn can_yield(self, character: char) -> bool {
        match self {
            Self::Keep => true,
            Self::Lower => character.to_lowercase().eq([character]),
        }
    }
}

/// `text` in normalisation form C, borrowed where it has that form already.
fn compose(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_outside_the_range_are_refused() {
        for length in [0, 1, MAX_LENGTH + 1, usize::MAX] {
            let error = EncoderSettings::default().length(length).build("abc").unwrap_err();
            assert_eq!(error, Error::Length { length });
        }
        for length in [MIN_LENGTH, MAX_LENGTH] {
            assert!(EncoderSettings::default().length(length).check().is_ok());
        }
    }

    #[test]
    fn every_character_normalises_to_a_fixed_point() {
        for case in [CasePolicy::Keep, CasePolicy::Lower] {
            for character in '\0'..=char::MAX {
                let once = case.normalise(character.encode_utf8(&mut [0; 4])).into_owned();
                assert_eq!(case.normalise(&once), once, "{character:?}");
                assert!(once.chars().all(|c| case.can_yield(c)), "{character:?}");
            }
        }
    }

    #[test]
    fn lower_casing_follows_unicode() {
        let lower = |word| CasePolicy::Lower.normalise(word).into_owned();
        assert_eq!(lower("STRASSE"), "strasse");
        assert_eq!(lower("E\u{301}TE\u{301}"), "été");
        assert_eq!(lower("ΟΔΟΣ"), "οδος");
        // Only the small letter has a composed form with this accent.
        assert_eq!(lower("J\u{30C}"), "\u{1F0}");
        assert_eq!(CasePolicy::Keep.normalise("Été"), "Été");
    }

    #[test]
    fn an_upper_case_letter_cannot_be_in_a_lower_case_alphabet() {
        let error = EncoderSettings::default().case(CasePolicy::Lower).build("abC").unwrap_err();
        assert_eq!(error, Error::NotLowerCase { character: 'C' });
    }

    #[test]
    fn a_text_is_composed_but_characters_are_taken_one_by_one() {
        let decomposed = "ae\u{301}";
        let settings = EncoderSettings::default();
        let encoder = settings.clone().build(decomposed).unwrap();
        assert_eq!(encoder.alphabet(), ['$', 'a', 'é']);
        let encoder = settings.build_from_chars(decomposed.chars()).unwrap();
        assert_eq!(encoder.alphabet(), ['$', 'a', 'e', '\u{301}']);
    }

    #[test]
    fn learning_sorts_by_scalar_value_and_treats_case() {
        let settings = EncoderSettings::default();
        let encoder = settings.clone().learn(["Zoë", "abbé"]).unwrap();
        assert_eq!(encoder.alphabet(), ['$', 'Z', 'a', 'b', 'o', 'é', 'ë']);
        let encoder = settings.case(CasePolicy::Lower).learn(["Zoë"]).unwrap();
        assert_eq!(encoder.alphabet(), ['$', 'o', 'z', 'ë']);
    }

    #[test]
    fn learning_counts_words_too_long_to_encode() {
        let encoder = EncoderSettings::default().length(2).learn(["cab"]).unwrap();
        assert_eq!(encoder.alphabet(), ['$', 'a', 'b', 'c']);
    }

    #[test]
    fn learning_names_the_word_it_refuses() {
        let learn = |words: &[&str]| EncoderSettings::default().learn(words).unwrap_err();
        assert_eq!(
            learn(&["a", "b$c"]),
            Error::WordInList { position: 1, word: "b$c".into(), reason: Refusal::Marker { index: 1 } }
        );
        assert_eq!(learn(&["", "a"]), Error::WordInList { position: 0, word: String::new(), reason: Refusal::Empty });
        assert_eq!(learn(&[]), Error::EmptyAlphabet);
    }
}
