//! A layer's weights in Keras' orders, and in ours.

use std::path::Path;

use flameout_cells::Reset;
use flameout_model::LayerKind;
use ndarray::{Array2, ArrayView2, Axis};

use super::cudnn;
use super::hdf5::Weight;
use crate::error::Error;
use crate::parameters::{BIAS, Found, KERNEL, RECURRENT_BIAS, RECURRENT_KERNEL};
use crate::recurrent::{Cell, Recurrent};
use crate::shown;

/// Keras 1's letters for the gates, in our order.
const LSTM_LETTERS: [&str; 4] = ["i", "f", "c", "o"];
const GRU_LETTERS: [&str; 3] = ["z", "r", "h"];

/// A layer's weights, in the order of the file, with a name for messages.
#[derive(Debug, Clone, Default)]
pub(super) struct LayerWeights {
    pub(super) name: String,
    /// Whether there must be a bias, if that is known.
    pub(super) use_bias: Option<bool>,
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
                check_matrix(path, &kernel)?;
                Ok(vec![as_is(KERNEL, kernel), as_is(BIAS, bias)])
            }
            LayerKind::LastStep { .. } => Ok(Vec::new()),
            other => {
                let what = format!("layer {} is to be of an unknown kind: {}", shown::name(&self.name), other.name());
                Err(Error::format(path, what))
            }
        }
    }

    /// The matrix of an embedding.
    pub(super) fn embedding(mut self, path: &Path) -> Result<Array2<f32>, Error> {
        self.only_matrix(path)?;
        Ok(self.weights.swap_remove(0).values)
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
        check_matrix(path, &kernel)?;
        check_matrix(path, &recurrent)?;
        let gates = letters(cell).len();
        let [kernel, recurrent, bias] = if cudnn::is_of(&recurrent, &bias, gates) {
            cudnn::convert([kernel, recurrent, bias], gates)
        } else {
            [kernel, recurrent, bias]
        };
        let mut found = vec![as_is(KERNEL, kernel), as_is(RECURRENT_KERNEL, recurrent)];
        match cell {
            Cell::Lstm => found.push(as_is(BIAS, bias)),
            Cell::Gru { reset } => found.extend(gru_biases(path, bias, reset)?),
        }
        Ok(found)
    }

    /// Whether these are the weights of two recurrent layers. Keras names them so.
    pub(super) fn is_of_both_directions(&self) -> bool {
        let named = |direction: &str| self.weights.iter().filter(|weight| weight.name.contains(direction)).count();
        let half = self.weights.len() / 2;
        self.weights.len().is_multiple_of(2) && half > 1 && named("forward_") == half && named("backward_") == half
    }

    /// The weights of the forward and of the backward layer.
    pub(super) fn halves(mut self) -> Vec<Self> {
        if self.is_of_both_directions() {
            // Layers of which one cannot be trained are in another order. A sort keeps what is equal as it is.
            self.weights.sort_by_key(|weight| weight.name.contains("backward_"));
        }
        let backward = self.weights.split_off(self.weights.len() / 2);
        let Self { name, use_bias, weights } = self;
        vec![Self { name: name.clone(), use_bias, weights }, Self { name, use_bias, weights: backward }]
    }

    /// Whether this is the matrix of an embedding. Keras names it so.
    pub(super) fn is_embedding(&self) -> bool {
        matches!(&self.weights[..], [only] if !only.is_vector && only.short_name() == "embeddings")
    }

    /// The shape of the matrix that is all the layer has.
    pub(super) fn only_matrix(&self, path: &Path) -> Result<(usize, usize), Error> {
        match &self.weights[..] {
            [only] if !only.is_vector => Ok(only.values.dim()),
            _ => Err(self.unknown(path, "an embedding, which has one matrix")),
        }
    }

    /// The number of units, of columns a unit (4 for an LSTM, 3 for a GRU, 1 for a dense layer), and of inputs.
    pub(super) fn units_gates_and_inputs(&mut self, path: &Path, both: bool) -> Result<(usize, usize, usize), Error> {
        if both {
            return self.forward().units_gates_and_inputs(path, false);
        }
        for letters in [&LSTM_LETTERS[..], &GRU_LETTERS[..]] {
            if self.weights.len() == 3 * letters.len() {
                self.join_gates(path, letters)?;
            }
        }
        self.put_in_order();
        match &self.weights[..] {
            [kernel, recurrent, rest @ ..] if !kernel.is_vector && !recurrent.is_vector && rest.len() < 2 => {
                let (units, columns) = (recurrent.values.nrows(), kernel.values.ncols());
                match columns.checked_div(units) {
                    Some(gates @ (3 | 4)) if columns == gates * units => Ok((units, gates, kernel.values.nrows())),
                    _ => {
                        let what = format!("has {columns} columns for {units} units: neither an LSTM's nor a GRU's");
                        Err(Error::tensor(path, &kernel.name, what))
                    }
                }
            }
            [kernel] if !kernel.is_vector => Ok((kernel.values.ncols(), 1, kernel.values.nrows())),
            [kernel, bias] if !kernel.is_vector && bias.values.len() == kernel.values.ncols() => {
                Ok((kernel.values.ncols(), 1, kernel.values.nrows()))
            }
            _ => Err(self.unknown(path, "an LSTM, a GRU, a dense layer, an embedding, or two directions of a layer")),
        }
    }

    fn unknown(&self, path: &Path, what: &str) -> Error {
        let held = shown::names(self.weights.iter().map(Weight::short_name));
        Error::format(path, format!("layer {} has the weights {held}: not those of {what}", shown::name(&self.name)))
    }

    /// The forward layer's weights.
    fn forward(&self) -> Self {
        self.clone().halves().swap_remove(0)
    }

    /// Where a GRU's reset gate acts; none if it has no bias. Those after the product have two biases.
    pub(super) fn reset(&self, both: bool) -> Option<Reset> {
        if both {
            return self.forward().reset(false);
        }
        let units = self.weights.get(1)?.values.nrows();
        let bias = self.weights.get(2)?;
        Some(if bias.values.len() == 6 * units { Reset::After } else { Reset::Before })
    }

    /// Whether these are the weights of `CuDNNLSTM` or `CuDNNGRU`.
    pub(super) fn is_of_cudnn(&self, path: &Path, both: bool) -> Result<bool, Error> {
        let mut one = if both { self.forward() } else { self.clone() };
        let (_, gates, _) = one.units_gates_and_inputs(path, false)?;
        Ok(matches!(&one.weights[..], [_, recurrent, bias] if cudnn::is_of(recurrent, bias, gates)))
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
        let lacks =
            || Error::format(path, format!("layer {} has no weight that ends in `{ending}`", shown::name(&self.name)));
        self.weights.iter().find(fits).ok_or_else(lacks)
    }

    /// Kernel, recurrent kernel, bias, if Keras names them so: layers of which a part cannot be trained have another order.
    fn put_in_order(&mut self) {
        const ORDER: [&str; 3] = ["kernel", "recurrent_kernel", "bias"];
        let place = |weight: &Weight| ORDER.iter().position(|name| weight.short_name() == *name);
        if self.weights.iter().all(|weight| place(weight).is_some()) {
            self.weights.sort_by_key(place);
        }
    }

    /// Exactly so many weights; zeros for the bias of a layer that was made without.
    fn with_bias<const N: usize>(mut self, path: &Path) -> Result<[Weight; N], Error> {
        self.put_in_order();
        let Self { name, use_bias, mut weights } = self;
        if weights.len() + 1 == N && use_bias != Some(true) {
            let columns = weights[0].values.ncols();
            weights.push(Weight {
                name: format!("{name}'s bias"),
                values: Array2::zeros((1, columns)),
                is_vector: true,
            });
        }
        let held = weights.len();
        weights.try_into().map_err(|_| {
            Error::format(
                path,
                format!("layer {} has {held} weights where one of its kind has {N}", shown::name(&name)),
            )
        })
    }
}

