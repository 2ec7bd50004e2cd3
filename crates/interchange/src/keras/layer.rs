//! A layer's weights in Keras' orders, and in ours.

use std::path::Path;

use flameout_cells::Reset;
use flameout_model::{Cell, LayerKind};
use ndarray::{Array2, ArrayView2, Axis};

use super::hdf5::Weight;
use crate::error::Error;
use crate::parameters::{BIAS, Found, KERNEL, RECURRENT_BIAS, RECURRENT_KERNEL};
use crate::recurrent::Recurrent;

/// Keras 1's letters for the gates, in our order.
const LSTM_LETTERS: [&str; 4] = ["i", "f", "c", "o"];
const GRU_LETTERS: [&str; 3] = ["z", "r", "h"];

/// A layer's weights, in the order of the file, with a name for messages.
#[derive(Debug)]
pub(super) struct LayerWeights {
    pub(super) name: String,
    pub(super) weights: Vec<Weight>,
}

impl LayerWeights {
    /// The weights as a layer of this kind has them.
    pub(super) fn found(self, path: &Path, kind: &LayerKind) -> Result<Vec<Found>, Error> {
        if let Some(layer) = Recurrent::of(kind) {
            return self.found_recurrent(path, &layer);
        }
        match kind {
            LayerKind::Dense { .. } | LayerKind::TimeDistributed { .. } => {
                let [kernel, bias] = self.with_bias(path)?;
                Ok(vec![as_is(KERNEL, kernel), as_is(BIAS, bias)])
            }
            other => {
                Err(Error::format(path, format!("layer `{}` is to be of an unknown kind: {}", self.name, other.name())))
            }
        }
    }

    /// The weights of a layer in one direction or both, Keras' forward direction first.
    fn found_recurrent(self, path: &Path, layer: &Recurrent) -> Result<Vec<Found>, Error> {
        let parts = if layer.bidirectional { self.halves() } else { vec![self] };
        let mut found = Vec::new();
        for (part, direction) in parts.into_iter().zip(layer.directions()) {
            let tensors = part.found_direction(path, layer.cell)?;
            found.extend(
                tensors.into_iter().map(|tensor| Found { name: format!("{direction}{}", tensor.name), ..tensor }),
            );
        }
        Ok(found)
    }

    fn found_direction(mut self, path: &Path, cell: Cell) -> Result<Vec<Found>, Error> {
        self.join_gates(path, letters(cell))?;
        let [kernel, recurrent, bias] = self.with_bias(path)?;
        let mut found = vec![as_is(KERNEL, kernel), as_is(RECURRENT_KERNEL, recurrent)];
        match cell {
            Cell::Lstm => found.push(as_is(BIAS, bias)),
            Cell::Gru { reset } => found.extend(gru_biases(path, bias, reset)?),
        }
        Ok(found)
    }

    /// Whether these are the weights of two recurrent layers: twice 2 or 3 arrays, or Keras 1's 9 or 12.
    pub(super) fn is_bidirectional(&self) -> bool {
        matches!(self.weights.len(), 4 | 6 | 18 | 24)
    }

    /// The weights of the forward and of the backward layer.
    pub(super) fn halves(mut self) -> Vec<Self> {
        let backward = self.weights.split_off(self.weights.len() / 2);
        vec![Self { name: self.name.clone(), weights: self.weights }, Self { name: self.name, weights: backward }]
    }

    /// The number of units and of columns a unit: 4 for an LSTM, 3 for a GRU, 1 for a dense layer.
    pub(super) fn units_and_gates(&mut self, path: &Path) -> Result<(usize, usize), Error> {
        for letters in [&LSTM_LETTERS[..], &GRU_LETTERS[..]] {
            if self.weights.len() == 3 * letters.len() {
                self.join_gates(path, letters)?;
            }
        }
        match &self.weights[..] {
            [kernel, recurrent, ..] if !recurrent.is_vector => {
                let (units, columns) = (recurrent.values.nrows(), kernel.values.ncols());
                match columns.checked_div(units) {
                    Some(gates @ (3 | 4)) if columns == gates * units => Ok((units, gates)),
                    _ => {
                        let what = format!("has {columns} columns for {units} units: neither an LSTM's nor a GRU's");
                        Err(Error::tensor(path, &kernel.name, what))
                    }
                }
            }
            [kernel, ..] => Ok((kernel.values.ncols(), 1)),
            [] => Err(Error::format(path, format!("layer `{}` has no weights", self.name))),
        }
    }

    /// Whether a GRU's reset gate acts after the product: it has two biases then.
    pub(super) fn reset(&self) -> Reset {
        match &self.weights[..] {
            [_, _, bias] if !bias.is_vector => Reset::After,
            _ => Reset::Before,
        }
    }

    /// Keras 1 has W, U and b for each gate: joins them into Keras 2's three, gate by gate. Those are left as they are.
    fn join_gates(&mut self, path: &Path, letters: &[&str]) -> Result<(), Error> {
        if self.weights.len() != 3 * letters.len() {
            return Ok(());
        }
        let mut joined = Vec::new();
        for role in ["W", "U", "b"] {
            let parts = letters.iter().map(|letter| self.ending_in(path, &format!("_{role}_{letter}")));
            let parts: Vec<&Weight> = parts.collect::<Result<_, _>>()?;
            let views: Vec<ArrayView2<'_, f32>> = parts.iter().map(|weight| weight.values.view()).collect();
            let values = ndarray::concatenate(Axis(1), &views).map_err(|_| {
                Error::tensor(path, &parts[0].name, "differs in its number of rows from the other gates'")
            })?;
            joined.push(Weight { name: parts[0].name.clone(), values, is_vector: parts[0].is_vector });
        }
        self.weights = joined;
        Ok(())
    }

