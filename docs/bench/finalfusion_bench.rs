//! How long finalfusion takes to read a file of word vectors that lies in the system's cache; beside `cargo xtask bench
//! --only vectors --vectors FILE`. To run it, outside of this repository:
//!
//! ```console
//! cargo init finalfusion-bench && cd finalfusion-bench && cargo add finalfusion
//! cp …/docs/bench/finalfusion_bench.rs src/main.rs && cargo run --release -- vectors.txt
//! ```

use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use finalfusion::compat::text::ReadTextDims;
use finalfusion::compat::word2vec::ReadWord2Vec;
use finalfusion::embeddings::Embeddings;

const RUNS: usize = 11;

fn main() {
    for path in std::env::args().skip(1) {
        let mut times: Vec<f64> = (0..RUNS)
            .map(|_| {
                let start = Instant::now();
                let mut reader = BufReader::new(File::open(&path).expect("a file"));
                if path.ends_with(".bin") {
                    Embeddings::read_word2vec_binary(&mut reader).expect("word2vec's binary format");
                } else {
                    Embeddings::read_text_dims(&mut reader).expect("word2vec's text format");
                }
                start.elapsed().as_secs_f64() * 1e3
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!("{path}: median {:.1} ms", times[RUNS / 2]);
    }
}
