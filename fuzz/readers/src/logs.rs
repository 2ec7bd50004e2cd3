//! Logs of training runs: of this workspace, Keras, PyTorch, TensorBoard.

use flameout_curves::{Curve, logs};

use crate::file::with_file;
use crate::memory::Bound;

/// A row of a table may be two bytes, and takes 152 with room for each quantity that a log may hold, several times over
/// while rows are put in order.
pub const BOUND: Bound = Bound { per_byte: 512, constant: 4 << 20 };

/// Any log, told by its content: values separated by commas, JSON lines, TensorBoard's events.
pub fn log(data: &[u8]) {
    with_file("log", data, |path| {
        let Ok(runs) = BOUND.holds(data.len(), || logs::read(path, &logs::Names::default())) else { return };
        assert!(!runs.is_empty(), "a log holds a run");
        for curve in &runs {
            assert!(curve.points.is_sorted_by(|one, next| one.step < next.step), "each step once, in order");
        }
    });
}

/// TensorBoard's events with right checksums: each is two bytes of its length, little-endian, and so many bytes.
pub fn tensorboard(data: &[u8]) {
    let mut file = Vec::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (event, after) = after.split_at(length);
        file.extend(record(event));
        rest = after;
    }
    log(&file);
}

/// A record as TensorFlow frames it.
fn record(data: &[u8]) -> Vec<u8> {
    let masked = |data: &[u8]| crc32c::crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked(&length), data, &masked(data)].concat()
}

/// `metrics.jsonl` of a run.
pub fn metrics(data: &[u8]) {
    with_file("metrics.jsonl", data, |path| {
        let directory = path.parent().expect("a directory");
        let Ok(curve) = BOUND.holds(data.len(), || Curve::read_run(directory)) else { return };
        assert!(!curve.points.is_empty() && curve.rows == curve.points.len() + curve.epochs.len());
        assert!(curve.points.is_sorted_by(|a, b| a.step < b.step), "in increasing order, each step once");
    });
}
