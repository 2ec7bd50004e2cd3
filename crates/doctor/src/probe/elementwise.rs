//! Vectors as long as the parameters, computed element by element in parallel.

use flameout_kernels::{Real, dispatch, reduce};
use rayon::prelude::*;

/// `out[i] = f([a[i], b[i], …])`.
///
/// # Panics
/// If the slices have not the same length.
pub(crate) fn fill<T: Real, const N: usize>(out: &mut [T], slices: [&[T]; N], f: impl Fn([T; N]) -> T + Sync) {
    assert!(slices.iter().all(|slice| slice.len() == out.len()), "slices must have the same length");
    let piece_len = reduce::piece_len(out.len());
    out.par_chunks_mut(piece_len).enumerate().for_each(|(index, out)| {
        let from = index * piece_len;
        let slices = slices.map(|slice| &slice[from..from + out.len()]);
        dispatch(
            #[inline(always)]
            || {
                for (i, out) in out.iter_mut().enumerate() {
                    *out = f(slices.map(|slice| slice[i]));
                }
            },
        );
    });
}

/// `values[i] = f(values[i], [a[i], b[i], …])`.
///
/// # Panics
/// If the slices have not the same length.
pub(crate) fn change<T: Real, const N: usize>(values: &mut [T], slices: [&[T]; N], f: impl Fn(T, [T; N]) -> T + Sync) {
    assert!(slices.iter().all(|slice| slice.len() == values.len()), "slices must have the same length");
    let piece_len = reduce::piece_len(values.len());
    values.par_chunks_mut(piece_len).enumerate().for_each(|(index, values)| {
        let from = index * piece_len;
        let slices = slices.map(|slice| &slice[from..from + values.len()]);
        dispatch(
            #[inline(always)]
            || {
                for (i, value) in values.iter_mut().enumerate() {
                    *value = f(*value, slices.map(|slice| slice[i]));
                }
            },
        );
    });
}

/// Σ a·b, summed in `f64` in the fixed order of [`reduce::sum_of_zipped`].
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    reduce::sum_of_zipped(a, [b], |x, [y]| x.to_f64() * y.to_f64())
}
