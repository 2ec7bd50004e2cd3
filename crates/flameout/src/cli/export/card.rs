//! The model card: a page beside an exported file that says what the file holds, what it was trained on, and how good it is.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use flameout_curves::printable;
use flameout_experiment::{Dataset, Settings};
use flameout_word2vec::Normalization;

use crate::Embedder;
use crate::cli::evaluate::{self, Score};
use crate::cli::{base, known};

/// What is known of a model before it is written.
pub struct Card {
    settings: Option<Settings>,
    /// The data set and the score on its words that were not trained on; the reason if they cannot be had.
    measured: Result<(Dataset, Option<Score>)>,
    numbers: usize,
}

impl Card {
    /// Measures a model on the words that its run kept for testing.
    pub fn of(model: &Path, embedder: &mut Embedder) -> Result<Self> {
        let settings = known::settings(model)?;
        let measured = settings.as_ref().context("the model was imported").and_then(|settings| {
            let dataset = Dataset::open(settings, &base())?;
            let is_split = !dataset.test.is_empty();
            let score = is_split.then(|| evaluate::held_out(&dataset, &mut |words| embedder.embed(words)));
            Ok((dataset, score.transpose()?))
        });
        Ok(Self { settings, measured, numbers: embedder.dim() })
    }

    /// Writes the card beside a file, with `.md` behind the file's name; returns the path. `what` says what the file holds.
    pub fn write(&self, file: &Path, what: &str, licence: Option<&str>) -> Result<PathBuf> {
        let mut path = OsString::from(file);
        path.push(".md");
        let path = PathBuf::from(path);
        flameout_files::write_atomically(&path, &[self.text(file, what, licence).as_bytes()])
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    fn text(&self, file: &Path, what: &str, licence: Option<&str>) -> String {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let mut text = format!(
            "# {}\n\nThis file gives words vectors from their spelling. flameout {} wrote it.\n\n| | |\n| --- | --- |\n",
            cell(&name),
            env!("CARGO_PKG_VERSION")
        );
        let mut row = |what: &str, value: &str| writeln!(text, "| {what} | {} |", cell(value)).expect("memory");
        row("model", what);
        row("a vector", &format!("{} numbers", self.numbers));
        match &self.settings {
            Some(settings) => self.data(settings, &mut row),
            None => row("trained on", "not known: the model was imported"),
        }
        row(
            "licence of the vectors it was trained on",
            licence.unwrap_or("not given; `flameout export --licence TEXT` writes it here"),
        );
        text.push_str(&self.scores());
        text
    }

    fn data(&self, settings: &Settings, row: &mut impl FnMut(&str, &str)) {
        let data = &settings.data;
        row("trained on", &data.vectors.to_string_lossy());
        row(
            "vectors before training",
            match data.normalization {
                Normalization::None => "as in the file",
                Normalization::Unit => "scaled to unit length",
                Normalization::Centred => "less their mean",
                Normalization::CentredThenUnit => "less their mean, then scaled to unit length",
                Normalization::Standardised => "each dimension brought to mean 0 and variance 1",
                _ => "normalised in a way that this card has no words for",
            },
        );
        if let Ok((dataset, _)) = &self.measured {
            let split = format!("{} words trained on, {} kept for testing", dataset.train.len(), dataset.test.len());
            row("split", &format!("{split}; seed {}", settings.seed));
            row("BLAKE3 of words and vectors", &dataset.blake3(settings.model.precision));
        }
    }

    fn scores(&self) -> String {
        let score = match &self.measured {
            Ok((_, Some(score))) => score,
            Ok((_, None)) => return "\nNo score: no word was kept for testing.\n".into(),
            Err(error) => return format!("\nNo score: {}.\n", printable(&format!("{error:#}"))),
        };
        let percent = |share: f64| if share.is_finite() { format!("{:.1} %", 100.0 * share) } else { "–".into() };
        let cosine = if score.cosine.is_finite() { format!("{:.3}", score.cosine) } else { "–".into() };
        format!(
            "\nOn the words that were not trained on:\n\n\
             | words | without a vector | hit@1 | hit@10 | mean cosine |\n| ---: | ---: | ---: | ---: | ---: |\n\
             | {} | {} | {} | {} | {cosine} |\n\n\
             hit@k is the share of words whose own vector is among the k nearest of all words' to the predicted one.\n",
            score.words,
            score.left_out,
            percent(score.hit_at_1),
            percent(score.hit_at_10),
        )
    }
}

/// A text as one cell of a table, in which nothing is markup.
fn cell(text: &str) -> String {
    printable(text).replace('&', "&amp;").replace('<', "&lt;").replace('|', "\\|").replace('\n', " ")
}
