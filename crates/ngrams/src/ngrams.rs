//! Words as bags of letter n-grams.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;

/// Known n-grams, numbered in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NGrams {
    lengths: RangeInclusive<usize>,
    numbers: HashMap<String, u32>,
}

impl NGrams {
    /// The n-grams of these lengths that at least `common` of the words have. A word's ends count as letters.
    pub fn learn<S: AsRef<str>>(words: &[S], lengths: RangeInclusive<usize>, common: usize) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        for word in words {
            all(word.as_ref(), &lengths).into_iter().for_each(|gram| *counts.entry(gram).or_default() += 1);
        }
        let kept = counts.into_iter().filter(|(_, count)| *count >= common).map(|(gram, _)| gram);
        Self::new(kept.collect(), lengths)
    }

    /// These n-grams; their numbers follow their order as text.
    pub(crate) fn new(grams: BTreeSet<String>, lengths: RangeInclusive<usize>) -> Self {
        Self { lengths, numbers: grams.into_iter().zip(0..).collect() }
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
        let grams = all(word, &self.lengths);
        let found: BTreeSet<u32> = grams.iter().filter_map(|gram| self.numbers.get(gram).copied()).collect();
        found.into_iter().collect()
    }
}

/// Every n-gram of `<word>`, each once.
fn all(word: &str, lengths: &RangeInclusive<usize>) -> BTreeSet<String> {
    let marked: Vec<char> = format!("<{word}>").chars().collect();
    // A file may name any length as the longest.
    let longest = marked.len().min(*lengths.end());
    (*lengths.start()..=longest).flat_map(|length| marked.windows(length).map(String::from_iter)).collect()
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
