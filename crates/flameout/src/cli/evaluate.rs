//! `flameout evaluate`: how good are the vectors?

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flameout_experiment::Dataset;
use flameout_model::metrics::{self, NearestWords};
use flameout_word2vec::WordVectors;
use ndarray::{ArrayView1, Axis};
use serde::Serialize;

use super::reading::Reading;
use super::table::counted;
use super::{base, known, table};
use crate::similarity;
use crate::{Embedded, Embedder};

/// Measures predicted vectors: on the words that were kept for testing, and against people's judgement of similarity.
///
/// hit@k is the share of words whose own vector is among the k nearest of all words' to the predicted one. A word for which
/// the model has no vector is left out, and counted. A similarity set
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
    pub held_out: Score,
    /// Against people's judgement.
    pub sets: Vec<Set>,
}

/// How near predicted vectors are to the words' own. Without a word that could be measured, the shares are NaN (in JSON `null`).
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Score {
    /// How many words were measured.
    pub words: usize,
    /// How many words were left out: the model has no vector for them.
    pub left_out: usize,
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
    let settings =
        settings.with_context(|| format!("{} does not say which words it was trained on", args.model.display()))?;
    let settings = settings.with(|settings| args.reading.apply(&mut settings.data))?;
    let dataset = Dataset::open(&settings, &base())?;
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
    dataset: &Dataset,
    originals: &WordVectors,
    pairs: &[PathBuf],
    predict: Predict<'_>,
) -> Result<Evaluation> {
    let held_out = held_out(dataset, predict)?;
    let sets = pairs.iter().map(|path| set(path, originals, predict)).collect::<Result<_>>()?;
    Ok(Evaluation { held_out, sets })
}

/// Measures what predicts vectors on the data set's test words.
pub fn held_out(dataset: &Dataset, predict: Predict<'_>) -> Result<Score> {
    if dataset.test.is_empty() {
        bail!("the run kept no words for testing (data.test-share)");
    }
    score(dataset, &dataset.test, predict)
}

/// Measures what predicts vectors on the words in these rows of the data set.
///
/// # Errors
/// If predicted vectors have another length than the data set's, whose file may have been replaced.
pub fn score(dataset: &Dataset, rows: &[usize], predict: Predict<'_>) -> Result<Score> {
    let words: Vec<&str> = rows.iter().map(|&row| dataset.words[row].as_str()).collect();
    let predicted = predict(&words);
    let (own, given) = (dataset.targets.ncols(), predicted.vectors.ncols());
    if own != given {
        bail!("the vectors have {own} numbers, the model gives {given}: it was trained on other vectors");
    }
    let measured: Vec<usize> = predicted.kept.iter().map(|&position| rows[position]).collect();
    let targets = dataset.targets.select(Axis(0), &measured);
    let ranks = NearestWords::new(dataset.targets.view()).ranks(predicted.vectors.view(), &measured);
    let mean = |value: f64| if measured.is_empty() { f64::NAN } else { value };
    Ok(Score {
        words: measured.len(),
        left_out: rows.len() - measured.len(),
        hit_at_1: mean(metrics::hit_rate(&ranks, 1)),
        hit_at_10: mean(metrics::hit_rate(&ranks, 10)),
        cosine: mean(metrics::mean_cosine(predicted.vectors.view(), targets.view())),
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

/// Prints scores as a table, a row for each kind of words, and says how many words were left out.
///
/// # Errors
/// If standard output cannot be written.
pub fn print_scores(scores: &[(&str, Score)]) -> std::io::Result<()> {
    let mut table = table::new(["words", "number", "hit@1", "hit@10", "mean cosine"]);
    for (name, score) in scores {
        let measured = [percent(score.hit_at_1, 1), percent(score.hit_at_10, 1), number(score.cosine)];
        table.add_row([(*name).to_owned(), score.words.to_string()].into_iter().chain(measured));
    }
    say!("{table}")?;
    for (name, score) in scores.iter().filter(|(_, score)| score.left_out > 0) {
        say!("{} ({name}) left out: the model has no vector.", counted(score.left_out as u64, "word"))?;
    }
    Ok(())
}

fn percent(share: f64, digits: usize) -> String {
    if share.is_finite() { format!("{:.digits$} %", 100.0 * share) } else { "–".into() }
}

fn number(value: f64) -> String {
    if value.is_finite() { format!("{value:.3}") } else { "–".into() }
}

/// The evaluation as tables.
///
/// # Errors
/// If standard output cannot be written.
pub fn print(evaluation: &Evaluation) -> std::io::Result<()> {
    print_scores(&[("not trained on", evaluation.held_out)])?;
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
            number(set.predicted_rho),
            format!("{} of {}", set.predicted_pairs, set.pairs),
            number(set.original_rho),
            set.original_pairs.to_string(),
            number(set.predicted_rho_there),
            percent(set.predicted_rho_there / set.original_rho, 0),
        ]);
    }
    say!("{table}")?;
    Ok(())
}
