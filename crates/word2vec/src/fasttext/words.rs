//! The words of a model.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Distinct names in order, with an index from name to position. Bytes, because published models have names that are no UTF-8.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) names: Vec<Box<[u8]>>,
    positions: HashTable<usize>,
    hasher: DefaultHashBuilder,
}

impl Words {
    /// The names; or the position of the first that was there before.
    pub(super) fn new(names: Vec<Box<[u8]>>) -> Result<Self, usize> {
        let hasher = DefaultHashBuilder::default();
        let mut positions = HashTable::with_capacity(names.len());
        for (position, name) in names.iter().enumerate() {
            let hash = hasher.hash_one(&name[..]);
            if positions.find(hash, |&other: &usize| names[other] == *name).is_some() {
                return Err(position);
            }
            positions.insert_unique(hash, position, |&other| hasher.hash_one(&names[other][..]));
        }
        Ok(Self { names, positions, hasher })
    }

    pub(super) fn position(&self, name: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(name);
        self.positions.find(hash, |&position| *self.names[position] == *name).copied()
    }
}
