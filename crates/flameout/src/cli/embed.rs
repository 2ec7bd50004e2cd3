//! `flameout embed`: vectors for words, known or not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::ValueEnum;
use flameout_word2vec::WordVectors;
use ndarray::ArrayView1;

use super::known;
use super::output::{Format, Sink};
use super::reading::Reading;
use super::table::counted;
use super::terminal::excerpt;
use super::words::Words;
use crate::Embedder;

/// Words that are embedded at a time: enough to share their beginnings, few enough to stream.
const AT_A_TIME: usize = 4096;
/// Bytes of words after which no more are gathered.
const BYTES_AT_A_TIME: usize = 1 << 20;

/// Gives words vectors from their spelling.
///
/// Words come from the command line, from a file with one word a line, or from standard input. Text and JSON are written as
/// words are read, so that any number of them can be given; the other formats need --out FILE and keep all vectors in
/// memory. Words that cannot be spelt with the network's letters, or are too long for it, are named on standard error and
/// left out.
///
/// In a file or pipe, a word stands as it is. On a terminal, and in JSON everywhere, what could steer the terminal is
/// escaped (`\u001b`).
///
/// Vectors are in the space that the model was trained on: by default the original vectors, centred and of unit length.
/// Predicted vectors are as long as known ones: 1 by default; without unit length (--set data.normalization in `train`) the
/// mean length of the training vectors where the loss was the cosine, else as predicted. Of an imported model whose file does
/// not tell it, vectors are as its network gives them.
///
/// Examples:
///
///   flameout embed --model runs/first unheard unseeable
///   flameout embed --model runs/first --words names.txt --format word2vec --out names.bin
///   tr ' ' '\n' < text.txt | flameout embed --model runs/first - --format json
///   flameout embed --model cc.en.300.bin unheard unseeable
///   flameout embed --model runs/first --words vocabulary.txt --known original --format npy --out all.npy
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A run's directory, or that of an imported model; or a binary model of fastText (.bin).
    #[arg(long, value_name = "DIR")]
    model: PathBuf,

    /// The words; `-` reads them from standard input, one a line.
    #[arg(value_name = "WORD", required_unless_present = "file")]
    words: Vec<String>,

    /// A file of words, one a line.
    #[arg(long = "words", value_name = "FILE", conflicts_with = "words")]
    file: Option<PathBuf>,

    /// How vectors are written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,

    /// The file to write.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// What a word gets that the network was trained on, or tested with: its own vector, or a predicted one like others.
    #[arg(long, value_enum, default_value_t = Known::Predicted)]
    known: Known,

    /// With --known original: the vectors, if not those that the run names.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,

    #[command(flatten)]
    reading: Reading,
}

/// What known words get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Known {
    /// Their own vector.
    Original,
    /// A predicted vector.
    Predicted,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut embedder = Embedder::open(&args.model)?;
    let known = match args.known {
        Known::Original => {
            if embedder.space().is_none() {
                tell!(
                    "warning: the model does not say what vectors were brought to: known words keep those of the file as they \
                     are, predicted ones are as the network gives them"
                );
            }
            Some(known::for_embedder(&embedder, &args.model, args.vectors.as_deref(), args.reading)?)
        }
        Known::Predicted => None,
    };
    let mut sink = Sink::new(args.format, args.out.as_deref())?;
    let (mut pending, mut bytes, mut refused) = (Vec::new(), 0, 0);
    for word in words(args)? {
        let word = word?;
        bytes += word.len();
        pending.push(word);
        if pending.len() == AT_A_TIME || bytes > BYTES_AT_A_TIME {
            refused += write(&mut embedder, known.as_ref(), &mut sink, &pending)?;
            pending.clear();
            bytes = 0;
        }
    }
    refused += write(&mut embedder, known.as_ref(), &mut sink, &pending)?;
    sink.finish()?;
    if refused > 0 {
        tell!("No vector for {}.", counted(refused as u64, "word"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The words that are asked for.
fn words(args: &Args) -> Result<Box<dyn Iterator<Item = Result<String>> + '_>> {
    Ok(match (&args.file, &args.words[..]) {
        (Some(path), _) if path != Path::new("-") => Box::new(Words::open(path)?),
        (None, words) if words != ["-"] => Box::new(words.iter().cloned().map(Ok)),
        _ => Box::new(Words::standard_input()),
    })
}

/// Writes the vectors of some words in their order; returns how many have none.
fn write(embedder: &mut Embedder, known: Option<&WordVectors>, sink: &mut Sink<'_>, words: &[String]) -> Result<usize> {
    let original = |word: &str| known.and_then(|known| known.get(word)).map(ArrayView1::from);
    let unknown: Vec<usize> = (0..words.len()).filter(|&position| original(&words[position]).is_none()).collect();
    let spelt: Vec<&str> = unknown.iter().map(|&position| words[position].as_str()).collect();
    let embedded = embedder.embed(&spelt);
    let mut predicted = embedded.kept.iter().map(|&row| unknown[row]).zip(embedded.vectors.rows()).peekable();
    for (position, word) in words.iter().enumerate() {
        if let Some(vector) = original(word) {
            sink.add(word, vector)?;
        } else if let Some((_, vector)) = predicted.next_if(|(of, _)| *of == position) {
            sink.add(word, vector)?;
        }
    }
    for (row, reason) in &embedded.refused {
        tell!("no vector for {}: {reason}", excerpt(spelt[*row]));
    }
    Ok(embedded.refused.len())
}
