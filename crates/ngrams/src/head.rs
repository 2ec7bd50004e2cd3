//! A network on top of the regression.

use flameout_cells::{Activation, Dense, Initialisation, Input, Inputs, Layer, Sequence};
use flameout_kernels::{Real, dispatch};
use flameout_model::metrics::{norm, unit_rows};
use flameout_optim::{Adam, AdamSettings, Optimizer};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use ndarray_rand::rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::contrast::Candidates;

/// Times that every word is learnt from.
const EPOCHS: usize = 2;
/// Words in a step.
const BATCH: usize = 256;
/// Words among which the right one is to be told; the words of so many steps.
const CANDIDATES: usize = 32 * BATCH;
const LEARNING_RATE: f64 = 0.001;

/// y = x + tanh(x·W₁ + b₁)·W₂ + b₂, where x is the regression's prediction at unit length. Only y's direction counts.
///
/// Squared errors pull predictions of words that cannot be told well towards the mean of all that they might be, where they
/// are near to many words and nearest to none. The network is fitted so that the right word is told from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    units: usize,
    /// W₁ `(numbers, units)`, b₁, W₂ `(units, numbers)`, b₂.
    parameters: Vec<f32>,
}

impl Head {
    /// Fits a network of so many units to predictions and vectors, both `(words, numbers)`. The predictions must be of
    /// regressions that had not seen the word: of a word that it has seen a regression knows too much.
    pub(crate) fn fit(predictions: Array2<f32>, vectors: ArrayView2<'_, f32>, units: usize) -> Self {
        let (predictions, targets) = (unit_rows(predictions), unit_rows(vectors.to_owned()));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let mut training = Training::new(targets.ncols(), units, &mut rng);
        let mut order: Vec<usize> = (0..targets.nrows()).collect();
        for _ in 0..EPOCHS {
            order.shuffle(&mut rng);
            for words in order.chunks(CANDIDATES) {
                let candidates = Candidates::new(targets.select(Axis(0), words).view());
                for first in (0..words.len()).step_by(BATCH) {
                    let batch = &words[first..words.len().min(first + BATCH)];
                    training.step(predictions.select(Axis(0), batch), &candidates, first);
                }
            }
        }
        Self { units, parameters: training.parameters }
    }

    /// Whether the parameters are as many as for vectors of this length.
    pub(crate) fn fits(&self, numbers: usize) -> bool {
        let count = || numbers.checked_mul(self.units)?.checked_mul(2)?.checked_add(self.units)?.checked_add(numbers);
        numbers > 0 && self.units > 0 && count() == Some(self.parameters.len())
    }

    /// Turns the regression's prediction; its norm stays.
    pub(crate) fn turn(&self, prediction: Array1<f32>) -> Array1<f32> {
        let (numbers, before) = (prediction.len(), norm(prediction.view()) as f32);
        if before == 0.0 {
            return prediction;
        }
        let (first, second) = self.parameters.split_at((numbers + 1) * self.units);
        let unit = prediction / before;
        let mut turned = unit.to_vec();
        dispatch(
            #[inline(always)]
            || {
                let mut hidden = vec![0.0; self.units];
                add_layer(&mut hidden, &turned, first);
                hidden.iter_mut().for_each(|x| *x = Real::tanh(*x));
                add_layer(&mut turned, &hidden, second);
            },
        );
        let turned = Array1::from(turned);
        let after = norm(turned.view()) as f32;
        turned * (before / after)
    }
}

/// `output += input·W + b`. One product and one sum after the other, which no processor may fuse: the same bits everywhere.
#[inline(always)]
fn add_layer(output: &mut [f32], input: &[f32], parameters: &[f32]) {
    let (kernel, bias) = parameters.split_at(input.len() * output.len());
    output.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
    for (x, row) in input.iter().zip(kernel.chunks_exact(output.len())) {
        output.iter_mut().zip(row).for_each(|(y, w)| *y += x * w);
    }
}

struct Training {
    hidden: Dense<f32>,
    output: Dense<f32>,
    parameters: Vec<f32>,
    gradients: Vec<f32>,
    hidden_gradient: Sequence<f32>,
    adam: Adam<f32>,
}

impl Training {
    fn new(numbers: usize, units: usize, rng: &mut ChaCha8Rng) -> Self {
        let hidden = Dense::new(units).activation(Activation::Tanh).with_inputs(Inputs::Features(numbers));
        let output = Dense::new(numbers).with_inputs(Inputs::Features(units));
        let count = hidden.parameter_count() + output.parameter_count();
        let mut parameters = vec![0.0; count];
        // The second layer is left at zero: the network begins as the regression itself.
        hidden.initialise(&Initialisation::keras_2(), &mut parameters[..hidden.parameter_count()], rng);
        let adam = Adam::new(AdamSettings::default(), std::slice::from_ref(&(0..count))).expect("sound settings");
        Self { hidden, output, parameters, gradients: vec![0.0; count], hidden_gradient: Sequence::new(), adam }
    }

