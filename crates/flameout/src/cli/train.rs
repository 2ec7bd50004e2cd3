//! `flameout train`: a network on word vectors of one's own.

mod ngrams;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flameout_cells::Activation;
use flameout_curves::argument;
use flameout_doctor::snapshots::DEFAULT_LIMIT;
use flameout_experiment::run_directory::BEST_MODEL;
use flameout_experiment::{Begun, Case, Dataset, Ended, Observer, RunOptions, Settings, Summary};
use flameout_model::{Cell, Flavour, LayerKind, LossKind};
use flameout_optim::{Clipping, CosineDecay, Schedule, WarmUp};
use serde::{Deserialize, Serialize};

use super::evaluate::{Score, print_scores, score};
use super::interrupt::stop_on_ctrl_c;
use super::reading::{self, Reading};
use super::table::counted;
use super::tensorboard::TensorBoard;
use super::training::{keeper, train};
use super::training_bar::TrainingBar;
use super::{base, progress, setting};
use crate::Embedder;

/// Trains a model that gives words vectors from their spelling.
///
/// The vectors may be a file of word2vec (binary or text), GloVe or fastText, gzipped or not. A tenth of the words is kept
/// for testing.
///
/// Without --model it fits a vector to each letter n-gram (--model ngrams). That takes seconds to minutes, and on 45,000
/// English words it does far better at unseen words than the networks here. Of --set it knows the settings of the data.
///
/// The other models are networks. An option that only a network has (--units, --epochs, --states, --tensorboard, --set of anything but
/// data) trains --model bidirectional. Training ends when the test words no longer gain. The network with the lowest test loss is
/// kept, and the scores at the end are of that network. The settings are chosen for quality: an LSTM from either end of the
/// word, cosine loss, a learning rate that rises for a tenth of an epoch and then falls to zero along a cosine, and clipped
/// gradients. Clipping and the falling rate prevent a collapse.
///
/// With --model lstm-single, gru-single or lstm-double the network is one of the three of the 2016 question, trained
/// likewise; `cargo xtask repro` is what trains them as the question did.
///
/// Ctrl-C stops after the step and saves; the same command with --resume goes on.
///
/// Examples:
///
///   flameout train --vectors my-vectors.bin --out runs/ngrams
///   flameout train --vectors my-vectors.bin --model bidirectional --out runs/first
///   flameout train --vectors glove.6B.100d.txt --words 50000 --model bidirectional --units 512
///   flameout train --vectors my-vectors.bin --model my-layers.toml --set training.batch=128
///   flameout train --out runs/first --resume
///
/// A file of layers holds, for instance (a linear layer to the vectors follows by itself):
///
///   layers = [
///     { gru = { units = 256, gate_activation = "sigmoid", reset = "after", return_sequences = true } },
///     { gru = { units = 256, gate_activation = "sigmoid", reset = "after", return_sequences = false } },
///   ]
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The word vectors.
    #[arg(long, value_name = "FILE", required_unless_present_any = ["resume", "settings"])]
    vectors: Option<PathBuf>,

    /// What is trained: ngrams, bidirectional, lstm-single, gru-single, lstm-double, or a file of layers [default: ngrams].
    #[arg(long, value_name = "NAME|FILE.toml")]
    model: Option<String>,

    /// Length of the hidden state of each recurrent layer [default: 256].
    #[arg(long, value_name = "N")]
    units: Option<usize>,

    /// Passes of a network over the words, at most [default: 30].
    #[arg(long, value_name = "N")]
    epochs: Option<u64>,

    /// Only the first so many words of the file [default: all].
    #[arg(long, value_name = "N", value_parser = some_words)]
    words: Option<u64>,

    #[command(flatten)]
    reading: Reading,

    /// Decides initial weights, which words are kept for testing, and the words' order.
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,

    /// Take all settings from this file instead: it has the form of a run's `settings.toml`.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "units", "epochs", "words", "seed"])]
    settings: Option<PathBuf>,

    /// Change one setting, for instance training.batch=128 (several times).
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Where the run's files go [default: runs/ and a name made of file and settings].
    #[arg(long, value_name = "DIR", required_if_eq("resume", "true"))]
    out: Option<PathBuf>,

    /// Go on with the run in --out.
    #[arg(long)]
    resume: bool,

    /// Memory for states on the way, in MiB: should the network collapse, `flameout diagnose` need not make the run again. 0: none
    /// [default: 1024].
    #[arg(long, value_name = "MIB")]
    states: Option<usize>,

    /// Write the numbers of each step and epoch of a network to an event file in this directory, for TensorBoard.
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,

    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// Reads a number of words; refuses 0, which in a file of settings means all.
