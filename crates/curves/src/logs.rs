//! Logs of other programs: Keras, PyTorch, anything that writes its losses down.
//!
//! [`read`] tells formats apart by what is in a file, never by its name:
//!
//! | content | format |
//! | --- | --- |
//! | a directory with `metrics.jsonl` | a run of this workspace |
//! | any other directory | TensorBoard's event files in it and one level below (`train`, `validation`, …); or several runs below |
//! | a record with right checksums | a TensorBoard event file: scalars of TensorFlow 1, TensorFlow 2 and PyTorch |
//! | a line that is a JSON object | JSON lines; `NaN`, `Infinity` and, for a loss, `null` are numbers that are not finite |
//! | a whole that is JSON | lists by name (Keras' `History.history`), a list of objects (Hugging Face's `trainer_state.json`) |
//! | a line of names above numbers | values separated by `,`, `;`, tab, `|`, a frame or spaces: Keras' `CSVLogger`, Lightning, W&B |
//! | names above each other in a box | a box for each row: Stable-Baselines3, Spinning Up |
//! | names before numbers | progress bars of Keras and tqdm, `epoch 3 loss: 0.5`, `loss=0.5`, dictionaries of Python, with any prefix |
//! | indices without a name | `[1, 2000] loss: 2.1` (epoch and batch), `[10]  train-rmse:0.5` (XGBoost, LightGBM), `10: 2.3, 2.4 avg` (darknet) |
//! | numbers alone | one column is the loss; of two, the first is the step |
//!
//! A file may be compressed by gzip.
//!
//! # Names
//! Names are taken apart into words, whatever joins them: `train/loss`, `trainLoss` and `Train loss` are the same.
//! The words `train`, `training`, `batch`, `metrics` … add nothing; `val`, `valid`, `validation`, `test`, `eval`, `dev` …
//! say that a figure is of test data; `epoch` that it is one of an epoch. What remains must be one of
//!
//! | quantity | names |
//! | --- | --- |
//! | step | `step`, `global_step`, `train_step`, `iteration`, `iter`, `num_updates`, `batch` … (the whole name) |
//! | epoch | `epoch`, `epochs` (the whole name) |
//! | loss | `loss`; else `nll`, `cross_entropy`, `mse` …; else `ppl`; else `…_loss`; else `error`, `cer`; else `value` |
//! | accuracy | `acc`, `accuracy`, `categorical_accuracy`, `sparse_categorical_accuracy`, `binary_accuracy`; else `auc`, `f1` |
//! | gradient norm | `grad_norm`, `gradient_norm`, `gnorm`, `grad_2.0_norm` … |
//! | update norm | `update_norm` |
//! | learning rate | `lr`, `learning_rate`, `lr-Adam` … |
//!
//! A `cost` is a loss, too, but not behind `time` or before a unit of time: `Time cost=10.1`, `cost 12.3s`.
//!
//! Of several names for one quantity, that of the plainest kind is used, unless it is rare; [`Names`] chooses another. A log
//! without steps and epochs has its rows numbered from 0. Rows that follow each other without gaps are epochs if each has a
//! validation value, or if they are at most 1,000 and nothing else is known of them. Steps that begin anew in each epoch are
//! counted through. A log that goes back part of the way replaces what it had said; one that begins again is another run if
//! its loss is back at the start's level, else a resumed one, numbered through. [`Curve::notes`] says what of this was done.
//!
//! ```
//! use flameout_curves::Unit;
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("training.log");
//! std::fs::write(&path, "epoch,acc,loss,val_acc,val_loss\n0,0.5,0.7,0.4,0.8\n1,0.9,0.2,0.8,0.3\n")?;
//! let runs = flameout_curves::logs::read(&path, &flameout_curves::Names::default())?;
//! let curve = &runs[0];
//! assert_eq!((curve.unit, curve.points[1].loss), (Unit::Epoch, 0.2));
//! assert_eq!(curve.epochs[1].test_accuracy, Some(0.8));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod boxes;
mod cells;
mod commas;
mod curves;
pub(crate) mod event;
mod json;
pub(crate) mod names;
mod number;
mod phrases;
mod python;
mod rows;
mod runs;
mod table;
mod tensorboard;
mod text;
pub(crate) mod tfrecord;
mod unnamed;
mod xy;

use std::io::Read;
use std::path::Path;

use crate::record::Record;

use crate::curve::Curve;
use crate::error::Error;
use crate::source;
use rows::Log;

/// Bytes from which a format is told.
const BEGINNING: u64 = 1 << 16;

/// Columns, keys or tags that are to be used, whatever they are called; what is `None` is found by its name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Of the training loss.
    pub loss: Option<String>,
    /// Of the loss on validation or test data.
    pub validation_loss: Option<String>,
    /// Of the training accuracy.
    pub accuracy: Option<String>,
    /// Of the number of the step.
    pub step: Option<String>,
}

