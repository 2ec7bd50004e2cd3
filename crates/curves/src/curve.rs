//! A training run as the doctor sees it: its numbers, step by step and epoch by epoch.
//!
//! ```
//! use flameout_curves::{Curve, Unit};
//!
//! let curve = Curve::from_losses(Unit::Step, [0.9, 0.5, 0.3]);
//! assert_eq!(curve.points[2].step, 3);
//! assert!(curve.points[2].is_finite());
//! ```

use std::path::{Path, PathBuf};

use crate::record::{EpochRecord, Record, StepRecord};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::lines::Lines;

/// The largest step that a file may claim: whole as a `f64`, and far from where sums of steps overflow.
pub(crate) const LARGEST_STEP: u64 = 1 << 53;

/// The numbers of a run. What its log does not hold is `None`; a number that is not finite is known, and NaN or infinite.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Training, in increasing order of [`Point::step`], each step at most once; there may be gaps.
    pub points: Vec<Point>,
    /// Ends of epochs, or wherever else the network was tested, in increasing order.
    pub epochs: Vec<EpochPoint>,
    /// What [`Point::step`] counts.
    pub unit: Unit,
    /// Steps an epoch takes, if known; 1 if the log has only epochs.
    pub steps_per_epoch: Option<u64>,
    /// The points, by their step, that begin an epoch, if the unit is a step and the log tells: running means start anew there.
    pub epoch_starts: Vec<u64>,
    /// What [`Point::loss`] and [`EpochPoint::test_loss`] measure, by the name of their column.
    pub measure: Measure,
    /// Where it was read.
    pub source: Source,
    /// The name of the run, if the log holds several and names them.
    pub name: Option<String>,
    /// The columns that the numbers were read from.
    pub columns: Columns,
    /// Rows of the log that belong to this run, those without a loss and those that were done again included.
    pub rows: usize,
    /// What was passed over or mended in reading, a sentence each.
    pub notes: Vec<String>,
    /// Losses of the log beside the one in [`points`](Self::points) and [`epochs`](Self::epochs).
    pub others: Vec<Other>,
    /// Whether the run was taken up again from before its end, and these are its rows up to there.
    pub superseded: bool,
}

/// The names, as the log has them, of the columns, keys or tags that were used. They have no control characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// Of [`Point::loss`].
    pub loss: Option<String>,
    /// Of [`Point::accuracy`].
    pub accuracy: Option<String>,
    /// Of [`EpochPoint::test_loss`].
    pub validation_loss: Option<String>,
    /// Of [`EpochPoint::test_accuracy`].
    pub validation_accuracy: Option<String>,
    /// Of the step.
    pub step: Option<String>,
    /// Of the epoch.
    pub epoch: Option<String>,
    /// Of [`Point::learning_rate`].
    pub learning_rate: Option<String>,
    /// Of [`Point::gradient_norm`].
    pub gradient_norm: Option<String>,
}

/// A loss beside the chosen one.
#[derive(Debug, Clone, PartialEq)]
pub struct Other {
    /// Its name in the log.
    pub name: String,
    /// Whether it is of test (or validation) data.
    pub of_tests: bool,
    /// What it measures.
    pub measure: Measure,
    /// Numbers of rows, and what they have.
    pub values: Vec<(u64, f64)>,
}

/// What a loss measures. Numbers are kept as the log has them, whatever this says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Measure {
    /// What is minimised, in whatever unit; it may be negative.
    #[default]
    Loss,
    /// The exponential of a loss.
    Perplexity,
    /// A share of errors, of 1 or in percent.
    ErrorRate,
}

/// What a point is: a step, or, where a log has only epochs, an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// One update of the weights.
    Step,
    /// One pass over the training set.
    Epoch,
}

/// Training at a step, or over an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// The number of the step or epoch, as the log has it; [`Curve::unit`] says which.
    pub step: u64,
    /// Training loss; NaN where the log tells of accuracies alone, and [`Columns::loss`] is `None`.
    pub loss: f64,
    /// Training accuracy.
    pub accuracy: Option<f64>,
    /// Euclidean norm of the gradient.
    pub gradient_norm: Option<f64>,
    /// Euclidean norm of the change of all parameters.
    pub update_norm: Option<f64>,
    /// The learning rate.
    pub learning_rate: Option<f64>,
}

