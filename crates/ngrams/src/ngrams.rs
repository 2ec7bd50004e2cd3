//! Words as bags of letter n-grams.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

/// Known n-grams, numbered in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NGrams {
    lengths: RangeInclusive<usize>,
    /// Letters of the longest known one: no word is searched for longer ones, whatever a file names as the longest length.
    longest: usize,
    numbers: HashMap<String, u32>,
}

impl NGrams {
    /// The n-grams of these lengths that at least `common` of the words have. A word's ends count as letters.
    pub fn learn<S: AsRef<str>>(words: &[S], lengths: RangeInclusive<usize>, common: usize) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for word in words {
            let marked = marked(word.as_ref());
            let grams: BTreeSet<&str> = all(&marked, &lengths).collect();
            grams.into_iter().for_each(|gram| *counts.entry(gram.to_owned()).or_default() += 1);
        }
        let kept = counts.into_iter().filter(|(_, count)| *count >= common).map(|(gram, _)| gram);
        Self::new(kept.collect(), lengths)
    }

    /// These n-grams; their numbers follow their order as text.
    pub(crate) fn new(grams: BTreeSet<String>, lengths: RangeInclusive<usize>) -> Self {
        let longest = grams.iter().map(|gram| gram.chars().count()).max().unwrap_or(0);
        Self { lengths, longest, numbers: grams.into_iter().zip(0..).collect() }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Lengths of n-grams.
    #[must_use]
    pub fn lengths(&self) -> RangeInclusive<usize> {
        self.lengths.clone()
    }

    /// All n-grams in their order.
    #[must_use]
    pub fn grams(&self) -> Vec<&str> {
        let mut grams: Vec<&str> = self.numbers.keys().map(String::as_str).collect();
        grams.sort_unstable();
        grams
    }

    /// Numbers of the known n-grams of a word, each once, in ascending order.
    #[must_use]
    pub fn of(&self, word: &str) -> Vec<u32> {
        let marked = marked(word);
        let lengths = *self.lengths.start()..=self.longest.min(*self.lengths.end());
        let found: BTreeSet<u32> = all(&marked, &lengths).filter_map(|gram| self.numbers.get(gram).copied()).collect();
        found.into_iter().collect()
    }
}

/// A word with its ends marked.
fn marked(word: &str) -> String {
    format!("<{word}>")
}

/// The n-grams of a marked word, as often as they occur.
fn all<'a>(marked: &'a str, lengths: &RangeInclusive<usize>) -> impl Iterator<Item = &'a str> {
    // Where each letter begins, and where the last one ends.
    let ends: Vec<usize> = marked.char_indices().map(|(at, _)| at).chain([marked.len()]).collect();
    let longest = (ends.len() - 1).min(*lengths.end());
    (*lengths.start()..=longest)
        .flat_map(move |length| ends.windows(length + 1).map(|part| (part[0], part[length])).collect::<Vec<_>>())
        .map(|(from, to)| &marked[from..to])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_ones_do_not_count() {
        let grams = NGrams::learn(&["ab", "ab", "abc", "xy"], 2..=6, 3);
        assert_eq!(grams.grams(), ["<a", "<ab", "ab"]);
        assert_eq!((grams.of("ab"), grams.of("xy"), grams.of("")), (vec![0, 1, 2], vec![], vec![]));
    }

    #[test]
    fn no_time_is_spent_on_n_grams_longer_than_the_word() {
        assert_eq!(NGrams::learn(&["ab"], 3..=usize::MAX, 1).grams(), ["<ab", "<ab>", "ab>"]);
    }

    #[test]
    fn letters_are_characters() {
        assert_eq!(NGrams::learn(&["né"], 2..=2, 1).grams(), ["<n", "né", "é>"]);
    }
}
