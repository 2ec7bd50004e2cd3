//! A cell, a loss and an optimiser of one's own, beside ours.
//!
//! The cell is Elman's (1990): `h' = tanh(x·W + h·U + b)`. The task: how many of eight bits are
//! set, as a share. `cargo run --release -p flameout-model --example own_parts`

use std::error::Error;

use flameout_cells::blocks::{Projection, RecurrentKernel};
use flameout_cells::{Activation, Dense, Initialisation, Input, Inputs, Layer, Lstm, Sequence, Tensor};
use flameout_kernels::{PackedLeft, Real};
use flameout_model::{Loss, Sequential};
use flameout_optim::{Optimizer, StepReport};
use ndarray::{Array2, Array3, ArrayView2, ArrayViewMut2};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Elman's cell; it returns its last state.
#[derive(Debug)]
struct Elman<T> {
    units: usize,
    tensors: Vec<Tensor>,
    projection: Projection<T>,
    recurrent: RecurrentKernel<T>,
    hidden: Sequence<T>,
    last: Sequence<T>,
    /// The gradient for the argument of tanh.
    deltas: Sequence<T>,
    left: PackedLeft<T>,
}

impl<T: Real> Elman<T> {
    fn new(units: usize) -> Self {
        Self {
            units,
            tensors: Vec::new(),
            projection: Projection::default(),
            recurrent: RecurrentKernel::default(),
            hidden: Sequence::new(),
            last: Sequence::new(),
            deltas: Sequence::new(),
            left: PackedLeft::default(),
        }
    }
}

impl<T: Real> Layer<T> for Elman<T> {
    fn set_inputs(&mut self, inputs: Inputs) {
        let units = self.units;
        self.projection = Projection::new(inputs);
        self.tensors = Tensor::lay_out(&[
            ("kernel", &[inputs.size(), units]),
            ("recurrent_kernel", &[units, units]),
            ("bias", &[units]),
        ]);
    }

    fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    fn units(&self) -> usize {
        self.units
    }

    fn ends_sequence(&self) -> bool {
        true
    }

    fn initialise(&self, initialisation: &Initialisation, parameters: &mut [T], rng: &mut ChaCha8Rng) {
        initialisation.kernel.fill(self.tensors[0].view_mut(parameters), self.units, rng);
        initialisation.recurrent_kernel.fill(self.tensors[1].view_mut(parameters), self.units, rng);
        initialisation.bias.fill(self.tensors[2].view_mut(parameters), self.units, rng);
    }

    fn load(&mut self, parameters: &[T]) {
        self.projection.load(self.tensors[0].view(parameters), &parameters[self.tensors[2].range()]);
        self.recurrent.load(self.tensors[1].view(parameters));
    }

    fn forward(&mut self, input: Input<'_, T>) {
        self.projection.forward(input, &mut self.hidden);
        let (batch, time, units) = self.hidden.dim();
        for t in 0..time {
            let (previous, mut step) = self.hidden.step_and_previous_mut(t);
            if let Some(previous) = previous {
                self.recurrent.add_product(previous, step.view_mut(), &mut self.left);
            }
            Activation::Tanh.apply(step.as_slice_mut().expect("a time step is contiguous"));
        }
        self.last.resize(batch, 1, units, T::ZERO);
        self.last.step_mut(0).assign(&self.hidden.step(time - 1));
    }

    fn output(&self) -> &Sequence<T> {
        &self.last
    }

    fn backward(
        &mut self,
        input: Input<'_, T>,
        output_gradient: &Sequence<T>,
        gradients: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    ) {
        let (batch, time, units) = self.hidden.dim();
        self.deltas.resize(batch, time, units, T::ZERO);
        let mut hidden_gradient = output_gradient.step(0).to_owned();
        for t in (0..time).rev() {
            let mut deltas = self.deltas.step_mut(t);
            ndarray::Zip::from(&mut deltas)
                .and(&hidden_gradient)
                .and(self.hidden.step(t))
                .for_each(|delta, dh, h| *delta = *dh * (T::ONE - *h * *h));
            hidden_gradient.fill(T::ZERO);
            self.recurrent.add_transposed_product(deltas.view(), hidden_gradient.view_mut(), &mut self.left);
        }
        let [kernel, recurrent, bias] = &self.tensors[..] else { unreachable!("three tensors") };
        self.recurrent.gradient(None, &self.hidden, &self.deltas, recurrent.view_mut(gradients));
        let (kernel_gradient, rest) = gradients.split_at_mut(recurrent.offset);
        let bias_gradient = &mut rest[bias.offset - recurrent.offset..];
        self.projection.backward(input, &self.deltas, kernel.view_mut(kernel_gradient), bias_gradient, input_gradient);
    }
}

