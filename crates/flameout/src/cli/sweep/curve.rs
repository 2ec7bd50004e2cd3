//! A run's curve, thinned to what a picture needs.

use std::path::Path;

use anyhow::{Context, Result};
use flameout_experiment::{EpochRecord, Record, RunDirectory, StepRecord};
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
    fn of(steps: &[&StepRecord], epoch: Option<&EpochRecord>) -> Self {
        let mean =
            |value: fn(&StepRecord) -> f64| steps.iter().map(|step| value(step)).sum::<f64>() / steps.len() as f64;
        let fold = |value: fn(&StepRecord) -> f64, pick: fn(f64, f64) -> f64| {
            steps.iter().map(|step| value(step)).reduce(pick).unwrap_or(f64::NAN)
        };
        Self {
            step: steps.last().map_or(0, |step| step.step),
            loss_mean: mean(|step| step.loss),
            loss_max: fold(|step| step.loss, f64::max),
            accuracy_mean: mean(|step| step.accuracy),
            accuracy_min: fold(|step| step.accuracy, f64::min),
            gradient_norm_max: fold(|step| step.gradient_norm, f64::max),
            update_norm_max: fold(|step| step.update_norm, f64::max),
            test_loss: epoch.map(|epoch| epoch.test_loss),
            test_accuracy: epoch.map(|epoch| epoch.test_accuracy),
            test_hit_at_10: epoch.and_then(|epoch| epoch.test_hit_at_10),
            spread: epoch.map(|epoch| epoch.spread),
            identical: epoch.map(|epoch| epoch.identical),
        }
    }
}

/// Thins the metrics of a run's directory into a CSV file.
pub(super) fn write(directory: &Path, to: &Path) -> Result<()> {
    let records = RunDirectory::read_metrics(directory)?;
    let parent = to.parent().expect("a file in a directory");
    std::fs::create_dir_all(parent).with_context(|| format!("making {}", parent.display()))?;
    csv_file::write(thinned(&records), to)
}

fn thinned(records: &[Record]) -> Vec<Point> {
    let count = records.iter().filter(|record| matches!(record, Record::Step(_))).count();
    let stretch = count.div_ceil(POINTS).max(1);
    let (mut points, mut steps, mut last_epoch) = (Vec::new(), Vec::new(), None);
    for record in records {
        match record {
            Record::Epoch(epoch) => last_epoch = Some(epoch),
            Record::Step(step) => {
                if steps.len() == stretch {
                    points.push(Point::of(&steps, last_epoch.take()));
                    steps.clear();
                }
                steps.push(step);
            }
        }
    }
    if !steps.is_empty() {
        points.push(Point::of(&steps, last_epoch));
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_curve_keeps_extremes_and_the_last_step() {
        let step = |step: u64, loss: f64| {
            let (gradient_norm, update_norm, learning_rate) = (1.0, 0.1, 0.001);
            Record::Step(StepRecord {
                step,
                epoch: 1,
                words: 1,
                loss,
                accuracy: 0.5,
                gradient_norm,
                update_norm,
                learning_rate,
            })
        };
        let mut records: Vec<Record> = (1..=1001).map(|number| step(number, 1.0)).collect();
        records[499] = step(500, 50.0);
        let points = thinned(&records);
        assert!(points.len() <= POINTS);
        assert_eq!(points.last().unwrap().step, 1001);
        assert_eq!(points.iter().filter(|point| point.loss_max == 50.0).count(), 1);
        assert!(points.iter().all(|point| point.test_loss.is_none()));
    }
}
