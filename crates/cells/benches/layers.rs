//! Forward and backward passes of single layers, batch 32, in Keras 1.0.7's form (`cargo bench -p flameout-cells`).
//!
//! Recurrent layers read 19 characters of an alphabet of 27 and return their last state; the dense layer maps such a state
//! to 100 outputs. A backward pass uses up what the forward pass keeps, so that they can only be timed together.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use flameout_cells::{Activation, Dense, Gru, Initialisation, Input, Inputs, Layer, Lstm, Reset, Sequence, Values};
use ndarray::Array2;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

const UNITS: [usize; 3] = [64, 256, 1024];
const BATCH: usize = 32;
const CHARACTERS: usize = 19;
const ALPHABET: usize = 27;
const OUTPUTS: usize = 100;

/// Forward, and forward with backward, of one layer at one size.
fn both_passes(criterion: &mut Criterion, name: &str, units: usize, mut layer: impl Layer<f32>, input: Input<'_, f32>) {
    let mut parameters = vec![0.0; layer.parameter_count()];
    // The values do not matter for the time, and orthogonal ones take long to draw.
    layer.initialise(&Initialisation::pytorch(), &mut parameters, &mut ChaCha8Rng::seed_from_u64(0));
    layer.load(&parameters);
    let mut gradients = vec![0.0; parameters.len()];
    layer.forward(input);
    let (batch, time, outputs) = layer.output().dim();
    let output_gradient = Sequence::filled(batch, time, outputs, 0.01);
    let mut input_gradient = matches!(input.values(), Values::Sequence(_)).then(Sequence::new);

    let mut group = criterion.benchmark_group(format!("{name}, batch {BATCH}"));
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(size_of_val(&parameters[..]) as u64));
    group.bench_function(BenchmarkId::new("load parameters", format!("{units} units")), |bencher| {
        bencher.iter(|| layer.load(&parameters));
    });
    // Words.
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(BenchmarkId::new("forward", format!("{units} units")), |bencher| {
        bencher.iter(|| layer.forward(input));
    });
    group.bench_function(BenchmarkId::new("forward and backward", format!("{units} units")), |bencher| {
        bencher.iter(|| {
            layer.forward(input);
            layer.backward(input, &output_gradient, &mut gradients, input_gradient.as_mut());
        });
    });
    group.finish();
}

fn layers(criterion: &mut Criterion) {
    let words = Array2::from_shape_fn((BATCH, CHARACTERS), |(i, t)| ((i * 7 + t * 11) % ALPHABET) as u16);
    let characters = Input::indices(words.view());
    let from_characters = Inputs::Indices(ALPHABET);
    for units in UNITS {
        let lstm = Lstm::new(units).gate_activation(Activation::HardSigmoid).with_inputs(from_characters);
        both_passes(criterion, "lstm", units, lstm, characters);
    }
    for units in UNITS {
        let gru = Gru::new(units, Reset::Before).gate_activation(Activation::HardSigmoid).with_inputs(from_characters);
        both_passes(criterion, "gru, reset before", units, gru, characters);
    }
    for units in UNITS {
        let state = Sequence::filled(BATCH, 1, units, 0.1);
        let dense = Dense::new(OUTPUTS).with_inputs(Inputs::Features(units));
        both_passes(criterion, "dense, 100 outputs", units, dense, Input::sequence(&state));
    }
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = short();
    targets = layers
}
criterion_main!(benches);
