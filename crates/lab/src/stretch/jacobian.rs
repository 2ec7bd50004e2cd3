//! How much a recurrent layer stretches a small difference of its state, character by character.

use std::ops::Range;

use anyhow::{Context, Result, bail};
use flameout_cells::{Gru, Input, Inputs, Layer, Lstm};
use flameout_encoder::MARKER_INDEX;
use flameout_experiment::{Dataset, Floats, Trainer};
use flameout_model::{Architecture, LayerKind};
use ndarray::{Array1, Array2, ArrayView1, Axis, Slice};

/// Distance of the two states between which a derivative is taken.
const EPSILON: f64 = 1e-7;
/// Rounds of the power iteration, and the relative change at which it ends.
const ROUNDS: usize = 200;
const SETTLED: f64 = 1e-6;
/// Rows in one forward pass.
const ROWS: usize = 8192;

/// Measures the first layer of networks of one architecture, always on the same words.
pub struct Probe {
    cell: Box<dyn Layer<f64>>,
    outputs: usize,
    words: Vec<Word>,
}

/// A word, and where its letters are among its characters.
struct Word {
    characters: Vec<u16>,
    /// The first letter, and what follows the last one.
    letters: Range<usize>,
    target: Array1<f64>,
}

/// The stretch of one word, each as a natural logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// From behind the first letter to the end of the word: the largest factor by which the layer stretches a difference of
    /// its state.
    pub letters: f64,
    /// From the end of the word to the last output: by the `$` behind it. None if none is read.
    pub padding: Option<f64>,
    /// From behind the first letter to the last output.
    pub whole: f64,
    /// By how much the gradient of this word's loss grows on its way back from the last output to the first letter.
    pub gradient: f64,
}

impl Probe {
    /// For the networks of a run, on at most `count` training words that lie evenly spread in the data set.
    pub fn new(architecture: &Architecture, dataset: &Dataset, count: usize) -> Result<Self> {
        Self::of_rows(architecture, dataset, &dataset.spread_rows(count))
    }

    /// For the networks of a run, on the words in these rows.
    pub fn of_rows(architecture: &Architecture, dataset: &Dataset, rows: &[usize]) -> Result<Self> {
        let [layer, LayerKind::Dense { .. }] = architecture.layers[..] else {
            bail!("a network of one recurrent layer and one dense layer is measured");
        };
        let mut cell: Box<dyn Layer<f64>> = match layer {
            LayerKind::Lstm { units, gate_activation, .. } => {
                Box::new(Lstm::new(units).gate_activation(gate_activation))
            }
            LayerKind::Gru { units, gate_activation, reset, .. } => {
                Box::new(Gru::new(units, reset).gate_activation(gate_activation))
            }
            _ => bail!("the first layer is an LSTM or a GRU"),
        };
        cell.set_inputs(Inputs::Indices(architecture.alphabet));
        let words = rows.iter().map(|&row| Word::new(dataset, row)).collect::<Result<_>>()?;
        Ok(Self { cell, outputs: architecture.outputs(), words })
    }

    /// Measures the network that a trainer has now: a value for each word.
    pub fn measure(&mut self, trainer: &Trainer) -> Result<Vec<Stretch>> {
        let parameters = trainer.parameters();
        let count = self.cell.parameter_count();
        self.cell.load(&numbers(parameters, 0..count));
        let units = self.cell.units();
        let dense = numbers(parameters, count..parameters.len());
        let kernel = Array2::from_shape_vec((units, self.outputs), dense[..units * self.outputs].to_vec())?;
        let bias = ArrayView1::from(&dense[units * self.outputs..]);
        (0..self.words.len()).map(|index| self.of_word(index, &kernel, bias)).collect()
    }

