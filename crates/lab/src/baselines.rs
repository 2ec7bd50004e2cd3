//! `cargo xtask baselines`: what simple methods reach at predicting vectors from spellings.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};
use flameout::Embedded;
use flameout::cli::evaluate::{Evaluation, evaluate, print};
use flameout::cli::known::all_vectors;
use flameout_experiment::{Dataset, Settings};
use flameout_ngrams::{Model, NGrams, Options, Weighting};
use flameout_word2vec::WordVectors;
use ndarray::{Array1, Array2, Axis};

use crate::root;

/// Measures simple methods on the words and split of a run: what a network has to beat.
///
/// - ridge: a linear map from the n-grams of 2 to 6 letters that a word has (its ends marked), with squared weights held
///   down; how much is chosen on a tenth of the training words;
/// - rarity: the same, with rare n-grams counting more within a word;
/// - ngrams: that with a network on top, as `flameout train --model ngrams` fits it;
/// - mean: the mean vector of the training words that have an n-gram, averaged over the word's n-grams;
/// - nearest: the vector of the training word with the most n-grams in common (Jaccard).
///
/// Examples:
///
///   cargo xtask baselines runs/first
///   cargo xtask baselines runs/first --pairs rw.txt --pairs simlex.txt --json
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The run's directory, for its words, split and normalisation.
    run: PathBuf,

    /// A similarity set (several times).
    #[arg(long, value_name = "FILE")]
    pairs: Vec<PathBuf>,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What learns from training words.
struct Task {
    dataset: Dataset,
    originals: WordVectors,
    grams: NGrams,
    /// The training words' n-grams.
    bags: Vec<Vec<u32>>,
    /// Their vectors, `(words, numbers)`.
    targets: Array2<f32>,
}

impl Task {
    fn words(&self) -> Vec<&str> {
        self.dataset.train.iter().map(|&row| self.dataset.words[row].as_str()).collect()
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let settings = Settings::read(&args.run.join("settings.toml")).context("the run's settings")?;
    let dataset = Dataset::open(&settings, &root())?;
    let words: Vec<&str> = dataset.train.iter().map(|&row| dataset.words[row].as_str()).collect();
    let options = Options::default();
    let grams = NGrams::learn(&words, options.lengths, options.common);
    let bags = words.iter().map(|word| grams.of(word)).collect();
    let targets = dataset.targets.select(Axis(0), &dataset.train);
    let originals = all_vectors(&settings, None)?;
    let task = Task { originals, grams, bags, targets, dataset };
    let rarity = Options { units: 0, ..Options::default() };
    let ridge = Options { weighting: Weighting::Alike, ..rarity.clone() };
    for (name, options) in [("ridge", ridge), ("rarity", rarity), ("ngrams", Options::default())] {
        let began = Instant::now();
        let model = Model::fit(&task.words(), task.targets.view(), &options)?;
        let predict = |word: &str| model.predict(word).unwrap_or_else(|| Array1::zeros(model.dim())).to_vec();
        report(args, name, began, &measure(&task, args, &mut |word| predict(word))?)?;
    }
    let began = Instant::now();
    let means = mean(&task);
    report(args, "mean", began, &measure(&task, args, &mut |word| mean_of_rows(&means, &task.grams.of(word)))?)?;
    let began = Instant::now();
    report(args, "nearest", began, &measure(&task, args, &mut |word| nearest(&task, word))?)?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &Args, name: &str, began: Instant, evaluation: &Evaluation) -> Result<()> {
    if args.json {
        say!("{}", serde_json::json!({ "method": name, "evaluation": evaluation }));
    } else {
        say!("\n{name} ({:.0} s)", began.elapsed().as_secs_f64());
        print(evaluation)?;
    }
    Ok(())
}

fn measure(task: &Task, args: &Args, vector: &mut dyn FnMut(&str) -> Vec<f32>) -> Result<Evaluation> {
    let mut predict = |words: &[&str]| {
        let rows: Vec<f32> = words.iter().flat_map(|word| vector(&word.to_lowercase())).collect();
        let vectors = Array2::from_shape_vec((words.len(), task.targets.ncols()), rows).expect("whole rows");
        Embedded { vectors, kept: (0..words.len()).collect(), refused: Vec::new() }
    };
    evaluate(&task.dataset, &task.originals, &args.pairs, &mut predict)
}

/// For each n-gram the mean vector of the words that have it.
fn mean(task: &Task) -> Array2<f32> {
    let mut sums = Array2::zeros((task.grams.len(), task.targets.ncols()));
    let mut counts = vec![0.0_f32; task.grams.len()];
    for (bag, target) in task.bags.iter().zip(task.targets.rows()) {
        for &gram in bag {
            let mut sum = sums.row_mut(gram as usize);
            sum += &target;
            counts[gram as usize] += 1.0;
        }
    }
    sums.rows_mut().into_iter().zip(counts).for_each(|(mut row, count)| row /= count.max(1.0));
    sums
}

/// The mean of a bag's rows.
fn mean_of_rows(per_gram: &Array2<f32>, bag: &[u32]) -> Vec<f32> {
    let mut sum = Array1::zeros(per_gram.ncols());
    bag.iter().for_each(|&gram| sum += &per_gram.row(gram as usize));
    (sum / bag.len().max(1) as f32).to_vec()
}

/// The vector of the training word with the most n-grams in common, as a share of both words' n-grams.
fn nearest(task: &Task, word: &str) -> Vec<f32> {
    let bag = task.grams.of(word);
    let jaccard = |other: &[u32]| {
        let shared = bag.iter().filter(|gram| other.binary_search(gram).is_ok()).count();
        shared as f64 / (bag.len() + other.len() - shared).max(1) as f64
    };
    let best = (0..task.bags.len()).max_by(|&i, &j| jaccard(&task.bags[i]).total_cmp(&jaccard(&task.bags[j])));
    task.targets.row(best.expect("there are training words")).to_vec()
}