/// A test.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EpochPoint {
    /// The number of the epoch, as the log has it; where it has none, the number of the test, from 1.
    pub epoch: u64,
    /// The [`Point::step`] after which it was made, if known.
    pub step: Option<u64>,
    /// Loss on test (or validation) data.
    pub test_loss: Option<f64>,
    /// Accuracy on test data.
    pub test_accuracy: Option<f64>,
    /// The share of test words whose own vector is among the ten nearest to the output.
    pub test_hit_at_10: Option<f64>,
    /// How much the outputs for test data differ from each other (see `flameout_model::metrics::spread`).
    pub spread: Option<f64>,
    /// The share of test data that get the most common output.
    pub identical: Option<f64>,
}

/// Where a curve comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// What wrote it.
    pub format: Format,
    /// The file or directory; `None` for a run in memory.
    pub path: Option<PathBuf>,
}

/// Kinds of logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// `metrics.jsonl` of a run directory, or its records in memory.
    Flameout,
    /// Comma-, semicolon- or tab-separated values, such as Keras' `CSVLogger` writes.
    Csv,
    /// A JSON object a line.
    JsonLines,
    /// JSON in one piece: lists by name, or a list of objects, such as Hugging Face's `trainer_state.json`.
    Json,
    /// Lines of text with names and values, such as Keras and many scripts print.
    Text,
    /// TensorBoard's event files.
    TensorBoard,
}

impl Point {
    /// Whether loss, gradient and update, as far as they are known, are finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        [Some(self.loss), self.gradient_norm, self.update_norm].iter().flatten().all(|x| x.is_finite())
    }
}

impl Curve {
    /// Of losses alone, numbered from 1.
    #[must_use]
    pub fn from_losses(unit: Unit, losses: impl IntoIterator<Item = f64>) -> Self {
        let points: Vec<Point> =
            (1..).zip(losses).map(|(step, loss)| Point { step, loss, ..Point::default() }).collect();
        Self { rows: points.len(), points, unit, ..Self::empty(Format::Flameout) }
    }

    /// Of a run of this workspace's trainer.
    #[must_use]
    pub fn from_records<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut curve = Self::empty(Format::Flameout);
        for record in records {
            curve.push(record);
        }
        curve
    }

    /// Reads `metrics.jsonl` of a run directory. A last line that was torn in writing is left out, with a note.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Line`] if a line is no record; [`Error::Log`] if there is no step.
    pub fn read_run(directory: &Path) -> Result<Self, Error> {
        Self::read_metrics(&directory.join("metrics.jsonl"))
    }

    /// Reads a file of [`Record`]s, a line each.
    ///
    /// # Errors
    /// As [`read_run`](Self::read_run).
    pub fn read_metrics(path: &Path) -> Result<Self, Error> {
        let mut curve = Self::empty(Format::Flameout);
        curve.source.path = Some(path.into());
        let mut lines = Lines::open(path)?;
        while let Some(line) = lines.next_line()? {
            match serde_json::from_slice(line.bytes) {
                Ok(record) => {
                    curve.check_order(&record).map_err(|problem| line.error(path, problem))?;
                    curve.push(&record);
                }
                Err(_) if line.torn => curve.notes.push(format!("line {} is torn and was left out", line.number)),
                Err(error) => return Err(line.error(path, format!("is no record of a run: {error}"))),
            }
        }
        if curve.points.is_empty() {
            return Err(Error::Log { path: path.into(), problem: "holds no step; train first".into() });
        }
        Ok(curve)
    }

    /// Without a number.
    #[must_use]
    pub fn empty(format: Format) -> Self {
        Self {
            points: Vec::new(),
            epochs: Vec::new(),
            unit: Unit::Step,
            steps_per_epoch: None,
            epoch_starts: Vec::new(),
            measure: Measure::Loss,
            source: Source { format, path: None },
            name: None,
            columns: Columns::default(),
            rows: 0,
            notes: Vec::new(),
            others: Vec::new(),
            superseded: false,
        }
    }

    fn check_order(&self, record: &Record) -> Result<(), String> {
        let (what, step, last, strictly) = match record {
            Record::Step(step) => ("step", step.step, self.points.last().map(|point| point.step), true),
            Record::Epoch(epoch) => {
                ("the epoch's step", epoch.step, self.epochs.last().and_then(|test| test.step), false)
            }
        };
        match last {
            _ if step > LARGEST_STEP => Err(format!("{what} is {step}; must be at most {LARGEST_STEP}")),
            Some(last) if step < last || (strictly && step == last) => {
                Err(format!("{what} is {step}, after {last}: the lines of two runs are mixed"))
            }
            _ => Ok(()),
        }
    }

    /// Adds what was written down of a step or an epoch.
    pub fn push(&mut self, record: &Record) {
        self.rows += 1;
        match record {
            Record::Step(step) => self.points.push(step.into()),
            Record::Epoch(epoch) => {
                if self.steps_per_epoch.is_none() {
                    self.steps_per_epoch = epoch.step.checked_div(epoch.epoch);
                }
                self.epochs.push(epoch.into());
            }
        }
    }
}

