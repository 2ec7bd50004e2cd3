//! Networks of made-up weights, the same at every call.
#![allow(dead_code)] // Each test uses a part.

use std::path::PathBuf;

use flameout_interchange::{Metadata, Model};
use flameout_model::{Architecture, Cell, Flavour, LayerKind, Sequential};
use ndarray::Array2;

/// Alphabet, time steps and outputs of everything made up here.
pub const ALPHABET: usize = 27;
pub const TIME: usize = 19;
pub const OUTPUTS: usize = 5;

/// A file of `fixtures/interchange`.
pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/interchange").join(name)
}

/// Numbers in [0, 1), by Knuth's linear congruential generator (MMIX).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }
}

/// Words `(words, time)`.
pub fn words(words: usize) -> Array2<u16> {
    let mut numbers = Numbers(1);
    Array2::from_shape_simple_fn((words, TIME), || (numbers.next() * ALPHABET as f32) as u16)
}

/// Of alphabet, units, outputs and flavour.
type Preset = fn(usize, usize, usize, Flavour) -> Architecture;

/// Bidirectional GRU(every step) → bidirectional GRU → Dense: what `lstm_bidirectional` does not have.
fn gru_bidirectional(alphabet: usize, units: usize, outputs: usize, flavour: Flavour) -> Architecture {
    let layer = |return_sequences| LayerKind::Bidirectional {
        cell: Cell::Gru { reset: flavour.reset() },
        units,
        gate_activation: flavour.gate_activation(),
        return_sequences,
    };
    Architecture::of_layers(alphabet, &[layer(true), layer(false)], outputs)
}

/// The project's networks, and one more, in two flavours, by name.
pub fn models(units: usize) -> Vec<(String, Model)> {
    let mut models = Vec::new();
    let presets: [(&str, Preset); 5] = [
        ("lstm-single", Architecture::lstm_single),
        ("gru-single", Architecture::gru_single),
        ("lstm-double", Architecture::lstm_double),
        ("lstm-bidirectional", Architecture::lstm_bidirectional),
        ("gru-bidirectional", gru_bidirectional),
    ];
    for (name, preset) in presets {
        for (flavour_name, flavour) in [("keras1", Flavour::Keras1), ("pytorch", Flavour::PyTorch)] {
            models.push((format!("{name}-{flavour_name}"), model(preset(ALPHABET, units, OUTPUTS, flavour))));
        }
    }
    models
}

/// A network with made-up weights: characters that reach the gates' flat ends, all biases set, and other kernels ± 2/√rows.
/// (With much wider recurrent kernels the states are chaotic, and any two programs' rounding soon shows.)
pub fn model(architecture: Architecture) -> Model {
    let metadata = Metadata {
        alphabet: (architecture.alphabet == ALPHABET).then(|| "$abcdefghijklmnopqrstuvwxyz".to_owned()),
        length: Some(TIME),
        other: [("purpose".to_owned(), "tests".to_owned())].into(),
    };
    let mut network = Sequential::of(architecture);
    let mut numbers = Numbers(2);
    for tensor in network.tensors().to_vec() {
        let width = match (tensor.name.as_str(), tensor.matrix_shape()) {
            ("layer0/kernel" | "layer0/forward/kernel" | "layer0/backward/kernel", _) => 3.0,
            (_, (rows, _)) => 2.0 / (rows as f32).sqrt().max(2.0),
        };
        let values = &mut network.parameters_mut()[tensor.range()];
        values.iter_mut().for_each(|x| *x = width * (2.0 * numbers.next() - 1.0));
    }
    Model { network, metadata }
}

/// The largest difference between two matrices of the same shape.
pub fn difference(a: &Array2<f32>, b: &Array2<f32>) -> f32 {
    assert_eq!(a.dim(), b.dim());
    // Unlike `f32::max`, this keeps NaN.
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |largest, x| if x <= largest { largest } else { x })
}

/// A matrix of a recorded file; whole numbers are characters.
pub fn recorded(file: &str, name: &str) -> Array2<f32> {
    use safetensors::tensor::Dtype;

    let bytes = std::fs::read(fixture(file)).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    let values = match tensor.dtype() {
        Dtype::F32 => tensor.data().as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        Dtype::F64 => tensor.data().as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
        Dtype::I32 => tensor.data().as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes) as f32).collect(),
        other => panic!("{name} is of type {other:?}"),
    };
    Array2::from_shape_vec((tensor.shape()[0], tensor.shape()[1]), values).unwrap()
}

/// Characters of a recorded file.
pub fn recorded_indices(file: &str) -> Array2<u16> {
    recorded(file, "indices").mapv(|index| index as u16)
}
