//! Several sums and a maximum over the same numbers, in one pass through memory.

use flameout_kernels::reduce::{self, LANES, PIECES};
use flameout_kernels::{Real, dispatch};
use rayon::prelude::*;

/// Elements whose terms are computed at once, loop by loop: each loop becomes a few vector instructions. (With 256 the pass
/// takes nearly twice as long, with 64 as long as reading the numbers.)
pub(crate) const BLOCK: usize = 64;

/// Sums of `M` terms an element, and the largest value of another term.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Totals<T, const M: usize> {
    pub(crate) sums: [f64; M],
    /// 0 if nothing is larger; NaN does not count.
    pub(crate) largest: T,
}

/// The terms of a block of elements.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms<T, const M: usize> {
    /// To be summed.
    pub(crate) summed: [[f64; BLOCK]; M],
    /// Of which the largest is wanted.
    pub(crate) compared: [T; BLOCK],
}

impl<T: Real, const M: usize> Terms<T, M> {
    pub(crate) const ZERO: Self = Self { summed: [[0.0; BLOCK]; M], compared: [T::ZERO; BLOCK] };
}

/// The terms of all elements, totalled: the sums in the order of [`reduce::sum_of_zipped`], so that their bits depend on the
/// numbers alone. `f` writes the terms of a block of elements (all of them) given the block of each slice. The last block is
/// filled up with zeros, whose terms must be zero. Mark it, and what it calls, `#[inline(always)]` (see [`dispatch`]).
///
/// # Panics
/// If the slices have not the same length.
pub(crate) fn totals<T: Real, const N: usize, const M: usize>(
    slices: [&[T]; N],
    f: impl Fn([&[T; BLOCK]; N], &mut Terms<T, M>) + Sync,
) -> Totals<T, M> {
    let len = slices.first().map_or(0, |slice| slice.len());
    assert!(slices.iter().all(|slice| slice.len() == len), "slices to total must have the same length");
    let piece_len = reduce::piece_len(len);
    let mut pieces = [Totals { sums: [0.0; M], largest: T::ZERO }; PIECES];
    let pieces = &mut pieces[..len.div_ceil(piece_len)];
    let total = |(index, piece): (usize, &mut Totals<T, M>)| {
        let range = index * piece_len..((index + 1) * piece_len).min(len);
        let slices = slices.map(|slice| &slice[range.clone()]);
        *piece = dispatch(
            #[inline(always)]
            || total_piece(slices, &f),
        );
    };
    match pieces {
        [piece] => total((0, piece)),
        _ => pieces.par_iter_mut().enumerate().for_each(total),
    }
    let sums = std::array::from_fn(|term| pieces.iter().fold(0.0, |sum, piece| sum + piece.sums[term]));
    Totals { sums, largest: pieces.iter().fold(T::ZERO, |largest, piece| larger(piece.largest, largest)) }
}

#[inline(always)]
fn total_piece<T: Real, const N: usize, const M: usize>(
    slices: [&[T]; N],
    f: &impl Fn([&[T; BLOCK]; N], &mut Terms<T, M>),
) -> Totals<T, M> {
    let mut sums = [[0.0; LANES]; M];
    let mut largest = [T::ZERO; LANES];
    let mut terms = Terms::ZERO;
    let slices = slices.map(|slice| slice.as_chunks::<BLOCK>());
    for index in 0..slices.first().map_or(0, |(blocks, _)| blocks.len()) {
        // Called through the reference, `f` would not be inlined.
        (*f)(slices.map(|(blocks, _)| &blocks[index]), &mut terms);
        add(&terms, &mut sums, &mut largest);
    }
    if slices.first().is_some_and(|(_, tail)| !tail.is_empty()) {
        let tails = slices.map(|(_, tail)| {
            let mut block = [T::ZERO; BLOCK];
            block[..tail.len()].copy_from_slice(tail);
            block
        });
        (*f)(tails.each_ref(), &mut terms);
        add(&terms, &mut sums, &mut largest);
    }
    Totals {
        sums: sums.map(|lanes| reduce::in_order(&lanes)),
        largest: largest.into_iter().fold(T::ZERO, |held, x| larger(x, held)),
    }
}

#[inline(always)]
fn add<T: Real, const M: usize>(terms: &Terms<T, M>, sums: &mut [[f64; LANES]; M], largest: &mut [T; LANES]) {
    for (sums, terms) in sums.iter_mut().zip(&terms.summed) {
        let mut lanes = *sums;
        for terms in terms.as_chunks::<LANES>().0 {
            for (sum, term) in lanes.iter_mut().zip(terms) {
                *sum += *term;
            }
        }
        *sums = lanes;
    }
    let mut lanes = *largest;
    for sizes in terms.compared.as_chunks::<LANES>().0 {
        for (held, size) in lanes.iter_mut().zip(sizes) {
            *held = larger(*size, *held);
        }
    }
    *largest = lanes;
}

/// `x` if it is larger than `held`, which it is not if it is NaN.
#[inline(always)]
fn larger<T: Real>(x: T, held: T) -> T {
    if x > held { x } else { held }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_have_the_bits_of_the_kernels_reductions() {
        for length in [0, 1, 7, 8, 9, 4096, 4097, 100_003, 300_001] {
            let a: Vec<f32> = (0..length).map(|i| 1.0 / (1.0 + i as f32) - 0.3).collect();
            let b: Vec<f32> = (0..length).map(|i| 0.7 + i as f32 / 3.0).collect();
            let of = |[x, y]: [&[f32; BLOCK]; 2], terms: &mut Terms<f32, 2>| {
                for i in 0..BLOCK {
                    terms.summed[0][i] = f64::from(x[i]) * f64::from(x[i]);
                    terms.summed[1][i] = f64::from(x[i] * y[i]);
                    terms.compared[i] = x[i];
                }
            };
            let expected = [reduce::sum_of_squares(&a), reduce::sum_of_zipped(&a, [&b], |x, [y]| f64::from(x * y))];
            for threads in [1, 3] {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let found = pool.install(|| totals([&a, &b], of));
                assert_eq!(found.sums.map(f64::to_bits), expected.map(f64::to_bits), "length {length}");
                assert_eq!(found.largest, a.iter().copied().fold(0.0, f32::max));
            }
        }
    }

    #[test]
    fn the_largest_ignores_nan() {
        let found = totals([&[1.0, f64::NAN, 3.0, 2.0][..]], |[x], terms: &mut Terms<f64, 1>| {
            terms.summed[0] = *x;
            terms.compared = *x;
        });
        assert!(found.sums[0].is_nan());
        assert_eq!(found.largest, 3.0);
    }
}
