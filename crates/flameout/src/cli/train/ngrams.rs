//! `flameout train --model ngrams`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flameout_curves::argument;
use flameout_experiment::{Case, Dataset, Settings};
use flameout_files::write_atomically;
use flameout_ngrams::{Model, Options};
use ndarray::Axis;

use super::Args;
use crate::cli::evaluate::{held_out, print_scores};
use crate::cli::table::counted;
use crate::cli::{base, progress, setting};
use crate::embedder::{Embedder, NGRAMS};
use crate::space::{NGRAMS_DATA, NGramsData};

/// What --model calls it.
pub const NAME: &str = "ngrams";

/// Fits a model of n-grams to the words that a network would be trained on.
pub fn run(args: &Args) -> Result<ExitCode> {
    let settings = settings(args)?;
    let data = NGramsData { seed: settings.seed, data: settings.data.clone() };
    let directory = args.out.clone().unwrap_or_else(|| default_directory(&settings));
    // Of a link itself, and not of what it leads to.
    let held =
        [NGRAMS, NGRAMS_DATA, "settings.toml"].into_iter().find(|name| directory.join(name).symlink_metadata().is_ok());
    if let Some(name) = held {
        bail!("{} holds `{name}` already, and nothing is changed: choose another directory", directory.display());
    }
    let dataset = Dataset::open(&settings, &base())?;
    super::tell_what_was_read(&dataset, &settings);
    // Before minutes are spent on what cannot be kept.
    let here = || format!("writing {}", directory.display());
    std::fs::create_dir_all(&directory).with_context(here)?;
    let words: Vec<&str> = dataset.train.iter().map(|&row| dataset.words[row].as_str()).collect();
    let (fitted, tested) = (words.len() as u64, dataset.test.len());
    let spinner = progress::spinner(&format!(
        "{} to fit, {tested} to test; five fits to choose the penalty, one to use, five for the network to learn from",
        counted(fitted, "word")
    ));
    let model = Model::fit(&words, dataset.targets.select(Axis(0), &dataset.train).view(), &Options::default())?;
    spinner.finish_and_clear();
    write_atomically(&directory.join(NGRAMS_DATA), &[toml::to_string(&data)?.as_bytes()]).with_context(here)?;
    model.save(&directory.join(NGRAMS))?;
    print(args, &dataset, &model, &directory)?;
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &Args) -> Result<Settings> {
    let vectors = args.vectors.as_ref().context("a model of n-grams needs --vectors")?;
    let vectors = std::path::absolute(vectors).context("the path of the vectors")?;
    let mut settings = Settings::for_case(Case::LstmSingle).with(|settings| {
        settings.seed = args.seed;
        settings.data.vectors = vectors;
        settings.data.words = args.words.unwrap_or(0);
        args.reading.apply(&mut settings.data);
    })?;
    if let Some(option) = args.of_network() {
        bail!("{option}: a model of n-grams has none but settings of its data; --model bidirectional trains a network");
    }
    setting::apply(&mut settings, &args.set)?;
    Ok(settings)
}

fn default_directory(settings: &Settings) -> PathBuf {
    let stem = settings.data.vectors.file_stem().map_or("words".into(), |stem| stem.to_string_lossy().into_owned());
    Path::new("runs").join(format!("{stem}-ngrams-{}", &settings.hash()[..12]))
}

fn print(args: &Args, dataset: &Dataset, model: &Model, directory: &Path) -> Result<()> {
    let (grams, penalty) = (model.ngrams().len(), model.penalty());
    // As `evaluate` does.
    let mut embedder = Embedder::open(directory)?;
    let tested =
        if dataset.test.is_empty() { None } else { Some(held_out(dataset, &mut |words| embedder.embed(words))?) };
    if args.json {
        say!("{}", serde_json::json!({ "ngrams": grams, "penalty": penalty, "held_out": tested }))?;
        return Ok(());
    }
    say!("{}, penalty {penalty}", counted(grams as u64, "n-gram"))?;
    if let Some(tested) = tested {
        print_scores(&[("not trained on", tested)])?;
    }
    say!("\nNext:  flameout embed --model {} WORD…", argument(directory))?;
    Ok(())
}