fn some_words(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("0 words leave nothing to train on; leave --words out to train on all".into()),
        Ok(words) => Ok(words),
        Err(_) => Err("is no whole number of words".into()),
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    if args.is_of_ngrams() {
        return ngrams::run(args);
    }
    if let (true, Some(option)) = (args.is_open(), args.of_network()) {
        tell!("{option} is of a network: --model bidirectional is trained (without it: n-grams)");
    }
    let settings = match (&args.out, args.resume) {
        (Some(out), true) => {
            let begun = Settings::read(&out.join("settings.toml")).context("no run to go on with")?;
            let changed = args.vectors.is_some() || !args.set.is_empty() || args.reading != Reading::default();
            if changed || args.settings.is_some() {
                bail!(
                    "a run is gone on with as it was begun: leave out --vectors, --settings, --set, --invalid-utf8 and \
                     --non-finite"
                );
            }
            begun
        }
        _ => settings(args)?,
    };
    let directory = args.out.clone().unwrap_or_else(|| default_directory(&settings));
    if let Some(directory) = &args.tensorboard {
        // Before the first step, which leaves nothing behind where this fails.
        std::fs::create_dir_all(directory).with_context(|| format!("--tensorboard: making {}", directory.display()))?;
    }
    let stop = stop_on_ctrl_c()?;
    let options = RunOptions { directory: directory.clone(), resume: args.resume, base: base() };
    let ended = train(&settings, &options, &stop, |begun| observers(args, &settings, &directory, begun))?;
    match ended {
        Ended::Stopped { step } => {
            tell!("Stopped after step {step}. To go on: flameout train --out {} --resume", argument(&directory));
            Ok(ExitCode::from(130))
        }
        Ended::Finished(summary) => {
            let (network, kept) = kept(&settings, &directory)?;
            let finished = Finished { summary, network, kept };
            if args.json {
                say!("{}", serde_json::to_string_pretty(&finished)?)?;
            } else {
                print(&finished, &directory)?;
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

impl Args {
    /// Whether n-grams are fitted. They are, unless something is asked for that only a network has.
    fn is_of_ngrams(&self) -> bool {
        let named = self.model.as_deref() == Some(ngrams::NAME) && !self.resume && self.settings.is_none();
        named || (self.is_open() && self.of_network().is_none())
    }

    /// Whether nothing says by itself what is trained.
    fn is_open(&self) -> bool {
        self.model.is_none() && !self.resume && self.settings.is_none()
    }

    /// An option that only a network has, as it is written.
    fn of_network(&self) -> Option<String> {
        let given = [
            self.units.map(|_| "--units"),
            self.epochs.map(|_| "--epochs"),
            self.states.map(|_| "--states"),
            self.tensorboard.as_ref().map(|_| "--tensorboard"),
        ];
        let set = || self.set.iter().find(|change| !change.trim().starts_with("data."));
        given.into_iter().flatten().next().map(str::to_owned).or_else(|| Some(format!("--set {}", set()?)))
    }
}

/// What the arguments ask for.
fn settings(args: &Args) -> Result<Settings> {
    let settings = match &args.settings {
        Some(path) => Settings::read(path)?,
        None => for_quality(args)?,
    };
    // Absolute, so that the run is understood from any directory.
    let vectors = args.vectors.as_ref().map(std::path::absolute).transpose().context("the path of the vectors")?;
    let mut settings = settings.with(|settings| {
        settings.data.vectors = vectors.unwrap_or_else(|| settings.data.vectors.clone());
        args.reading.apply(&mut settings.data);
        if args.settings.is_none() {
            settings.data.words = args.words.unwrap_or(0);
            settings.seed = args.seed;
            settings.training.epochs = args.epochs.unwrap_or(30);
        }
    })?;
    if args.settings.is_none() {
        // The schedule ends with the last epoch: words and batches decide how many steps that takes.
        let decides =
            |change: &&String| ["data.", "training."].iter().any(|section| change.trim().starts_with(section));
        let first: Vec<String> = args.set.iter().filter(decides).cloned().collect();
        setting::apply(&mut settings, &first)?;
        settings = with_schedule(&settings)?;
    }
    setting::apply(&mut settings, &args.set)?;
    Ok(settings)
}

/// Settings that train well, and do not collapse: docs/quality/vectors.md has what they were chosen by.
fn for_quality(args: &Args) -> Result<Settings> {
    let model = args.model.as_deref().unwrap_or("bidirectional");
    let case = Case::ALL.into_iter().find(|case| case.name() == model);
    let units = args.units.unwrap_or(256);
    let (units, layers) = match (case, model) {
        (Some(_), _) => (Some(units), None),
        (None, "bidirectional") => (None, Some(vec![bidirectional(units)])),
        (None, file) => {
            if args.units.is_some() {
                bail!("--units: the file of layers says how long the hidden states are");
            }
            (None, Some(read_layers(Path::new(file))?))
        }
    };
    let settings = Settings::for_case(case.unwrap_or(Case::LstmSingle)).with(|settings| {
        (settings.model.units, settings.model.layers) = (units, layers);
        settings.model.flavour = Flavour::Keras3;
        settings.training.loss = LossKind::Cosine;
        settings.training.batch = 64;
        settings.training.patience = Some(5);
        settings.clipping = Clipping::GlobalNorm { limit: 1.0 };
    })?;
    Ok(settings)
}

fn bidirectional(units: usize) -> LayerKind {
    let gate_activation = Activation::Sigmoid;
    LayerKind::Bidirectional { cell: Cell::Lstm, units, gate_activation, return_sequences: false }
}

/// A file with nothing but `layers`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Layers {
    layers: Vec<LayerKind>,
}

fn read_layers(path: &Path) -> Result<Vec<LayerKind>> {
    let text = flameout_files::read_text(path, flameout_files::TOML).with_context(|| {
        format!(
            "--model {}: is neither ngrams, bidirectional, lstm-single, gru-single nor lstm-double, and no file that can be read",
            path.display()
        )
    })?;
    let layers: Layers = toml::from_str(&text).with_context(|| format!("reading {}", path.display()))?;
    Ok(layers.layers)
}

/// A tenth of an epoch up, then down to zero along a cosine by the end of the last epoch.
fn with_schedule(settings: &Settings) -> Result<Settings> {
    let steps_per_epoch = Dataset::open(settings, &base())?.steps_per_epoch(settings);
    let (warm_up, steps) = ((steps_per_epoch / 10).max(1), steps_per_epoch.saturating_mul(settings.training.epochs));
    let then = Box::new(Schedule::Cosine(CosineDecay { learning_rate: 0.003, floor: 0.0, steps }));
    Ok(settings.with(|settings| settings.schedule = Schedule::WarmUp(WarmUp { steps: warm_up, then }))?)
}

fn default_directory(settings: &Settings) -> PathBuf {
    let stem = settings.data.vectors.file_stem().map_or("run".into(), |stem| stem.to_string_lossy().into_owned());
    Path::new("runs").join(format!("{stem}-{}", &settings.hash()[..12]))
}

/// Tells what begins; who sees the steps.
fn observers(args: &Args, settings: &Settings, directory: &Path, begun: &Begun<'_>) -> Vec<Box<dyn Observer>> {
    for warning in &begun.warnings {
        tell!("warning: {warning}");
    }
    let (dataset, trainer) = (begun.dataset, begun.trainer);
    tell_what_was_read(dataset, settings);
    if !dataset.skipped.is_empty() {
        tell!(
            "{} left out: longer than {} letters, or with `$`",
            counted(dataset.skipped.len() as u64, "word"),
            dataset.encoder.max_word_len()
        );
    }
    let limit = args.states.map_or(DEFAULT_LIMIT, |states| states.saturating_mul(1 << 20));
    let mut observers: Vec<Box<dyn Observer>> = Vec::new();
    if limit > 0 {
        observers.extend(keeper(settings, begun, directory, limit));
    }
    if let Some(directory) = &args.tensorboard {
        match TensorBoard::begin(directory) {
            Ok(board) => observers.push(Box::new(board)),
            Err(error) => tell!("warning: nothing is written for TensorBoard: {error:#}"),
        }
    }
    if progress::is_silent() {
        return observers;
    }
    tell!(
        "{} to train on, {} to test, vectors of {} numbers\n{}: {} parameters",
        counted(dataset.train.len() as u64, "word"),
        dataset.test.len(),
        dataset.targets.ncols(),
        trainer.architecture(),
        trainer.parameters().len()
    );
    observers.push(Box::new(TrainingBar::new(begun.total_steps, trainer.steps(), settings.training.batch)));
    observers
}

/// Says what was found wrong in the file of vectors.
fn tell_what_was_read(dataset: &Dataset, settings: &Settings) {
    if let Some(report) = &dataset.read {
        reading::tell(&settings.data.vectors, report, &settings.data.read_options());
    }
}

/// What a run came to, and how good the network is that it keeps.
#[derive(Serialize)]
struct Finished {
    #[serde(flatten)]
    summary: Box<Summary>,
    /// The layers, from input to output.
    network: String,
    kept: Kept,
}

/// How good the network is that the run keeps for use: that of the lowest test loss, or the last one. `evaluate` measures the
/// same.
#[derive(Serialize)]
struct Kept {
    trained_on: Score,
    not_seen: Option<Score>,
}

/// The network that the run keeps: its layers, and how good it is.
fn kept(settings: &Settings, directory: &Path) -> Result<(String, Kept)> {
    let dataset = Dataset::open(settings, &base())?;
    let mut embedder = Embedder::open(directory)?;
    let mut score = |rows: &[usize]| score(&dataset, rows, &mut |words| embedder.embed(words));
    let not_seen = if dataset.test.is_empty() { None } else { Some(score(&dataset.test)?) };
    let kept = Kept { trained_on: score(&dataset.train)?, not_seen };
    let (network, _) = embedder.into_network().context("a run keeps a network")?;
    Ok((network.architecture().to_string(), kept))
}

fn print(Finished { summary, kept, .. }: &Finished, directory: &Path) -> Result<()> {
    match summary.best_test.filter(|_| directory.join(BEST_MODEL).is_file()) {
        Some(best) => say!("Kept: the network after epoch {}, with a test loss of {:.4}.", best.epoch, best.loss)?,
        None => say!("Kept: the network after the last step, {}.", summary.steps)?,
    }
    let rows = [Some(("trained on", kept.trained_on)), kept.not_seen.map(|score| ("not trained on", score))];
    print_scores(&rows.into_iter().flatten().collect::<Vec<_>>())?;
    if summary.collapsed {
        say!("The network COLLAPSED at step {}.", summary.onset_step.unwrap_or(0))?;
    }
    let directory = argument(directory);
    say!("\nNext:  flameout embed --model {directory} WORD…\n       flameout diagnose {directory}")?;
    Ok(())
}
