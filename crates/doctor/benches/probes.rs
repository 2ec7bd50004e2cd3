//! What probing costs at the question's size, beside the step of training that it is to be compared with: LSTM(1024), batch
//! 32, words of 19 characters, `f32` (`cargo bench -p flameout-doctor`).

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, criterion_group, criterion_main};
use flameout_doctor::probe::{Curvature, Reference, scratch};
use flameout_experiment::{AnyLearner, Case, Dataset, Settings, Trainer};
use flameout_optim::Preconditioner;

fn probes(criterion: &mut Criterion) {
    let mut settings = Settings::for_case(Case::LstmSingle);
    // Its orthogonal matrices take long to draw, and the values do not matter for the time.
    settings.set("model.flavour", "pytorch").expect("a flavour");
    settings.set("model.gate-activation", "hard_sigmoid").expect("an activation");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dataset = Dataset::open(&settings, &root).expect("the fixture");
    let mut trainer = Trainer::new(&settings, &dataset).expect("settings in range");
    trainer.step(&dataset).expect("a step");
    let AnyLearner::F32(learner) = trainer.learner() else { panic!("the settings say single precision") };

    let mut group = criterion.benchmark_group("LSTM(1024), batch 32");
    group.sampling_mode(SamplingMode::Flat);
    let mut training = Trainer::new(&settings, &dataset).expect("settings in range");
    group.bench_function("a step of training", |bencher| bencher.iter(|| training.step(&dataset)));
    let mut reference = Reference::new(learner.network(), settings.training.loss, &dataset, 32, 20);
    group.bench_function("the whole network on 32 words", |bencher| {
        bencher.iter(|| black_box(reference.measure(learner.network())));
    });
    group.bench_function("a snapshot", |bencher| bencher.iter(|| black_box(trainer.snapshot())));

    let batch = dataset.batch(&dataset.train[..32]);
    let preconditioner = Preconditioner::of(learner.optimizer());
    let mut model = scratch(learner.network());
    let mut curvature = Curvature::new(&mut model, &batch, settings.training.loss);
    group.bench_function("largest eigenvalue, 10 iterations", |bencher| {
        bencher.iter(|| curvature.largest_preconditioned(&preconditioner, 10));
    });
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
    targets = probes
}
criterion_main!(benches);
