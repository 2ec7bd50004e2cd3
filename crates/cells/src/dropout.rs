//! Dropout (Srivastava et al. 2014).

use flameout_kernels::Real;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::RngCore;

use crate::initialise::Initialisation;
use crate::layer::{Input, Inputs, Layer, StepLayer, Values};
use crate::sequence::Sequence;
use crate::tensor::Tensor;

/// Sets a share of the numbers to zero in training, another choice in every pass, and multiplies the others so that their
/// mean stays: Keras' and PyTorch's layer by that name. A prediction goes through unchanged.
///
/// `(batch, time, inputs) -> (batch, time, inputs)`, each number on its own; for features only, at the input or between
/// layers. The choice depends on the training's seed, the pass and the layer's place alone: see [`Pass`](crate::Pass).
#[derive(Debug, Clone)]
pub struct Dropout<T> {
    rate: f64,
    units: usize,
    output: Sequence<T>,
    /// What each number was multiplied by in the last forward pass.
    factors: Sequence<T>,
    awaits_backward: bool,
}

impl<T: Real> Dropout<T> {
    /// A layer that drops this share of the numbers.
    ///
    /// # Panics
    /// If the share is not at least 0 and below 1.
    #[must_use]
    pub fn new(rate: f64) -> Self {
        assert!((0.0..1.0).contains(&rate), "a dropout of {rate}: it must be at least 0 and below 1");
        Self { rate, units: 0, output: Sequence::new(), factors: Sequence::new(), awaits_backward: false }
    }
}

impl<T: Real> Layer<T> for Dropout<T> {
    /// # Panics
    /// If these are indices: drop from the output of the layer that reads them.
    fn set_inputs(&mut self, inputs: Inputs) {
        let Inputs::Features(units) = inputs else { panic!("dropout is for features, not for indices") };
        self.units = units;
    }

    fn tensors(&self) -> &[Tensor] {
        &[]
    }

    fn units(&self) -> usize {
        self.units
    }

    fn initialise(&self, _: &Initialisation, _: &mut [T], _: &mut ChaCha8Rng) {}

    fn load(&mut self, _: &[T]) {}

    fn forward(&mut self, input: Input<'_, T>) {
        let Values::Sequence(sequence) = input.values() else { panic!("dropout is for features, not for indices") };
        let (batch, time, units) = sequence.dim();
        self.output.resize(batch, time, units, T::ZERO);
        self.factors.resize(batch, time, units, T::ONE);
        match input.pass() {
            None => self.factors.fill(T::ONE),
            Some(pass) => {
                let mut rng = pass.rng();
                // The largest number of 32 bits that means a drop, and what keeps the mean.
                let (threshold, kept) = (self.rate * 2.0_f64.powi(32), T::from_f64(1.0 / (1.0 - self.rate)));
                for factor in self.factors.as_mut_slice() {
                    *factor = if f64::from(rng.next_u32()) < threshold { T::ZERO } else { kept };
                }
            }
        }
        for ((y, x), factor) in
            self.output.as_mut_slice().iter_mut().zip(sequence.as_slice()).zip(self.factors.as_slice())
        {
            *y = *x * *factor;
        }
        self.awaits_backward = true;
    }

    fn output(&self) -> &Sequence<T> {
        &self.output
    }

    fn backward(
        &mut self,
        _: Input<'_, T>,
        output_gradient: &Sequence<T>,
        _: &mut [T],
        input_gradient: Option<&mut Sequence<T>>,
    ) {
        assert!(std::mem::take(&mut self.awaits_backward), "backward needs a forward pass before it");
        assert_eq!(output_gradient.dim(), self.output.dim(), "shape of the output gradient");
        let Some(gradient) = input_gradient else { return };
        let (batch, time, units) = output_gradient.dim();
        gradient.resize(batch, time, units, T::ZERO);
        let given = output_gradient.as_slice().iter().zip(self.factors.as_slice());
        gradient.as_mut_slice().iter_mut().zip(given).for_each(|(x, (y, factor))| *x = *y * *factor);
    }

    fn minds_lengths(&self) -> bool {
        true
    }

    fn state_count(&self) -> Option<usize> {
        Some(0)
    }

    fn as_step_layer(&self) -> Option<&dyn StepLayer<T>> {
        Some(self)
    }

    fn as_step_layer_mut(&mut self) -> Option<&mut dyn StepLayer<T>> {
        Some(self)
    }
}

impl<T: Real> StepLayer<T> for Dropout<T> {
    fn step(&mut self, input: Input<'_, T>, _: Option<&[usize]>) {
        self.forward(input);
        self.awaits_backward = false;
    }

    fn step_output(&self) -> &Sequence<T> {
        &self.output
    }
}
