//! Gates in the orders of other projects.
//!
//! The columns of a recurrent layer's tensors lie gate by gate. Here and in Keras 2 and 3 the order is i f g o for the
//! LSTM and z r g for the GRU.

use ndarray::{Array2, ArrayView2, Axis, Slice};

/// PyTorch's LSTM: i f g o.
pub(crate) const PYTORCH_LSTM: [usize; 4] = [0, 1, 2, 3];
/// PyTorch's GRU: r z n.
pub(crate) const PYTORCH_GRU: [usize; 3] = [1, 0, 2];
/// ONNX' LSTM: i o f c.
pub(crate) const ONNX_LSTM: [usize; 4] = [0, 3, 1, 2];
/// ONNX' GRU: z r h.
pub(crate) const ONNX_GRU: [usize; 3] = [0, 1, 2];

/// The columns of one gate.
pub(crate) fn columns<'a>(tensor: ArrayView2<'a, f32>, gate: usize, units: usize) -> ArrayView2<'a, f32> {
    tensor.slice_axis_move(Axis(1), Slice::from(gate * units..(gate + 1) * units))
}

/// The tensor with its gates in another order: the k-th is the `order[k]`-th of before.
///
/// The number of columns must be a multiple of the number of gates.
pub(crate) fn reorder(tensor: ArrayView2<'_, f32>, order: &[usize]) -> Array2<f32> {
    let units = tensor.ncols() / order.len();
    let gates: Vec<_> = order.iter().map(|&gate| columns(tensor, gate, units)).collect();
    ndarray::concatenate(Axis(1), &gates).expect("gates have the same number of rows")
}

/// A row-major copy of the numbers.
pub(crate) fn values(tensor: ArrayView2<'_, f32>) -> Vec<f32> {
    tensor.iter().copied().collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn gates_move_as_wholes() {
        let two_units = array![[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]];
        assert_eq!(reorder(two_units.view(), &ONNX_LSTM), array![[1.0, 2.0, 7.0, 8.0, 3.0, 4.0, 5.0, 6.0]]);
        let one_unit = array![[1.0, 2.0, 3.0]];
        assert_eq!(reorder(one_unit.view(), &PYTORCH_GRU), array![[2.0, 1.0, 3.0]]);
    }
}
