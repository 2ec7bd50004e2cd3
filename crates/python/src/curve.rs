//! Curves from arrays and from logs, and what the doctor makes of them.

use std::path::PathBuf;

use flameout_curves::judge::judge;
use flameout_curves::logs::{self, Names};
use flameout_curves::{Curve as Numbers, EpochPoint, Format, Point, Unit};
use flameout_doctor::Proportion;
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray1};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// The numbers of a training run.
#[pyclass(frozen, module = "flameout")]
pub(crate) struct Curve(Numbers);

/// A column of numbers, as Python hands it over.
type Column<'py> = PyReadonlyArray1<'py, f64>;
/// A column of numbers, as Python gets it.
type Array<'py> = Bound<'py, PyArray1<f64>>;

#[pymethods]
impl Curve {
    /// Puts a curve together from columns of equal length, those of validation apart.
    #[new]
    #[pyo3(signature = (steps, loss, *, accuracy=None, gradient_norm=None, learning_rate=None, validation_steps=None,
                        validation_loss=None, validation_accuracy=None, unit="step"))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        steps: PyReadonlyArray1<'_, u64>,
        loss: Column<'_>,
        accuracy: Option<Column<'_>>,
        gradient_norm: Option<Column<'_>>,
        learning_rate: Option<Column<'_>>,
        validation_steps: Option<PyReadonlyArray1<'_, u64>>,
        validation_loss: Option<Column<'_>>,
        validation_accuracy: Option<Column<'_>>,
        unit: &str,
    ) -> PyResult<Self> {
        let steps = steps.as_array();
        rising("steps", steps.iter().copied())?;
        let count = steps.len();
        let loss = column("loss", Some(&loss), count)?;
        let accuracy = column("accuracy", accuracy.as_ref(), count)?;
        let gradient_norm = column("gradient_norm", gradient_norm.as_ref(), count)?;
        let learning_rate = column("learning_rate", learning_rate.as_ref(), count)?;
        let mut curve = Numbers::empty(Format::Flameout);
        curve.unit = match unit {
            "step" => Unit::Step,
            "epoch" => Unit::Epoch,
            other => return Err(PyValueError::new_err(format!("unit is {other:?}; must be \"step\" or \"epoch\""))),
        };
        curve.rows = count;
        curve.points = (0..count)
            .map(|row| Point {
                step: steps[row],
                loss: loss[row].unwrap_or(f64::NAN),
                accuracy: accuracy[row].filter(|accuracy| !accuracy.is_nan()),
                gradient_norm: gradient_norm[row],
                update_norm: None,
                learning_rate: learning_rate[row],
            })
            .collect();
        if let Some(steps) = validation_steps {
            let steps = steps.as_array();
            rising("validation_steps", steps.iter().copied())?;
            let loss = column("validation_loss", validation_loss.as_ref(), steps.len())?;
            let accuracy = column("validation_accuracy", validation_accuracy.as_ref(), steps.len())?;
            curve.epochs = (0..steps.len())
                .map(|row| EpochPoint {
                    epoch: row as u64 + 1,
                    step: Some(steps[row]),
                    test_loss: loss[row],
                    test_accuracy: accuracy[row],
                    ..EpochPoint::default()
                })
                .collect();
        } else if validation_loss.is_some() || validation_accuracy.is_some() {
            return Err(PyValueError::new_err("validation_loss and validation_accuracy need validation_steps"));
        }
        Ok(Self(curve))
    }

    /// Returns the number of rows.
    fn __len__(&self) -> usize {
        self.0.points.len()
    }

    /// Returns the steps or epochs, `uint64`, shape `(rows,)`.
    #[getter]
    fn steps<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<u64>> {
        self.0.points.iter().map(|point| point.step).collect::<Vec<_>>().into_pyarray(py)
    }

    /// Returns the training loss, shape `(rows,)`.
    #[getter]
    fn loss<'py>(&self, py: Python<'py>) -> Array<'py> {
        self.0.points.iter().map(|point| point.loss).collect::<Vec<_>>().into_pyarray(py)
    }

    /// Returns the training accuracy, NaN where it is not known; `None` if it is known nowhere.
    #[getter]
    fn accuracy<'py>(&self, py: Python<'py>) -> Option<Array<'py>> {
        array(py, self.0.points.iter().map(|point| point.accuracy))
    }

    /// Returns the length of the gradient, NaN where it is not known; `None` if it is known nowhere.
    #[getter]
    fn gradient_norm<'py>(&self, py: Python<'py>) -> Option<Array<'py>> {
        array(py, self.0.points.iter().map(|point| point.gradient_norm))
    }

    /// Returns the learning rate, NaN where it is not known; `None` if it is known nowhere.
    #[getter]
    fn learning_rate<'py>(&self, py: Python<'py>) -> Option<Array<'py>> {
        array(py, self.0.points.iter().map(|point| point.learning_rate))
    }

    /// Returns the loss of each validation, NaN where it is not known; `None` if it is known nowhere.
    #[getter]
    fn validation_loss<'py>(&self, py: Python<'py>) -> Option<Array<'py>> {
        array(py, self.0.epochs.iter().map(|epoch| epoch.test_loss))
    }

    /// Returns the accuracy of each validation, NaN where it is not known; `None` if it is known nowhere.
    #[getter]
    fn validation_accuracy<'py>(&self, py: Python<'py>) -> Option<Array<'py>> {
        array(py, self.0.epochs.iter().map(|epoch| epoch.test_accuracy))
    }

    /// Returns what steps count: `"step"` or `"epoch"`.
    #[getter]
    fn unit(&self) -> &'static str {
        match self.0.unit {
            Unit::Step => "step",
            Unit::Epoch => "epoch",
        }
    }

    /// Returns what was passed over or mended in reading, a sentence each.
    #[getter]
    fn notes(&self) -> Vec<String> {
        self.0.notes.clone()
    }

    /// Judges the run; the judgement as JSON.
    fn judge_json(&self, py: Python<'_>) -> PyResult<String> {
        let judgement = py.detach(|| judge(&self.0));
        serde_json::to_string(&judgement).map_err(|error| PyValueError::new_err(error.to_string()))
    }

    fn __repr__(&self) -> String {
        format!("<flameout.Curve of {} {}s>", self.0.points.len(), self.unit())
    }
}