    /// A step on these predictions, whose right candidates are those from `first` on.
    fn step(&mut self, predictions: Array2<f32>, candidates: &Candidates<f32>, first: usize) {
        let input = Sequence::from_array(predictions.view().insert_axis(Axis(1)));
        let outputs = predictions + self.forward(&input);
        let mut gradient = Sequence::filled(outputs.nrows(), 1, outputs.ncols(), 0.0);
        candidates.loss(outputs.view(), first, gradient.step_mut(0));

        let (of_hidden, of_output) = self.gradients.split_at_mut(self.hidden.parameter_count());
        let states = Input::sequence(self.hidden.output());
        self.output.backward(states, &gradient, of_output, Some(&mut self.hidden_gradient));
        self.hidden.backward(Input::sequence(&input), &self.hidden_gradient, of_hidden, None);
        self.adam
            .update(&mut self.parameters, &self.gradients, LEARNING_RATE)
            .expect("as many gradients as parameters");
    }

    /// What the two layers add to their input `(batch, 1, numbers)`.
    fn forward(&mut self, input: &Sequence<f32>) -> ArrayView2<'_, f32> {
        let (of_hidden, of_output) = self.parameters.split_at(self.hidden.parameter_count());
        self.hidden.load(of_hidden);
        self.output.load(of_output);
        self.hidden.forward(Input::sequence(input));
        self.output.forward(Input::sequence(self.hidden.output()));
        self.output.output().step(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Predictions that lie between the right vector and the mean of all.
    fn shrunk(words: usize) -> (Array2<f32>, Array2<f32>) {
        let vectors =
            Array2::from_shape_fn((words, 8), |(i, j)| ((i * 37 + j * (i % 11) * 101) % 29) as f32 / 14.0 - 1.0);
        let vectors = unit_rows(vectors);
        let mean = vectors.mean_axis(Axis(0)).unwrap();
        (&vectors * 0.3 + &(mean * 3.0), vectors)
    }

    #[test]
    fn the_right_word_is_told_better_from_others() {
        let (predictions, vectors) = shrunk(3000);
        let loss = |head: Option<&Head>| {
            let rows =
                predictions.rows().into_iter().map(|row| head.map_or(row.to_owned(), |head| head.turn(row.to_owned())));
            let rows: Vec<f32> = rows.flatten().collect();
            let outputs = Array2::from_shape_vec(predictions.dim(), rows).unwrap();
            let mut unused = Array2::zeros(outputs.dim());
            Candidates::new(vectors.view()).loss(outputs.view(), 0, unused.view_mut())
        };
        let head = Head::fit(predictions.clone(), vectors.view(), 32);
        let (before, after) = (loss(None), loss(Some(&head)));
        assert!(after < before - 0.1, "{before} became {after}");
    }

    #[test]
    fn a_turned_prediction_keeps_its_length() {
        let (predictions, vectors) = shrunk(50);
        let head = Head::fit(predictions.clone(), vectors.view(), 4);
        let prediction = predictions.row(7).to_owned();
        let turned = head.turn(prediction.clone());
        assert!((norm(turned.view()) - norm(prediction.view())).abs() < 1e-6);
        assert_eq!(head.turn(Array1::zeros(8)), Array1::zeros(8));
        assert!(head.fits(8) && !head.fits(7));
    }

    #[test]
    fn what_is_predicted_is_what_was_trained() {
        let (predictions, vectors) = shrunk(300);
        let predictions = unit_rows(predictions);
        let mut training = Training::new(8, 4, &mut ChaCha8Rng::seed_from_u64(1));
        let candidates = Candidates::new(vectors.view());
        (0..20).for_each(|_| training.step(predictions.clone(), &candidates, 0));
        let head = Head { units: 4, parameters: training.parameters.clone() };
        let input = Sequence::from_array(predictions.view().insert_axis(Axis(1)));
        let outputs = unit_rows(&predictions + &training.forward(&input));
        for (row, output) in predictions.rows().into_iter().zip(outputs.rows()) {
            let turned = head.turn(row.to_owned());
            assert!((&turned - &output).iter().all(|x| x.abs() < 1e-5), "{turned} and {output}");
        }
    }
}
