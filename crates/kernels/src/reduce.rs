//! Sums whose bits depend on the numbers and their order alone.

use crate::{Real, dispatch, team};

/// The most pieces that a sum is made of.
pub const PIECES: usize = 64;
/// Running sums side by side in a piece.
pub const LANES: usize = 8;
/// The length of a piece is a multiple of this.
const PIECE_UNIT: usize = 4096;
/// Terms that a thread adds in a nanosecond, about.
const TERMS_A_NANOSECOND: usize = 2;

/// The length of the pieces (the last may be shorter) in which `len` numbers are summed, at most [`PIECES`] of them.
#[must_use]
pub fn piece_len(len: usize) -> usize {
    len.div_ceil(PIECES * PIECE_UNIT).max(1) * PIECE_UNIT
}

/// Σ f(x, others), in `f64`: over pieces of [`piece_len`] numbers, each over [`LANES`] interleaved running sums; lanes,
/// then pieces, added in order. The result does not depend on the number of threads. Allocates nothing.
///
/// # Panics
/// If the slices have not the same length.
pub fn sum_of_zipped<T: Real, const N: usize>(
    values: &[T],
    others: [&[T]; N],
    f: impl Fn(T, [T; N]) -> f64 + Sync,
) -> f64 {
    assert!(others.iter().all(|other| other.len() == values.len()), "slices to sum must have the same length");
    let piece_len = piece_len(values.len());
    let mut sums = [0.0; PIECES];
    let pieces = sums.iter_mut().zip(values.chunks(piece_len)).enumerate();
    let add = |(index, (sum, piece)): (usize, (&mut f64, &[T]))| {
        let from = index * piece_len;
        let others = others.map(|other| &other[from..from + piece.len()]);
        *sum = dispatch(
            #[inline(always)]
            || sum_piece(piece, others, &f),
        );
    };
    team::for_each(values.len() / TERMS_A_NANOSECOND, pieces, add);
    in_order(&sums[..values.len().div_ceil(piece_len)])
}

/// Σ f(x), as [`sum_of_zipped`].
pub fn sum_of<T: Real>(values: &[T], f: impl Fn(f64) -> f64 + Sync) -> f64 {
    sum_of_zipped(values, [], |x, []| f(x.to_f64()))
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

/// The sum from the first number to the last, beginning with +0 (`Iterator::sum` begins with −0): how lanes and pieces
/// are added.
#[must_use]
pub fn in_order(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

#[inline(always)]
fn sum_piece<T: Real, const N: usize>(values: &[T], others: [&[T]; N], f: impl Fn(T, [T; N]) -> f64) -> f64 {
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
        let length = if cfg!(miri) { 4_100 } else { 350_003_u64 };
        let values: Vec<f32> = (0..length).map(|i| ((i * 7919) % 1000) as f32 / 1000.0 - 0.5).collect();
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
        for chunk in terms.chunks(if terms.len() > 64 * 4096 { 8192 } else { 4096 }) {
            let mut lanes = [0.0; 8];
            chunk.iter().enumerate().for_each(|(i, term)| lanes[i % 8] += term);
            total += lanes.iter().fold(0.0, |sum, lane| sum + lane);
        }
        total
    }

    #[test]
    fn the_order_is_fixed_to_the_bit() {
        let lengths = [0, 1, 7, 8, 9, 4097, 4095, 4096, 100_003, 300_001];
        for &length in &lengths[..if cfg!(miri) { 6 } else { lengths.len() }] {
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
