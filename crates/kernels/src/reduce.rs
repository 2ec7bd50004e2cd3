//! Sums whose bits depend on the numbers and their order alone.

use rayon::prelude::*;

use crate::{Real, dispatch};

/// Numbers a chunk: the unit of work, summed by one thread.
const CHUNK: usize = 4096;
/// Running sums side by side in a chunk.
const LANES: usize = 8;

/// Σ f(x), in `f64`: chunks of 4,096 numbers, each over 8 interleaved running sums; lanes, then chunks, added in order.
///
/// The chunking is fixed, so the result does not depend on the number of threads.
pub fn sum_of<T: Real>(values: &[T], f: impl Fn(f64) -> f64 + Sync) -> f64 {
    let chunk = |chunk: &[T]| {
        dispatch(
            #[inline(always)]
            || sum_chunk(chunk, &f),
        )
    };
    if values.len() <= CHUNK {
        return chunk(values);
    }
    let sums: Vec<f64> = values.par_chunks(CHUNK).map(chunk).collect();
    sums.iter().sum()
}

/// Σ x.
#[must_use]
pub fn sum<T: Real>(values: &[T]) -> f64 {
    sum_of(values, |x| x)
}

/// Σ x²: the square of the Euclidean norm.
#[must_use]
pub fn sum_of_squares<T: Real>(values: &[T]) -> f64 {
    sum_of(values, |x| x * x)
}

#[inline(always)]
fn sum_chunk<T: Real>(chunk: &[T], f: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (groups, rest) = chunk.as_chunks::<LANES>();
    for group in groups {
        for (lane, x) in lanes.iter_mut().zip(group) {
            *lane += f(x.to_f64());
        }
    }
    for (lane, x) in lanes.iter_mut().zip(rest) {
        *lane += f(x.to_f64());
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_right_and_independent_of_threads() {
        let values: Vec<f32> = (0..50_003).map(|i| ((i * 7919) % 1000) as f32 / 1000.0 - 0.5).collect();
        let expected: f64 = values.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let bits: Vec<u64> = [1, 2, 3]
            .map(|threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let sum = pool.install(|| sum_of_squares(&values));
                assert!((sum - expected).abs() < 1e-9 * expected);
                sum.to_bits()
            })
            .to_vec();
        assert!(bits.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(sum::<f64>(&[]), 0.0);
        assert_eq!(sum(&[1.0_f32, 2.0, 3.5]), 6.5);
    }
}
