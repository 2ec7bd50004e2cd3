//! One Adam step over the parameters of LSTM(1024) on 27 characters: 4·1024·(27 + 1024 + 1) = 4.3 million `f32`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flameout_optim::{AdamForm, AdamSettings, AnyOptimizer, Clipping, Optimizer, OptimizerSettings, clip, l2_norm};

const PARAMETERS: usize = 4 * 1024 * (27 + 1024 + 1);

fn adam(criterion: &mut Criterion) {
    let gradients: Vec<f32> = (0..PARAMETERS).map(|i| ((i % 1013) as f32 - 506.0) * 1e-5).collect();
    let defaults = AdamSettings::default();
    let variants = [
        ("keras", defaults),
        ("pytorch", AdamSettings { form: AdamForm::PyTorch, ..defaults }),
        ("amsgrad", AdamSettings { amsgrad: true, ..defaults }),
        ("clip-update-rms", AdamSettings { clip_update_rms: true, ..defaults }),
    ];

    let mut group = criterion.benchmark_group("adam step, f32");
    group.throughput(Throughput::Elements(PARAMETERS as u64));
    for (name, settings) in variants {
        let mut optimizer =
            AnyOptimizer::new(OptimizerSettings::Adam(settings), PARAMETERS).expect("the settings are valid");
        let mut parameters = vec![0.1_f32; PARAMETERS];
        group.bench_function(name, |bencher| {
            bencher.iter(|| optimizer.update(&mut parameters, black_box(&gradients), 1e-6));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("gradients, f32");
    group.throughput(Throughput::Elements(PARAMETERS as u64));
    group.bench_function("l2 norm", |bencher| bencher.iter(|| l2_norm(black_box(&gradients))));
    let mut gradients = gradients;
    group.bench_function("norm and scaling", |bencher| {
        bencher.iter(|| {
            gradients[0] = 100.0; // above the limit every time
            clip(black_box(&mut gradients), &Clipping::GlobalNorm { limit: 6.0 })
        });
    });
    group.finish();
}

criterion_group!(benches, adam);
criterion_main!(benches);