    fn ending_in(&self, path: &Path, ending: &str) -> Result<&Weight, Error> {
        let fits = |weight: &&Weight| weight.name.trim_end_matches(":0").ends_with(ending);
        let lacks = || Error::format(path, format!("layer `{}` has no weight that ends in `{ending}`", self.name));
        self.weights.iter().find(fits).ok_or_else(lacks)
    }

    /// Exactly so many weights; zeros for the bias of a layer that was made without.
    fn with_bias<const N: usize>(self, path: &Path) -> Result<[Weight; N], Error> {
        let Self { name, mut weights } = self;
        if weights.len() + 1 == N {
            let columns = weights[0].values.ncols();
            weights.push(Weight {
                name: format!("{name}'s bias"),
                values: Array2::zeros((1, columns)),
                is_vector: true,
            });
        }
        let held = weights.len();
        weights.try_into().map_err(|_| {
            Error::format(path, format!("layer `{name}` has {held} weights where one of its kind has {N}"))
        })
    }
}

fn letters(cell: Cell) -> &'static [&'static str] {
    match cell {
        Cell::Lstm => &LSTM_LETTERS,
        Cell::Gru { .. } => &GRU_LETTERS,
    }
}

/// Keras 2 and 3 have our orders.
fn as_is(name: &str, weight: Weight) -> Found {
    Found { name: name.to_owned(), source: weight.name, values: weight.values }
}

/// With the reset gate after the product there are two rows of biases: the input's, and the state's.
fn gru_biases(path: &Path, bias: Weight, reset: Reset) -> Result<Vec<Found>, Error> {
    let Weight { name: source, values, .. } = bias;
    match (reset, values.nrows()) {
        (Reset::Before, 1) => Ok(vec![Found { name: BIAS.to_owned(), source, values }]),
        (Reset::After, 2) => {
            let row = |index: usize| values.row(index).insert_axis(Axis(0)).to_owned();
            Ok(vec![
                Found { name: BIAS.to_owned(), source: source.clone(), values: row(0) },
                Found { name: RECURRENT_BIAS.to_owned(), source, values: row(1) },
            ])
        }
        (Reset::After, 1) if values.iter().all(|&x| x == 0.0) => Ok(vec![
            Found { name: BIAS.to_owned(), source: source.clone(), values: values.clone() },
            Found { name: RECURRENT_BIAS.to_owned(), source, values },
        ]),
        (_, rows) => {
            let what = format!("has {rows} rows: not the biases of a GRU whose reset gate acts {reset:?} the product");
            Err(Error::tensor(path, source, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use flameout_cells::Activation;

    use super::*;

    const KIND: LayerKind = LayerKind::Bidirectional {
        cell: Cell::Gru { reset: Reset::Before },
        units: 2,
        gate_activation: Activation::HardSigmoid,
        return_sequences: false,
    };

    /// Keras 1's arrays of a bidirectional GRU of 2 units and 3 inputs; each holds its own number.
    fn keras_1_gru() -> LayerWeights {
        let mut weights = Vec::new();
        for direction in ["forward", "backward"] {
            for gate in GRU_LETTERS {
                for (role, rows) in [("W", 3), ("U", 2), ("b", 1)] {
                    let values = Array2::from_elem((rows, 2), weights.len() as f32);
                    let name = format!("bidirectional_1/{direction}_gru_1_{role}_{gate}");
                    weights.push(Weight { name, values, is_vector: role == "b" });
                }
            }
        }
        LayerWeights { name: "bidirectional_1".into(), weights }
    }

    #[test]
    fn keras_1_has_arrays_for_each_gate_of_each_direction() {
        assert!(keras_1_gru().is_bidirectional());
        let mut forward = keras_1_gru().halves().swap_remove(0);
        assert_eq!(forward.units_and_gates(Path::new("x.h5")).unwrap(), (2, 3));

        let found = keras_1_gru().found(Path::new("x.h5"), &KIND).unwrap();
        let names: Vec<&str> = found.iter().map(|tensor| tensor.name.as_str()).collect();
        let [forward, backward] = ["forward", "backward"]
            .map(|direction| [KERNEL, RECURRENT_KERNEL, BIAS].map(|name| format!("{direction}/{name}")));
        assert_eq!(names, [forward, backward].concat());
        let gates = |index: usize| found[index].values.row(0).to_vec();
        assert_eq!(gates(0), [0.0, 0.0, 3.0, 3.0, 6.0, 6.0]);
        assert_eq!(gates(5), [11.0, 11.0, 14.0, 14.0, 17.0, 17.0]);
    }

    #[test]
    fn half_a_layer_is_no_bidirectional_one() {
        let half = keras_1_gru().halves().swap_remove(1);
        assert!(!half.is_bidirectional());
        let message = half.found(Path::new("x.h5"), &KIND).unwrap_err().to_string();
        assert!(message.contains("`bidirectional_1` has 4 weights"), "{message}");
    }
}
