//! What a row of an earlier definition of a collapse says by the definition of today.

use std::path::Path;

use anyhow::Result;
use flameout_curves::outcome::{DEFINITION, Symptom, TRAINED_LOSS};

use super::curve::Point;
use super::row::Row;
use crate::cli::csv_file;

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Its loss never fell to 75 % of the mean predictor's.
    NeverTrained,
    /// It trained well, and did not collapse.
    Sound,
    /// It trained well, and collapsed.
    Collapsed,
}

/// Judges a row; `None` if it was kept by the first definition and does not hold what the definition of today asks for. Its
/// run has to be made again.
///
/// What a row of the first definition tells:
/// - The lowest loss tells whether the network trained well.
/// - Whoever trained well by the first definition and did not collapse has not collapsed by today's, which asks for more.
/// - A collapse is one today if the loss of all training words is above the mean predictor's in the end, or the mean of a
///   stretch of the curve that was kept is, after the onset.
pub fn verdict(row: &Row, curve: &Path) -> Result<Option<Verdict>> {
    let summary = &row.summary;
    let naive = summary.baseline.train_loss;
    let trained = summary.best.is_some_and(|best| best.loss <= TRAINED_LOSS * naive);
    if !trained {
        return Ok(Some(Verdict::NeverTrained));
    }
    if summary.definition == DEFINITION {
        return Ok(Some(if summary.collapsed { Verdict::Collapsed } else { Verdict::Sound }));
    }
    let Some(onset) = summary.onset_step else {
        return Ok(summary.trained_well_step.map(|_| Verdict::Sound));
    };
    let risen = summary.symptom == Some(Symptom::NonFinite)
        || summary.last.loss >= naive
        || (curve.is_file()
            && csv_file::read::<Point>(curve)?.iter().any(|point| point.step > onset && point.loss_mean >= naive));
    Ok(risen.then_some(Verdict::Collapsed))
}
