//! Word-similarity sets: pairs of words with people's scores, and how well vectors agree with them.

use std::collections::HashMap;
use std::path::Path;

use flameout_model::metrics::cosine;
use ndarray::ArrayView1;

use crate::error::Error;

/// The most that a set holds. The largest that are published have some 100 KB.
const MOST: u64 = 1 << 24;

/// Two words, and how alike people find them.
#[derive(Debug, Clone, PartialEq)]
pub struct Pair {
    /// The words, as published.
    pub words: [String; 2],
    /// The mean score.
    pub score: f64,
}

/// Reads a set: on each line two words and a score, separated by tabs; a number before the words, and columns after the
/// score, are passed over. RareWord, WordSim-353, SimLex-999, MEN and MTurk-771 are published so.
///
/// # Errors
/// [`Error::Io`]; [`Error::Line`] for a line that holds no pair.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<Pair>, Error> {
    let path = path.as_ref();
    let bytes = flameout_files::read(path, MOST).map_err(Error::io(path))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        let before = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Error::Line { path: path.into(), line: before + 1, problem: "is no UTF-8 text".into() }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let pair = |(index, line): (usize, &str)| {
        let wrong = |problem: &str| Error::Line { path: path.into(), line: index + 1, problem: problem.into() };
        let mut fields = line.split('\t').map(str::trim).peekable();
        fields.next_if(|first| first.parse::<u64>().is_ok());
        let (Some(first), Some(second), Some(score)) = (fields.next(), fields.next(), fields.next()) else {
            return Err(wrong("is not two words and a score separated by tabs"));
        };
        let score = score.parse::<f64>().ok().filter(|score| score.is_finite());
        let score = score.ok_or_else(|| wrong("has no number as its score"))?;
        Ok(Pair { words: [first.into(), second.into()], score })
    };
    lines.map(pair).collect()
}

/// Spearman's rank correlation of two lists of the same length: Pearson's of their ranks, equal values sharing the mean of
/// theirs. NaN if there are fewer than two values, or all of one list are equal.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn spearman(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "two lists of the same length");
    let (a, b) = (ranks(a), ranks(b));
    // Both lists of ranks have this mean.
    let mean = (a.len() as f64 - 1.0) / 2.0;
    let sum = |x: &[f64], y: &[f64]| -> f64 { x.iter().zip(y).map(|(x, y)| (x - mean) * (y - mean)).sum() };
    sum(&a, &b) / (sum(&a, &a) * sum(&b, &b)).sqrt()
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&i, &j| values[i].total_cmp(&values[j]));
    let mut ranks = vec![0.0; values.len()];
    let mut from = 0;
    for group in order.chunk_by(|&i, &j| values[i] == values[j]) {
        let mean = from as f64 + (group.len() as f64 - 1.0) / 2.0;
        group.iter().for_each(|&index| ranks[index] = mean);
        from += group.len();
    }
    ranks
}

/// How well vectors agree with a set: Spearman's ρ of cosine and score over the pairs of which both words have a vector,
/// and how many those are.
pub fn agreement<'a>(pairs: &[Pair], vector: impl Fn(&str) -> Option<ArrayView1<'a, f32>>) -> (f64, usize) {
    let (mut cosines, mut scores) = (Vec::new(), Vec::new());
    for Pair { words: [first, second], score } in pairs {
        if let (Some(a), Some(b)) = (vector(first), vector(second)) {
            cosines.push(cosine(a, b));
            scores.push(*score);
        }
    }
    (spearman(&cosines, &scores), scores.len())
}

/// Each word of a set once, in order.
#[must_use]
pub fn words(pairs: &[Pair]) -> Vec<String> {
    let mut seen = HashMap::new();
    let all = pairs.iter().flat_map(|pair| &pair.words);
    all.filter(|word| seen.insert(word.as_str(), ()).is_none()).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spearman_of_known_lists() {
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 30.0]), 1.0);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[3.0, 2.0, -1.0]), -1.0);
        // scipy.stats.spearmanr([1, 2, 2, 4], [1, 3, 2, 4]) = 0.9486832980505138
        assert!((spearman(&[1.0, 2.0, 2.0, 4.0], &[1.0, 3.0, 2.0, 4.0]) - 0.948_683_298_050_513_8).abs() < 1e-15);
        assert!(spearman(&[1.0, 1.0], &[1.0, 2.0]).is_nan() && spearman(&[], &[]).is_nan());
    }

    #[test]
    fn sets_are_read_with_and_without_a_number_in_front() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("set.txt");
        std::fs::write(&path, "1\tTiger\tcat\t7.35\textra\n\n2\tbook\tpaper\t5\n").unwrap();
        let pairs = read(&path).unwrap();
        assert_eq!(pairs[0], Pair { words: ["Tiger".into(), "cat".into()], score: 7.35 });
        assert_eq!(words(&pairs), ["Tiger", "cat", "book", "paper"]);
        // As some editors begin a file.
        std::fs::write(&path, "\u{feff}a\tb\t1\r\n").unwrap();
        assert_eq!(words(&read(&path).unwrap()), ["a", "b"]);
        std::fs::write(&path, b"a\tb\t1\n\xff\tb\t1\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 2: is no UTF-8"));
        std::fs::write(&path, "a\tb\t1\na b 2\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("line 2"));
        std::fs::write(&path, "a\tb\tc\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("number"));
        // Sparse: it takes no room on the disk.
        std::fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("is too large"));
    }
}
