//! `--tensorboard`: a run's numbers for TensorBoard.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use flameout_curves::EventWriter;
use flameout_experiment::{EpochRecord, Observer, StepRecord, Trainer};

/// Steps after which the numbers so far are handed to the operating system.
const FLUSH_EVERY: u64 = 100;

/// Writes the numbers of each step and epoch to an event file.
pub struct TensorBoard {
    path: PathBuf,
    /// Gone after a failure: the run goes on without it.
    writer: Option<EventWriter<BufWriter<File>>>,
}

impl TensorBoard {
    /// Creates a new event file in a directory.
    pub fn begin(directory: &Path) -> Result<Self> {
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        // TensorBoard reads the files of a directory in the order of their names.
        let name = format!("events.out.tfevents.{seconds:010}.flameout.{}", std::process::id());
        let path = directory.join(name);
        let writer = EventWriter::create(&path).with_context(|| format!("writing {}", path.display()))?;
        Ok(Self { path, writer: Some(writer) })
    }

    fn write(&mut self, act: impl FnOnce(&mut EventWriter<BufWriter<File>>) -> std::io::Result<()>) {
        let Some(writer) = &mut self.writer else { return };
        if let Err(error) = act(writer) {
            tell!("warning: nothing more is written to {}: {error}", self.path.display());
            self.writer = None;
        }
    }
}

impl Observer for TensorBoard {
    fn step(&mut self, record: &StepRecord, _: &Trainer) {
        let scalars = [
            ("train/loss", record.loss),
            ("train/accuracy", record.accuracy),
            ("gradient_norm", record.gradient_norm),
            ("update_norm", record.update_norm),
            ("learning_rate", record.learning_rate),
        ];
        self.write(|writer| {
            writer.add(record.step, scalars)?;
            if record.step.is_multiple_of(FLUSH_EVERY) { writer.flush() } else { Ok(()) }
        });
    }

    fn epoch(&mut self, record: &EpochRecord) {
        let scalars = [
            ("test/loss", record.test_loss),
            ("test/accuracy", record.test_accuracy),
            ("test/spread", record.spread),
            ("test/identical", record.identical),
        ];
        let hits = record.test_hit_at_10.map(|hits| ("test/hit_at_10", hits));
        self.write(|writer| {
            writer.add(record.step, scalars.into_iter().chain(hits))?;
            writer.flush()
        });
    }

    fn end(&mut self) {
        self.write(EventWriter::flush);
    }
}
