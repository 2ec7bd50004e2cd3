//! Check 1's experiment: can the network at least learn one batch of its words by heart?
//!
//! The first thing that people advise against a network that does not learn. A run that has trained well has answered it. Of
//! one that has not, it tells two kinds apart: what is wrong with the network, its weights, gradients or updates, shows on
//! any few words; what is wrong with the words as a whole (targets that do not follow from the spelling, unbalanced
//! batches) does not.

use flameout_experiment::stop_if;

use crate::Error;
use crate::check::Grade;
use crate::course::Course;
use crate::subject::{Subject, begin_with};

/// Share of the mean predictor's loss at which the words are known by heart.
const BY_HEART: f64 = 0.1;
/// Share above which it has hardly learnt anything. (Of 38 healthy networks of the zoo, all but two came to know their
/// words by heart, and these two came below 26 %; networks whose weights, gates or updates were at fault mostly stayed above 33 %.)
const NOT_AT_ALL: f64 = 0.5;
/// Steps that it may take.
const STEPS: u64 = 500;

/// What became of training on one batch of words alone.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    /// The words.
    pub words: usize,
    /// Steps that were made.
    pub steps: u64,
    /// The lowest loss, as a share of what predicting these words' mean costs; infinite if none was finite.
    pub best: f64,
}

impl Slice {
    /// As [`train`](Self::train). None if the run has trained well, or a number was not finite: then nothing is to be asked.
    ///
    /// # Errors
    /// [`Error::Experiment`] if the network cannot be built.
    pub fn train_if_untrained(subject: &Subject, course: &Course) -> Result<Option<Self>, Error> {
        let answered = course.outcome.trained_well_at().is_some() || course.non_finite_step().is_some();
        if answered { Ok(None) } else { Self::train(subject).map(Some) }
    }

    /// Trains the network, as it began, on the first batch's worth of training words, until it knows them by heart or for 500
    /// steps.
    ///
    /// # Errors
    /// [`Error::Experiment`] if the network cannot be built.
    pub fn train(subject: &Subject) -> Result<Self, Error> {
        let mut dataset = subject.dataset.clone();
        dataset.train.truncate(subject.settings.training.batch);
        dataset.test.clear();
        // An epoch is one step.
        let settings = subject.settings.with(|settings| {
            (settings.training.epochs, settings.training.patience) = (STEPS, None);
        })?;
        let mut trainer = begin_with(&settings, &dataset, subject.start.parameters())?;
        let mut intervention = subject.intervention();
        let baseline = trainer.outcome().baseline().train_loss;
        let mut best = f64::INFINITY;
        trainer.go_on(&dataset, intervention.as_mut(), |_, record, _| {
            best = best.min(record.loss / baseline);
            Ok::<_, Error>(stop_if(best <= BY_HEART))
        })?;
        Ok(Self { words: dataset.train.len(), steps: trainer.steps(), best })
    }

    /// A network that cannot learn a few words is broken; one that can is not therefore well.
    #[must_use]
    pub fn grade(&self) -> Grade {
        match self.best {
            best if best <= BY_HEART => Grade::Pass,
            best if best <= NOT_AT_ALL => Grade::Suspect,
            _ => Grade::Fail,
        }
    }

    pub(super) fn describe(&self) -> String {
        let Self { words, steps, best } = self;
        let loss = match best.is_finite() {
            true => format!("its loss came to {:.0} % of what predicting their mean costs", 100.0 * best),
            false => "its loss was never a finite share of what predicting their mean costs".into(),
        };
        format!("trained on {words} of the words alone for {steps} steps, {loss}")
    }
}
