//! A recurrent network for series of numbers, and its training.

use flameout_cells::{Activation, Dense, Gru, Initialisation, Input, Inputs, Layer, Reset, Sequence};
use flameout_kernels::Real;
use flameout_optim::{Optimizer, OptimizerSettings};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::series::{FEATURES, Series};

const BATCH: usize = 32;

/// A GRU and a linear output over one flat buffer of parameters.
struct Network {
    gru: Gru<f32>,
    output: Dense<f32>,
    parameters: Vec<f32>,
    gradients: Vec<f32>,
}

impl Network {
    fn new(units: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let gru = Gru::new(Inputs::Features(FEATURES), units, Reset::Before).gate_activation(Activation::HardSigmoid);
        let output = Dense::new(Inputs::Features(units), 1);
        let count = gru.parameter_count() + output.parameter_count();
        let mut parameters = vec![0.0; count];
        let (of_gru, of_output) = parameters.split_at_mut(gru.parameter_count());
        gru.initialise(&Initialisation::keras_1(), of_gru, &mut rng);
        output.initialise(&Initialisation::keras_1(), of_output, &mut rng);
        Self { gru, output, parameters, gradients: vec![0.0; count] }
    }

    /// One number for each sequence of the batch.
    fn forecast(&mut self, inputs: &Sequence<f32>) -> Vec<f32> {
        let (of_gru, of_output) = self.parameters.split_at(self.gru.parameter_count());
        self.gru.load(of_gru);
        self.output.load(of_output);
        self.gru.forward(Input::Sequence(inputs));
        self.output.forward(Input::Sequence(self.gru.output()));
        self.output.output().as_slice().to_vec()
    }

    /// The gradient of the mean squared error of the last [`forecast`](Self::forecast).
    fn backward(&mut self, inputs: &Sequence<f32>, forecasts: &[f32], targets: &[f32]) {
        let batch = targets.len();
        let mut of_forecasts = Sequence::filled(batch, 1, 1, 0.0);
        for ((slot, forecast), target) in of_forecasts.rows_mut().iter_mut().zip(forecasts).zip(targets) {
            *slot = 2.0 * (forecast - target) / batch as f32;
        }
        let mut of_states = Sequence::filled(batch, 1, self.gru.output().dim().2, 0.0);
        let (of_gru, of_output) = self.gradients.split_at_mut(self.gru.parameter_count());
        self.output.backward(Input::Sequence(self.gru.output()), &of_forecasts, of_output, Some(&mut of_states));
        self.gru.backward(Input::Sequence(inputs), &of_states, of_gru, None);
    }
}

/// A network in training: batches of months drawn at random, Adam with Keras' defaults, a constant learning rate.
pub struct Training<'a> {
    series: &'a Series,
    network: Network,
    optimizer: Optimizer<f32>,
    learning_rate: f64,
    rng: ChaCha8Rng,
}

impl<'a> Training<'a> {
    pub fn new(series: &'a Series, units: usize, learning_rate: f64, seed: u64) -> Self {
        let network = Network::new(units, seed);
        let optimizer = Optimizer::new(OptimizerSettings::default(), network.parameters.len()).expect("valid settings");
        Self { series, network, optimizer, learning_rate, rng: ChaCha8Rng::seed_from_u64(seed + 1) }
    }

    /// Takes one step on 32 of `months`.
    pub fn step(&mut self, months: &[usize]) {
        let batch: Vec<usize> = (0..BATCH).map(|_| months[self.rng.next_u32() as usize % months.len()]).collect();
        let (inputs, targets) = (self.series.inputs(&batch), self.series.targets(&batch));
        let forecasts = self.network.forecast(&inputs);
        self.network.backward(&inputs, &forecasts, &targets);
        let Network { parameters, gradients, .. } = &mut self.network;
        self.optimizer.step(parameters, gradients, self.learning_rate).expect("lengths agree");
    }

    /// The error of the forecasts for `months`, in °C.
    pub fn error(&mut self, months: &[usize]) -> f64 {
        let forecasts = self.network.forecast(&self.series.inputs(months));
        self.series.error(months, &forecasts)
    }

    /// The same number, the same weights to the bit (FNV-1a of their bytes).
    pub fn weights_hash(&self) -> u64 {
        let mut bytes = Vec::new();
        self.network.parameters.iter().for_each(|x| x.extend_le_bytes(&mut bytes));
        bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3))
    }
}
