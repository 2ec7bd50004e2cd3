//! Many values as few that look the same.
//!
//! A stretch of values is drawn as a band from the smallest to the largest, with the mean as a line in it: a spike of a
//! single step stays visible however far the whole run is thinned.

use std::ops::Range;

/// Values of neighbouring steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    /// Its last step.
    pub(crate) step: u64,
    /// The smallest value; NaN if none is a number.
    pub(crate) low: f64,
    /// The mean; not finite if any value is not.
    pub(crate) mean: f64,
    /// The largest value; NaN if none is a number.
    pub(crate) high: f64,
}

impl Stretch {
    fn of(values: &[(u64, f64)]) -> Self {
        let numbers = || values.iter().map(|&(_, value)| value);
        Self {
            step: values.last().map_or(0, |&(step, _)| step),
            low: numbers().reduce(f64::min).unwrap_or(f64::NAN),
            mean: numbers().sum::<f64>() / values.len() as f64,
            high: numbers().reduce(f64::max).unwrap_or(f64::NAN),
        }
    }
}

/// Values, each with its step, in at most `stretches` stretches of the same number of values; but those of the steps in
/// `detail` stay as they are.
pub(crate) fn thin(values: &[(u64, f64)], stretches: usize, detail: &Range<u64>) -> Vec<Stretch> {
    let size = values.len().div_ceil(stretches.max(1)).max(1);
    let inside = |from: usize| from + values[from..].partition_point(|&(step, _)| step < detail.end);
    let first = values.partition_point(|&(step, _)| step < detail.start);
    let last = inside(first);
    let coarse = |part: &[(u64, f64)]| part.chunks(size).map(Stretch::of).collect::<Vec<_>>();
    let mut thinned = coarse(&values[..first]);
    thinned.extend(values[first..last].chunks(1).map(Stretch::of));
    thinned.extend(coarse(&values[last..]));
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_spike_stays_visible() {
        let values: Vec<_> = (1..=1000).map(|step| (step, if step == 437 { 9.0 } else { 1.0 })).collect();
        let thinned = thin(&values, 10, &(0..0));
        assert_eq!(thinned.len(), 10);
        assert_eq!(thinned[4], Stretch { step: 500, low: 1.0, mean: 1.08, high: 9.0 });
    }

    #[test]
    fn a_value_that_is_not_finite_makes_a_gap() {
        let thinned = thin(&[(1, 1.0), (2, f64::NAN), (3, f64::NAN), (4, f64::NAN)], 2, &(0..0));
        assert!(thinned[0].mean.is_nan() && thinned[0].high == 1.0);
        assert!(thinned[1].low.is_nan());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_at_the_edges(count in 0_u64..300, stretches in 0_usize..40, from in 0_u64..300, width in 0_u64..50) {
            let values: Vec<_> = (1..=count).map(|step| (step, (step * 37 % 101) as f64)).collect();
            let detail = from..from + width;
            let thinned = thin(&values, stretches, &detail);
            let extreme = |pick: fn(f64, f64) -> f64| values.iter().map(|&(_, value)| value).reduce(pick);
            prop_assert_eq!(thinned.iter().map(|stretch| stretch.low).reduce(f64::min), extreme(f64::min));
            prop_assert_eq!(thinned.iter().map(|stretch| stretch.high).reduce(f64::max), extreme(f64::max));
            prop_assert_eq!(thinned.last().map_or(0, |stretch| stretch.step), count);
            prop_assert!(thinned.is_sorted_by_key(|stretch| stretch.step));
            prop_assert!(thinned.len() <= stretches.max(1) + 1 + width as usize);
            for step in detail.start.max(1)..detail.end.min(count + 1) {
                prop_assert!(thinned.iter().any(|stretch| stretch.step == step && stretch.low == stretch.high));
            }
        }
    }
}
