//! Words that have been embedded: none is embedded again while it is remembered.

use std::collections::HashMap;

use crate::Embedder;

/// Bytes from which on everything is forgotten, and begun anew.
const BYTES: usize = 256 << 20;
/// Bytes that a word takes beside its letters and numbers, about.
const OVERHEAD: usize = 64;

/// Words and their vectors, within some memory.
#[derive(Default)]
pub struct Memo {
    /// Where a word's numbers begin; none if it has no vector.
    places: HashMap<String, Option<usize>>,
    numbers: Vec<f32>,
    bytes: usize,
}

impl Memo {
    /// Embeds those of the words that are not remembered. Returns those of them that have no vector, with the reason.
    pub fn learn<'w>(
        &mut self,
        embedder: &mut Embedder,
        words: impl Iterator<Item = &'w str>,
    ) -> Vec<(&'w str, String)> {
        if self.bytes > BYTES {
            *self = Self::default();
        }
        let mut unknown = Vec::new();
        for word in words {
            if !self.places.contains_key(word) {
                self.places.insert(word.to_owned(), None);
                self.bytes += word.len() + OVERHEAD;
                unknown.push(word);
            }
        }
        let embedded = embedder.embed(&unknown);
        for (&position, vector) in embedded.kept.iter().zip(embedded.vectors.rows()) {
            *self.places.get_mut(unknown[position]).expect("entered above") = Some(self.numbers.len());
            self.numbers.extend(vector);
            self.bytes += 4 * vector.len();
        }
        embedded.refused.into_iter().map(|(position, reason)| (unknown[position], reason)).collect()
    }

    /// The vector of a word that was learnt, of so many numbers.
    pub fn get(&self, word: &str, dim: usize) -> Option<&[f32]> {
        let start = (*self.places.get(word)?)?;
        Some(&self.numbers[start..start + dim])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// Each word once, whatever is forgotten, and always the same vector.
    #[test]
    fn repeated_words_are_embedded_once() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../word2vec/fixtures/fasttext/syllables.bin");
        let mut embedder = Embedder::open(model).unwrap();
        let dim = embedder.dim();
        let mut memo = Memo::default();
        memo.learn(&mut embedder, ["kalomi", "unheard", "kalomi"].into_iter());
        assert_eq!(memo.learn(&mut embedder, ["unheard"].into_iter()), []);
        assert_eq!(memo.numbers.len(), 2 * dim);
        let vector = memo.get("unheard", dim).unwrap().to_vec();
        assert_eq!(vector, embedder.embed(&["unheard"]).vectors.row(0).to_vec());
        memo.bytes = BYTES + 1;
        memo.learn(&mut embedder, ["unheard"].into_iter());
        assert_eq!((memo.numbers.len(), memo.get("kalomi", dim)), (dim, None));
        assert_eq!(memo.get("unheard", dim).unwrap(), vector);
    }
}
