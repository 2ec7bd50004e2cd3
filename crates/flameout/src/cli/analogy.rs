//! `flameout analogy`: a is to b as c is to …

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use ndarray::{Array1, ArrayView1};

use super::nearest;
use super::terminal::excerpt;

/// Answers "A is to B as C is to what?" with known words. A word that has no vector of its own gets one from its spelling.
///
/// Example:
///
///   flameout analogy --model runs/first walk walking unwalk
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    nearest: nearest::Nearest,

    /// A, B and C.
    #[arg(num_args = 3, required = true, value_names = ["A", "B", "C"])]
    words: Vec<String>,

    /// How many answers.
    #[arg(short, value_name = "N", default_value_t = 5)]
    k: usize,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let (mut embedder, known) = args.nearest.open()?;
    let mut unit = |word: &String| -> Result<Array1<f32>> {
        let vector = match known.get(word) {
            Some(vector) => ArrayView1::from(vector).to_owned(),
            None => {
                let embedded = embedder.embed(&[word]);
                if let Some((_, reason)) = embedded.refused.first() {
                    bail!("no vector for {}: {reason}", excerpt(word));
                }
                tell!("{word}: from its spelling");
                embedded.vectors.row(0).to_owned()
            }
        };
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        Ok(vector / length)
    };
    let [a, b, c] = [unit(&args.words[0])?, unit(&args.words[1])?, unit(&args.words[2])?];
    let exclude: Vec<&str> = args.words.iter().map(String::as_str).collect();
    // 3CosAdd, as `WordVectors::analogy`.
    let answers = known.neighbours(&(b - a + c).to_vec(), args.k, &exclude).context("the three words cancel out")?;
    if args.nearest.json {
        say!("{}", serde_json::json!({ "question": args.words, "answers": nearest::json(&answers) }))?;
    } else {
        say!("{}", nearest::table("answer", &answers))?;
    }
    Ok(ExitCode::SUCCESS)
}
