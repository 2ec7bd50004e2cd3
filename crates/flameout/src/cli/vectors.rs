//! `flameout vectors`: files of word vectors.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use clap::{Subcommand, ValueEnum};
use flameout_word2vec::{DuplicatePolicy, Format, NonFinitePolicy, Normalization, ReadOptions, WordVectors};

/// Converts, describes and normalises files of word vectors: word2vec binary and text, GloVe, fastText; gzipped or not.
///
/// Examples:
///
///   flameout vectors info GoogleNews-vectors-negative300.bin.gz
///   flameout vectors convert glove.6B.100d.txt glove.bin --format word2vec-binary
///   flameout vectors normalize my-vectors.bin unit.bin --to centred-then-unit
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Says what is in a file.
    Info {
        /// The file.
        file: PathBuf,
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
}

impl From<FormatName> for Format {
    fn from(name: FormatName) -> Self {
        match name {
            FormatName::Word2vecBinary => Self::Word2vecBinary,
            FormatName::Word2vecText => Self::Word2vecText,
            FormatName::Glove => Self::Glove,
            FormatName::FastText => Self::FastText,
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
        Task::Info { file, json } => info(file, *json)?,
        Task::Convert { from, to, format, words } => {
            let options = ReadOptions { limit: *words, ..ReadOptions::default() };
            let (vectors, _) = WordVectors::open_with(from, &options)?;
            vectors.save(to, (*format).into())?;
            say!("{} words, {} numbers each: {}", vectors.len(), vectors.dim(), to.display())?;
        }
        Task::Normalize { from, to, normalization } => {
            let (mut vectors, report) = WordVectors::open_with(from, &ReadOptions::default())?;
            vectors.normalize((*normalization).into())?;
            vectors.save(to, report.format)?;
            say!("{} words, {} numbers each: {}", vectors.len(), vectors.dim(), to.display())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads everything, faults included.
fn info(file: &PathBuf, json: bool) -> Result<()> {
    let options = ReadOptions {
        non_finite: NonFinitePolicy::Keep,
        duplicate: DuplicatePolicy::KeepFirst,
        ..ReadOptions::default()
    };
    let (vectors, report) = WordVectors::open_with(file, &options)?;
    if vectors.is_empty() {
        bail!("{} holds no words", file.display());
    }
    let lengths = vectors.matrix().rows().into_iter().map(|row| {
        let squares = row.iter().map(|x| f64::from(*x) * f64::from(*x));
        squares.sum::<f64>().sqrt()
    });
    let (shortest, longest) = lengths
        .filter(|length| length.is_finite())
        .fold((f64::INFINITY, 0.0_f64), |(low, high), length| (low.min(length), high.max(length)));
    let longest_word = vectors.words().iter().map(|word| word.chars().count()).max().unwrap_or(0);
    let letters: std::collections::BTreeSet<char> = vectors.words().iter().flat_map(|word| word.chars()).collect();
    if json {
        let object = serde_json::json!({
            "file": file.display().to_string(), "format": report.format.name(), "gzipped": report.gzipped, "words": vectors.len(),
            "dim": vectors.dim(), "claimed_words": report.claimed, "duplicates": report.duplicate.count,
            "not_finite": report.non_finite.count, "shortest_vector": shortest, "longest_vector": longest,
            "longest_word": longest_word, "characters": letters.len(),
        });
        say!("{}", serde_json::to_string_pretty(&object)?)?;
        return Ok(());
    }
    let gzipped = if report.gzipped { ", gzipped" } else { "" };
    say!("format          {}{gzipped}", report.format)?;
    say!(
        "words           {} (longest: {longest_word} letters; {} different characters)",
        vectors.len(),
        letters.len()
    )?;
    say!("first words     {}", vectors.words().iter().take(8).cloned().collect::<Vec<_>>().join(" "))?;
    say!("numbers each    {}", vectors.dim())?;
    say!("vector lengths  {shortest:.4} to {longest:.4}")?;
    say!("faults          {} duplicate words, {} vectors not finite", report.duplicate.count, report.non_finite.count)?;
    Ok(())
}
