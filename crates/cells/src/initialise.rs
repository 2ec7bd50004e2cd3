//! Initial parameters: how each tensor is drawn, and the conventions of the frameworks.
//!
//! All draws are made in `f64` from ChaCha8, so that they are the same on every platform, and the same up to rounding in
//! both precisions.

use flameout_kernels::Real;
use ndarray::parallel::prelude::*;
use ndarray::{Array2, ArrayView1, ArrayViewMut2, Axis};
use ndarray_rand::RandomExt;
use ndarray_rand::rand::Rng;
use ndarray_rand::rand_distr::{self, Uniform};
use rand_chacha::ChaCha8Rng;

/// The distribution of one tensor's initial values.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Distribution {
    /// Uniform in ± sqrt(6 / (inputs + outputs)) (Glorot and Bengio 2010, eq. 16).
    GlorotUniform,
    /// Normal with variance 2 / (inputs + outputs).
    GlorotNormal,
    /// Uniform in ± sqrt(6 / inputs) (He et al. 2015).
    HeUniform,
    /// Normal with variance 2 / inputs.
    HeNormal,
    /// Uniform in ± sqrt(3 / inputs) (LeCun et al. 1998).
    LecunUniform,
    /// Normal with variance 1 / inputs.
    LecunNormal,
    /// Uniform in ± 1/sqrt(n), with n the units of a recurrent layer or the inputs of a dense one: PyTorch's default.
    InverseSqrt,
    /// A random matrix with orthonormal rows or columns (Saxe et al. 2014) times this gain.
    Orthogonal(f64),
    /// The same value everywhere.
    Constant(f64),
}

/// Whether the matrices of a recurrent layer's gates are drawn one by one or as one wide matrix. There is no third way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum GateBlocks {
    /// Each gate on its own, `(inputs, units)`: Keras 1.
    Each,
    /// All gates at once, `(inputs, gates · units)`: Keras 2 and 3.
    Whole,
}

/// How a network's parameters are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Initialisation {
    /// Kernels from the input.
    pub kernel: Distribution,
    /// Kernels from the hidden state.
    pub recurrent_kernel: Distribution,
    /// Biases.
    pub bias: Distribution,
    /// The bias of an LSTM's forget gate, if it differs from the others (Gers et al. 2000; Jozefowicz et al. 2015).
    pub forget_bias: Option<f64>,
    /// How a recurrent layer's gates share a draw.
    pub gates: GateBlocks,
}

impl Initialisation {
    /// Keras 1.0.7: Glorot uniform; orthogonal **with gain 1.1**; gate by gate; forget bias 1.
    #[must_use]
    pub fn keras_1() -> Self {
        Self {
            kernel: Distribution::GlorotUniform,
            recurrent_kernel: Distribution::Orthogonal(1.1),
            bias: Distribution::Constant(0.0),
            forget_bias: Some(1.0),
            gates: GateBlocks::Each,
        }
    }

    /// Keras 2 and 3: Glorot uniform; orthogonal with gain 1; all gates at once; forget bias 1.
    #[must_use]
    pub fn keras_2() -> Self {
        Self { recurrent_kernel: Distribution::Orthogonal(1.0), gates: GateBlocks::Whole, ..Self::keras_1() }
    }

    /// PyTorch: everything uniform in ± 1/sqrt(units) in recurrent layers, ± 1/sqrt(inputs) in dense ones.
    #[must_use]
    pub fn pytorch() -> Self {
        Self {
            kernel: Distribution::InverseSqrt,
            recurrent_kernel: Distribution::InverseSqrt,
            bias: Distribution::InverseSqrt,
            forget_bias: None,
            gates: GateBlocks::Whole,
        }
    }
}

impl Distribution {
    /// Fills `matrix (inputs, outputs)`; `n` is what [`Distribution::InverseSqrt`] divides by.
    pub fn fill<T: Real>(self, mut matrix: ArrayViewMut2<'_, T>, n: usize, rng: &mut ChaCha8Rng) {
        let shape = matrix.dim();
        let (inputs, outputs) = (shape.0 as f64, shape.1 as f64);
        let drawn = match self {
            Self::GlorotUniform => uniform(shape, (6.0 / (inputs + outputs)).sqrt(), rng),
            Self::HeUniform => uniform(shape, (6.0 / inputs).sqrt(), rng),
            Self::LecunUniform => uniform(shape, (3.0 / inputs).sqrt(), rng),
            Self::InverseSqrt => uniform(shape, 1.0 / (n as f64).sqrt(), rng),
            Self::GlorotNormal => normal(shape, (2.0 / (inputs + outputs)).sqrt(), rng),
            Self::HeNormal => normal(shape, (2.0 / inputs).sqrt(), rng),
            Self::LecunNormal => normal(shape, (1.0 / inputs).sqrt(), rng),
            Self::Orthogonal(gain) => orthogonal(shape, gain, rng),
            Self::Constant(value) => Array2::from_elem(shape, value),
        };
        matrix.zip_mut_with(&drawn, |to, &x| *to = T::from_f64(x));
    }

    /// Fills the matrices `(inputs, units)` of the gates that lie side by side in `matrix`.
    pub fn fill_gates<T: Real>(
        self,
        blocks: GateBlocks,
        mut matrix: ArrayViewMut2<'_, T>,
        units: usize,
        rng: &mut ChaCha8Rng,
    ) {
        match blocks {
            GateBlocks::Whole => self.fill(matrix, units, rng),
            GateBlocks::Each => {
                for gate in matrix.axis_chunks_iter_mut(Axis(1), units) {
                    self.fill(gate, units, rng);
                }
            }
        }
    }
}

