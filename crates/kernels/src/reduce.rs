//! Sums whose bits depend on the numbers and their order alone.

use rayon::prelude::*;

use crate::{Real, dispatch};

/// Numbers a chunk: the unit of work, summed by one thread.
pub const CHUNK: usize = 4096;
/// Running sums side by side in a chunk.
pub const LANES: usize = 8;
/// Chunks worth a task of their own; a shorter slice stays on the calling thread.
pub const TASK_CHUNKS: usize = 8;

/// Σ f(x), in `f64`: chunks of [`CHUNK`] numbers, each over [`LANES`] interleaved running sums; lanes, then chunks, added
/// in order.
///
/// The chunking is fixed, so the result does not depend on the number of threads.
pub fn sum_of<T: Real>(values: &[T], f: impl Fn(f64) -> f64 + Sync) -> f64 {
    sum_of_zipped(values, [], |x, []| f(x.to_f64()))
}

/// Σ `f(values[i], [others[0][i], others[1][i], …])`, in the order of [`sum_of`].
///
/// # Panics
/// If a slice has another length than `values`.
pub fn sum_of_zipped<T: Real, const N: usize>(
    values: &[T],
    others: [&[T]; N],
    f: impl Fn(T, [T; N]) -> f64 + Sync,
) -> f64 {
    assert!(others.iter().all(|other| other.len() == values.len()), "all slices must have the same length");
    let chunk = |index: usize| {
        let range = index * CHUNK..values.len().min((index + 1) * CHUNK);
        let (values, others) = (&values[range.clone()], others.map(|other| &other[range.clone()]));
        dispatch(
            #[inline(always)]
            || sum_chunk(values, others, &f),
        )
    };
    let chunks = values.len().div_ceil(CHUNK);
    let sums: Vec<f64> = (0..chunks).into_par_iter().with_min_len(TASK_CHUNKS).map(chunk).collect();
    in_order(&sums)
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

/// The sum from the first number to the last, beginning with +0 (`Iterator::sum` begins with −0): how lanes and chunks
/// are added.
#[must_use]
pub fn in_order(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

#[inline(always)]
fn sum_chunk<T: Real, const N: usize>(values: &[T], others: [&[T]; N], f: impl Fn(T, [T; N]) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (blocks, tail) = values.as_chunks::<LANES>();
    let others = others.map(|other| other.as_chunks::<LANES>());
    for (index, block) in blocks.iter().enumerate() {
        let others = others.map(|(blocks, _)| blocks[index]);
        let mut terms = [0.0; LANES];
        for (lane, term) in terms.iter_mut().enumerate() {
            *term = f(block[lane], others.map(|block| block[lane]));
        }
        for (sum, term) in lanes.iter_mut().zip(terms) {
            *sum += term;
        }
    }
    for (lane, &x) in tail.iter().enumerate() {
        lanes[lane] += f(x, others.map(|(_, tail)| tail[lane]));
    }
    in_order(&lanes)
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
        assert_eq!(sum::<f64>(&[]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(sum(&[1.0_f32, 2.0, 3.5]), 6.5);
    }

    /// The definition, written out.
    fn by_definition(terms: &[f64]) -> f64 {
        let mut total = 0.0;
        for chunk in terms.chunks(4096) {
            let mut lanes = [0.0; 8];
            chunk.iter().enumerate().for_each(|(i, term)| lanes[i % 8] += term);
            total += lanes.iter().fold(0.0, |sum, lane| sum + lane);
        }
        total
    }

    #[test]
    fn the_order_is_fixed_to_the_bit() {
        for length in [0, 1, 7, 8, 9, 4095, 4096, 4097, 100_003] {
            let a: Vec<f64> = (0..length).map(|i| 1.0 / (1.0 + i as f64) - 0.3).collect();
            let b: Vec<f64> = (0..length).map(|i| 0.7 + i as f64 / 3.0).collect();
            let squares: Vec<f64> = a.iter().map(|x| x * x).collect();
            assert_eq!(sum_of_squares(&a).to_bits(), by_definition(&squares).to_bits(), "length {length}");
            let terms: Vec<f64> = a.iter().zip(&b).map(|(x, y)| x * y / (1.0 + y)).collect();
            let sum = sum_of_zipped(&a, [&b, &a], |x, [y, _]| x * y / (1.0 + y));
            assert_eq!(sum.to_bits(), by_definition(&terms).to_bits(), "length {length}");
        }
    }

    #[test]
    #[should_panic(expected = "the same length")]
    fn slices_of_different_lengths_are_refused() {
        sum_of_zipped(&[1.0_f32, 2.0], [&[1.0]], |x, [y]| f64::from(x * y));
    }
}
