//! `flameout neighbours`: the known words nearest to a word's spelling.

use std::process::ExitCode;

use anyhow::{Result, bail};

use super::nearest;
use super::terminal::excerpt;

/// Shows the known words whose vectors are nearest to the one predicted from a spelling.
///
/// Examples:
///
///   flameout neighbours --model runs/first unseeable footballish
///   flameout neighbours --model runs/first unseeable -k 3 --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    nearest: nearest::Nearest,

    /// The words.
    #[arg(required = true, value_name = "WORD")]
    words: Vec<String>,

    /// How many neighbours.
    #[arg(short, value_name = "N", default_value_t = 10)]
    k: usize,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let (mut embedder, known) = args.nearest.open()?;
    let embedded = embedder.embed(&args.words);
    for (position, reason) in &embedded.refused {
        tell!("no vector for {}: {reason}", excerpt(&args.words[*position]));
    }
    if embedded.kept.is_empty() {
        bail!("none of the words has a vector");
    }
    for (&position, vector) in embedded.kept.iter().zip(embedded.vectors.rows()) {
        let word = &args.words[position];
        let neighbours = known.neighbours(&vector.to_vec(), args.k, &[word])?;
        if args.nearest.json {
            let (is_known, list) = (known.get(word).is_some(), nearest::json(&neighbours));
            say!("{}", serde_json::json!({ "word": word, "known": is_known, "neighbours": list }))?;
        } else {
            say!("{}", nearest::table(word, &neighbours))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
