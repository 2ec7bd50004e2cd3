//! Medians and what is made of them.

/// Standard deviations of a normal distribution in its median absolute deviation.
const DEVIATIONS: f64 = 1.4826;
/// Most numbers whose median is found without allocating.
const FEW: usize = 32;

/// The middle value, the upper one where there are two; `None` of nothing. Values that are no numbers count as the largest.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut few = [0.0; FEW];
    if let Some(few) = few.get_mut(..values.len()) {
        few.copy_from_slice(values);
        return middle(few);
    }
    middle(&mut values.to_vec())
}

fn middle(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    (!values.is_empty()).then(|| *values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

/// The standard deviation by the median absolute deviation; 0 of nothing.
pub(crate) fn deviation(mut values: Vec<f64>) -> f64 {
    let Some(centre) = middle(&mut values) else { return 0.0 };
    values.iter_mut().for_each(|value| *value = (*value - centre).abs());
    DEVIATIONS * middle(&mut values).unwrap_or(0.0)
}

/// The value that this share of them does not exceed; never the largest of four or more, which may be a stray one; 0 of nothing.
pub(crate) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let largest = if values.len() < 4 { values.len() - 1 } else { values.len() - 2 };
    let at = ((values.len() as f64 * share) as usize).min(largest);
    *values.select_nth_unstable_by(at, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, f64::INFINITY]), Some(3.0));
        assert_eq!(median(&[f64::NAN, 1.0, 4.0, 2.0]), Some(4.0));
        assert_eq!(median(&[]), None);
        let many: Vec<f64> = (0..101).rev().map(f64::from).collect();
        assert_eq!((median(&many), quantile(many, 0.25)), (Some(50.0), 25.0));
    }
}
