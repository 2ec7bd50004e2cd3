//! Measures what large files cost: opening them, memory, nearest words.
//!
//! - `reach mapped WORDS DIMENSIONS DIRECTORY` writes two files of generated vectors, and opens them: 3000000 300 takes
//!   7.3 GB of the disk, and removes them again.
//! - `reach int8 FILE` says what a byte a number costs: how nearest words differ.
//! - `reach approximate FILE COPIES CANDIDATES` compares the approximate search with the exact one on FILE's words, or on several
//!   jittered copies of them.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use flameout_word2vec::{ApproximateSearch, Format, MappedVectors, Normalization, ReadOptions, WordVectors};
use ndarray::Array2;

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["mapped", words, dim, directory] => mapped(words.parse()?, dim.parse()?, Path::new(directory)),
        ["int8", file] => int8(file),
        ["approximate", file, copies, candidates] => approximate(file, copies.parse()?, candidates.parse()?),
        _ => {
            Err("usage: reach (mapped WORDS DIMENSIONS DIRECTORY | int8 FILE | approximate FILE COPIES CANDIDATES)"
                .into())
        }
    }
}

/// xorshift64*: numbers from −0.5 to 0.5.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / (1 << 24) as f32 - 0.5
    }
}

/// Resident memory: all, and that of mapped files.
fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let megabytes = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
        kilobytes.map_or("not known".to_owned(), |kilobytes| format!("{:.1} MB", kilobytes / 1000.0))
    };
    format!("resident {}, of it files {}", megabytes("VmRSS:"), megabytes("RssFile:"))
}

fn mapped(words: usize, dim: usize, directory: &Path) -> Result {
    let paths = [(Format::Indexed, "reach.flame"), (Format::Word2vecBinary, "reach.bin")]
        .map(|(format, name)| (format, directory.join(name)));
    if !paths.iter().all(|(_, path)| path.exists()) {
        let mut noise = Noise(1);
        let names = (0..words).map(|number| format!("word{number}")).collect();
        let vectors = WordVectors::new(names, Array2::from_shape_fn((words, dim), |_| noise.next()))?;
        for (format, path) in &paths {
            let start = Instant::now();
            vectors.save(path, *format)?;
            println!("{format}: {} bytes written in {:.1?}", fs::metadata(path)?.len(), start.elapsed());
        }
        println!("Start again: the files are there, and memory is then that of opening them.");
        return Ok(());
    }
    println!("before: {}", memory());
    for (format, path) in &paths {
        let start = Instant::now();
        let vectors = MappedVectors::open(path)?;
        println!("{format}: {} × {} opened in {:.3?}; {}", vectors.len(), vectors.dim(), start.elapsed(), memory());
        let (start, mut noise) = (Instant::now(), Noise(2));
        for _ in 0..1000 {
            let number = ((noise.next() + 0.5) * words as f32) as usize % words;
            let row = vectors.index_of(&format!("word{number}"))?.ok_or("a word is missing")?;
            assert_eq!((row, vectors.vector(row).len()), (number, dim));
        }
        println!("  1,000 words looked up in {:.3?}; {}", start.elapsed(), memory());
        let start = Instant::now();
        let nearest = vectors.nearest("word7", 10)?;
        println!("  nearest of all ({}) in {:.2?}; {}", nearest[0].0, start.elapsed(), memory());
        drop(vectors);
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The vectors of a file, as training has them: less their mean, of unit length.
fn normalised(file: &str) -> Result<WordVectors> {
    let mut vectors = WordVectors::open(file)?;
    vectors.normalize(Normalization::CentredThenUnit)?;
    Ok(vectors)
}

const NEAREST: usize = 10;
const QUERIES: usize = 1000;

fn int8(file: &str) -> Result {
    let vectors = normalised(file)?;
    let mut bytes = Vec::new();
    vectors.write_to(&mut bytes, Format::IndexedInt8)?;
    let (rounded, _) = WordVectors::read_from(&bytes[..], &ReadOptions::default())?;
    let mut whole = Vec::new();
    vectors.write_to(&mut whole, Format::Indexed)?;
    println!("{} words; {} bytes as int8, {} as f32", vectors.len(), bytes.len(), whole.len());
    let queries = vectors.len().min(QUERIES);
    let (mut common, mut same_first, mut same_order, mut largest) = (0, 0, 0, 0.0_f64);
    for number in 0..queries {
        let word = &vectors.words()[number * vectors.len() / queries];
        let (exact, found) = (vectors.nearest(word, NEAREST)?, rounded.nearest(word, NEAREST)?);
        let names = |list: &[(&str, f64)]| list.iter().map(|(word, _)| (*word).to_owned()).collect::<Vec<_>>();
        let (exact_names, found_names) = (names(&exact), names(&found));
        common += found_names.iter().filter(|word| exact_names.contains(word)).count();
        same_first += usize::from(exact_names.first() == found_names.first());
        same_order += usize::from(exact_names == found_names);
        for (word, cosine) in &found {
            if let Some((_, exact)) = exact.iter().find(|(other, _)| other == word) {
                largest = largest.max((cosine - exact).abs());
            }
        }
    }
    let share = |count: usize, of: usize| 100.0 * count as f64 / of as f64;
    println!("of {queries} words, the {NEAREST} nearest by rounded vectors:");
    println!("  {:.2} % are among the {NEAREST} nearest", share(common, NEAREST * queries));
    println!("  the first is the same for {:.1} %", share(same_first, queries));
    println!("  all {NEAREST} are the same in the same order for {:.1} %", share(same_order, queries));
    println!("  their cosines differ by at most {largest:.5}");
    Ok(())
}

/// How much of a vector's length noise is, in a copy.
const JITTER: f32 = 0.25;

fn approximate(file: &str, copies: usize, candidates: usize) -> Result {
    let vectors = normalised(file)?;
    let (words, dim, mut noise) = (vectors.len(), vectors.dim(), Noise(3));
    let matrix = Array2::from_shape_fn((words * copies, dim), |(row, column)| {
        let number = vectors.matrix()[(row % words, column)];
        if row < words { number } else { number + JITTER * noise.next() }
    });
    let vectors = WordVectors::new((0..words * copies).map(|number| number.to_string()).collect(), matrix)?;
    let start = Instant::now();
    let search = ApproximateSearch::with_candidates(&vectors, candidates);
    println!("{} words: the graph took {:.1?}; {}", vectors.len(), start.elapsed(), memory());
    let count = vectors.len().min(if copies > 1 { QUERIES / 5 } else { QUERIES });
    let queries: Vec<&String> = (0..count).map(|number| &vectors.words()[number * vectors.len() / count]).collect();
    let start = Instant::now();
    let exact =
        queries.iter().map(|word| vectors.nearest(word, NEAREST)).collect::<std::result::Result<Vec<_>, _>>()?;
    let exactly = start.elapsed();
    let start = Instant::now();
    let found = queries.iter().map(|word| search.nearest(word, NEAREST)).collect::<std::result::Result<Vec<_>, _>>()?;
    let quickly = start.elapsed();
    let common: usize = exact
        .iter()
        .zip(&found)
        .map(|(exact, found)| found.iter().filter(|(word, _)| exact.iter().any(|(other, _)| other == word)).count())
        .sum();
    println!(
        "  exact {:.3?} a word, approximate {:.3?}: {:.1} times as fast; recall@{NEAREST} {:.4} of {count} words",
        exactly / count as u32,
        quickly / count as u32,
        exactly.as_secs_f64() / quickly.as_secs_f64(),
        common as f64 / (NEAREST * count) as f64,
    );
    Ok(())
}
