//! `flameout vectors`: files of word vectors.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use flameout_word2vec::{
    Error, Format, MappedVectors, NonFinitePolicy, Normalization, ReadOptions, ReadReport, Utf8Policy, WordVectors,
};
use serde::Serialize;

use super::nearest;
use super::reading::{self, Reading};

/// Converts, describes, normalises and searches files of word vectors: word2vec, GloVe, fastText; gzipped or not.
///
/// The formats indexed and indexed-int8 are flameout's own: a file of any size opens at once.
///
/// Examples:
///
///   flameout vectors info GoogleNews-vectors-negative300.bin.gz
///   flameout vectors convert glove.6B.100d.txt glove.bin --format word2vec-binary
///   flameout vectors normalize my-vectors.bin unit.bin --to centred-then-unit
///   flameout vectors convert cut-off.bin whole.bin --format word2vec-binary --words 50000
///   flameout vectors convert latin1.txt clean.txt --format word2vec-text --invalid-utf8 drop
///   flameout vectors convert GoogleNews-vectors-negative300.bin.gz news.flame --format indexed
///   flameout vectors neighbours news.flame paris rome -k 5
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Says what is in a file, and what is wrong with it.
    Info {
        /// The file.
        file: PathBuf,
        /// Only the first so many words.
        #[arg(long, value_name = "N")]
        words: Option<u64>,
        #[command(flatten)]
        reading: Reading,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Writes a file's vectors in another format.
    Convert {
        /// The file to read.
        from: PathBuf,
        /// The file to write; gzipped if its name ends in .gz.
        to: PathBuf,
        /// The format to write.
        #[arg(long, value_enum)]
        format: FormatName,
        /// Only the first so many words.
        #[arg(long, value_name = "N")]
        words: Option<u64>,
        #[command(flatten)]
        reading: Reading,
    },
    /// Writes a file's vectors normalised, in the format that they have.
    Normalize {
        /// The file to read.
        from: PathBuf,
        /// The file to write; gzipped if its name ends in .gz.
        to: PathBuf,
        /// What the vectors are brought to.
        #[arg(long = "to", value_enum, value_name = "WHAT", default_value = "centred-then-unit")]
        normalization: NormalizationName,
        /// Only the first so many words.
        #[arg(long, value_name = "N")]
        words: Option<u64>,
        #[command(flatten)]
        reading: Reading,
    },
    /// Shows the words of a file whose vectors are nearest to those of some of its words.
    ///
    /// An indexed file, and one in word2vec's binary format, is not read into memory, but looked at where it lies: nothing may
    /// write to it meanwhile. Vectors are compared as they are in the file.
    Neighbours {
        /// The file.
        file: PathBuf,
        /// The words.
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
        /// How many neighbours.
        #[arg(short, value_name = "N", default_value_t = 10)]
        k: usize,
        #[command(flatten)]
        reading: Reading,
        /// Print JSON objects.
        #[arg(long)]
        json: bool,
    },
}

/// [`Format`], as the command line spells it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatName {
    /// The header, then for each word its numbers in binary.
    Word2vecBinary,
    /// The header, then a line for each word.
    Word2vecText,
    /// A line for each word.
    Glove,
    /// fastText's .vec.
    FastText,
    /// flameout's own, in which words are found without reading it.
    Indexed,
    /// The same with numbers rounded to a byte each, a quarter of the size.
    IndexedInt8,
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Word2vecBinary => Self::Word2vecBinary,
            FormatName::Word2vecText => Self::Word2vecText,
            FormatName::Glove => Self::Glove,
            FormatName::FastText => Self::FastText,
            FormatName::Indexed => Self::Indexed,
            FormatName::IndexedInt8 => Self::IndexedInt8,
        }
    }
}

/// [`Normalization`], as the command line spells it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum NormalizationName {
    /// Each vector divided by its length.
    Unit,
    /// The mean vector subtracted from each.
    Centred,
    /// The mean vector subtracted, then each divided by its length.
    CentredThenUnit,
    /// Each dimension with mean 0 and variance 1.
    Standardised,
}

