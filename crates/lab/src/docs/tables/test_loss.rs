//! How far the test loss of networks fell, by the number of words that they trained on: what shows that most memorise.

use std::collections::BTreeMap;

use anyhow::Result;
use flameout::report::whole;
use flameout_word2vec::Normalization;

use super::markdown;
use crate::csv_file;
use crate::hunt::curve::Point;
use crate::hunt::results::Results;

/// The lowest and the last test loss of a kept curve, as shares of the mean predictor's.
struct Fall {
    lowest: f64,
    last: f64,
}

/// A line for each number of training words, of the kept curves whose vectors are centred and of unit length.
pub fn table(results: &Results) -> Result<String> {
    let mut by_words: BTreeMap<usize, Vec<Fall>> = BTreeMap::new();
    for row in results.rows() {
        let path = results.curve(&row.settings);
        if row.settings.data.normalization != Normalization::CentredThenUnit || !path.is_file() {
            continue;
        }
        let points: Vec<Point> = csv_file::read(&path)?;
        let losses: Vec<f64> =
            points.iter().filter_map(|point| point.test_loss).filter(|loss| loss.is_finite()).collect();
        if let Some(last) = losses.last() {
            let of_mean = |loss: f64| loss / row.summary.baseline.test_loss;
            let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
            by_words
                .entry(row.summary.last.words)
                .or_default()
                .push(Fall { lowest: of_mean(lowest), last: of_mean(*last) });
        }
    }
    let lines = by_words.into_iter().map(|(words, falls)| {
        let lowest = falls.iter().map(|fall| fall.lowest).fold(f64::INFINITY, f64::min);
        let below = falls.iter().filter(|fall| fall.last < 1.0).count();
        vec![
            whole(words as u64),
            falls.len().to_string(),
            format!("{lowest:.2}"),
            format!("{below} of {}", falls.len()),
        ]
    });
    let titles = ["training words", "kept curves", "lowest test loss of all", "end below 1"];
    Ok(markdown(&titles, |_| true, &lines.collect::<Vec<_>>()))
}
