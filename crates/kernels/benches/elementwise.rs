//! Activations and sums of a million numbers (`cargo bench -p flameout-kernels --bench elementwise`).

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flameout_kernels::reduce::{sum, sum_of_squares};
use flameout_kernels::sigmoid;
use flameout_kernels::{Real, dispatch};

const NUMBERS: usize = 1 << 20;

/// Evenly spread over [−5, 5].
fn numbers() -> Vec<f32> {
    (0..NUMBERS).map(|i| i as f32 * (10.0 / NUMBERS as f32) - 5.0).collect()
}

/// `out[i] = f(values[i])`, compiled for the kernel path in use, on one thread.
#[inline(always)]
fn apply(values: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) {
    dispatch(
        #[inline(always)]
        || out.iter_mut().zip(values).for_each(|(y, x)| *y = f(*x)),
    );
}

/// What Keras 1 has in gates: clip(0.2·x + 0.5, 0, 1).
#[inline(always)]
fn hard_sigmoid(x: f32) -> f32 {
    x.mul_add(0.2, 0.5).clamp(0.0, 1.0)
}

fn activations(criterion: &mut Criterion) {
    let values = numbers();
    let mut out = vec![0.0; NUMBERS];
    let mut group = criterion.benchmark_group("activation of 1M f32, one thread");
    group.throughput(Throughput::Elements(NUMBERS as u64));
    group.bench_function("tanh", |bencher| {
        bencher.iter(|| apply(black_box(&values), black_box(&mut out), Real::tanh));
    });
    group.bench_function("logistic", |bencher| {
        bencher.iter(|| apply(black_box(&values), black_box(&mut out), sigmoid));
    });
    group.bench_function("hard sigmoid", |bencher| {
        bencher.iter(|| apply(black_box(&values), black_box(&mut out), hard_sigmoid));
    });
    group.bench_function("exp", |bencher| {
        bencher.iter(|| apply(black_box(&values), black_box(&mut out), Real::exp));
    });
    group.finish();
}

fn sums(criterion: &mut Criterion) {
    let values = numbers();
    let mut group = criterion.benchmark_group("sum of 1M f32, fixed order");
    group.throughput(Throughput::Elements(NUMBERS as u64));
    group.bench_function("sum", |bencher| bencher.iter(|| sum(black_box(&values))));
    group.bench_function("sum of squares", |bencher| bencher.iter(|| sum_of_squares(black_box(&values))));
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! {
    name = benches;
    config = short();
    targets = activations, sums
}
criterion_main!(benches);
