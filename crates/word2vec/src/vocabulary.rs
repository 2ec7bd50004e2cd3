//! The words in order, and where each one is.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::parallel;

/// Tables of the index. Each is small enough for a cache near a core to hold it while it is filled, by one thread.
const SHARDS: usize = 64;

/// Distinct words in order, with an index from word to position.
///
/// The tables hold positions only, so no word is stored twice.
#[derive(Clone, Debug)]
pub(crate) struct Vocabulary {
    words: Vec<String>,
    /// A word's position is in the table that its hash selects.
    shards: Vec<HashTable<usize>>,
    hasher: DefaultHashBuilder,
}

/// Words to make a [`Vocabulary`] of, possibly repeated.
#[derive(Default)]
pub(crate) struct WordList {
    words: Vec<String>,
    hashes: Vec<u64>,
    hasher: DefaultHashBuilder,
}

/// A word that occurred before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    pub(crate) at: usize,
    pub(crate) first: usize,
}

impl WordList {
    pub(crate) fn with_capacity(words: usize) -> Self {
        WordList {
            words: Vec::with_capacity(words),
            hashes: Vec::with_capacity(words),
            hasher: DefaultHashBuilder::default(),
        }
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// The hash to push a word with; to be had on any thread.
    pub(crate) fn hash(&self, word: &str) -> u64 {
        self.hasher.hash_one(word)
    }

    pub(crate) fn push(&mut self, word: String, hash: u64) {
        self.words.push(word);
        self.hashes.push(hash);
    }

    /// Removes the repeated words.
    pub(crate) fn remove(&mut self, repeats: &[Repeat]) {
        remove(&mut self.words, repeats);
        remove(&mut self.hashes, repeats);
    }

    /// The repeated words, in order.
    pub(crate) fn repeats(&self) -> Vec<Repeat> {
        self.tables().1
    }

    /// The vocabulary; or, if words are repeated, the list again with its repeats in order.
    pub(crate) fn index(mut self) -> Result<Vocabulary, (WordList, Vec<Repeat>)> {
        let (shards, repeats) = self.tables();
        if !repeats.is_empty() {
            return Err((self, repeats));
        }
        self.words.shrink_to_fit();
        Ok(Vocabulary { words: self.words, shards, hasher: self.hasher })
    }

    /// The tables of a vocabulary, and the repeated words in order.
    fn tables(&self) -> (Vec<HashTable<usize>>, Vec<Repeat>) {
        let mut members = vec![Vec::new(); SHARDS];
        for (position, &hash) in self.hashes.iter().enumerate() {
            members[shard(hash)].push(position);
        }
        let filled = parallel::map_indices(SHARDS, |shard| self.fill(&members[shard]));
        let (shards, repeats): (Vec<_>, Vec<_>) = filled.into_iter().unzip();
        let mut repeats = repeats.concat();
        repeats.sort_unstable_by_key(|repeat| repeat.at);
        (shards, repeats)
    }

    /// The table of the words at `positions`, and which of them are repeated.
    fn fill(&self, positions: &[usize]) -> (HashTable<usize>, Vec<Repeat>) {
        let mut table = HashTable::with_capacity(positions.len());
        let mut repeats = Vec::new();
        for &at in positions {
            let hash = self.hashes[at];
            match table.find(hash, |&other| self.words[other] == self.words[at]) {
                Some(&first) => repeats.push(Repeat { at, first }),
                None => {
                    table.insert_unique(hash, at, |&other| self.hashes[other]);
                }
            }
        }
        (table, repeats)
    }
}

impl FromIterator<String> for WordList {
    fn from_iter<I: IntoIterator<Item = String>>(words: I) -> Self {
        let mut list = WordList::default();
        for word in words {
            let hash = list.hash(&word);
            list.push(word, hash);
        }
        list
    }
}

/// Removes what stands at the repeats' positions, which ascend.
pub(crate) fn remove<T>(items: &mut Vec<T>, repeats: &[Repeat]) {
    let mut position = 0;
    let mut repeats = repeats.iter().peekable();
    items.retain(|_| {
        let repeated = repeats.next_if(|repeat| repeat.at == position).is_some();
        position += 1;
        !repeated
    });
}

/// From bits of the hash that the tables themselves make no use of.
fn shard(hash: u64) -> usize {
    (hash >> 48) as usize % SHARDS
}

impl Vocabulary {
    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    pub(crate) fn into_words(self) -> Vec<String> {
        self.words
    }

    pub(crate) fn position(&self, word: &str) -> Option<usize> {
        let hash = self.hasher.hash_one(word);
        self.shards[shard(hash)].find(hash, |&at| self.words[at] == word).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_where_it_is() {
        let vocabulary = (0..5000).map(|i| format!("w{i}")).collect::<WordList>().index().ok().unwrap();
        assert!((0..5000).all(|i| vocabulary.position(&format!("w{i}")) == Some(i)));
        assert_eq!(vocabulary.position("w5000"), None);
    }

    #[test]
    fn repeats_are_found_in_order_and_removed() {
        let words = ["a", "b", "a", "c", "b", "a"].map(String::from);
        let Err((mut list, repeats)) = words.into_iter().collect::<WordList>().index() else {
            panic!("repeats not found");
        };
        assert_eq!(repeats, [(2, 0), (4, 1), (5, 0)].map(|(at, first)| Repeat { at, first }));
        list.remove(&repeats);
        assert_eq!(list.index().ok().unwrap().words(), ["a", "b", "c"]);
    }
}
