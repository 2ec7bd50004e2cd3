//! `flameout embed`: vectors for words, known or not.

#[cfg(feature = "parquet")]
mod batch;
mod blocks;
#[cfg(feature = "parquet")]
mod columns;
mod memo;

use std::fs::Metadata;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[cfg(feature = "parquet")]
use anyhow::Context;
use anyhow::{Result, bail};
use clap::ValueEnum;
use flameout_word2vec::WordVectors;
use indicatif::ProgressBar;
use ndarray::ArrayView1;

use self::blocks::{Block, Blocks};
use self::memo::Memo;
use super::columnar::Kind;
use super::known;
#[cfg(feature = "parquet")]
use super::output::needs_a_file;
use super::output::{Format, Sink};
use super::progress;
use super::reading::Reading;
use super::sweep::shard::Shard;
use super::table::counted;
use super::terminal::excerpt;
use super::words::Words;
use crate::Embedder;

/// Words without a vector that are named; the others are counted.
const NAMED: usize = 20;

/// Gives words vectors from their spelling.
///
/// Words come from the command line, from a file with one word a line, or from standard input. Text and JSON are written as
/// words are read, so that any number of them can be given. So are Parquet and Arrow files, which are read, too (where the
/// program was built with the feature `parquet`): a column `vector` is added to theirs. The other formats need --out FILE and
/// keep all vectors in memory. A word that comes again is not embedded again.
///
/// Words that cannot be spelt with the network's letters, or are too long for it, are left out. Standard error names the first
/// 20 of them and says how many there were. In Parquet and Arrow files their rows stay, without a vector.
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

    /// A file of words, one a line; or a Parquet or Arrow file.
    #[arg(long = "words", value_name = "FILE", conflicts_with = "words")]
    file: Option<PathBuf>,

    /// In a Parquet or Arrow file, the column of words [default: the only one with texts].
    #[arg(long, value_name = "NAME", requires = "file")]
    column: Option<String>,

    /// Only a part of the words, I from 0 to N-1: every N-th block of 4,096 words (fewer if they are long). For several
    /// programs side by side.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,

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
    let embedder = Embedder::open(&args.model)?;
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
    let source = Source::open(args)?;
    let mut work =
        Work { embedder, known, memo: Memo::default(), without: 0, named: 0, words: 0, bar: bar(args, &source) };
    match args.format.columns() {
        Some(kind) => write_columns(kind, args, source, &mut work)?,
        None => {
            let mut sink = Sink::new(args.format, args.out.as_deref())?;
            for block in blocks::part(source.blocks(), args.shard) {
                work.embed(&block?, |block, vectors| {
                    for (word, vector) in block.words().into_iter().zip(vectors) {
                        if let Some((word, vector)) = word.zip(vector) {
                            sink.add(word, ArrayView1::from(vector))?;
                        }
                    }
                    Ok(())
                })?;
            }
            sink.finish()?;
        }
    }
    work.bar.finish_and_clear();
    if work.without > 0 {
        let rest = if work.named == NAMED { format!(" The first {NAMED} are named above.") } else { String::new() };
        tell!("No vector for {}.{rest}", counted(work.without, "word"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The progress of a list or file; hidden where vectors go to the same terminal.
fn bar(args: &Args, source: &Source<'_>) -> ProgressBar {
    if args.file.is_none() || (args.out.is_none() && std::io::stdout().is_terminal()) {
        return ProgressBar::hidden();
    }
    progress::source(source.length().map(|length| args.shard.map_or(length, |shard| shard.of(length))))
}

/// Embeds a source into a file of columns, block after block.
#[cfg(feature = "parquet")]
fn write_columns(kind: Kind, args: &Args, source: Source<'_>, work: &mut Work) -> Result<()> {
    let Some(path) = &args.out else { return Err(needs_a_file(args.format)) };
    let schema = source.schema();
    flameout_files::replace(path, |file| -> Result<()> {
        let mut writer = columns::Writer::new(kind, file, schema.as_deref(), work.embedder.dim())?;
        for block in blocks::part(source.blocks(), args.shard) {
            work.embed(&block?, |block, vectors| writer.write(block, vectors))?;
        }
        writer.finish()
    })
    .with_context(|| format!("writing {}", path.display()))
}

/// There is no such format without the feature.
#[cfg(not(feature = "parquet"))]
fn write_columns(_: Kind, _: &Args, _: Source<'_>, _: &mut Work) -> Result<()> {
    unreachable!("no format has columns")
}

/// Where the words come from.
enum Source<'a> {
    /// The command line, or a list of so many bytes.
    Words { words: Box<dyn Iterator<Item = Result<String>> + 'a>, length: Option<u64> },
    /// A column.
    #[cfg(feature = "parquet")]
    Columns(columns::Columns),
}

impl<'a> Source<'a> {
    fn open(args: &'a Args) -> Result<Self> {
        let path = match (&args.file, &args.words[..]) {
            (Some(path), _) if path != Path::new("-") => path,
            (None, words) if words != ["-"] => return Ok(Self::words(words.iter().cloned().map(Ok), None)),
            _ => return Ok(Self::words(Words::standard_input(), None)),
        };
        match Kind::of(path)? {
            #[cfg(feature = "parquet")]
            Some(kind) => Ok(Self::Columns(columns::Columns::open(kind, path, args.column.as_deref())?)),
            #[cfg(not(feature = "parquet"))]
            Some(kind) => bail!(
                "{} is a file of {kind}, which this program was built without: build it with `--features parquet`, or give a \
                 list of words, one a line",
                path.display()
            ),
            None if args.column.is_some() => {
                bail!("--column: {} is no Parquet or Arrow file, but a list of words", path.display())
            }
            None => {
                let words = Words::open(path)?;
                // What is no file, as a pipe with a name, has no length.
                let length = path.metadata().ok().filter(Metadata::is_file).map(|file| file.len());
                Ok(Self::words(words, length))
            }
        }
    }

    fn words(words: impl Iterator<Item = Result<String>> + 'a, length: Option<u64>) -> Self {
        Self::Words { words: Box::new(words), length }
    }

    #[cfg(feature = "parquet")]
    fn schema(&self) -> Option<arrow_schema::SchemaRef> {
        match self {
            Self::Words { .. } => None,
            Self::Columns(columns) => Some(columns.schema()),
        }
    }

    /// In bytes or rows, where it is known: see [`Block::length`].
    fn length(&self) -> Option<u64> {
        match self {
            Self::Words { length, .. } => *length,
            #[cfg(feature = "parquet")]
            Self::Columns(columns) => columns.rows(),
        }
    }

    fn blocks(self) -> Blocks<'a> {
        match self {
            Self::Words { words, .. } => blocks::gather(words),
            #[cfg(feature = "parquet")]
            Self::Columns(columns) => columns.blocks(),
        }
    }
}

/// What gives words vectors.
struct Work {
    embedder: Embedder,
    known: Option<WordVectors>,
    memo: Memo,
    /// Words that have none, each as often as it came.
    without: u64,
    /// How many of them were named on standard error.
    named: usize,
    /// All words so far.
    words: u64,
    bar: ProgressBar,
}

impl Work {
    /// Hands on a block with a vector for each of its words that has one.
    fn embed(
        &mut self,
        block: &Block,
        write: impl FnOnce(&Block, &mut dyn Iterator<Item = Option<&[f32]>>) -> Result<()>,
    ) -> Result<()> {
        let words = block.words();
        let original = |word: &str| self.known.as_ref().and_then(|known| known.get(word));
        let unknown = words.iter().flatten().copied().filter(|word| original(word).is_none());
        for (word, reason) in self.memo.learn(&mut self.embedder, unknown) {
            if self.named < NAMED {
                self.named += 1;
                self.bar.suspend(|| tell!("no vector for {}: {reason}", excerpt(word)));
            }
        }
        let dim = self.embedder.dim();
        let vector = |word: &Option<&str>| word.and_then(|word| original(word).or_else(|| self.memo.get(word, dim)));
        let mut without = 0;
        let mut vectors = words.iter().map(vector).inspect(|vector| without += u64::from(vector.is_none()));
        write(block, &mut vectors)?;
        drop(vectors);
        self.without += without;
        self.words += words.len() as u64;
        self.bar.set_message(format!(
            "{} words, {:.0} a second",
            self.words,
            self.words as f64 / self.bar.elapsed().as_secs_f64()
        ));
        self.bar.inc(block.length());
        Ok(())
    }
}
