//! The cells' definitions written down number by number, and small tools for comparing.

use flameout_cells::{Activation, GateView, Gru, GruGate, Layer, Lstm, LstmGate, Reset, Sequence};
use ndarray::{Array1, Array2, Array3, ArrayView1, s};

/// A small generator of numbers in (−1, 1), the same in every run.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }

    pub fn vector(&mut self, len: usize, scale: f64) -> Vec<f64> {
        (0..len).map(|_| scale * self.next()).collect()
    }

    pub fn sequence(&mut self, batch: usize, time: usize, units: usize) -> Sequence<f64> {
        Sequence::from_array(Array3::from_shape_fn((batch, time, units), |_| self.next()).view())
    }
}

pub fn activate(activation: Activation, x: f64) -> f64 {
    match activation {
        Activation::Linear => x,
        Activation::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Activation::HardSigmoid => (0.2 * x + 0.5).clamp(0.0, 1.0),
        Activation::HardSigmoidSixth => (x / 6.0 + 0.5).clamp(0.0, 1.0),
        Activation::Tanh => x.tanh(),
        Activation::Relu => x.max(0.0),
        other => panic!("no definition of {other:?}"),
    }
}

/// Which recurrence, with its settings.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    pub kind: Kind,
    pub activation: Activation,
    pub gate_activation: Activation,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    Lstm,
    Gru(Reset),
}

/// The parameters of each gate, and the recurrent biases if there are any.
struct Parameters<'a> {
    gates: Vec<GateView<'a, f64>>,
    recurrent_bias: Option<ArrayView1<'a, f64>>,
}

/// `(batch, time, units)` hidden states, and the last cell state of an LSTM `(batch, units)`, from one-hot or dense inputs.
pub fn naive(
    cell: Cell,
    inputs: usize,
    units: usize,
    parameters: &[f64],
    x: &Array3<f64>,
) -> (Array3<f64>, Array2<f64>) {
    let parameters = split(cell.kind, inputs, units, parameters);
    let (batch, time, _) = x.dim();
    let mut hidden = Array3::zeros((batch, time, units));
    let mut last_cell = Array2::zeros((batch, units));
    for b in 0..batch {
        let (mut h, mut c) = (Array1::zeros(units), Array1::zeros(units));
        for t in 0..time {
            let x = x.slice(s![b, t, ..]);
            (h, c) = match cell.kind {
                Kind::Lstm => lstm_step(cell, &parameters, x, &h, &c),
                Kind::Gru(reset) => (gru_step(cell, reset, &parameters, x, &h), c),
            };
            hidden.slice_mut(s![b, t, ..]).assign(&h);
        }
        last_cell.row_mut(b).assign(&c);
    }
    (hidden, last_cell)
}

fn split(kind: Kind, inputs: usize, units: usize, parameters: &[f64]) -> Parameters<'_> {
    let inputs = flameout_cells::Inputs::Features(inputs);
    match kind {
        Kind::Lstm => {
            let lstm = Lstm::<f64>::new(units).with_inputs(inputs);
            let order = [LstmGate::Input, LstmGate::Forget, LstmGate::Candidate, LstmGate::Output];
            Parameters { gates: order.map(|gate| lstm.gate(gate, parameters)).into(), recurrent_bias: None }
        }
        Kind::Gru(reset) => {
            let gru = Gru::<f64>::new(units, reset).with_inputs(inputs);
            let order = [GruGate::Update, GruGate::Reset, GruGate::Candidate];
            let tail = parameters.len() - 3 * units;
            let recurrent_bias = (reset == Reset::After).then(|| ArrayView1::from(&parameters[tail..]));
            Parameters { gates: order.map(|gate| gru.gate(gate, parameters)).into(), recurrent_bias }
        }
    }
}

fn lstm_step(
    cell: Cell,
    parameters: &Parameters<'_>,
    x: ArrayView1<'_, f64>,
    h: &Array1<f64>,
    c: &Array1<f64>,
) -> (Array1<f64>, Array1<f64>) {
    let argument = |gate: usize| {
        let gate = &parameters.gates[gate];
        x.dot(&gate.kernel) + h.dot(&gate.recurrent_kernel) + gate.bias
    };
    let i = argument(0).mapv(|x| activate(cell.gate_activation, x));
    let f = argument(1).mapv(|x| activate(cell.gate_activation, x));
    let g = argument(2).mapv(|x| activate(cell.activation, x));
    let o = argument(3).mapv(|x| activate(cell.gate_activation, x));
    let c = &f * c + &i * &g;
    (o * c.mapv(|x| activate(cell.activation, x)), c)
}

fn gru_step(
    cell: Cell,
    reset: Reset,
    parameters: &Parameters<'_>,
    x: ArrayView1<'_, f64>,
    h: &Array1<f64>,
) -> Array1<f64> {
    let units = h.len();
    let from_input = |gate: usize| x.dot(&parameters.gates[gate].kernel) + parameters.gates[gate].bias;
    let from_hidden = |gate: usize, h: &Array1<f64>| {
        let product = h.dot(&parameters.gates[gate].recurrent_kernel);
        match parameters.recurrent_bias {
            Some(bias) => product + bias.slice(s![gate * units..(gate + 1) * units]),
            None => product,
        }
    };
    let z = (from_input(0) + from_hidden(0, h)).mapv(|x| activate(cell.gate_activation, x));
    let r = (from_input(1) + from_hidden(1, h)).mapv(|x| activate(cell.gate_activation, x));
    let g = match reset {
        Reset::Before => from_input(2) + from_hidden(2, &(&r * h)),
        Reset::After => from_input(2) + &r * &from_hidden(2, h),
    }
    .mapv(|x| activate(cell.activation, x));
    &z * h + (1.0 - &z) * g
}

/// One-hot vectors for indices.
pub fn one_hot(indices: &Array2<u16>, alphabet: usize) -> Array3<f64> {
    let (batch, time) = indices.dim();
    Array3::from_shape_fn((batch, time, alphabet), |(b, t, k)| f64::from(u8::from(usize::from(indices[(b, t)]) == k)))
}

/// ‖a − b‖ / ‖b‖.
pub fn relative_error(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|x| x * x).sum::<f64>().sqrt();
    norm(&mut a.iter().zip(b).map(|(a, b)| a - b)) / norm(&mut b.iter().copied()).max(f64::MIN_POSITIVE)
}