    fn of_word(&mut self, index: usize, kernel: &Array2<f64>, bias: ArrayView1<'_, f64>) -> Result<Stretch> {
        let word = &self.words[index];
        let (units, count) = (self.cell.units(), self.cell.state_count().context("a recurrent layer has states")?);
        let (jacobians, last) = jacobians(self.cell.as_mut(), count, &word.characters);
        // What reaches the output is the hidden state alone, the first of the states.
        let hidden = Array2::from_shape_fn((units, units * count), |(i, j)| if i == j { 1.0 } else { 0.0 });
        let product = |from: Array2<f64>, times: Range<usize>| {
            jacobians[times].iter().rev().fold(from, |product, jacobian| product.dot(jacobian))
        };
        let letters = product(Array2::eye(units * count), word.letters.start + 1..word.letters.end);
        let padding = product(hidden, word.letters.end..jacobians.len());
        let whole = padding.dot(&letters);
        // The gradient of the squared error by the last hidden state, but for a factor.
        let arriving = kernel.dot(&(last.dot(kernel) + bias - &word.target));
        let leaving = whole.t().dot(&arriving);
        let log = |matrix: &Array2<f64>| largest_singular_value(matrix).ln();
        Ok(Stretch {
            letters: log(&letters.slice_axis(Axis(0), Slice::from(..units)).to_owned()),
            padding: (word.letters.end < jacobians.len()).then(|| log(&padding)),
            whole: log(&whole),
            gradient: (norm(leaving.view()) / norm(arriving.view())).ln(),
        })
    }
}

impl Word {
    fn new(dataset: &Dataset, row: usize) -> Result<Self> {
        let characters = dataset.indices.row(row).to_vec();
        let is_letter = |&index: &u16| index != MARKER_INDEX;
        let first = characters.iter().position(is_letter).context("a word has letters")?;
        let last = characters.iter().rposition(is_letter).context("a word has letters")?;
        let read = dataset.encoder.word_end(&characters);
        Ok(Self {
            characters: characters[..read].to_vec(),
            letters: first..last + 1,
            target: dataset.targets.row(row).mapv(f64::from),
        })
    }
}

/// The derivative of the states after each character by those before it, and the last hidden state.
fn jacobians(cell: &mut dyn Layer<f64>, count: usize, characters: &[u16]) -> (Vec<Array2<f64>>, Array1<f64>) {
    let units = cell.units();
    let size = count * units;
    let mut state = Array1::zeros(size);
    let mut jacobians = Vec::with_capacity(characters.len());
    for &character in characters {
        // Row 0 is the state itself; then a row for each of its numbers.
        let mut rows = Array2::from_shape_fn((1 + size, size), |(_, j)| state[j]);
        for j in 0..size {
            rows[(1 + j, j)] += EPSILON;
        }
        let next = after(cell, count, &rows, character);
        let moved = next.slice_axis(Axis(0), Slice::from(1..));
        jacobians.push(((&moved - &next.row(0)) / EPSILON).reversed_axes());
        state = next.row(0).to_owned();
    }
    (jacobians, state.slice_axis(Axis(0), Slice::from(..units)).to_owned())
}

/// The states after one more character, of each row.
fn after(cell: &mut dyn Layer<f64>, count: usize, rows: &Array2<f64>, character: u16) -> Array2<f64> {
    let units = cell.units();
    let mut next = Array2::zeros(rows.dim());
    for (rows, mut next) in rows.axis_chunks_iter(Axis(0), ROWS).zip(next.axis_chunks_iter_mut(Axis(0), ROWS)) {
        let part = |k: usize| Slice::from(k * units..(k + 1) * units);
        let states: Vec<Array2<f64>> = (0..count).map(|k| rows.slice_axis(Axis(1), part(k)).to_owned()).collect();
        cell.set_initial_state(Some(&states));
        let input = Array2::from_elem((rows.nrows(), 1), character);
        cell.forward(Input::indices(input.view()));
        for (k, state) in cell.final_state().iter().enumerate() {
            next.slice_axis_mut(Axis(1), part(k)).assign(state);
        }
    }
    cell.set_initial_state(None);
    next
}

