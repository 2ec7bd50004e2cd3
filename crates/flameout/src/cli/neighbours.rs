//! `flameout neighbours`: the known words nearest to a word's spelling.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::{known, table};
use crate::Embedder;

/// Shows the known words whose vectors are nearest to the one predicted from a spelling.
///
/// Examples:
///
///   flameout neighbours --model runs/first unseeable footballish
///   flameout neighbours --model runs/first unseeable -k 3 --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A run's directory, or that of an imported model.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,

    /// The words.
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,

    /// How many neighbours.
    #[arg(short, value_name = "N", default_value_t = 10)]
    k: usize,

    /// The known vectors, if not those that the run names.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,

    /// Print a JSON object for each word.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut embedder = Embedder::open(&args.model)?;
    let known = known::vectors(&args.model, args.vectors.as_ref())?;
    let embedded = embedder.embed(&args.words);
    for (position, reason) in &embedded.refused {
        eprintln!("no vector for {:?}: {reason}", args.words[*position]);
    }
    if embedded.kept.is_empty() {
        bail!("none of the words has a vector");
    }
    for (&position, vector) in embedded.kept.iter().zip(embedded.vectors.rows()) {
        let word = &args.words[position];
        let neighbours = known.neighbours(&vector.to_vec(), args.k, &[word])?;
        if args.json {
            let list: Vec<_> =
                neighbours.iter().map(|(word, cosine)| serde_json::json!({ "word": word, "cosine": cosine })).collect();
            say!("{}", serde_json::json!({ "word": word, "known": known.get(word).is_some(), "neighbours": list }))?;
            continue;
        }
        let mut table = table::new([word.as_str(), "cosine"]);
        for (neighbour, cosine) in neighbours {
            table.add_row([neighbour.to_owned(), format!("{cosine:.3}")]);
        }
        say!("{table}")?;
    }
    Ok(ExitCode::SUCCESS)
}
