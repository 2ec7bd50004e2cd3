//! Converts word vectors from one format to another.
//!
//! `convert FROM TO FORMAT`, as `convert glove.6B.100d.txt.gz glove.bin word2vec-binary`. The format of FROM is told
//! from its content; TO is gzipped if its name ends in `.gz`.

use std::process::ExitCode;
use std::time::Instant;

use flameout_word2vec::{Format, ReadOptions, WordVectors};

const FORMATS: [Format; 4] = [Format::Word2vecBinary, Format::Word2vecText, Format::Glove, Format::FastText];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to, format] = arguments.as_slice() else {
        eprintln!("usage: convert FROM TO FORMAT");
        return ExitCode::FAILURE;
    };
    let Some(format) = FORMATS.into_iter().find(|known| known.name() == format) else {
        eprintln!("FORMAT is one of {}", FORMATS.map(Format::name).join(", "));
        return ExitCode::FAILURE;
    };
    match convert(from, to, format) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn convert(from: &str, to: &str, format: Format) -> Result<(), flameout_word2vec::Error> {
    let start = Instant::now();
    let (vectors, report) = WordVectors::open_with(from, &ReadOptions::default())?;
    println!(
        "{from}: {}, {} words of {} dimensions, {:.1?}",
        report.format,
        vectors.len(),
        vectors.dim(),
        start.elapsed()
    );
    if report.duplicate.count > 0 {
        println!("left out {} later duplicates, such as {:?}", report.duplicate.count, report.duplicate.examples);
    }
    let start = Instant::now();
    vectors.save(to, format)?;
    println!("{to}: {format}, {:.1?}", start.elapsed());
    Ok(())
}
