//! `flameout train --model ngrams`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flameout_experiment::{Case, Dataset, Settings};
use flameout_model::checkpoint::write_atomically;
use flameout_ngrams::{Model, Options};
use ndarray::Axis;

use super::Args;
use crate::cli::evaluate::{held_out, held_out_table};
use crate::cli::known::{NGRAMS_DATA, NGramsData};
use crate::cli::{base, progress, setting};
use crate::embedder::{Embedder, NGRAMS};

/// What --model calls it.
pub const NAME: &str = "ngrams";

/// Fits a model of n-grams to the words that a network would be trained on.
pub fn run(args: &Args) -> Result<ExitCode> {
    let data = data(args)?;
    let settings = data.settings();
    let directory = args.out.clone().unwrap_or_else(|| default_directory(&settings));
    if [NGRAMS, "settings.toml"].iter().any(|name| directory.join(name).exists()) {
        bail!("{} holds a model already; choose another directory", directory.display());
    }
    let dataset = Dataset::<f32>::open(&settings, &base())?;
    let words: Vec<&str> = dataset.train.iter().map(|&row| dataset.words[row].as_str()).collect();
    let (fitted, tested) = (words.len(), dataset.test.len());
    let spinner = progress::spinner(&format!(
        "{fitted} words to fit, {tested} to test; five fits to choose the penalty, one to use, five for the network to learn from"
    ));
    let model = Model::fit(&words, dataset.targets.select(Axis(0), &dataset.train).view(), &Options::default())?;
    spinner.finish_and_clear();
    let here = || format!("writing {}", directory.display());
    std::fs::create_dir_all(&directory).with_context(here)?;
    write_atomically(&directory.join(NGRAMS_DATA), &[toml::to_string(&data)?.as_bytes()]).with_context(here)?;
    model.save(&directory.join(NGRAMS))?;
    print(args, &dataset, model, &directory)?;
    Ok(ExitCode::SUCCESS)
}

fn data(args: &Args) -> Result<NGramsData> {
    let vectors = args.vectors.as_ref().context("--model ngrams needs --vectors")?;
    let mut settings = Settings { seed: args.seed, ..Settings::for_case(Case::LstmSingle) };
    settings.data.vectors = std::path::absolute(vectors).context("the path of the vectors")?;
    settings.data.words = args.words.unwrap_or(0);
    for change in &args.set {
        let (key, value) = setting::pair(change)?;
        if !key.starts_with("data.") {
            bail!("--set {change}: a model of n-grams has settings of its data alone");
        }
        settings.set(key, value)?;
    }
    settings.check()?;
    Ok(NGramsData { seed: settings.seed, data: settings.data })
}

fn default_directory(settings: &Settings) -> PathBuf {
    let stem = settings.data.vectors.file_stem().map_or("words".into(), |stem| stem.to_string_lossy().into_owned());
    Path::new("runs").join(format!("{stem}-ngrams-{}", &settings.hash()[..12]))
}

fn print(args: &Args, dataset: &Dataset<f32>, model: Model, directory: &Path) -> Result<()> {
    let (grams, penalty) = (model.ngrams().len(), model.penalty());
    let mut embedder = Embedder::from(model);
    let tested =
        if dataset.test.is_empty() { None } else { Some(held_out(dataset, &mut |words| embedder.embed(words))?) };
    if args.json {
        say!("{}", serde_json::json!({ "ngrams": grams, "penalty": penalty, "held_out": tested }))?;
        return Ok(());
    }
    say!("{grams} n-grams, penalty {penalty}")?;
    if let Some(tested) = tested {
        say!("{}", held_out_table(&tested))?;
    }
    say!("\nNext:  flameout embed --model {} WORD…", directory.display())?;
    Ok(())
}
