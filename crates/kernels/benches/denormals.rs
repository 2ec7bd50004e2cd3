//! What numbers below 1.2e-38 cost (`cargo bench -p flameout-kernels --bench denormals`).
//!
//! Many processors take a slow way for denormal operands or results. Modes that treat them as zero differ between
//! machines, so the kernels leave them off; this shows what that costs on the machine at hand.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use flameout_kernels::sigmoid;
use flameout_kernels::{PackedLeft, PackedRight, Real, Start, dispatch, product};
use ndarray::Array2;

/// A product of a recurrent layer: a batch of 32 words, 1024 units, four gates.
const PRODUCT: (usize, usize, usize) = (32, 1024, 4096);

/// Elements of the loops: their buffers stay in the second-level cache, so that arithmetic is what is measured.
const NUMBERS: usize = 1 << 14;

/// Within the normal numbers, a denormal, and a number whose square is a denormal.
const NORMAL: f32 = 1.0;
const DENORMAL: f32 = 1e-40;
const SQUARE_IS_DENORMAL: f32 = 1e-22;

/// Numbers of both signs, of half to one and a half times this size.
fn number(i: usize, size: f32) -> f32 {
    let magnitude = size * (0.5 + (i * 31 % 101) as f32 / 101.0);
    if i.is_multiple_of(3) { -magnitude } else { magnitude }
}

fn matrix(rows: usize, columns: usize, size: f32) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| number(31 * i + 17 * j, size))
}

fn products(criterion: &mut Criterion) {
    let (rows, depth, columns) = PRODUCT;
    let mut group = criterion.benchmark_group("product 32x1024x4096, f32");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements((rows * depth * columns) as u64));
    for (what, left, right) in [
        ("normal", NORMAL, NORMAL),
        ("left denormal, results denormal", DENORMAL, NORMAL),
        ("right denormal, results denormal", NORMAL, DENORMAL),
        ("left denormal, results normal", DENORMAL, 1e10),
        ("both denormal, results zero", DENORMAL, DENORMAL),
        ("operands normal, results denormal", 1e-20, 1e-21),
    ] {
        let left = PackedLeft::from(matrix(rows, depth, left).view());
        let right = PackedRight::from(matrix(depth, columns, right).view());
        let mut out = Array2::zeros((rows, columns));
        group.bench_function(what, |bencher| {
            bencher.iter(|| product(black_box(&left), black_box(&right), out.view_mut(), Start::Zero));
        });
    }
    group.finish();
}

fn activations(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("activation of 16k f32, one thread");
    group.throughput(Throughput::Elements(NUMBERS as u64));
    for (what, size) in [("normal", NORMAL), ("denormal", DENORMAL), ("square is denormal", SQUARE_IS_DENORMAL)] {
        let values: Vec<f32> = (0..NUMBERS).map(|i| number(i, size)).collect();
        activation(&mut group, &format!("tanh, {what}"), &values, Real::tanh);
        activation(&mut group, &format!("logistic, {what}"), &values, sigmoid);
        activation(&mut group, &format!("exp, {what}"), &values, Real::exp);
    }
    // The results are the smallest normal numbers; what rounding took from them is denormal.
    let values: Vec<f32> = (0..NUMBERS).map(|i| -80.0 - (i % 64) as f32 / 10.0).collect();
    activation(&mut group, "logistic, -80 to -86.3", &values, sigmoid);
    activation(&mut group, "exp, -80 to -86.3", &values, Real::exp);
    group.finish();
}

type Group<'a> = criterion::BenchmarkGroup<'a, criterion::measurement::WallTime>;

#[inline(always)]
fn activation(group: &mut Group<'_>, name: &str, values: &[f32], f: impl Fn(f32) -> f32) {
    let mut out = vec![0.0; NUMBERS];
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let (values, out) = (black_box(values), black_box(&mut out));
            dispatch(
                #[inline(always)]
                || out.iter_mut().zip(values).for_each(|(y, x)| *y = f(*x)),
            );
        });
    });
}

/// One parameter's θ, m and v.
type State = [f32; 3];

/// Keras' form of Adam, with the arithmetic of `flameout-optim`. The old state stays, so that every iteration computes
/// the same.
fn adam_step(old: [&[f32]; 3], g: &[f32], new: &mut [Vec<f32>; 3]) {
    let [theta, m, v] = old.map(|numbers| &numbers[..NUMBERS]);
    let g = &g[..NUMBERS];
    let [new_theta, new_m, new_v] = new.each_mut().map(|numbers| &mut numbers[..NUMBERS]);
    dispatch(
        #[inline(always)]
        || {
            for i in 0..NUMBERS {
                let [theta, m, v] = adam_element([theta[i], m[i], v[i]], g[i]);
                (new_theta[i], new_m[i], new_v[i]) = (theta, m, v);
            }
        },
    );
}

#[inline(always)]
fn adam_element([theta, m, v]: State, g: f32) -> State {
    let m = 0.9 * m + 0.1 * g;
    let v = 0.999 * v + 0.001 * (g * g);
    [theta - 1e-3 * m / (v.sqrt() + 1e-8), m, v]
}

fn adam(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Adam of 16k f32, one thread");
    group.throughput(Throughput::Elements(NUMBERS as u64));
    let numbers = |size| (0..NUMBERS).map(|i| number(i, size)).collect::<Vec<f32>>();
    let theta = numbers(0.1);
    for (what, g, m, v) in [
        ("normal", 1e-3, 1e-3, 1e-6),
        ("g² denormal, v normal", SQUARE_IS_DENORMAL, 1e-3, 1e-6),
        ("g² and v denormal", SQUARE_IS_DENORMAL, SQUARE_IS_DENORMAL, 1e-44),
        ("g and m denormal", DENORMAL, DENORMAL, 1e-6),
        ("all denormal", DENORMAL, DENORMAL, DENORMAL),
    ] {
        let (g, m, v) = (numbers(g), numbers(m), numbers(v).iter().map(|v| v.abs()).collect::<Vec<_>>());
        let mut new = [(); 3].map(|()| vec![0.0; NUMBERS]);
        group.bench_function(what, |bencher| {
            bencher.iter(|| adam_step(black_box([&theta, &m, &v]), black_box(&g), black_box(&mut new)));
        });
    }
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
    targets = products, activations, adam
}
criterion_main!(benches);
