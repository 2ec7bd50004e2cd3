//! Known words near to a vector: what `neighbours` and `analogy` ask for and print.

use std::path::PathBuf;

use anyhow::Result;
use comfy_table::Table;
use flameout_curves::printable;
use flameout_word2vec::WordVectors;

use super::reading::Reading;
use super::{known, table};
use crate::Embedder;

/// Whose words, and how they are told.
#[derive(Debug, clap::Args)]
pub struct Nearest {
    /// A run's directory, or that of an imported model.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,

    /// The known vectors, if not those that the run names.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,

    #[command(flatten)]
    reading: Reading,

    /// Print JSON objects.
    #[arg(long)]
    pub json: bool,
}

impl Nearest {
    /// The model, and the known words.
    pub fn open(&self) -> Result<(Embedder, WordVectors)> {
        let embedder = Embedder::open(&self.model)?;
        let known = known::for_embedder(&embedder, &self.model, self.vectors.as_deref(), self.reading)?;
        Ok((embedder, known))
    }
}

/// Words with their cosines, as a list in JSON.
pub fn json(words: &[(&str, f64)]) -> serde_json::Value {
    words.iter().map(|(word, cosine)| serde_json::json!({ "word": word, "cosine": cosine })).collect()
}

/// Words with their cosines, as a table.
pub fn table(heading: &str, words: &[(&str, f64)]) -> Table {
    let mut table = table::new([&*printable(heading), "cosine"]);
    for (word, cosine) in words {
        table.add_row([printable(word).into_owned(), format!("{cosine:.3}")]);
    }
    table
}
