//! How files of word vectors are read: the options that commands share for it, and what is said of what was read.

use std::path::Path;

use anyhow::Result;
use clap::ValueEnum;
use flameout_experiment::DataSettings;
use flameout_word2vec::{NonFinitePolicy, ReadOptions, ReadReport, Tally, Utf8Policy, WordVectors};

/// Words and vectors that are faulty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
pub struct Reading {
    /// What becomes of words in a file of vectors that are not valid UTF-8 [default: error, or as the run was trained].
    #[arg(long, value_enum, value_name = "WHAT")]
    invalid_utf8: Option<InvalidUtf8>,

    /// What becomes of vectors with NaN or infinity [default: error, or as the run was trained].
    #[arg(long, value_enum, value_name = "WHAT")]
    non_finite: Option<NonFinite>,
}

/// [`Utf8Policy`], as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InvalidUtf8 {
    /// The file is refused.
    Error,
    /// The words are left out.
    Drop,
    /// What is invalid becomes U+FFFD.
    Lossy,
}

/// [`NonFinitePolicy`], as the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum NonFinite {
    /// The file is refused.
    Error,
    /// The words are left out.
    Drop,
}

impl Reading {
    /// `options`, with what was asked for on the command line.
    pub fn over(self, options: ReadOptions) -> ReadOptions {
        let invalid_utf8 = self.invalid_utf8.map_or(options.invalid_utf8, |policy| match policy {
            InvalidUtf8::Error => Utf8Policy::Error,
            InvalidUtf8::Drop => Utf8Policy::Drop,
            InvalidUtf8::Lossy => Utf8Policy::Lossy,
        });
        let non_finite = self.non_finite.map_or(options.non_finite, |policy| match policy {
            NonFinite::Error => NonFinitePolicy::Error,
            NonFinite::Drop => NonFinitePolicy::Drop,
        });
        ReadOptions { invalid_utf8, non_finite, ..options }
    }

    /// Puts what was asked for on the command line into a run's settings.
    pub fn apply(self, data: &mut DataSettings) {
        let options = self.over(data.read_options());
        (data.invalid_utf8, data.non_finite) = (options.invalid_utf8, options.non_finite);
    }
}

/// Reads a file, and says on standard error what was found wrong and passed over.
pub fn open(path: &Path, options: &ReadOptions) -> Result<(WordVectors, ReadReport)> {
    let (vectors, report) = WordVectors::open_with(path, options)?;
    tell(path, &report, options);
    Ok((vectors, report))
}

/// Says on standard error what was found wrong in a file and passed over.
pub fn tell(path: &Path, report: &ReadReport, options: &ReadOptions) {
    let is_lossy = options.invalid_utf8 == Utf8Policy::Lossy;
    let is_kept = options.non_finite == NonFinitePolicy::Keep;
    for (tally, one, many, done) in [
        (&report.duplicate, "duplicate word", "duplicate words", "the first vector of each is kept"),
        (
            &report.invalid_utf8,
            "word not valid UTF-8",
            "words not valid UTF-8",
            if is_lossy { "kept with U+FFFD" } else { "left out" },
        ),
        (
            &report.non_finite,
            "vector with NaN or infinity",
            "vectors with NaN or infinity",
            if is_kept { "kept" } else { "left out" },
        ),
        (
            &report.ends_in_number,
            "word that ends in a number",
            "words that end in a number",
            "kept, as the header says how long vectors are",
        ),
        (&report.empty, "word without a character", "words without a character", "kept"),
    ] {
        let what = if tally.count == 1 { one } else { many };
        if tally.count > 0 {
            tell!("warning: {}: {} {what}, {done}: {}", path.display(), tally.count, examples(tally));
        }
    }
}

fn examples(tally: &Tally) -> String {
    const SHOWN: usize = 40;
    let show = |word: &String| {
        let start: String = word.chars().take(SHOWN).collect();
        format!("{start:?}{}", if start.len() < word.len() { "…" } else { "" })
    };
    let mut list: Vec<String> =
        tally.examples.iter().map(|(word, place)| format!("{} ({place})", show(word))).collect();
    if tally.count > list.len() as u64 {
        list.push("…".to_owned());
    }
    list.join(", ")
}
