//! Words as bags of letter n-grams.

use std::collections::{BTreeSet, HashMap};

/// Lengths of n-grams, the marks at a word's ends included.
const LENGTHS: std::ops::RangeInclusive<usize> = 2..=6;
/// Words that must have an n-gram for it to count.
const COMMON: usize = 3;

/// The n-grams of a list of words, numbered.
pub struct NGrams {
    numbers: HashMap<String, u32>,
}

impl NGrams {
    /// Those that several of the words have.
    pub fn learn<'a>(words: impl Iterator<Item = &'a str>) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        words.for_each(|word| all(word).into_iter().for_each(|gram| *counts.entry(gram).or_default() += 1));
        let mut common: Vec<String> =
            counts.into_iter().filter(|(_, count)| *count >= COMMON).map(|(gram, _)| gram).collect();
        common.sort_unstable();
        Self { numbers: common.into_iter().zip(0..).collect() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Those of a word, each once, in ascending order.
    pub fn of(&self, word: &str) -> Vec<u32> {
        let found: BTreeSet<u32> = all(word).iter().filter_map(|gram| self.numbers.get(gram).copied()).collect();
        found.into_iter().collect()
    }
}

/// Every n-gram of `<word>`, each once.
fn all(word: &str) -> BTreeSet<String> {
    let marked: Vec<char> = format!("<{word}>").chars().collect();
    LENGTHS.flat_map(|length| marked.windows(length).map(|gram| gram.iter().collect()).collect::<Vec<_>>()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_ones_do_not_count() {
        let grams = NGrams::learn(["ab", "ab", "abc", "xy"].into_iter());
        // `<a`, `<ab`, `ab`; the others are not in three words.
        assert_eq!((grams.len(), grams.of("ab").len(), grams.of("xy").len()), (3, 3, 0));
    }
}
