//! Checks 1, 5 and 8: what the curves say.

use flameout_curves::{Point, Symptom, median, onset};
use flameout_optim::OptimizerSettings::{Adam, RmsProp};
use flameout_optim::{AdamSettings, RmsPropSettings};

use super::builder::{Builder, Checked};
use super::outlier::Outlier;
use super::slice::Slice;
use crate::cause::Cause;
use crate::change::Change;
use crate::check::Grade;
use crate::condition::Condition;
use crate::course::Course;
use crate::diagnosis::Finding;
use crate::subject::Subject;

/// Updates shorter than this share of the parameters' length, half of the time, do not get anywhere.
const SMALL_UPDATE: f64 = 1e-7;
/// Parameters so many times as long as in the beginning are worth a word.
const GROWN: f64 = 100.0;
/// A gradient so many times as long as usual before is called exploding.
const EXPLODING: f64 = 100.0;

/// Check 1: can the network fit what it is trained on? The run itself answers, if it has trained well; if it has not, a slice
/// of the words shows whether it can fit anything, and its updates may have been too small.
#[must_use]
pub fn check_learning(subject: &Subject, course: &Course, slice: Option<&Slice>) -> Checked {
    let mut check = Builder::new(1, "Does it learn: can it fit what it is trained on?");
    let outcome = &course.outcome;
    let best = outcome.best().map_or("nothing".to_owned(), |best| {
        let share = 100.0 * best.loss / outcome.baseline().train_loss;
        format!("{share:.0} % of what predicting the mean costs, at step {}", best.step)
    });
    match outcome.trained_well_at() {
        Some(step) => check.note(format!("it had trained well at step {step}; its best smoothed loss is {best}")),
        None => check.grade(Grade::Fail, format!("it has not trained well; its best smoothed loss is {best}")),
    }
    slice.into_iter().for_each(|slice| check.grade(slice.grade(), slice.describe()));
    // Not compared with the parameters of the end, beside which every update is small if they have grown without bounds.
    let initial =
        Some(subject.start.parameters().l2_norm()).filter(|&norm| norm > 0.0).unwrap_or(course.parameter_norm);
    let usual = course.usual_update() / initial;
    let evidence = format!("half of the updates are shorter than {usual:.1e} of the initial parameters");
    if usual < SMALL_UPDATE {
        let finding = Finding::suspected(Cause::UpdatesTooSmall, evidence, Some(larger_updates(subject)));
        check.suggest(Grade::Fail, finding);
    } else {
        check.note(evidence);
    }
    if let Some(evidence) = describe_dips(&course.dips()) {
        check.grade(Grade::Suspect, evidence);
    }
    let growth = course.parameter_norm / initial;
    if growth > GROWN {
        check.grade(
            Grade::Suspect,
            format!("the parameters are {growth:.0} times as long in the end as in the beginning"),
        );
    }
    check.done()
}

/// The shape of the learning curve, where it is not smooth: rises that are neither spikes nor collapses by the definition.
fn describe_dips(dips: &[onset::Event]) -> Option<String> {
    let first = dips.first()?;
    let back = dips.iter().filter(|dip| dip.recovered.is_some()).count();
    let (before, peak) = (first.before.unwrap_or(f64::NAN), first.peak.unwrap_or(f64::NAN));
    Some(format!(
        "{} times the loss rose out of its band and stayed below where a spike begins; {back} times it came back; first at step {}, \
         from {before:.6} to {peak:.6}",
        dips.len(),
        first.onset
    ))
}

/// Adam's usual ε where it is larger, ten times the learning rate where it is not.
fn larger_updates(subject: &Subject) -> Change {
    match (subject.settings.optimizer, subject.settings.schedule.learning_rate()) {
        (Adam(AdamSettings { epsilon, .. }) | RmsProp(RmsPropSettings { epsilon, .. }), _) if epsilon > 1e-6 => {
            Change::setting("optimizer.epsilon", "1e-8")
        }
        (_, Some(rate)) => Change::setting("schedule.learning-rate", format!("{:e}", 10.0 * rate)),
        _ => Change::setting("schedule", "{ kind = \"constant\", learning-rate = 0.001 }"),
    }
}

/// Check 5: are the predictions all the same?
#[must_use]
pub fn check_predictions(course: &Course) -> Checked {
    let mut check = Builder::new(5, "Are the predictions all the same?");
    let Some(last) = course.curve.epochs.last() else {
        check.grade(Grade::NotApplicable, "no epoch has ended".into());
        return check.done();
    };
    let baseline = course.outcome.baseline();
    let (spread, identical) = (last.spread.unwrap_or(f64::NAN), last.identical.unwrap_or(f64::NAN));
    let (of_targets, equal) = (100.0 * spread / baseline.spread, 100.0 * identical);
    let evidence =
        format!("in the end, outputs differ by {of_targets:.0} % of what targets do; {equal:.0} % of them are equal");
    if of_targets.is_nan() || baseline.symptom(spread, identical) == Symptom::SameOutput {
        check.grade(Grade::Fail, evidence);
    } else {
        check.note(evidence);
    }
    check.done()
}

/// Check 8: was a NaN or an exploding gradient behind it?
#[must_use]
pub fn check_explosion(subject: &Subject, condition: Condition, course: &Course) -> Checked {
    let mut check = Builder::new(8, "Was a NaN or an exploding gradient behind it?");
    match condition {
        Condition::NonFinite { step } => {
            let norms = course.curve.points.iter().rev().filter_map(|point| Some((point.step, point.gradient_norm?)));
            let last = norms.into_iter().find(|(_, norm)| norm.is_finite());
            let norm = last.map_or("none".to_owned(), |(step, norm)| format!("{norm:.1e} at step {step}"));
            check.grade(Grade::Fail, format!("step {step} is not finite; the last finite gradient norm is {norm}"));
        }
        Condition::Rose { onset } => {
            match explosion(&course.curve.points, onset) {
                Some((step, factor)) => check.grade(
                    Grade::Suspect,
                    format!("the gradient of step {step} is {factor:.0} times as long as usual before"),
                ),
                None => {
                    check
                        .note(format!("no gradient near step {onset} is {EXPLODING:.0} times as long as usual before"));
                }
            }
            Outlier::find(subject, course, onset).into_iter().for_each(|outlier| check.note(outlier.to_string()));
        }
        Condition::Healthy | Condition::NeverTrained => check.note("every number was finite".into()),
    }
    check.done()
}

/// The largest gradient from 100 steps before the onset to 20 after, against the median of the 200 steps before those.
fn explosion(points: &[Point], onset: u64) -> Option<(u64, f64)> {
    let norms: Vec<(u64, f64)> = points
        .iter()
        .filter(|point| point.step + 300 >= onset && point.step <= onset + 20)
        .filter_map(|point| Some((point.step, point.gradient_norm?)))
        .collect();
    // In order of their steps.
    let (before, near) = norms.split_at(norms.partition_point(|(step, _)| step + 100 < onset));
    let usual = median(&before.iter().map(|(_, norm)| *norm).collect::<Vec<_>>())?;
    let (step, largest) = near.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))?;
    (largest > EXPLODING * usual).then_some((step, largest / usual))
}
