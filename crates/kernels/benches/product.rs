//! Matrix products and packing, at the sizes of an LSTM with 1024 units (`cargo bench -p flameout-kernels --bench product`).
//!
//! Products are named rows x depth x columns. Their throughput counts a multiply-add as one element: the machine's limit
//! is half of its FLOP rate.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use flameout_kernels::{PackedLeft, PackedRight, Start, product};
use ndarray::Array2;

/// Values of both signs, none of them denormal.
fn matrix(rows: usize, columns: usize) -> Array2<f32> {
    Array2::from_shape_fn((rows, columns), |(i, j)| ((i * 31 + j * 17) % 101) as f32 / 101.0 - 0.495)
}

fn products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("product, packed operands, f32");
    group.sampling_mode(SamplingMode::Flat);
    for (what, rows, depth, columns) in [
        ("one word", 1, 1024, 4096),
        ("recurrent, batch 32", 32, 1024, 4096),
        ("recurrent, batch 128", 128, 1024, 4096),
        ("recurrent backward, batch 32", 32, 4096, 1024),
        ("weight gradient, 19 steps of batch 32", 1024, 608, 4096),
    ] {
        let left = PackedLeft::from(matrix(rows, depth).view());
        let right = PackedRight::from(matrix(depth, columns).view());
        let mut out = Array2::zeros((rows, columns));
        group.throughput(Throughput::Elements((rows * depth * columns) as u64));
        group.bench_function(BenchmarkId::new(what, format!("{rows}x{depth}x{columns}")), |bencher| {
            bencher.iter(|| product(black_box(&left), black_box(&right), out.view_mut(), Start::Zero));
        });
    }
    group.finish();
}

fn packing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("packing, f32");
    group.sampling_mode(SamplingMode::Flat);
    let weights = matrix(1024, 4096);
    let mut right = PackedRight::default();
    group.throughput(Throughput::Bytes((weights.len() * size_of::<f32>()) as u64));
    group.bench_function("recurrent kernel 1024x4096, right", |bencher| {
        bencher.iter(|| right.pack(black_box(weights.view())));
    });
    group.bench_function("its transpose 4096x1024, right", |bencher| {
        bencher.iter(|| right.pack(black_box(weights.t())));
    });
    let mut transposed = PackedRight::default();
    group.throughput(Throughput::Bytes((2 * weights.len() * size_of::<f32>()) as u64));
    group.bench_function("recurrent kernel and its transpose at once, right", |bencher| {
        bencher.iter(|| right.pack_with_transposed(&mut transposed, black_box(weights.view())));
    });

    let mut left = PackedLeft::default();
    let states = matrix(608, 1024);
    group.throughput(Throughput::Bytes((states.len() * size_of::<f32>()) as u64));
    group.bench_function("all states transposed 1024x608, left", |bencher| {
        bencher.iter(|| left.pack(black_box(states.t())));
    });
    let state = matrix(32, 1024);
    group.throughput(Throughput::Bytes((state.len() * size_of::<f32>()) as u64));
    group.bench_function("one state 32x1024, left", |bencher| {
        bencher.iter(|| left.pack(black_box(state.view())));
    });
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
}

criterion_group! {
    name = benches;
    config = short();
    targets = products, packing
}
criterion_main!(benches);
