//! A recurrent network for series of numbers, and its training.

use flameout_cells::{Activation, Dense, Gru, Initialisation, Inputs, Reset};
use flameout_model::{LossKind, Sequential};
use flameout_optim::{Adam, AdamSettings, Optimizer};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::series::{FEATURES, Series};

const BATCH: usize = 32;

/// A network in training: batches of months drawn at random, Adam with Keras' defaults, a constant learning rate.
pub struct Training<'a> {
    series: &'a Series,
    network: Sequential<f32, ()>,
    adam: Adam<f32>,
    learning_rate: f64,
    rng: ChaCha8Rng,
}

impl<'a> Training<'a> {
    pub fn new(series: &'a Series, units: usize, learning_rate: f64, seed: u64) -> Self {
        let network = Sequential::new(Inputs::Features(FEATURES))
            .push(Gru::new(units, Reset::Before).gate_activation(Activation::HardSigmoid))
            .push(Dense::new(1))
            .build(&Initialisation::keras_1(), seed)
            .expect("a sound network");
        let adam = Adam::new(AdamSettings::default(), &network).expect("valid settings");
        Self { series, network, adam, learning_rate, rng: ChaCha8Rng::seed_from_u64(seed + 1) }
    }

    /// Takes one step on 32 of `months`.
    pub fn step(&mut self, months: &[usize]) {
        let batch: Vec<usize> = (0..BATCH).map(|_| months[self.rng.next_u32() as usize % months.len()]).collect();
        let (inputs, targets) = (self.series.inputs(&batch), self.series.targets(&batch));
        self.network.forward_backward(&inputs, targets.view(), LossKind::Mse).expect("shapes agree");
        self.adam.step(&mut self.network, self.learning_rate).expect("lengths agree");
    }

    /// The error of the forecasts for `months`, in °C.
    pub fn error(&mut self, months: &[usize]) -> f64 {
        let forecasts = self.network.predict(&self.series.inputs(months)).expect("shapes agree");
        self.series.error(months, forecasts.as_slice().expect("one column"))
    }

    /// The same hash, the same weights to the bit.
    pub fn weights_hash(&self) -> String {
        self.network.weights_blake3()
    }
}
