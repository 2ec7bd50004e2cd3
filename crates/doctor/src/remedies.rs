//! What each of several remedies costs: whole runs with it, from the start and over several seeds.
//!
//! A [replay](crate::Replay) says what would have prevented one collapse. Whether the remedy also trains well, and as far as
//! the others, takes whole runs with other initial weights, other test words and another order.

use flameout_experiment::{Dataset, Settings};
use serde::{Deserialize, Serialize};

use crate::Error;
use crate::change::Change;
use crate::replay::{End, Goal, Replay, Trial, Trials};
use crate::snapshots::Snapshots;
use crate::subject::Subject;

/// A change, and what became of the runs with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remedy {
    /// The change, and a run for each seed; a run ends when its loss has risen.
    pub runs: Trials,
    /// The seeds.
    pub seeds: Vec<u64>,
}

impl Remedy {
    /// Runs that went wrong, or never trained well.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.runs.trials.iter().filter(|run| run.end != End::Held).count()
    }
}

/// Makes the run with each of these changes from its first step on, once with each seed, and ranks them: those with the
/// fewest runs that went wrong or never trained well first, and of equals the one that ends with the lowest mean loss.
/// `open` opens the words for settings (which test words are kept depends on the seed); `done` is told after each run.
///
/// # Errors
/// [`Error::Experiment`] if the settings cannot be changed so; whatever `open` says.
pub fn rank(
    settings: &Settings,
    changes: &[Change],
    seeds: &[u64],
    open: &mut dyn FnMut(&Settings) -> Result<Dataset, Error>,
    done: &mut dyn FnMut(),
) -> Result<Vec<Remedy>, Error> {
    let mut remedies: Vec<Remedy> = changes
        .iter()
        .map(|change| Remedy { runs: Trials { change: change.clone(), trials: Vec::new() }, seeds: seeds.to_vec() })
        .collect();
    // Seed by seed, so that the words are opened once for each.
    for &seed in seeds {
        let settings = settings.with(|settings| settings.seed = seed)?;
        let dataset = open(&settings)?;
        let mut subject = Subject::new(settings, dataset)?;
        let steps = subject.planned_steps();
        // A change may make epochs shorter; the run stays as long as it was.
        subject.settings = subject
            .settings
            .with(|settings| settings.training.epochs = settings.training.epochs.saturating_mul(100))?;
        for remedy in &mut remedies {
            remedy.runs.trials.push(run(&subject, &remedy.runs.change, steps)?);
            done();
        }
    }
    remedies.sort_by(|a, b| a.failed().cmp(&b.failed()).then(a.runs.loss().total_cmp(&b.runs.loss())));
    Ok(remedies)
}

/// A run of so many steps with a change from the first on.
fn run(subject: &Subject, change: &Change, until: u64) -> Result<Trial, Error> {
    let none = Snapshots::default();
    Replay { subject, from: &subject.start, earlier: &none, until, goal: Goal::Hold }.trial(change, None, &mut |_| {})
}
