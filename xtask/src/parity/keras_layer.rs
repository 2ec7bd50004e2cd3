//! A layer's parameters as Keras 1 keeps them, gate by gate, and their places in a layer of this project.

use flameout_cells::{Dense, Gru, GruGate, Inputs, Layer, Lstm, LstmGate, Reset};
use flameout_kernels::Real;
use ndarray::{Array2, ArrayView2, Axis};

/// Keras 1's letters for the gates, in its order.
const LSTM_GATES: [(&str, LstmGate); 4] =
    [("i", LstmGate::Input), ("c", LstmGate::Candidate), ("f", LstmGate::Forget), ("o", LstmGate::Output)];
const GRU_GATES: [(&str, GruGate); 3] = [("z", GruGate::Update), ("r", GruGate::Reset), ("h", GruGate::Candidate)];

/// Which tensors a layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    /// `W_i U_i b_i`, and the same for c, f and o.
    Lstm,
    /// `W_z U_z b_z`, and the same for r and h.
    Gru,
    /// `W b`, time-distributed or not.
    Dense,
}

/// The shape of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KerasLayer {
    pub cell: Cell,
    /// Length of an input vector.
    pub inputs: usize,
    /// Length of an output vector.
    pub units: usize,
}

impl Cell {
    /// What tells the cells apart: the tensor that no other cell has, and that is as long as there are units.
    pub fn telling_bias(self) -> &'static str {
        match self {
            Self::Lstm => "b_i",
            Self::Gru => "b_z",
            Self::Dense => "b",
        }
    }
}

impl KerasLayer {
    /// Names and shapes of all tensors; [`views`](Self::views) and [`assign`](Self::assign) keep to this order.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let Self { inputs, units, .. } = *self;
        let gate = |letter: &str| {
            [
                (format!("W_{letter}"), vec![inputs, units]),
                (format!("U_{letter}"), vec![units, units]),
                (format!("b_{letter}"), vec![units]),
            ]
        };
        match self.cell {
            Cell::Lstm => LSTM_GATES.iter().flat_map(|(letter, _)| gate(letter)).collect(),
            Cell::Gru => GRU_GATES.iter().flat_map(|(letter, _)| gate(letter)).collect(),
            Cell::Dense => vec![("W".into(), vec![inputs, units]), ("b".into(), vec![units])],
        }
    }

    /// The number of elements of all tensors.
    pub fn parameter_count(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }

    /// The tensors in a buffer of parameters or gradients; a bias is one row.
    pub fn views<'a, T: Real>(&self, buffer: &'a [T]) -> Vec<ArrayView2<'a, T>> {
        match self.cell {
            Cell::Lstm => LSTM_GATES
                .iter()
                .map(|(_, gate)| self.lstm().gate(*gate, buffer))
                .flat_map(|view| [view.kernel, view.recurrent_kernel, view.bias.insert_axis(Axis(0))])
                .collect(),
            Cell::Gru => GRU_GATES
                .iter()
                .map(|(_, gate)| self.gru().gate(*gate, buffer))
                .flat_map(|view| [view.kernel, view.recurrent_kernel, view.bias.insert_axis(Axis(0))])
                .collect(),
            Cell::Dense => self.dense::<T>().tensors().iter().map(|tensor| tensor.view(buffer)).collect(),
        }
    }

    /// Writes the tensors into a buffer of parameters, rounded to `T`.
    pub fn assign<T: Real>(&self, tensors: &[Array2<f64>], buffer: &mut [T]) {
        match self.cell {
            Cell::Lstm => {
                for ((_, gate), values) in LSTM_GATES.iter().zip(tensors.chunks(3)) {
                    let to = self.lstm().gate_mut(*gate, buffer);
                    copy([to.kernel, to.recurrent_kernel, to.bias.insert_axis(Axis(0))], values);
                }
            }
            Cell::Gru => {
                for ((_, gate), values) in GRU_GATES.iter().zip(tensors.chunks(3)) {
                    let to = self.gru().gate_mut(*gate, buffer);
                    copy([to.kernel, to.recurrent_kernel, to.bias.insert_axis(Axis(0))], values);
                }
            }
            Cell::Dense => {
                for (tensor, values) in self.dense::<T>().tensors().iter().zip(tensors) {
                    copy([tensor.view_mut(buffer)], std::slice::from_ref(values));
                }
            }
        }
    }

    fn lstm<T: Real>(&self) -> Lstm<T> {
        Lstm::new(self.units).with_inputs(Inputs::Features(self.inputs))
    }

    fn gru<T: Real>(&self) -> Gru<T> {
        Gru::new(self.units, Reset::Before).with_inputs(Inputs::Features(self.inputs))
    }

    fn dense<T: Real>(&self) -> Dense<T> {
        Dense::new(self.units).with_inputs(Inputs::Features(self.inputs))
    }
}

fn copy<T: Real, const N: usize>(to: [ndarray::ArrayViewMut2<'_, T>; N], from: &[Array2<f64>]) {
    for (mut to, from) in to.into_iter().zip(from) {
        to.zip_mut_with(from, |to, from| *to = T::from_f64(*from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_assigned_is_viewed_and_fills_the_buffer() {
        for cell in [Cell::Lstm, Cell::Gru, Cell::Dense] {
            let layer = KerasLayer { cell, inputs: 3, units: 2 };
            let mut next = 0.0;
            let mut count_up = |_| {
                next += 1.0;
                next
            };
            let mut matrix = |shape: &[usize]| {
                Array2::from_shape_fn((shape.iter().rev().nth(1).copied().unwrap_or(1), 2), &mut count_up)
            };
            let tensors: Vec<Array2<f64>> = layer.tensors().iter().map(|(_, shape)| matrix(shape)).collect();

            let mut buffer = vec![0.0; layer.parameter_count()];
            layer.assign(&tensors, &mut buffer);
            assert_eq!(layer.views(&buffer), tensors);
            buffer.sort_by(f64::total_cmp);
            let all: Vec<_> = (1..=buffer.len()).map(|value| value as f64).collect();
            assert_eq!(buffer, all, "each value has its own place");
        }
    }

    #[test]
    fn gates_lie_where_the_cells_want_them() {
        // Cell's order is i f g o; the file's i c f o.
        let layer = KerasLayer { cell: Cell::Lstm, inputs: 1, units: 1 };
        let tensors: Vec<_> = (0..12).map(|i| Array2::from_elem((1, 1), f64::from(i))).collect();
        let mut buffer = [0.0_f64; 12];
        layer.assign(&tensors, &mut buffer);
        assert_eq!(buffer[..4], [0.0, 6.0, 3.0, 9.0]);
    }
}
