//! A layer's weights in Keras' orders, and in ours.

use std::path::Path;

use flameout_cells::Reset;
use flameout_model::LayerKind;
use ndarray::{Array2, ArrayView2, Axis};

use super::hdf5::Weight;
use crate::error::Error;
use crate::parameters::{BIAS, Found, KERNEL, RECURRENT_BIAS, RECURRENT_KERNEL};

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
    pub(super) fn found(mut self, path: &Path, kind: &LayerKind) -> Result<Vec<Found>, Error> {
        match *kind {
            LayerKind::Lstm { .. } => {
                self.join_gates(path, &LSTM_LETTERS)?;
                let [kernel, recurrent, bias] = self.with_bias(path)?;
                Ok(vec![as_is(KERNEL, kernel), as_is(RECURRENT_KERNEL, recurrent), as_is(BIAS, bias)])
            }
            LayerKind::Gru { reset, .. } => {
                self.join_gates(path, &GRU_LETTERS)?;
                let [kernel, recurrent, bias] = self.with_bias(path)?;
                let mut found = vec![as_is(KERNEL, kernel), as_is(RECURRENT_KERNEL, recurrent)];
                found.extend(gru_biases(path, bias, reset)?);
                Ok(found)
            }
            LayerKind::Dense { .. } | LayerKind::TimeDistributed { .. } => {
                let [kernel, bias] = self.with_bias(path)?;
                Ok(vec![as_is(KERNEL, kernel), as_is(BIAS, bias)])
            }
            ref other => {
                Err(Error::format(path, format!("layer `{}` is to be of an unknown kind: {}", self.name, other.name())))
            }
        }
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

/// Keras 2 and 3 have our orders.
fn as_is(name: &'static str, weight: Weight) -> Found {
    Found { name, source: weight.name, values: weight.values }
}

/// With the reset gate after the product there are two rows of biases: the input's, and the state's.
fn gru_biases(path: &Path, bias: Weight, reset: Reset) -> Result<Vec<Found>, Error> {
    let Weight { name: source, values, .. } = bias;
    match (reset, values.nrows()) {
        (Reset::Before, 1) => Ok(vec![Found { name: BIAS, source, values }]),
        (Reset::After, 2) => {
            let row = |index: usize| values.row(index).insert_axis(Axis(0)).to_owned();
            Ok(vec![
                Found { name: BIAS, source: source.clone(), values: row(0) },
                Found { name: RECURRENT_BIAS, source, values: row(1) },
            ])
        }
        (Reset::After, 1) if values.iter().all(|&x| x == 0.0) => Ok(vec![
            Found { name: BIAS, source: source.clone(), values: values.clone() },
            Found { name: RECURRENT_BIAS, source, values },
        ]),
        (_, rows) => {
            let what = format!("has {rows} rows: not the biases of a GRU whose reset gate acts {reset:?} the product");
            Err(Error::tensor(path, source, what))
        }
    }
}