/// Reads the training runs in a log, or in a directory of logs, in the order of the file: at least one. See the
/// [module](self) for what is understood. A log without rows is a curve without rows; one of validation only has no
/// [`points`](Curve::points), but [`epochs`](Curve::epochs).
///
/// # Errors
/// [`Error::Io`] if it cannot be read; [`Error::Line`] or [`Error::Byte`] for a mistake in it; [`Error::Log`] if it is none
/// of the known formats, holds no loss and no accuracy, or has no column that `names` asks for.
pub fn read(path: &Path, names: &Names) -> Result<Vec<Curve>, Error> {
    if path.is_dir() {
        if path.join("metrics.jsonl").is_file() {
            refuse_names(path, names)?;
            return Ok(vec![Curve::read_run(path)?]);
        }
        return curves(tensorboard::read_directory(path, names)?);
    }
    let beginning = beginning(path)?;
    if tfrecord::recognise(&beginning) {
        return curves(vec![tensorboard::read_file(path, names)?]);
    }
    if let Some(problem) = unreadable(&beginning) {
        return Err(Error::Log { path: path.into(), problem: problem.into() });
    }
    let text = beginning.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&beginning).trim_ascii_start();
    let first_line = text.split(|&byte| byte == b'\n').next().unwrap_or_default();
    if serde_json::from_slice::<Record>(first_line).is_ok() {
        refuse_names(path, names)?;
        return Ok(vec![Curve::read_metrics(path)?]);
    }
    curves(read_text(path, names, text, first_line)?)
}

/// Refuses names of columns for a log whose columns are known.
fn refuse_names(path: &Path, names: &Names) -> Result<(), Error> {
    if *names == Names::default() {
        return Ok(());
    }
    let problem =
        "is of flameout itself, whose columns are known; leave out --loss, --validation-loss, --accuracy and --step";
    Err(Error::Log { path: path.into(), problem: problem.into() })
}

/// Reads a text: JSON, a table, or lines of names and values.
fn read_text(path: &Path, names: &Names, text: &[u8], first_line: &[u8]) -> Result<Vec<Log>, Error> {
    let is_object = text.starts_with(b"{");
    if is_object && json::is_row(first_line) {
        return json::read_lines(path, names);
    }
    if (is_object || text.starts_with(b"["))
        && let Some(logs) = json::read_whole(path, names)?
    {
        return Ok(logs);
    }
    let beginning = text::without_escapes(&String::from_utf8_lossy(text));
    let may_be_literals = first_line.iter().any(|byte| b"[{".contains(byte)) || beginning.starts_with(">>>");
    if may_be_literals && let Some(logs) = json::read_literals(path, names)? {
        return Ok(logs);
    }
    // A line alone may be one of values as well as one of names.
    if !is_object && beginning.lines().filter(|line| !line.trim().is_empty()).count() == 1 {
        let log = text::read(path, names, &beginning)?;
        if log.judged() > 0 {
            return Ok(vec![log]);
        }
    }
    if !is_object
        && !boxes::recognise(&beginning)
        && let Some(shape) = table::recognise(&beginning, names)
    {
        return table::read(path, names, shape);
    }
    let log = text::read(path, names, &beginning)?;
    if log.judged() > 0 {
        return Ok(vec![log]);
    }
    if log.lists > 0 {
        let problem = "holds lists of numbers amid other text, or such as do not end: leave nothing but the lists, each with its \
                       name (`losses = [0.5, 0.4]`), or write a row for each step";
        return Err(Error::Log { path: path.into(), problem: problem.into() });
    }
    if is_object {
        return json::read_lines(path, names);
    }
    if let Some(shape) = table::recognise_unnamed(&beginning) {
        return table::read(path, names, shape);
    }
    let problem = format!("is no log that can be read; known are {KNOWN}; {}", log.found());
    Err(Error::Log { path: path.into(), problem })
}

/// What can be read, for those whose file cannot.
const KNOWN: &str = "TensorBoard's event files, tables with a line of names (CSV, Keras' CSVLogger, Lightning, exports of \
                     W&B), JSON (an object a line, Keras' History.history, Hugging Face's trainer_state.json), what Keras \
                     and tqdm print, and lines such as `epoch 3 loss: 0.5`";

fn curves(logs: Vec<Log>) -> Result<Vec<Curve>, Error> {
    let mut curves = Vec::new();
    for log in logs {
        curves.extend(log.into_curves()?);
    }
    Ok(curves)
}

fn beginning(path: &Path) -> Result<Vec<u8>, Error> {
    let mut beginning = Vec::new();
    source::open(path)?.take(BEGINNING).read_to_end(&mut beginning).map_err(Error::io(path))?;
    Ok(beginning)
}

/// What is wrong with content that can be recognised, but not read.
fn unreadable(beginning: &[u8]) -> Option<&'static str> {
    match beginning {
        [] => Some("is empty"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("is text in UTF-16; save it as UTF-8"),
        [b'P', b'K', 3, 4, ..] => Some("is a zip archive; unpack it first"),
        _ if is_utf16(beginning) => Some("is text in UTF-16; save it as UTF-8"),
        _ if is_old_mac(beginning) => {
            Some("has lines that end in carriage returns (old Mac OS); write line feeds: `tr '\\r' '\\n' < FILE > NEW`")
        }
        _ if beginning.contains(&0) => Some("is binary, but no TensorBoard event file"),
        _ => None,
    }
}

/// Whether it is a table without a line feed. What a progress bar prints may have none either, but begins with no names.
fn is_old_mac(beginning: &[u8]) -> bool {
    let mut lines = beginning.split(|&byte| byte == b'\r').filter(|line| !line.is_empty());
    let names = lines.next().unwrap_or_default();
    let is_table = names.iter().any(|byte| b",;\t".contains(byte)) && !names.iter().any(u8::is_ascii_digit);
    is_table && lines.count() > 1 && !beginning.contains(&b'\n')
}

/// Whether every other byte is zero, and the others are not.
fn is_utf16(beginning: &[u8]) -> bool {
    let (pairs, _) = beginning[..beginning.len().min(64)].as_chunks::<2>();
    let by = |zero: usize| pairs.iter().all(|pair| pair[zero] == 0 && pair[1 - zero] != 0);
    pairs.len() >= 4 && (by(0) || by(1))
}
