//! What to read, and what to do about bad records.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::Format;

/// What to read, and what to do about bad records. The default reads all and refuses non-finite numbers and invalid
/// UTF-8; of duplicate words it keeps the first, as gensim does, because published files have them.
///
/// ```
/// use flameout_word2vec::{NonFinitePolicy, ReadOptions, WordFilter};
/// let options = ReadOptions {
///     limit: Some(10_000),
///     filter: Some(WordFilter::new(|word| word.chars().all(char::is_alphabetic))),
///     non_finite: NonFinitePolicy::Drop,
///     ..ReadOptions::default()
/// };
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(default, deny_unknown_fields, rename_all = "kebab-case")
)]
pub struct ReadOptions {
    /// The format; `None` tells it from the content, see [`Format::detect`].
    pub format: Option<Format>,
    /// Reads the first so many records of the file and does not look at the rest. Records that are then dropped count.
    pub limit: Option<u64>,
    /// Reads only these words. Not part of the serialised form.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub filter: Option<WordFilter>,
    /// What to do about NaN and infinity.
    pub non_finite: NonFinitePolicy,
    /// What to do about a word that was there before.
    pub duplicate: DuplicatePolicy,
    /// What to do about a word that is not valid UTF-8.
    pub invalid_utf8: Utf8Policy,
}

/// What to do about a vector with NaN or infinity in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum NonFinitePolicy {
    /// Stop with [`Error::NonFinite`](crate::Error::NonFinite).
    #[default]
    Error,
    /// Leave out the word and report it.
    Drop,
    /// Keep it as it is and report it.
    Keep,
}

/// What to do about a word that was there before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum DuplicatePolicy {
    /// Stop with [`Error::Duplicate`](crate::Error::Duplicate).
    Error,
    /// Leave out the later one and report it.
    #[default]
    KeepFirst,
    /// Put the later vector in the place of the earlier one and report it.
    KeepLast,
}

/// What to do about a word that is not valid UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Utf8Policy {
    /// Stop with [`Error::InvalidUtf8`](crate::Error::InvalidUtf8).
    #[default]
    Error,
    /// Leave out the word and report it.
    Drop,
    /// Put U+FFFD for what is invalid, keep the word and report it.
    Lossy,
}

/// Says which words to read.
#[derive(Clone)]
pub struct WordFilter(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl WordFilter {
    /// The words for which `keep` is true. It sees U+FFFD for what is not valid UTF-8, and is called from several
    /// threads, in no particular order.
    pub fn new(keep: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        WordFilter(Arc::new(keep))
    }

    pub(crate) fn keeps(&self, word: &str) -> bool {
        (self.0)(word)
    }
}

/// The words of a list.
impl<S: Into<String>> FromIterator<S> for WordFilter {
    fn from_iter<I: IntoIterator<Item = S>>(words: I) -> Self {
        let words: HashSet<String> = words.into_iter().map(Into::into).collect();
        WordFilter::new(move |word| words.contains(word))
    }
}

impl fmt::Debug for WordFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WordFilter(..)")
    }
}

/// Whether both are clones of one filter.
impl PartialEq for WordFilter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}