impl From<NormalizationName> for Normalization {
    fn from(name: NormalizationName) -> Self {
        match name {
            NormalizationName::Unit => Self::Unit,
            NormalizationName::Centred => Self::Centred,
            NormalizationName::CentredThenUnit => Self::CentredThenUnit,
            NormalizationName::Standardised => Self::Standardised,
        }
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    match &args.task {
        Task::Info { file, words, reading, json } => info(file, *words, *reading, *json)?,
        Task::Convert { from, to, format, words, reading } => {
            let (vectors, _) = open(from, *words, *reading)?;
            save(&vectors, to, (*format).into())?;
        }
        Task::Normalize { from, to, normalization, words, reading } => {
            let (mut vectors, report) = open(from, *words, *reading)?;
            vectors.normalize((*normalization).into())?;
            save(&vectors, to, report.format)?;
        }
        Task::Neighbours { file, words, k, reading, json } => neighbours(file, words, *k, *reading, *json)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn open(file: &Path, words: Option<u64>, reading: Reading) -> Result<(WordVectors, ReadReport)> {
    reading::open(file, &reading.over(ReadOptions { limit: words, ..ReadOptions::default() }))
}

fn save(vectors: &WordVectors, to: &Path, format: Format) -> Result<()> {
    vectors.save(to, format)?;
    say!("{} words, {} numbers each: {}", vectors.len(), vectors.dim(), to.display())?;
    Ok(())
}

fn neighbours(file: &Path, words: &[String], k: usize, reading: Reading, json: bool) -> Result<()> {
    let show = |word: &str, found: Vec<(&str, f64)>| {
        if json {
            return say!("{}", serde_json::json!({ "word": word, "neighbours": nearest::json(&found) }));
        }
        say!("{}", nearest::table(word, &found))
    };
    let mapped = match MappedVectors::open(file) {
        // Reading it whole may be what helps, as the options say what to do about faults.
        Err(error) if matches!(error.cause(), Error::NotMapped { .. } | Error::InvalidUtf8 { .. }) => {
            let (vectors, _) = reading::open(file, &reading.over(ReadOptions::default()))?;
            for word in words {
                show(word, vectors.nearest(word, k)?)?;
            }
            return Ok(());
        }
        mapped => mapped?,
    };
    if mapped.repeated() > 0 {
        tell!("warning: {}: of repeated words ({}) the first vector counts", file.display(), mapped.repeated());
    }
    for word in words {
        show(word, mapped.nearest(word, k)?)?;
    }
    Ok(())
}

/// What is in a file.
#[derive(Serialize)]
struct Info {
    /// As text: JSON has no other.
    file: String,
    format: &'static str,
    gzipped: bool,
    words: usize,
    dim: usize,
    claimed_words: Option<u64>,
    duplicates: u64,
    not_finite: u64,
    invalid_utf8: u64,
    ends_in_number: u64,
    empty: u64,
    /// None if all lengths are infinite or not numbers.
    shortest_vector: Option<f64>,
    longest_vector: Option<f64>,
    longest_word: usize,
    characters: usize,
}

impl Info {
    fn of(file: &Path, vectors: &WordVectors, report: &ReadReport) -> Self {
        let lengths = vectors.matrix().rows().into_iter().map(|row| {
            let squares = row.iter().map(|x| f64::from(*x) * f64::from(*x));
            squares.sum::<f64>().sqrt()
        });
        let lengths: Vec<f64> = lengths.filter(|length| length.is_finite()).collect();
        let letters: std::collections::BTreeSet<char> = vectors.words().iter().flat_map(|word| word.chars()).collect();
        Info {
            file: file.display().to_string(),
            format: report.format.name(),
            gzipped: report.gzipped,
            words: vectors.len(),
            dim: vectors.dim(),
            claimed_words: report.claimed,
            duplicates: report.duplicate.count,
            not_finite: report.non_finite.count,
            invalid_utf8: report.invalid_utf8.count,
            ends_in_number: report.ends_in_number.count,
            empty: report.empty.count,
            shortest_vector: lengths.iter().copied().reduce(f64::min),
            longest_vector: lengths.iter().copied().reduce(f64::max),
            longest_word: vectors.words().iter().map(|word| word.chars().count()).max().unwrap_or(0),
            characters: letters.len(),
        }
    }
}

/// Reads everything, faults included, unless asked not to.
fn info(file: &Path, words: Option<u64>, reading: Reading, json: bool) -> Result<()> {
    let lenient = ReadOptions {
        limit: words,
        non_finite: NonFinitePolicy::Keep,
        invalid_utf8: Utf8Policy::Lossy,
        ..ReadOptions::default()
    };
    let (vectors, report) = WordVectors::open_with(file, &reading.over(lenient))?;
    if vectors.is_empty() {
        bail!("{} holds no words", file.display());
    }
    let info = Info::of(file, &vectors, &report);
    if json {
        say!("{}", serde_json::to_string_pretty(&info)?)?;
        return Ok(());
    }
    let gzipped = if info.gzipped { ", gzipped" } else { "" };
    let first: Vec<String> = vectors.words().iter().take(8).map(|word| shown(word)).collect();
    say!("format          {}{gzipped}", info.format)?;
    say!(
        "words           {} (longest: {} letters; {} different characters)",
        info.words,
        info.longest_word,
        info.characters
    )?;
    say!("first words     {}", first.join(" "))?;
    say!("numbers each    {}", info.dim)?;
    match (info.shortest_vector, info.longest_vector) {
        (Some(shortest), Some(longest)) => say!("vector lengths  {shortest:.4} to {longest:.4}")?,
        _ => say!("vector lengths  none is finite")?,
    }
    say!(
        "faults          {} duplicate words, {} vectors not finite, {} words not valid UTF-8",
        info.duplicates,
        info.not_finite,
        info.invalid_utf8
    )?;
    if info.empty > 0 {
        say!("                {} words without a character", info.empty)?;
    }
    if info.ends_in_number > 0 {
        say!("                {} words end in a number after a space: are they words?", info.ends_in_number)?;
    }
    Ok(())
}

/// A word that takes at most a line.
fn shown(word: &str) -> String {
    let mut characters = word.chars();
    let start: String = characters.by_ref().take(40).collect();
    if characters.next().is_some() { format!("{start}…") } else { start }
}
