//! Steps that stand out.

use flameout_curves::{Point, median};

/// Steps before it that a step is compared with.
const BEFORE: usize = 100;

/// The value below which this share of the others lies; NaN of none. Values that are not numbers count as the largest.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted: Vec<f64> = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (share * sorted.len() as f64) as usize;
    sorted.get(place.min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

/// The steps of a stretch whose gradient is longest compared with the median of the steps before them, the most unusual
/// first. A gradient that is no number is the most unusual of all, also in the first step, which has none before it.
pub(crate) fn unusual_gradients(points: &[Point], from: u64, to: u64) -> Vec<(u64, f64)> {
    let norms: Vec<f64> = points.iter().map(|point| point.gradient_norm.unwrap_or(f64::NAN)).collect();
    let mut ratios: Vec<(u64, f64)> = (0..points.len())
        .filter(|&index| index > 0 || !norms[index].is_finite())
        .filter(|&index| (from..=to).contains(&points[index].step))
        .map(|index| {
            let before = median(&norms[index.saturating_sub(BEFORE)..index]).unwrap_or(f64::NAN);
            (points[index].step, norms[index] / before)
        })
        .collect();
    ratios.sort_by(|a, b| b.1.total_cmp(&a.1));
    ratios
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_values_lies_below_the_quantile() {
        assert_eq!(quantile(&[4.0, 1.0, 2.0, 3.0], 0.99), 4.0);
        assert!(quantile(&[], 0.5).is_nan());
    }
}
