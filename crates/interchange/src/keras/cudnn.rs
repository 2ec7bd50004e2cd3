//! The weights of `CuDNNLSTM` and `CuDNNGRU`, Keras 2's layers for graphics cards.

use ndarray::{Array2, Axis};

use super::hdf5::Weight;
use crate::gates;

/// Whether a bias is both of cuDNN's biases in a row.
pub(super) fn is_of(recurrent: &Weight, bias: &Weight, gates: usize) -> bool {
    let (units, columns) = recurrent.values.dim();
    bias.is_vector && bias.values.len() == 2 * gates * units && columns == gates * units
}

/// Kernel, recurrent kernel and bias as `LSTM`, and `GRU` with the reset gate after the product, have them: what Keras'
/// `convert_rnn_weights` does.
pub(super) fn convert([kernel, recurrent, bias]: [Weight; 3], gates: usize) -> [Weight; 3] {
    let units = recurrent.values.nrows();
    // A kernel lies there column by column in the place of rows.
    let kernel = by_gate(kernel, gates, |gate| {
        let flat: Vec<f32> = gate.iter().copied().collect();
        let (inputs, units) = gate.dim();
        Array2::from_shape_fn((inputs, units), |(row, column)| flat[column * inputs + row])
    });
    let recurrent = by_gate(recurrent, gates, |gate| gate.reversed_axes());
    let both: Vec<f32> = bias.values.iter().copied().collect();
    let both = Array2::from_shape_vec((2, gates * units), both).expect("as many as two biases have");
    // An LSTM's two biases only ever act as their sum.
    let (values, is_vector) =
        if gates == 4 { (both.sum_axis(Axis(0)).insert_axis(Axis(0)), true) } else { (both, false) };
    [kernel, recurrent, Weight { name: bias.name, values, is_vector }]
}

fn by_gate(weight: Weight, count: usize, change: impl Fn(Array2<f32>) -> Array2<f32>) -> Weight {
    let units = weight.values.ncols() / count;
    if units * count != weight.values.ncols() {
        // Of the wrong shape: left as it is, for the error that says so.
        return weight;
    }
    let changed: Vec<Array2<f32>> =
        (0..count).map(|gate| change(gates::columns(weight.values.view(), gate, units).to_owned())).collect();
    let views: Vec<_> = changed.iter().map(|gate| gate.view()).collect();
    let values = ndarray::concatenate(Axis(1), &views).expect("gates have the same number of rows");
    Weight { values, ..weight }
}
