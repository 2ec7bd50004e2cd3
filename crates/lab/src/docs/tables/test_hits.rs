//! What a collapse does to words that were not trained on: their hit@10 before it and after it.

use anyhow::Result;
use flameout::report::whole;

use super::markdown;
use crate::csv_file;
use crate::hunt::curve::Point;
use crate::hunt::results::{Results, Row};

/// Kept epochs that a mean is over: a run has few test words.
const EPOCHS: usize = 10;
/// Steps after the onset whose mean shows what the collapse has done. Some networks learn again later.
const AFTER: std::ops::RangeInclusive<u64> = 1000..=3000;

/// A line for each collapsed run whose kept curve has hit@10 of test words.
pub fn table(results: &Results) -> Result<String> {
    let mut lines = Vec::new();
    for row in results.rows() {
        let path = results.curve(&row.settings);
        let Some(onset) = row.summary.onset_step.filter(|_| path.is_file()) else { continue };
        let points: Vec<Point> = csv_file::read(&path)?;
        let hits: Vec<(u64, f64)> =
            points.iter().filter_map(|point| Some((point.step, point.test_hit_at_10?))).collect();
        let begun = hits.partition_point(|&(step, _)| step < onset);
        let (before, after) = hits.split_at(begun);
        let soon: Vec<_> = after.iter().copied().filter(|(step, _)| AFTER.contains(&(step - onset))).collect();
        if let (Some(before), Some(soon), Some(end)) = (mean_of_last(before), mean(&soon), mean_of_last(after)) {
            lines.push((key(&row), line(&row, onset, [before, soon, end])));
        }
    }
    lines.sort_by(|(a, _), (b, _)| a.cmp(b));
    let titles =
        ["network", "learning rate", "seed", "onset", "before", "1,000–3,000 steps after", "in the end", "guessing"];
    Ok(markdown(&titles, |column| column > 0, &lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>()))
}

fn mean_of_last(hits: &[(u64, f64)]) -> Option<f64> {
    mean(&hits[hits.len().saturating_sub(EPOCHS)..])
}

fn mean(hits: &[(u64, f64)]) -> Option<f64> {
    (!hits.is_empty()).then(|| hits.iter().map(|(_, hits)| hits).sum::<f64>() / hits.len() as f64)
}

fn key(row: &Row) -> (&'static str, String, u64) {
    (row.settings.case.name(), rate(row), row.settings.seed)
}

fn rate(row: &Row) -> String {
    row.settings.schedule.learning_rate().map_or("falling".into(), |rate| rate.to_string())
}

fn line(row: &Row, onset: u64, hits: [f64; 3]) -> Vec<String> {
    let settings = &row.settings;
    let guessing = row.summary.guessed_hit_at_10();
    let name = format!("`{}`, {} units", settings.case.name(), settings.model.units.unwrap_or(settings.case.units()));
    let first = [name, rate(row), settings.seed.to_string(), whole(onset)];
    let shares = hits.into_iter().chain([guessing]).map(|share| format!("{:.1} %", 100.0 * share));
    first.into_iter().chain(shares).collect()
}
