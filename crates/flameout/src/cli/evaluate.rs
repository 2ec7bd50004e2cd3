//! `flameout evaluate`: how good are the vectors?

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use comfy_table::Table;
use flameout_experiment::Dataset;
use flameout_model::metrics::{self, NearestWords};
use flameout_word2vec::WordVectors;
use ndarray::{ArrayView1, Axis};
use serde::Serialize;

use super::reading::Reading;
use super::{base, known, table};
use crate::similarity;
use crate::{Embedded, Embedder};

/// Measures predicted vectors: on the words that were kept for testing, and against people's judgement of similarity.
///
/// hit@k is the share of words whose own vector is among the k nearest of all words' to the predicted one. A similarity set
/// (RareWord, WordSim-353, SimLex-999, MEN … in their usual form: two words and a score, separated by tabs) is compared by
/// Spearman's ρ, with every word predicted from its spelling, known or not. Beside it stands the ρ of the original vectors,
/// over the pairs that have both words, and that of the prediction over the same pairs.
///
/// Examples:
///
///   flameout evaluate --model runs/first
///   flameout evaluate --model runs/first --pairs rw.txt --pairs simlex.txt --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A run's directory.
    #[arg(long, value_name = "DIR")]
    model: PathBuf,

    /// A similarity set (several times).
    #[arg(long, value_name = "FILE")]
    pairs: Vec<PathBuf>,

    /// Original vectors to compare with on the sets, if not those that the run names: more words cover more pairs.
    #[arg(long, value_name = "FILE")]
    vectors: Option<PathBuf>,

    #[command(flatten)]
    reading: Reading,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How good predicted vectors are.
#[derive(Debug, Clone, Serialize)]
pub struct Evaluation {
    /// On the words that were not trained on.
    pub held_out: HeldOut,
    /// Against people's judgement.
    pub sets: Vec<Set>,
}

/// Of the words kept for testing.
#[derive(Debug, Clone, Serialize)]
pub struct HeldOut {
    /// How many they are.
    pub words: usize,
    /// The share whose own vector is the nearest to the predicted one.
    pub hit_at_1: f64,
    /// The share whose own vector is among the ten nearest.
    pub hit_at_10: f64,
    /// The mean cosine of the predicted vector with the own one.
    pub cosine: f64,
}

/// Of one similarity set.
#[derive(Debug, Clone, Serialize)]
pub struct Set {
    /// Its file's name.
    pub file: String,
    /// Pairs in it.
    pub pairs: usize,
    /// Pairs of which both words can be spelt.
    pub predicted_pairs: usize,
    /// Spearman's ρ of the predicted vectors' cosine with the score.
    pub predicted_rho: f64,
    /// Pairs of which both words have an original vector, and can be spelt.
    pub original_pairs: usize,
    /// ρ of the original vectors, over those pairs.
    pub original_rho: f64,
    /// ρ of the predicted vectors, over those pairs.
    pub predicted_rho_there: f64,
}

/// What gives words vectors from their spelling.
pub type Predict<'a> = &'a mut dyn FnMut(&[&str]) -> Embedded;

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let mut embedder = Embedder::open(&args.model)?;
    let settings = known::settings(&args.model)?;
    let mut settings =
        settings.with_context(|| format!("{} does not say which words it was trained on", args.model.display()))?;
    args.reading.apply(&mut settings.data);
    let dataset = Dataset::<f32>::open(&settings, &base())?;
    let originals = known::all_vectors(&settings, args.vectors.as_deref())?;
    let evaluation = evaluate(&dataset, &originals, &args.pairs, &mut |words| embedder.embed(words))?;
    if args.json {
        say!("{}", serde_json::to_string_pretty(&evaluation)?)?;
    } else {
        print(&evaluation)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Measures what predicts vectors on the data set's test words and on similarity sets.
pub fn evaluate(
    dataset: &Dataset<f32>,
    originals: &WordVectors,
    pairs: &[PathBuf],
    predict: Predict<'_>,
) -> Result<Evaluation> {
    let held_out = held_out(dataset, predict)?;
    let sets = pairs.iter().map(|path| set(path, originals, predict)).collect::<Result<_>>()?;
    Ok(Evaluation { held_out, sets })
}

/// Measures what predicts vectors on the data set's test words.
pub fn held_out(dataset: &Dataset<f32>, predict: Predict<'_>) -> Result<HeldOut> {
    if dataset.test.is_empty() {
        bail!("the run kept no words for testing (data.test-share)");
    }
    let words: Vec<&str> = dataset.test.iter().map(|&row| dataset.words[row].as_str()).collect();
    let predictions = predict(&words).vectors;
    let targets = dataset.targets.select(Axis(0), &dataset.test);
    let ranks = NearestWords::new(dataset.targets.view()).ranks(predictions.view(), &dataset.test);
    Ok(HeldOut {
        words: words.len(),
        hit_at_1: metrics::hit_rate(&ranks, 1),
        hit_at_10: metrics::hit_rate(&ranks, 10),
        cosine: metrics::mean_cosine(predictions.view(), targets.view()),
    })
}

fn set(path: &Path, originals: &WordVectors, predict: Predict<'_>) -> Result<Set> {
    let pairs = similarity::read(path)?;
    let words = similarity::words(&pairs);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let embedded = predict(&words);
    let rows: HashMap<&str, usize> =
        embedded.kept.iter().enumerate().map(|(row, &position)| (words[position], row)).collect();
    let predicted = |word: &str| rows.get(word).map(|&row| embedded.vectors.row(row));
    let original = |word: &str| {
        predicted(word)?;
        originals.get(word).or_else(|| originals.get(&word.to_lowercase())).map(ArrayView1::from)
    };
    let (predicted_rho, predicted_pairs) = similarity::agreement(&pairs, predicted);
    let (original_rho, original_pairs) = similarity::agreement(&pairs, original);
    let (predicted_rho_there, _) = similarity::agreement(&pairs, |word| original(word).and_then(|_| predicted(word)));
    Ok(Set {
        file: path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        pairs: pairs.len(),
        predicted_pairs,
        predicted_rho,
        original_pairs,
        original_rho,
        predicted_rho_there,
    })
}

/// What was measured on the test words, as a table.
#[must_use]
pub fn held_out_table(held_out: &HeldOut) -> Table {
    let mut table = table::new(["words not trained on", "hit@1", "hit@10", "mean cosine"]);
    table.add_row([
        held_out.words.to_string(),
        format!("{:.1} %", 100.0 * held_out.hit_at_1),
        format!("{:.1} %", 100.0 * held_out.hit_at_10),
        format!("{:.3}", held_out.cosine),
    ]);
    table
}

/// The evaluation as tables.
///
/// # Errors
/// If standard output cannot be written.
pub fn print(evaluation: &Evaluation) -> std::io::Result<()> {
    say!("{}", held_out_table(&evaluation.held_out))?;
    if evaluation.sets.is_empty() {
        return Ok(());
    }
    let mut table = table::new([
        "similarity set",
        "ρ predicted",
        "pairs",
        "ρ original",
        "pairs",
        "ρ predicted there",
        "of the original's",
    ]);
    for set in &evaluation.sets {
        table.add_row([
            set.file.clone(),
            format!("{:.3}", set.predicted_rho),
            format!("{} of {}", set.predicted_pairs, set.pairs),
            format!("{:.3}", set.original_rho),
            set.original_pairs.to_string(),
            format!("{:.3}", set.predicted_rho_there),
            format!("{:.0} %", 100.0 * set.predicted_rho_there / set.original_rho),
        ]);
    }
    say!("{table}")?;
    Ok(())
}
