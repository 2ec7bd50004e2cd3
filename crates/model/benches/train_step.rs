//! A whole train step of each of the question's networks at its own size: forward, backward and Adam over 32 words of 19
//! characters (`cargo bench -p flameout-model`).

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use flameout_cells::Initialisation;
use flameout_model::{Architecture, Flavour, LossKind, Sequential};
use flameout_optim::{Adam, AdamSettings, Optimizer};
use ndarray::Array2;

const BATCH: usize = 32;
const CHARACTERS: usize = 19;
const ALPHABET: usize = 27;
const OUTPUTS: usize = 100;

fn train_steps(criterion: &mut Criterion) {
    let indices = Array2::from_shape_fn((BATCH, CHARACTERS), |(i, t)| ((i * 7 + t * 11) % ALPHABET) as u16);
    let targets = Array2::from_shape_fn((BATCH, OUTPUTS), |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 505.0 - 0.1);
    let mut group = criterion.benchmark_group("train step with Adam, batch 32");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, architecture) in [
        ("lstm-single, 1024 units", Architecture::lstm_single(ALPHABET, 1024, OUTPUTS, Flavour::Keras1)),
        ("gru-single, 1024 units", Architecture::gru_single(ALPHABET, 1024, OUTPUTS, Flavour::Keras1)),
        ("lstm-double, 512 units", Architecture::lstm_double(ALPHABET, 512, OUTPUTS, Flavour::Keras1)),
    ] {
        let mut model = Sequential::<f32>::of(architecture);
        // The values do not matter for the time, and orthogonal ones take long to draw.
        model.initialise(&Initialisation::pytorch(), 0);
        let mut adam = Adam::new(AdamSettings::default(), &model).expect("the settings are valid");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                model.forward_backward(&indices, targets.view(), LossKind::Mse).expect("the shapes fit");
                // So small that training the same words for long drives no gradient towards zero.
                adam.step(&mut model, 1e-9).expect("the sizes fit")
            });
        });
    }
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
}

criterion_group! {
    name = benches;
    config = short();
    targets = train_steps
}
criterion_main!(benches);
