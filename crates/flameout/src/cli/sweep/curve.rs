//! A run's curve, thinned to what a picture needs.

use std::path::Path;

use anyhow::{Context, Result};
use flameout_curves::{Curve, EpochPoint, Point as StepPoint};
use serde::{Deserialize, Serialize};

use crate::cli::csv_file;

/// Points of a thinned curve.
const POINTS: usize = 400;

/// A stretch of steps. Test words are measured once an epoch: where none ended in the stretch, those fields are empty.
#[derive(Debug, Serialize, Deserialize)]
pub struct Point {
    /// Its last step.
    pub step: u64,
    /// Mean training loss.
    pub loss_mean: f64,
    /// Largest training loss.
    pub loss_max: f64,
    /// Mean accuracy.
    pub accuracy_mean: f64,
    /// Smallest accuracy.
    pub accuracy_min: f64,
    /// Largest gradient norm.
    pub gradient_norm_max: f64,
    /// Largest norm of an update.
    pub update_norm_max: f64,
    /// Loss on the test words.
    pub test_loss: Option<f64>,
    /// Accuracy on the test words. Not known of curves that were kept before it was.
    #[serde(default)]
    pub test_accuracy: Option<f64>,
    /// Share of test words whose own vector is among the ten nearest to the output. Not known of older curves.
    #[serde(default)]
    pub test_hit_at_10: Option<f64>,
    /// Spread of the outputs over the test words.
    pub spread: Option<f64>,
    /// Share of test words with the most common output.
    pub identical: Option<f64>,
}

impl Point {
    fn of(steps: &[StepPoint], epoch: Option<&EpochPoint>) -> Self {
        let known =
            |value: fn(&StepPoint) -> Option<f64>| steps.iter().map(move |step| value(step).unwrap_or(f64::NAN));
        let mean = |value| known(value).sum::<f64>() / steps.len() as f64;
        let fold = |value, pick: fn(f64, f64) -> f64| known(value).reduce(pick).unwrap_or(f64::NAN);
        Self {
            step: steps.last().map_or(0, |step| step.step),
            loss_mean: mean(|step| Some(step.loss)),
            loss_max: fold(|step| Some(step.loss), f64::max),
            accuracy_mean: mean(|step| step.accuracy),
            accuracy_min: fold(|step| step.accuracy, f64::min),
            gradient_norm_max: fold(|step| step.gradient_norm, f64::max),
            update_norm_max: fold(|step| step.update_norm, f64::max),
            test_loss: epoch.and_then(|epoch| epoch.test_loss),
            test_accuracy: epoch.and_then(|epoch| epoch.test_accuracy),
            test_hit_at_10: epoch.and_then(|epoch| epoch.test_hit_at_10),
            spread: epoch.and_then(|epoch| epoch.spread),
            identical: epoch.and_then(|epoch| epoch.identical),
        }
    }
}

/// Thins the metrics of a run's directory into a CSV file.
pub(super) fn write(directory: &Path, to: &Path) -> Result<()> {
    let curve = Curve::read_run(directory)?;
    let parent = to.parent().expect("a file in a directory");
    std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    csv_file::write(thinned(&curve), to)
}

fn thinned(curve: &Curve) -> Vec<Point> {
    let stretch = curve.points.len().div_ceil(POINTS).max(1);
    let mut epochs = &curve.epochs[..];
    let points = curve.points.chunks(stretch).map(|steps| {
        let last = steps.last().map(|step| step.step);
        let (ended, to_come) = epochs.split_at(epochs.partition_point(|epoch| epoch.step <= last));
        epochs = to_come;
        Point::of(steps, ended.last())
    });
    points.collect()
}

#[cfg(test)]
mod tests {
    use flameout_curves::Unit;

    use super::*;

    #[test]
    fn a_thinned_curve_keeps_extremes_and_the_last_step() {
        let mut losses = vec![1.0; 1001];
        losses[499] = 50.0;
        let points = thinned(&Curve::from_losses(Unit::Step, losses));
        assert!(points.len() <= POINTS);
        assert_eq!(points.last().unwrap().step, 1001);
        assert_eq!(points.iter().filter(|point| point.loss_max == 50.0).count(), 1);
        assert!(points.iter().all(|point| point.test_loss.is_none()));
    }
    #[test]
    fn a_stretch_has_the_last_test_that_ended_in_it() {
        let mut curve = Curve::from_losses(Unit::Step, vec![1.0; 1200]);
        let tested = |step: u64| EpochPoint { step: Some(step), test_loss: Some(step as f64), ..EpochPoint::default() };
        curve.epochs = [3, 4, 5, 9].map(tested).into();
        let points = thinned(&curve);
        let tests: Vec<_> = points[..4].iter().map(|point| (point.step, point.test_loss)).collect();
        assert_eq!(tests, [(3, Some(3.0)), (6, Some(5.0)), (9, Some(9.0)), (12, None)]);
    }
}
