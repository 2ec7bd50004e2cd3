//! Reading 4,000 real vectors of 100 dimensions from memory, and searching them.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use flameout_word2vec::{Format, ReadOptions, WordVectors};

fn read(criterion: &mut Criterion) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/glove-100d-4k.bin");
    let vectors = WordVectors::open(path).expect("the fixture");
    let mut group = criterion.benchmark_group("read");
    for format in [Format::Word2vecBinary, Format::Word2vecText, Format::Glove] {
        let mut bytes = Vec::new();
        vectors.write_to(&mut bytes, format).expect("writing to memory");
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| WordVectors::read_from(black_box(&bytes[..]), &ReadOptions::default()).expect("vectors"));
        });
    }
    group.finish();
    criterion.bench_function("nearest", |bencher| {
        bencher.iter(|| vectors.nearest(black_box("france"), 10).expect("a word"));
    });
}

criterion_group!(benches, read);
criterion_main!(benches);