fn letters(cell: Cell) -> &'static [&'static str] {
    match cell {
        Cell::Lstm => &LSTM_LETTERS,
        Cell::Gru { .. } => &GRU_LETTERS,
    }
}

fn check_matrix(path: &Path, weight: &Weight) -> Result<(), Error> {
    if weight.is_vector {
        return Err(Error::tensor(path, &weight.name, "is a vector where a layer of its kind has a matrix"));
    }
    Ok(())
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
            let place = if reset == Reset::After { "after" } else { "before" };
            let what = format!("has {rows} rows: not the biases of a GRU whose reset gate acts {place} the product");
            Err(Error::tensor(path, source, what))
        }
    }
}

#[cfg(test)]
mod tests {
    use flameout_cells::Activation;

    use super::*;

    const KIND: LayerKind = LayerKind::Bidirectional {
        cell: flameout_model::Cell::Gru { reset: Reset::Before },
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
        LayerWeights { name: "bidirectional_1".into(), use_bias: None, weights }
    }

    #[test]
    fn keras_1_has_arrays_for_each_gate_of_each_direction() {
        assert!(keras_1_gru().is_of_both_directions());
        assert_eq!(keras_1_gru().units_gates_and_inputs(Path::new("x.h5"), true).unwrap(), (2, 3, 3));

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
        assert!(!half.is_of_both_directions());
        let message = half.found(Path::new("x.h5"), &KIND).unwrap_err().to_string();
        assert!(message.contains("`bidirectional_1` has 4 weights"), "{message}");
    }
}
