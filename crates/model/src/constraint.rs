//! Weight constraints: what kernels are held to after every update.

use flameout_cells::Tensor;
use flameout_kernels::Real;
use serde::{Deserialize, Serialize};

/// A bound on how long the columns of kernels may get. In a file: `tensor = "recurrent_kernel"`, `max-norm = 3.0`.
///
/// A column of a kernel `(inputs, units)` holds the weights that lead to one unit. Keras' `MaxNorm(limit, axis=0)`, as
/// `kernel_constraint` or `recurrent_constraint` (Srebro and Shraibman 2005; Srivastava et al. 2014, section 5.1).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Constraint {
    /// The tensors, by the name that they have in any layer (`recurrent_kernel`), or by a whole name (`layer0/kernel`).
    pub tensor: String,
    /// The length that no column exceeds, above 0.
    pub max_norm: f64,
}

impl Constraint {
    /// Whether it holds the tensor of this whole name.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        name == self.tensor || name.rsplit('/').next() == Some(&self.tensor)
    }

    /// Brings the columns of its tensors back to the bound. `tensors` are those of the buffer; `lengths` is memory to work in.
    /// Columns with a number that is not finite stay as they are, for the caller to see.
    pub fn apply<T: Real>(&self, tensors: &[Tensor], parameters: &mut [T], lengths: &mut Vec<f64>) {
        for tensor in tensors.iter().filter(|tensor| self.holds(&tensor.name)) {
            let columns = tensor.matrix_shape().1;
            hold_columns(&mut parameters[tensor.range()], columns, self.max_norm, lengths);
        }
    }
}

/// Brings every column of `kernel (rows, columns)` that is longer than `limit` back to that length.
fn hold_columns<T: Real>(kernel: &mut [T], columns: usize, limit: f64, lengths: &mut Vec<f64>) {
    lengths.clear();
    lengths.resize(columns, 0.0);
    for row in kernel.chunks_exact(columns.max(1)) {
        for (sum, x) in lengths.iter_mut().zip(row) {
            *sum += x.to_f64() * x.to_f64();
        }
    }
    let factors = lengths;
    for sum in factors.iter_mut() {
        let length = sum.sqrt();
        *sum = if length > limit && length.is_finite() { limit / length } else { 1.0 };
    }
    for row in kernel.chunks_exact_mut(columns.max(1)) {
        for (x, &factor) in row.iter_mut().zip(factors.iter()) {
            if factor != 1.0 {
                *x = T::from_f64(x.to_f64() * factor);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_columns_are_shortened_and_others_are_not_touched() {
        let mut kernel = [3.0_f32, 0.1, 0.0, 4.0, 0.2, f32::INFINITY];
        hold_columns(&mut kernel, 3, 2.5, &mut Vec::new());
        assert_eq!(kernel, [1.5, 0.1, 0.0, 2.0, 0.2, f32::INFINITY]);
        hold_columns(&mut kernel, 3, 2.5, &mut vec![9.0; 7]);
        assert_eq!(kernel, [1.5, 0.1, 0.0, 2.0, 0.2, f32::INFINITY], "at the limit nothing changes");
        hold_columns::<f64>(&mut [], 0, 1.0, &mut Vec::new());
    }

    #[test]
    fn a_name_is_that_of_one_tensor_or_of_all_layers() {
        let constraint = |tensor: &str| Constraint { tensor: tensor.into(), max_norm: 3.0 };
        assert!(constraint("kernel").holds("layer0/kernel") && constraint("layer0/kernel").holds("layer0/kernel"));
        assert!(!constraint("kernel").holds("layer0/recurrent_kernel"));
        assert!(!constraint("layer0/kernel").holds("layer1/kernel"));
    }
}