impl From<&StepRecord> for Point {
    fn from(record: &StepRecord) -> Self {
        Self {
            step: record.step,
            loss: record.loss,
            accuracy: Some(record.accuracy),
            gradient_norm: Some(record.gradient_norm),
            update_norm: Some(record.update_norm),
            learning_rate: Some(record.learning_rate),
        }
    }
}

impl From<&EpochRecord> for EpochPoint {
    fn from(record: &EpochRecord) -> Self {
        Self {
            epoch: record.epoch,
            step: Some(record.step),
            test_loss: Some(record.test_loss),
            test_accuracy: Some(record.test_accuracy),
            test_hit_at_10: record.test_hit_at_10,
            spread: Some(record.spread),
            identical: Some(record.identical),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str = r#"{"kind":"step","step":1,"epoch":1,"words":32,"loss":0.5,"accuracy":0.1,"gradient_norm":null,"update_norm":1.0,"learning_rate":0.001}"#;
    const EPOCH: &str = r#"{"kind":"epoch","epoch":2,"step":226,"loss":0.5,"accuracy":0.1,"test_loss":0.6,"test_accuracy":0.2,"spread":0.1,"identical":0.0,"words_per_second":9.0}"#;

    fn read(text: &str) -> Result<Curve, Error> {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("metrics.jsonl"), text).unwrap();
        Curve::read_run(directory.path())
    }

    #[test]
    fn a_run_directory_is_read() {
        let curve = read(&format!("{STEP}\n{EPOCH}\n")).unwrap();
        assert_eq!((curve.points.len(), curve.epochs.len(), curve.steps_per_epoch), (1, 1, Some(113)));
        assert!(!curve.points[0].is_finite() && curve.points[0].gradient_norm.unwrap().is_nan());
        assert_eq!(curve.epochs[0].test_loss, Some(0.6));
        assert!(curve.notes.is_empty());
    }

    #[test]
    fn a_torn_last_line_is_left_out() {
        let curve = read(&format!("{STEP}\n{}", &EPOCH[..40])).unwrap();
        assert_eq!((curve.points.len(), curve.epochs.len(), curve.notes.len()), (1, 0, 1));
    }

    #[test]
    fn a_whole_last_line_without_its_end_counts() {
        assert_eq!(read(&format!("{STEP}\n{EPOCH}")).unwrap().epochs.len(), 1);
    }

    #[test]
    fn mistakes_name_file_and_line() {
        let message = read(&format!("{STEP}\n{}\n{STEP}\n", &EPOCH[..40])).unwrap_err().to_string();
        assert!(message.contains("metrics.jsonl: line 2: is no record"), "{message}");
        let again = read(&format!("{STEP}\n{STEP}\n")).unwrap_err().to_string();
        assert!(again.contains("line 2: step is 1, after 1"), "{again}");
        let huge = read(&STEP.replace("\"step\":1", "\"step\":18446744073709551615")).unwrap_err().to_string();
        assert!(huge.contains("line 1: step is 18446744073709551615; must be at most"), "{huge}");
        assert!(read("").unwrap_err().to_string().contains("holds no step"));
    }
}