fn uniform(shape: (usize, usize), limit: f64, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::random_using(shape, Uniform::new_inclusive(-limit, limit).expect("a finite limit"), rng)
}

fn normal(shape: (usize, usize), deviation: f64, rng: &mut ChaCha8Rng) -> Array2<f64> {
    Array2::random_using(shape, StandardNormal, rng) * deviation
}

/// The normal distribution by the polar method (Marsaglia and Bray 1964), with a logarithm that is the same on every
/// platform; `rand_distr`'s own takes the platform's.
struct StandardNormal;

impl rand_distr::Distribution<f64> for StandardNormal {
    fn sample<R: Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        let side = Uniform::new(-1.0, 1.0).expect("a proper interval");
        loop {
            let (x, y): (f64, f64) = (side.sample(rng), side.sample(rng));
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                return x * (-2.0 * libm::log(square) / square).sqrt();
            }
        }
    }
}

/// Uniformly distributed among the matrices with orthonormal rows (columns, if there are more rows than columns).
fn orthogonal(shape: (usize, usize), gain: f64, rng: &mut ChaCha8Rng) -> Array2<f64> {
    let (long, short) = (shape.0.max(shape.1), shape.0.min(shape.1));
    let mut rows = normal((short, long), 1.0, rng);
    orthonormalise_rows(&mut rows);
    rows *= gain;
    if shape.0 <= shape.1 { rows } else { rows.reversed_axes() }
}

/// The modified Gram–Schmidt process: each row is normalised, then its direction is removed from all later rows.
fn orthonormalise_rows(matrix: &mut Array2<f64>) {
    for i in 0..matrix.nrows() {
        let (mut done, mut later) = matrix.view_mut().split_at(Axis(0), i + 1);
        let mut row = done.row_mut(i);
        let norm = dot(row.view(), row.view()).sqrt();
        row /= norm;
        later.axis_iter_mut(Axis(0)).into_par_iter().with_min_len(8).for_each(|mut later| {
            let share = dot(row.view(), later.view());
            later.scaled_add(-share, &row);
        });
    }
}

/// Eight interleaved sums, added in order: vector code with fixed bits.
fn dot(a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>) -> f64 {
    let slices = a.to_slice().zip(b.to_slice());
    let (a, b) = slices.expect("rows are contiguous");
    let mut lanes = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        for ((lane, x), y) in lanes.iter_mut().zip(a).zip(b) {
            *lane += x * y;
        }
    }
    lanes.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayView2;
    use rand_chacha::rand_core::SeedableRng;

    /// The largest deviation of `matrix · matrixᵀ` from the identity: how far rows are from orthonormal.
    fn orthonormality_error(matrix: ArrayView2<'_, f64>) -> f64 {
        let product = matrix.dot(&matrix.t());
        product.indexed_iter().map(|((i, j), x)| (x - f64::from(u8::from(i == j))).abs()).fold(0.0, f64::max)
    }

    fn drawn(initializer: Distribution, shape: (usize, usize)) -> Array2<f64> {
        let mut matrix = Array2::zeros(shape);
        initializer.fill(matrix.view_mut(), 25, &mut ChaCha8Rng::seed_from_u64(7));
        matrix
    }

    #[test]
    fn variances_are_as_published() {
        for (initializer, variance) in [
            (Distribution::GlorotUniform, 2.0 / 500.0),
            (Distribution::GlorotNormal, 2.0 / 500.0),
            (Distribution::HeUniform, 2.0 / 200.0),
            (Distribution::HeNormal, 2.0 / 200.0),
            (Distribution::LecunUniform, 1.0 / 200.0),
            (Distribution::LecunNormal, 1.0 / 200.0),
            (Distribution::InverseSqrt, 1.0 / 25.0 / 3.0),
        ] {
            let matrix = drawn(initializer, (200, 300));
            let mean = matrix.mean().unwrap();
            assert!(mean.abs() < 4.0 * (variance / 60_000.0_f64).sqrt(), "{initializer:?}: mean {mean}");
            approx::assert_relative_eq!(matrix.var(0.0), variance, max_relative = 0.03);
        }
    }

    #[test]
    fn orthogonal_matrices_are_orthogonal() {
        for shape in [(64, 64), (20, 80), (80, 20)] {
            let matrix = drawn(Distribution::Orthogonal(1.1), shape) / 1.1;
            let wide = if shape.0 <= shape.1 { matrix } else { matrix.reversed_axes() };
            assert!(orthonormality_error(wide.view()) < 1e-12);
        }
    }

    #[test]
    fn gates_are_drawn_each_or_as_a_whole() {
        let draw = |blocks| {
            let mut matrix = Array2::<f64>::zeros((16, 64));
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            Distribution::Orthogonal(1.0).fill_gates(blocks, matrix.view_mut(), 16, &mut rng);
            matrix
        };
        let each = draw(GateBlocks::Each);
        for gate in each.axis_chunks_iter(Axis(1), 16) {
            assert!(orthonormality_error(gate) < 1e-12);
        }
        let whole = draw(GateBlocks::Whole);
        assert!(orthonormality_error(whole.view()) < 1e-12);
        assert!(orthonormality_error(whole.view().split_at(Axis(1), 16).0) > 0.1);
    }
}