/// The mean of (p − t)⁴.
struct FourthPower;

impl<T: Real> Loss<T> for FourthPower {
    fn evaluate(&self, p: ArrayView2<'_, T>, t: ArrayView2<'_, T>, mut gradient: ArrayViewMut2<'_, T>) -> f64 {
        let count = p.len() as f64;
        let mut sum = 0.0;
        for ((slot, p), t) in gradient.iter_mut().zip(p).zip(t) {
            let error = p.to_f64() - t.to_f64();
            sum += error * error * error * error;
            *slot = T::from_f64(4.0 * error * error * error / count);
        }
        sum / count
    }
}

/// Gradient descent whose step is as long as the learning rate says, whatever the gradient's length.
#[derive(Debug)]
struct NormalisedDescent;

impl<T: Real> Optimizer<T> for NormalisedDescent {
    fn update(
        &mut self,
        parameters: &mut [T],
        gradients: &[T],
        learning_rate: f64,
    ) -> Result<StepReport, flameout_optim::Error> {
        let norm = flameout_optim::l2_norm(gradients);
        let factor = T::from_f64(if norm > 0.0 { learning_rate / norm } else { 0.0 });
        parameters.iter_mut().zip(gradients).for_each(|(p, g)| *p -= factor * *g);
        Ok(StepReport { update_norm: if norm > 0.0 { learning_rate } else { 0.0 } })
    }
}

/// Sequences of eight bits beside two features that mean nothing, `(batch, 8, 3)`, and the share of bits that are set.
fn bits(rng: &mut ChaCha8Rng, batch: usize) -> (Array3<f32>, Array2<f32>) {
    let x = Array3::from_shape_fn((batch, 8, 3), |(_, _, feature)| match feature {
        0 => (rng.next_u32() % 2) as f32,
        _ => rng.next_u32() as f32 / u32::MAX as f32 - 0.5,
    });
    let y = Array2::from_shape_fn((batch, 1), |(row, _)| (0..8).map(|t| x[(row, t, 0)]).sum::<f32>() / 8.0);
    (x, y)
}

/// An LSTM of ours under the cell, and a dense layer over it.
fn network(units: usize, seed: u64) -> Result<Sequential<f32, ()>, flameout_model::Error> {
    Sequential::new(Inputs::Features(3))
        .push(Lstm::new(units))
        .push(Elman::new(units))
        .push(Dense::new(1))
        .build(&Initialisation::keras_2(), seed)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut network = network(32, 0)?;
    let mut descent = NormalisedDescent;
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    for step in 0..=1000 {
        let (x, y) = bits(&mut rng, 64);
        let loss = network.forward_backward(x.view(), y.view(), &FourthPower)?;
        let rate = 0.05 * (1.0 - f64::from(step) / 1001.0);
        descent.step(&mut network, rate)?;
        if step % 100 == 0 {
            println!("step {step:4}: mean fourth power of the error {loss:.6}");
        }
    }
    println!("\nweights: {}, the same on every machine", network.weights_blake3());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_cells::gradient_check::check_layer;

    fn noise(batch: usize, time: usize, units: usize) -> Sequence<f64> {
        let value = |(b, t, u)| ((b * 37 + t * 101 + u * 17) % 29) as f64 / 14.0 - 1.0;
        Sequence::from_array(Array3::from_shape_fn((batch, time, units), value).view())
    }

    #[test]
    fn the_cells_gradients_agree_with_differences() {
        for time in [1, 2, 7] {
            let mut cell = Elman::new(5).with_inputs(Inputs::Features(4));
            let parameters = noise(1, 1, cell.parameter_count()).as_slice().to_vec();
            check_layer(&mut cell, &parameters, Input::sequence(&noise(3, time, 4))).unwrap();
            let mut cell = Elman::new(5).with_inputs(Inputs::Indices(3));
            let parameters = noise(1, 1, cell.parameter_count()).as_slice().to_vec();
            let indices = Array2::from_shape_fn((3, time), |(b, t)| ((b + t * 2) % 3) as u16);
            check_layer(&mut cell, &parameters, Input::indices(indices.view())).unwrap();
        }
    }

    #[test]
    fn they_train_together() {
        let mut network = network(8, 0).unwrap();
        let (x, y) = bits(&mut ChaCha8Rng::seed_from_u64(1), 16);
        let before = network.forward_backward(&x, y.view(), FourthPower).unwrap();
        for _ in 0..50 {
            network.forward_backward(&x, y.view(), FourthPower).unwrap();
            NormalisedDescent.step(&mut network, 0.02).unwrap();
        }
        let after = network.forward_backward(&x, y.view(), FourthPower).unwrap();
        assert!(after < before / 2.0, "{before} became {after}");
    }
}
