//! Medians, and steps that stand out.

use flameout_experiment::StepRecord;

/// Steps before it that a step is compared with.
const BEFORE: usize = 100;

/// The middle value; NaN of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// The value below which this share of the others lies; NaN of none. Values that are not numbers count as the largest.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// The steps of a stretch whose gradient is longest compared with the median of the steps before them, the most unusual
/// first. A gradient that is no number is the most unusual of all, also in the first step, which has none before it.
pub(crate) fn unusual_gradients(records: &[StepRecord], from: u64, to: u64) -> Vec<(u64, f64)> {
    let mut ratios: Vec<(u64, f64)> = records
        .iter()
        .enumerate()
        .filter(|(index, record)| *index > 0 || !record.gradient_norm.is_finite())
        .filter(|(_, record)| (from..=to).contains(&record.step))
        .map(|(index, record)| {
            let before: Vec<f64> =
                records[index.saturating_sub(BEFORE)..index].iter().map(|record| record.gradient_norm).collect();
            (record.step, record.gradient_norm / median(&before))
        })
        .collect();
    ratios.sort_by(|a, b| b.1.total_cmp(&a.1));
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, f64::INFINITY]), 3.0);
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.99), 4.0);
        assert!(median(&[]).is_nan());
    }
}
