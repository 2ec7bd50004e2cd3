//! What each n-gram of a word counts.

/// A word's known n-grams in ascending order, each with what it counts: together of unit length, however many they are.
pub(crate) type Bag = Vec<(u32, f32)>;

/// How n-grams are weighted against each other within a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Weighting {
    /// All alike.
    Alike,
    /// By the square root of the inverse document frequency (Spärck Jones 1972), ln(1 + words / words that have the n-gram):
    /// what few words have says more about them.
    Rarity,
}

impl Weighting {
    /// The weight of each of `count` n-grams, from the numbers of those that each word has.
    pub(crate) fn weights(self, words: &[Vec<u32>], count: usize) -> Vec<f32> {
        if self == Self::Alike {
            return vec![1.0; count];
        }
        let mut having = vec![0_u32; count];
        words.iter().flatten().for_each(|&gram| having[gram as usize] += 1);
        having.iter().map(|&n| libm::log1p(words.len() as f64 / f64::from(n)).sqrt() as f32).collect()
    }
}

/// The bag of a word with these n-grams.
pub(crate) fn bag(grams: &[u32], weights: &[f32]) -> Bag {
    let weight = |gram: &u32| weights[*gram as usize];
    let length = grams.iter().map(weight).map(|x| x * x).sum::<f32>().sqrt();
    grams.iter().map(|gram| (*gram, weight(gram) / length)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_n_grams_count_more_and_a_bag_has_unit_length() {
        let words = [vec![0, 1], vec![0], vec![0], vec![0, 1]];
        assert_eq!(Weighting::Alike.weights(&words, 2), [1.0, 1.0]);
        let weights = Weighting::Rarity.weights(&words, 2);
        assert_eq!(weights, [2.0_f64.ln().sqrt() as f32, 3.0_f64.ln().sqrt() as f32]);
        let bag = bag(&words[0], &weights);
        assert!((bag[0].1.powi(2) + bag[1].1.powi(2) - 1.0).abs() < 1e-6);
        assert!((bag[1].1 / bag[0].1 - weights[1] / weights[0]).abs() < 1e-6);
    }
}
