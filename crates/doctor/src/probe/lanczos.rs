//! The largest eigenvalue of a symmetric matrix that is known by its products with vectors.

use flameout_kernels::Real;
use serde::{Deserialize, Serialize};

use super::elementwise::{change, dot};
use super::start::start_sign;

/// An estimate of a largest eigenvalue. It approaches the true one from below.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Eigenvalue {
    /// The estimate.
    pub value: f64,
    /// How much the last iteration added: about how much is still missing.
    pub gained: f64,
    /// Products with the matrix that it took.
    pub iterations: u32,
}

/// The largest (most positive) eigenvalue of a symmetric matrix of `len` rows, by at most `iterations` of Lanczos' method
/// from a fixed start: the largest eigenvalue of the tridiagonal matrix that it builds (Golub and Van Loan 2013, *Matrix
/// Computations*, section 10.1).
///
/// `times(x, out)` computes the matrix times x. The vectors are not orthogonalised again: what that costs, repeated copies
/// of eigenvalues found already, does not touch the largest, and three vectors do instead of one an iteration.
pub(crate) fn largest_eigenvalue<T: Real>(
    len: usize,
    iterations: u32,
    mut times: impl FnMut(&[T], &mut [T]),
) -> Eigenvalue {
    let mut diagonal = Vec::new();
    let mut beside = Vec::new();
    let mut found = Eigenvalue { value: 0.0, gained: 0.0, iterations: 0 };
    let mut current: Vec<T> = (0..len).map(|i| T::from_f64(start_sign(i))).collect();
    let mut previous = vec![T::ZERO; len];
    let mut next = vec![T::ZERO; len];
    let mut off_diagonal = 0.0;
    scale(&mut current, 1.0 / (len.max(1) as f64).sqrt());
    for iteration in 1..=iterations {
        times(&current, &mut next);
        let alpha = dot(&next, &current);
        subtract(&mut next, alpha, &current);
        subtract(&mut next, off_diagonal, &previous);
        diagonal.push(alpha);
        let value = largest_of_tridiagonal(&diagonal, &beside);
        found = Eigenvalue {
            value,
            gained: if iteration > 1 { value - found.value } else { value.abs() },
            iterations: iteration,
        };
        off_diagonal = dot(&next, &next).sqrt();
        // The vectors so far span all that the start can reach; or a number is not finite.
        let negligible = T::from_f64(1e-6) * T::from_f64(largest_magnitude(&diagonal, &beside));
        if off_diagonal.is_nan() || T::from_f64(off_diagonal) <= negligible {
            break;
        }
        beside.push(off_diagonal);
        scale(&mut next, 1.0 / off_diagonal);
        std::mem::swap(&mut previous, &mut current);
        std::mem::swap(&mut current, &mut next);
    }
    found
}

fn scale<T: Real>(x: &mut [T], factor: f64) {
    change(x, [], |x, []| T::from_f64(x.to_f64() * factor));
}

/// `x ← x − factor·y`
fn subtract<T: Real>(x: &mut [T], factor: f64, y: &[T]) {
    change(x, [y], |x, [y]| T::from_f64(x.to_f64() - factor * y.to_f64()));
}

fn largest_magnitude(diagonal: &[f64], beside: &[f64]) -> f64 {
    diagonal.iter().chain(beside).fold(0.0, |largest: f64, x| largest.max(x.abs()))
}

/// The largest eigenvalue of a symmetric tridiagonal matrix, by bisection on the number of eigenvalues above a point
/// (Golub and Van Loan 2013, section 8.4.1). NaN if an entry is.
fn largest_of_tridiagonal(diagonal: &[f64], beside: &[f64]) -> f64 {
    if diagonal.iter().chain(beside).any(|x| !x.is_finite()) {
        return f64::NAN;
    }
    // Gershgorin's bound.
    let bound = 3.0 * largest_magnitude(diagonal, beside);
    let (mut low, mut high) = (-bound, bound);
    // Halved until nothing is left to halve: doubles have no more than about 1,100 places between any two of them.
    for _ in 0..1200 {
        let middle = low + 0.5 * (high - low);
        if middle <= low || middle >= high {
            break;
        }
        if all_below(diagonal, beside, middle) { high = middle } else { low = middle }
    }
    low + 0.5 * (high - low)
}

/// Whether T − point·1 is negative definite: every pivot of its elimination is below zero (Sylvester's law of inertia).
fn all_below(diagonal: &[f64], beside: &[f64], point: f64) -> bool {
    let mut pivot = 1.0;
    for (i, entry) in diagonal.iter().enumerate() {
        let eliminated = if i == 0 { 0.0 } else { beside[i - 1] * beside[i - 1] / pivot };
        pivot = entry - point - eliminated;
        if pivot >= 0.0 {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tridiagonal_matrices_with_known_eigenvalues() {
        // 2 on the diagonal, −1 beside it: 2 − 2·cos(kπ/(n + 1)).
        for n in [1_usize, 2, 5, 20] {
            let expected = 2.0 + 2.0 * (std::f64::consts::PI / (n as f64 + 1.0)).cos();
            let found = largest_of_tridiagonal(&vec![2.0; n], &vec![-1.0; n - 1]);
            approx::assert_relative_eq!(found, expected, max_relative = 1e-13);
        }
        approx::assert_relative_eq!(largest_of_tridiagonal(&[-3.0, -2.0], &[0.0]), -2.0, max_relative = 1e-13);
        assert_eq!(largest_of_tridiagonal(&[0.0], &[]), 0.0);
        assert!(largest_of_tridiagonal(&[1.0, f64::NAN], &[0.5]).is_nan());
    }

    /// A diagonal matrix: eigenvalues spread over [−2, 1] and one that stands out.
    #[test]
    fn an_outlier_is_found_in_a_few_iterations() {
        let len = 3000;
        let eigenvalue = |i: usize| if i == 1234 { 7.5 } else { 3.0 * i as f64 / len as f64 - 2.0 };
        let find = |iterations| {
            largest_eigenvalue::<f64>(len, iterations, |x, out| {
                for (i, (out, x)) in out.iter_mut().zip(x).enumerate() {
                    *out = eigenvalue(i) * x;
                }
            })
        };
        let found = find(20);
        approx::assert_relative_eq!(found.value, 7.5, max_relative = 1e-9);
        assert!(found.gained.abs() < 1e-6);
        assert!(find(3).value < found.value, "from below");
    }

    #[test]
    fn a_space_that_is_exhausted_ends_the_iterations() {
        let found =
            largest_eigenvalue::<f64>(100, 20, |x, out| out.iter_mut().zip(x).for_each(|(out, x)| *out = -3.0 * x));
        assert_eq!(found.iterations, 1);
        approx::assert_relative_eq!(found.value, -3.0, max_relative = 1e-12);
        let zero = largest_eigenvalue::<f32>(100, 20, |_, out| out.fill(0.0));
        assert_eq!((zero.value, zero.iterations), (0.0, 1));
        let nan = largest_eigenvalue::<f32>(100, 20, |_, out| out.fill(f32::NAN));
        assert!(nan.value.is_nan() && nan.iterations == 1);
    }
}
