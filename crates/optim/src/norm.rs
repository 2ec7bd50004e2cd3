//! Sums and norms of flat buffers in one fixed order.
//!
//! A buffer is cut into chunks of [`CHUNK`] elements. Within a chunk, element `i` is added in `f64` to lane `i mod 8`; then
//! the lanes are added in order, and last the chunks. Threads only decide who computes a chunk, never the order.

use flameout_kernels::Real;
use rayon::prelude::*;

/// Elements of a chunk: the unit with one owner and one sum.
pub(crate) const CHUNK: usize = 4096;
/// Partial sums within a chunk.
pub(crate) const LANES: usize = 8;
/// Chunks worth a task of their own; a smaller buffer stays on the calling thread.
pub(crate) const TASK_CHUNKS: usize = 8;

/// The L2 norm √(Σ x²) of a flat buffer, summed in `f64` in a fixed order.
///
/// It is NaN or infinite where an element is; for `f64` also infinite where the sum of squares overflows (an element beyond
/// about 1e154). The norm of nothing is 0.
pub fn l2_norm<T: Real>(values: &[T]) -> f64 {
    chunked_sum(values, [], |x, []| x.to_f64() * x.to_f64()).sqrt()
}

/// Σ `term(values[i], state[·][i])`; all slices have the length of `values`.
pub(crate) fn chunked_sum<T: Real, const N: usize>(
    values: &[T],
    state: [&[T]; N],
    term: impl Fn(T, [T; N]) -> f64 + Sync,
) -> f64 {
    let sums: Vec<f64> = (0..values.len().div_ceil(CHUNK))
        .into_par_iter()
        .with_min_len(TASK_CHUNKS)
        .map(|chunk| {
            let range = chunk * CHUNK..values.len().min((chunk + 1) * CHUNK);
            chunk_sum(&values[range.clone()], state.map(|slice| &slice[range.clone()]), &term)
        })
        .collect();
    sum_in_order(&sums)
}

fn chunk_sum<T: Real, const N: usize>(values: &[T], state: [&[T]; N], term: &impl Fn(T, [T; N]) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (blocks, tail) = values.as_chunks::<LANES>();
    let state = state.map(|slice| slice.as_chunks::<LANES>());
    for (i, block) in blocks.iter().enumerate() {
        let state = state.map(|(blocks, _)| blocks[i]);
        let mut terms = [0.0; LANES];
        for (lane, value) in terms.iter_mut().enumerate() {
            *value = term(block[lane], state.map(|block| block[lane]));
        }
        for (sum, value) in lanes.iter_mut().zip(terms) {
            *sum += value;
        }
    }
    for (lane, &value) in tail.iter().enumerate() {
        lanes[lane] += term(value, state.map(|(_, tail)| tail[lane]));
    }
    sum_in_order(&lanes)
}

/// The sum from the first element to the last, beginning with +0 (`Iterator::sum` begins with −0).
pub(crate) fn sum_in_order(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, written out.
    fn reference(values: &[f64]) -> f64 {
        let mut total = 0.0;
        for chunk in values.chunks(4096) {
            let mut lanes = [0.0; 8];
            for (i, x) in chunk.iter().enumerate() {
                lanes[i % 8] += x * x;
            }
            total += lanes.iter().fold(0.0, |a, b| a + b);
        }
        total.sqrt()
    }

    #[test]
    fn follows_the_fixed_order_to_the_bit() {
        for length in [0, 1, 7, 8, 9, 4095, 4096, 4097, 100_003] {
            let values: Vec<f64> = (0..length).map(|i| 1.0 / (1.0 + i as f64) - 0.3).collect();
            assert_eq!(l2_norm(&values).to_bits(), reference(&values).to_bits(), "length {length}");
        }
    }

    #[test]
    fn known_values() {
        assert_eq!(l2_norm(&[3.0_f32, -4.0]), 5.0);
        assert!(l2_norm(&[f32::MAX; 100]).is_finite());
        assert!(l2_norm(&[1.0, f64::NAN]).is_nan());
        assert_eq!(l2_norm(&[1.0, f64::NEG_INFINITY]), f64::INFINITY);
    }
}
