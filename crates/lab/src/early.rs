//! Runs on which warnings and guards are measured: GRU(64) on 1,000 words, which collapses within some thousand steps.

use anyhow::Result;
use flameout_curves::{Outcome, Point};
use flameout_experiment::{Case, Dataset, Settings, Trainer, UncheckedSettings};
use flameout_optim::{Constant, Schedule};

use crate::root;

/// Steps an epoch: 900 training words in batches of 32.
const STEPS_PER_EPOCH: u64 = 29;

/// Settings at this learning rate, of at least so many steps; the run ends when it has collapsed.
pub fn settings(rate: f64, seed: u64, steps: u64) -> Settings {
    let change = |settings: &mut UncheckedSettings| {
        settings.seed = seed;
        settings.model.units = Some(64);
        settings.data.words = 1000;
        settings.training.epochs = steps.div_ceil(STEPS_PER_EPOCH);
        settings.training.stop_after_collapse = Some(0);
        settings.schedule = Schedule::Constant(Constant { learning_rate: rate });
    };
    Settings::for_case(Case::GruSingle).with(change).expect("the settings of a known run")
}

/// A run, step by step.
pub struct Seen {
    /// Every step.
    pub points: Vec<Point>,
    /// What became of it.
    pub outcome: Outcome,
    /// How often its guard acted.
    pub guarded: usize,
}

/// Makes a run in memory.
pub fn run(settings: &Settings) -> Result<Seen> {
    let dataset = Dataset::open(settings, &root())?;
    let mut trainer = Trainer::new(settings, &dataset)?;
    let mut points = Vec::new();
    while !trainer.finished() {
        let (record, _) = trainer.advance(&dataset, &mut ())?;
        points.push(Point::from(&record));
    }
    let guarded = trainer.guarded().map_or(0, <[u64]>::len);
    Ok(Seen { points, outcome: trainer.outcome().clone(), guarded })
}
