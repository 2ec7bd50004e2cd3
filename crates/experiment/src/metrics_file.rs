//! `metrics.jsonl`: what a run writes down as it goes, and how much of it belongs to a checkpoint.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::Error;
use flameout_curves::record::Record;

/// The beginning of `metrics.jsonl` that had been written at some step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of it; None if it is not known (checkpoints of version 2 do not tell).
    pub blake3: Option<[u8; 32]>,
}

impl Extent {
    /// Before the first line.
    pub const NOTHING: Self = Self { bytes: 0, blake3: None };

    /// Whether this file still begins like that. A file that is not there is empty.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be read.
    pub fn is_in(&self, path: &Path) -> Result<bool, Error> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(self.bytes == 0),
            file => file.map_err(Error::io(path))?,
        };
        let (read, hasher) = hash_start(&file, self.bytes).map_err(Error::io(path))?;
        Ok(read == self.bytes && self.blake3.is_none_or(|blake3| blake3 == *hasher.finalize().as_bytes()))
    }
}

/// Whether the file holds anything.
pub(crate) fn has_lines(path: &Path) -> bool {
    path.metadata().is_ok_and(|file| file.len() > 0)
}

/// The hash of the first bytes, and of how many: fewer than asked for if the file ends before.
fn hash_start(file: &File, bytes: u64) -> std::io::Result<(u64, blake3::Hasher)> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.take(bytes))?;
    Ok((hasher.count(), hasher))
}

/// Appends records to `metrics.jsonl`. Each is with the operating system when [`append`](Self::append) returns, so that
/// others can follow a run, and a run that is killed loses none.
#[derive(Debug)]
pub struct MetricsWriter {
    path: PathBuf,
    file: File,
    /// Of everything in the file.
    hasher: blake3::Hasher,
}

impl MetricsWriter {
    /// Opens the file, or makes it, to append after its beginning `keep`; what is beyond belongs to steps that will be made
    /// again and is removed.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened, read and cut; [`Error::RunDirectory`] if it is shorter than that.
    pub fn open(path: PathBuf, keep: &Extent) -> Result<Self, Error> {
        let io = Error::io(&path);
        let open = || {
            let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
            let (read, hasher) = hash_start(&file, keep.bytes)?;
            if read == keep.bytes {
                file.set_len(keep.bytes)?;
                file.seek(SeekFrom::End(0))?;
            }
            Ok((file, hasher))
        };
        let (file, hasher) = open().map_err(io)?;
        if hasher.count() < keep.bytes {
            let problem = format!("holds {} bytes where the checkpoint says {}", hasher.count(), keep.bytes);
            return Err(Error::RunDirectory { path, problem });
        }
        Ok(Self { path, file, hasher })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// If writing fails.
    pub fn append(&mut self, record: &Record) -> Result<(), Error> {
        let mut line = serde_json::to_vec(record).expect("plain data");
        line.push(b'\n');
        self.hasher.update(&line);
        self.file.write_all(&line).map_err(Error::io(&self.path))
    }

    /// Brings everything to the disk; returns what is there now.
    ///
    /// # Errors
    /// If writing fails.
    pub fn sync(&mut self) -> Result<Extent, Error> {
        self.file.sync_data().map_err(Error::io(&self.path))?;
        Ok(Extent { bytes: self.hasher.count(), blake3: Some(*self.hasher.finalize().as_bytes()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_curves::record::EpochRecord;

    fn record(epoch: u64) -> Record {
        Record::Epoch(EpochRecord {
            epoch,
            step: 3 * epoch,
            loss: 0.5,
            accuracy: 0.0,
            test_loss: 0.5,
            test_accuracy: 0.0,
            spread: 0.1,
            identical: 0.0,
            words_per_second: 7.0,
        })
    }

    #[test]
    fn the_beginning_is_known_again_and_every_change_of_it_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        assert!(Extent::NOTHING.is_in(&path).unwrap());
        let mut writer = MetricsWriter::open(path.clone(), &Extent::NOTHING).unwrap();
        writer.append(&record(1)).unwrap();
        let first = writer.sync().unwrap();
        writer.append(&record(2)).unwrap();
        let both = writer.sync().unwrap();
        assert!(first.is_in(&path).unwrap() && both.is_in(&path).unwrap() && first.bytes < both.bytes);

        let sound = std::fs::read(&path).unwrap();
        for byte in 0..sound.len() {
            let mut damaged = sound.clone();
            damaged[byte] ^= 1;
            std::fs::write(&path, damaged).unwrap();
            assert!(!both.is_in(&path).unwrap(), "byte {byte}");
            assert_eq!(first.is_in(&path).unwrap(), byte as u64 >= first.bytes, "byte {byte}");
        }
        std::fs::write(&path, &sound[..sound.len() - 1]).unwrap();
        assert!(first.is_in(&path).unwrap() && !both.is_in(&path).unwrap());
        assert!(MetricsWriter::open(path.clone(), &both).unwrap_err().to_string().contains("metrics.jsonl"));

        // Going on after the first line gives what was there.
        let mut writer = MetricsWriter::open(path.clone(), &first).unwrap();
        writer.append(&record(2)).unwrap();
        assert_eq!(writer.sync().unwrap(), both);
        assert_eq!(std::fs::read(&path).unwrap(), sound);
    }
}