fn numbers(floats: Floats<'_>, range: Range<usize>) -> Vec<f64> {
    floats.range(range).iter().collect()
}

fn norm(vector: ArrayView1<'_, f64>) -> f64 {
    vector.dot(&vector).sqrt()
}

/// By power iteration of AᵀA, from the row of the largest length: never more than the value itself.
fn largest_singular_value(matrix: &Array2<f64>) -> f64 {
    let longest = matrix.rows().into_iter().max_by(|a, b| norm(*a).total_cmp(&norm(*b)));
    let Some(mut vector) = longest.map(|row| row.to_owned()) else { return 0.0 };
    let mut value = 0.0;
    for _ in 0..ROUNDS {
        let length = norm(vector.view());
        if length == 0.0 || !length.is_finite() {
            return length;
        }
        vector /= length;
        let image = matrix.dot(&vector);
        let stretched = norm(image.view());
        if (stretched - value).abs() <= SETTLED * stretched {
            return stretched;
        }
        value = stretched;
        vector = matrix.t().dot(&image);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use approx::assert_relative_eq;
    use flameout_cells::{Activation, Initialisation, Reset};
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    fn cells() -> [Box<dyn Layer<f64>>; 2] {
        let mut cells: [Box<dyn Layer<f64>>; 2] =
            [Box::new(Lstm::new(5).gate_activation(Activation::Sigmoid)), Box::new(Gru::new(5, Reset::Before))];
        for cell in &mut cells {
            cell.set_inputs(Inputs::Indices(4));
            let mut parameters = vec![0.0; cell.parameter_count()];
            cell.initialise(&Initialisation::keras_2(), &mut parameters, &mut ChaCha8Rng::seed_from_u64(1));
            parameters.iter_mut().for_each(|x| *x *= 2.0);
            cell.load(&parameters);
        }
        cells
    }

    #[test]
    fn a_product_of_jacobians_predicts_where_a_moved_state_leads() {
        for mut cell in cells() {
            let (count, units) = (cell.state_count().unwrap(), cell.units());
            let (jacobians, last) = jacobians(cell.as_mut(), count, &[1, 3, 0, 0]);
            let product = jacobians[3].dot(&jacobians[2]);
            assert_eq!(product.dim(), (count * units, count * units));
            let word = ndarray::array![[1_u16, 3, 0, 0]];
            cell.forward(Input::indices(word.view()));
            assert!(norm((&cell.output().rows().row(0) - &last).view()) < 1e-12);
            let mut states = after(cell.as_mut(), count, &Array2::zeros((1, count * units)), 1);
            states = after(cell.as_mut(), count, &states, 3);
            let moved = &states + &(Array2::from_shape_fn(states.dim(), |(_, j)| (j % 3) as f64 - 1.0) * 1e-5);
            let end = |cell: &mut dyn Layer<f64>, from: &Array2<f64>| {
                let next = after(cell, count, from, 0);
                after(cell, count, &next, 0).row(0).to_owned()
            };
            let difference = end(cell.as_mut(), &moved) - end(cell.as_mut(), &states);
            let predicted = product.dot(&(&moved - &states).row(0));
            assert!(norm((&difference - &predicted).view()) < 1e-9);
            assert!(norm(predicted.view()) > 1e-7);
        }
    }

    #[test]
    fn singular_values_of_known_matrices() {
        let diagonal = Array2::from_diag(&ndarray::array![0.5, -3.0, 2.0]);
        assert_relative_eq!(largest_singular_value(&diagonal), 3.0, max_relative = 1e-6);
        let shear = ndarray::array![[1.0, 1.0], [0.0, 1.0]];
        assert_relative_eq!(largest_singular_value(&shear), (1.0 + 5.0_f64.sqrt()) / 2.0, max_relative = 1e-6);
        assert_eq!(largest_singular_value(&Array2::zeros((3, 3))), 0.0);
    }
}
