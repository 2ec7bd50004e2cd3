//! Part of check 8: the first outlying gradient before an onset, and the word that it comes from.
//!
//! In the small GRUs a collapse begins so: the state of one word is stretched, its gradient is ten times as long as that of
//! a whole batch usually is, and Adam answers with ten long updates (docs/results/how-it-begins.md).

use std::fmt;

use flameout_curves::{Point, median};
use flameout_experiment::Trainer;

use crate::course::Course;
use crate::subject::Subject;

/// Steps before the onset among which it is looked for; those before them say what is usual.
const NEAR: u64 = 100;
const USUAL: u64 = 200;
/// A gradient so many times as long as usual is an outlier.
const OUTLYING: f64 = 5.0;
/// The batch's gradient, computed again, must be as long as it was, or the words are not those that were trained on.
const TOLERANCE: f64 = 1e-3;

/// The first outlying gradient.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outlier {
    step: u64,
    before_onset: u64,
    gradient: f64,
    update: Option<f64>,
    words: usize,
    word: String,
    share: f64,
}

impl Outlier {
    /// Looks for it; None if there is none, or if the step cannot be made again as it was.
    pub(super) fn find(subject: &Subject, course: &Course, onset: u64) -> Option<Self> {
        let (point, gradient, update) = first(&course.curve.points, onset)?;
        let (settings, dataset) = (&subject.settings, &subject.dataset);
        let snapshot = course.snapshots.at_or_before(point.step - 1)?;
        let mut trainer = Trainer::new(settings, dataset).ok()?;
        trainer.restore(dataset, snapshot.clone()).ok()?;
        trainer.go_on_to(point.step - 1, dataset, subject.intervention().as_mut()).ok()?;

        let rows = dataset.rows_of_step(settings, point.step);
        let mut length = |rows: &[usize]| {
            trainer.backward(&dataset.batch(rows)).ok()?;
            Some(trainer.gradients().l2_norm())
        };
        let (whole, recorded) = (length(&rows)?, point.gradient_norm?);
        if (whole - recorded).abs() > TOLERANCE * recorded {
            return None;
        }
        let lengths = rows.iter().map(|&row| Some((row, length(&[row])?))).collect::<Option<Vec<_>>>()?;
        let (row, longest) = lengths.into_iter().max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(Self {
            step: point.step,
            before_onset: onset - point.step,
            gradient,
            update,
            words: rows.len(),
            word: dataset.words[row].clone(),
            share: longest / rows.len() as f64 / whole,
        })
    }
}

impl fmt::Display for Outlier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { step, before_onset, gradient, words, word, share, .. } = self;
        write!(
            f,
            "the first outlying gradient is that of step {step}, {before_onset} steps before the onset: {gradient:.0} times as \
             long as usual; of its {words} words {word:?} alone brings {:.0} % of it",
            100.0 * share
        )?;
        self.update.map_or(Ok(()), |update| write!(f, "; the update is {update:.0} times as long as usual"))
    }
}

/// The first point whose gradient is an outlier, with how many times gradient and update are as long as usual.
fn first(points: &[Point], onset: u64) -> Option<(&Point, f64, Option<f64>)> {
    let since = |steps: u64| points.partition_point(|point| point.step + steps < onset);
    let (far, near, end) = (since(NEAR + USUAL), since(NEAR), since(0));
    let usual =
        |value: fn(&Point) -> Option<f64>| median(&points[far..near].iter().filter_map(value).collect::<Vec<_>>());
    let (gradient, update) = (usual(|point| point.gradient_norm)?, usual(|point| point.update_norm));
    points[near..end].iter().find_map(|point| {
        let factor = point.gradient_norm? / gradient;
        let of_update = || Some(point.update_norm? / update?);
        (factor.is_finite() && factor >= OUTLYING).then(|| (point, factor, of_update()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(outlier: Option<u64>) -> Vec<Point> {
        let length = |step: u64| if Some(step) == outlier { 0.08 } else { 0.01 };
        let point =
            |step| Point { step, gradient_norm: Some(length(step)), update_norm: Some(2.0), ..Point::default() };
        (1..=1000).map(point).collect()
    }

    #[test]
    fn it_is_looked_for_shortly_before_the_onset() {
        let found = |outlier, onset| first(&points(outlier), onset).map(|(point, ..)| point.step);
        assert_eq!(found(Some(480), 500), Some(480));
        assert_eq!(found(Some(380), 500), None);
        assert_eq!(found(Some(500), 500), None);
        assert_eq!(found(None, 500), None);
        let all = points(Some(480));
        let (_, gradient, update) = first(&all, 500).unwrap();
        assert!((gradient - 8.0).abs() < 1e-9 && update == Some(1.0));
    }
}
