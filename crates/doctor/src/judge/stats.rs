//! Medians and what is made of them.

/// Standard deviations of a normal distribution in its median absolute deviation.
const DEVIATIONS: f64 = 1.4826;
/// Most numbers whose median is found without allocating.
const FEW: usize = 32;

/// The upper of the two middle values, where there are two; 0 of nothing.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut few = [0.0; FEW];
    if let Some(few) = few.get_mut(..values.len()) {
        few.copy_from_slice(values);
        return middle(few);
    }
    middle(&mut values.to_vec())
}

fn middle(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f64::total_cmp).1 }
}

/// The standard deviation by the median absolute deviation; 0 of nothing.
pub(super) fn deviation(mut values: Vec<f64>) -> f64 {
    let centre = middle(&mut values);
    values.iter_mut().for_each(|value| *value = (*value - centre).abs());
    DEVIATIONS * middle(&mut values)
}

/// The value that this share of them does not exceed; never the largest of four or more, which may be a stray one; 0 of nothing.
pub(super) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let largest = if values.len() < 4 { values.len() - 1 } else { values.len() - 2 };
    let at = ((values.len() as f64 * share) as usize).min(largest);
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}
