//! Writes a training's numbers as a TensorBoard event file.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Result, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use prost::Message;

use crate::logs::event::{Event, Metadata, PluginData, Summary, SummaryValue, Tensor};
use crate::logs::tfrecord::write_record;

/// Writes scalars step by step. TensorBoard and [`logs::read`](crate::logs::read) read the file while it grows; both leave out a
/// record that a kill has cut short.
#[derive(Debug)]
pub struct EventWriter<W: Write> {
    file: W,
}

impl EventWriter<BufWriter<File>> {
    /// Creates a file. TensorBoard looks for files whose names contain `tfevents`.
    ///
    /// # Errors
    /// If there is one already, or it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        Self::new(BufWriter::new(OpenOptions::new().write(true).create_new(true).open(path)?))
    }
}

impl<W: Write> EventWriter<W> {
    /// Writes the beginning of a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(file: W) -> Result<Self> {
        let mut writer = Self { file };
        writer.write(Event { file_version: b"brain.Event:2".to_vec(), ..Event::default() })?;
        Ok(writer)
    }

    /// Adds the numbers of a step, each with its name.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn add<'a>(&mut self, step: u64, scalars: impl IntoIterator<Item = (&'a str, f64)>) -> Result<()> {
        let values = scalars.into_iter().map(|(tag, value)| scalar(tag, value)).collect();
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        self.write(Event { step, summary: Some(Summary { values }), ..Event::default() })
    }

    /// Hands what was added to the operating system.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush()
    }

    fn write(&mut self, event: Event) -> Result<()> {
        // TensorBoard's axes of time need it; a clock before 1970 is nobody's concern.
        let wall_time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        write_record(&mut self.file, &Event { wall_time, ..event }.encode_to_vec())
    }
}

/// Makes a scalar of TensorFlow 2's kind, which holds all digits.
fn scalar(tag: &str, value: f64) -> SummaryValue {
    let plugin_data = Some(PluginData { plugin_name: b"scalars".to_vec() });
    SummaryValue {
        tag: tag.into(),
        tensor: Some(Tensor::of(value)),
        metadata: Some(Metadata { plugin_data }),
        ..SummaryValue::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Names;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.out.tfevents.1");
        let mut writer = EventWriter::create(&path).unwrap();
        let losses = [0.1, 1.0 / 3.0, f64::MIN_POSITIVE];
        for (step, loss) in (1..).zip(losses) {
            writer.add(step, [("train/loss", loss), ("gradient_norm", 2.0 * loss)]).unwrap();
        }
        writer.add(3, [("test/loss", 0.7), ("test/accuracy", 0.25)]).unwrap();
        writer.flush().unwrap();
        let curves = crate::logs::read(&path, &Names::default()).unwrap();
        let curve = &curves[0];
        assert_eq!(curve.points.iter().map(|point| point.loss).collect::<Vec<_>>(), losses);
        assert_eq!(curve.points[1].gradient_norm, Some(2.0 / 3.0));
        assert_eq!((curve.epochs[0].test_loss, curve.epochs[0].test_accuracy), (Some(0.7), Some(0.25)));
        let again = EventWriter::create(&path).unwrap_err();
        assert_eq!(again.kind(), std::io::ErrorKind::AlreadyExists);
    }
}
