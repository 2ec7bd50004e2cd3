//! What every specimen starts from: a small run that trains well within a few seconds.

use anyhow::{Context, Result};
use flameout_experiment::{Case, Dataset, Settings, UncheckedSettings};
use flameout_optim::{Constant, Schedule};

use crate::root;

/// Words of the fixture that are used.
const WORDS: u64 = 160;
/// Length of the hidden states.
const UNITS: usize = 32;
/// Words a step.
const BATCH: usize = 16;
/// Steps of a run with batches of this size; with others, it sees as many words.
const STEPS: u64 = 3000;
/// Words of the fixture in runs whose targets are spelt: too many to be learnt by heart.
const SPELT_WORDS: u64 = 2000;

/// The settings of a healthy run.
pub fn settings(case: Case, seed: u64) -> Settings {
    let learning_rate = match case {
        Case::LstmSingle | Case::GruSingle => 0.006,
        Case::LstmDouble => 0.004,
    };
    let change = |settings: &mut UncheckedSettings| {
        settings.seed = seed;
        settings.data.words = WORDS;
        settings.model.units = Some(UNITS);
        settings.training.batch = BATCH;
        settings.schedule = Schedule::Constant(Constant { learning_rate });
    };
    Settings::for_case(case).with(change).expect("settings of the zoo")
}

/// The words that the settings name, and as many epochs as the run is to have.
pub fn dataset(settings: &mut Settings) -> Result<Dataset> {
    let dataset = Dataset::open(settings, &root());
    let dataset = dataset.with_context(|| settings.data.vectors.display().to_string())?;
    let epochs = (STEPS * BATCH as u64).div_ceil(dataset.train.len() as u64);
    *settings = settings.with(|settings| settings.training.epochs = epochs)?;
    Ok(dataset)
}

/// More words, with targets that the spelling decides.
pub fn spelt_dataset(settings: &mut Settings) -> Result<Dataset> {
    *settings = settings.with(|settings| settings.data.words = SPELT_WORDS)?;
    let mut dataset = dataset(settings)?;
    spell_targets(&mut dataset);
    Ok(dataset)
}

/// Targets that the spelling decides: the mean of a word's letters' vectors, of unit length, in which the last letter counts
/// for more. A letter's vector is that of the word in its place. Unlike meanings, these can be learnt without learning every
/// word by heart, and words fall into groups.
fn spell_targets(dataset: &mut Dataset) {
    const LAST: f32 = 3.0;
    let of_letters = dataset.targets.clone();
    for (indices, mut target) in dataset.indices.rows().into_iter().zip(dataset.targets.rows_mut()) {
        let letters: Vec<usize> =
            indices.iter().map(|&letter| usize::from(letter)).filter(|&letter| letter > 0).collect();
        target.fill(0.0);
        letters.iter().for_each(|&letter| target += &of_letters.row(letter));
        if let Some(&last) = letters.last() {
            target.scaled_add(LAST, &of_letters.row(last));
        }
        let length = target.iter().map(|x| x * x).sum::<f32>().sqrt();
        target /= length;
    }
}

/// The learning rate times a factor.
pub fn scale_learning_rate(settings: &mut UncheckedSettings, factor: f64) {
    if let Schedule::Constant(constant) = &mut settings.schedule {
        constant.learning_rate *= factor;
    }
}
