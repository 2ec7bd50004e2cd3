//! What would have prevented it: a table of changes, each replayed from the same state.
//!
//! The changes are those that people give as advice against a training that blows up; and each tensor in turn frozen, and put
//! back to what it was long before, to see which part of the network is needed for it to happen; and each tensor's second
//! moment raised, to see whether Adam had forgotten how large its gradients can be.

use flameout_curves::Point;
use flameout_experiment::Snapshot;
use flameout_optim::OptimizerSettings;

use crate::Error;
use crate::change::Change;
use crate::course::Course;
use crate::options::Options;
use crate::replay::{Goal, Replay, Trials};
use crate::spikes::quantile;
use crate::subject::Subject;

/// Steps before the replays' beginning to which single tensors are put back.
const BACK: u64 = 500;
/// Steps before the replays' beginning whose gradients say what is usual.
const USUAL: usize = 500;

/// Replays every change, in several orders of the words; `done` is told after each. Empty if nothing went wrong after the
/// network had trained well.
///
/// # Errors
/// [`Error::Experiment`] if a replay cannot be made.
pub fn counterfactuals(
    subject: &Subject,
    course: &Course,
    options: &Options,
    done: &mut dyn FnMut(&Trials),
) -> Result<Vec<Trials>, Error> {
    let replay = Replay::of_course(subject, course, options).filter(|replay| replay.goal == Goal::Hold);
    let Some(replay) = replay else { return Ok(Vec::new()) };
    replay.each(&advice(&replay, &course.curve.points), options.orders, done)
}

/// Nothing, every change that people advise, each tensor frozen, each put back to where it was long before, and each one's
/// second moment raised. `points` are those of the run: its gradients before the replay begins say what is a usual length.
#[must_use]
pub fn advice(replay: &Replay<'_>, points: &[Point]) -> Vec<Change> {
    let (subject, from) = (replay.subject, replay.from.step());
    let before = &points[..points.len().min(from as usize)];
    let mut changes = vec![Change::Nothing];
    let rate = subject.settings.schedule.learning_rate();
    for factor in [2.0, 3.0, 10.0] {
        changes.extend(rate.map(|rate| Change::setting("schedule.learning-rate", format!("{:e}", rate / factor))));
    }
    for share in [0.5, 0.99] {
        changes.push(clip_at(usual_gradient(before, share)));
    }
    let adam = matches!(subject.settings.optimizer, OptimizerSettings::Adam(_));
    if adam {
        let of_adam = [
            ("clip-update-rms", "true"),
            ("amsgrad", "true"),
            ("epsilon", "1e-4"),
            ("beta2", "0.99"),
            ("beta2", "0.9999"),
            ("beta1", "0.0"),
            ("weight-decay", "0.1"),
        ];
        changes.extend(of_adam.map(|(key, value)| Change::setting(&format!("optimizer.{key}"), value)));
    }
    changes.push(Change::setting("model.gate-activation", "\"sigmoid\""));
    // A batch may be any number that TOML holds: it is then the whole training set.
    let batch = subject.settings.training.batch.saturating_mul(4).min(i64::MAX as usize);
    changes.push(Change::setting("training.batch", batch));
    if subject.settings.training.remainder.is_none() {
        changes.extend(["drop", "weigh"].map(|remainder| Change::setting("training.remainder", remainder)));
    }
    let tensors = subject.tensors();
    changes.extend(tensors.iter().map(|tensor| Change::Freeze(tensor.name.clone())));
    let earlier = replay.earlier.at_or_before(from.saturating_sub(BACK)).map(Snapshot::step);
    if let Some(step) = earlier.filter(|&step| step > 0) {
        changes.extend(tensors.iter().map(|tensor| Change::Restore { tensor: tensor.name.clone(), step }));
    }
    if adam {
        changes.extend(tensors.iter().map(Change::raised));
    }
    changes
}

/// Clipping of the whole gradient at this length.
fn clip_at(limit: f64) -> Change {
    Change::setting("clipping", format!("{{ kind = \"global-norm\", limit = {limit:e} }}"))
}

/// The length that so large a share of the latest gradients does not exceed.
fn usual_gradient(before: &[Point], share: f64) -> f64 {
    let latest = &before[before.len().saturating_sub(USUAL)..];
    quantile(&latest.iter().filter_map(|point| point.gradient_norm).collect::<Vec<_>>(), share)
}