/// Reads the training runs in a log, or in a directory of logs, in the order of the file.
#[pyfunction]
#[pyo3(signature = (path, *, loss=None, validation_loss=None, accuracy=None, step=None))]
pub(crate) fn read_log(
    py: Python<'_>,
    path: PathBuf,
    loss: Option<String>,
    validation_loss: Option<String>,
    accuracy: Option<String>,
    step: Option<String>,
) -> PyResult<Vec<Curve>> {
    let names = Names { loss, validation_loss, accuracy, step };
    let curves = py.detach(|| logs::read(&path, &names)).map_err(|error| match error {
        flameout_curves::Error::Io { .. } => PyOSError::new_err(error.to_string()),
        other => PyValueError::new_err(other.to_string()),
    })?;
    Ok(curves.into_iter().map(Curve).collect())
}

/// Returns the 95 % Wilson interval of a share, `count` of `of`.
#[pyfunction]
pub(crate) fn wilson(count: u64, of: u64) -> PyResult<(f64, f64)> {
    if count > of {
        return Err(PyValueError::new_err(format!("{count} of {of} is no share")));
    }
    Ok(Proportion { count, of }.wilson())
}

/// Checks that steps rise, and that none is too large for a log.
fn rising(name: &str, steps: impl Iterator<Item = u64>) -> PyResult<()> {
    let mut last = None;
    for step in steps {
        if step > 1 << 53 || last.is_some_and(|last| step <= last) {
            let problem = format!("{name} must rise and be at most 2**53; {step} follows {last:?}");
            return Err(PyValueError::new_err(problem));
        }
        last = Some(step);
    }
    Ok(())
}

fn column(name: &str, values: Option<&Column<'_>>, rows: usize) -> PyResult<Vec<Option<f64>>> {
    let Some(values) = values else { return Ok(vec![None; rows]) };
    let values = values.as_array();
    if values.len() != rows {
        return Err(PyValueError::new_err(format!("{name} has {} numbers for {rows} steps", values.len())));
    }
    Ok(values.iter().copied().map(Some).collect())
}

fn array<'py>(py: Python<'py>, values: impl Iterator<Item = Option<f64>>) -> Option<Array<'py>> {
    let values: Vec<Option<f64>> = values.collect();
    let known = values.iter().any(Option::is_some);
    known.then(|| values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect::<Vec<_>>().into_pyarray(py))
}
