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
    /// [`Error::File`] if it cannot be read.
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
    /// Of what has been appended since the last [`sync`](Self::sync).
    unseen: blake3::Hasher,
}

impl MetricsWriter {
    /// Opens the file, or makes it, to append after its beginning `keep`; what is beyond belongs to steps that will be made
    /// again and is removed.
    ///
    /// # Errors
    /// [`Error::File`] if the file cannot be opened, read and cut; [`Error::RunDirectory`] if it is shorter than that.
    pub fn open(path: PathBuf, keep: &Extent) -> Result<Self, Error> {
        if path.is_symlink() {
            let problem = "is a link: what it leads to would be written over; put the file itself there".into();
            return Err(Error::RunDirectory { path, problem });
        }
        let io = Error::io(&path);
        let open = || {
            let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?;
            let (read, hasher) = hash_start(&file, keep.bytes)?;
            if read == keep.bytes {
                file.set_len(keep.bytes)?;
            }
            // A file that somebody else cuts short then stays too short, and has no hole before the next line.
            Ok((OpenOptions::new().append(true).open(&path)?, hasher))
        };
        let (file, hasher) = open().map_err(io)?;
        if hasher.count() < keep.bytes {
            let problem = format!("holds {} bytes where the checkpoint says {}", hasher.count(), keep.bytes);
            return Err(Error::RunDirectory { path, problem });
        }
        Ok(Self { path, file, hasher, unseen: blake3::Hasher::new() })
    }

    /// Appends a record.
    ///
    /// # Errors
    /// If writing fails.
    pub fn append(&mut self, record: &Record) -> Result<(), Error> {
        let mut line = serde_json::to_vec(record).expect("plain data");
        line.push(b'\n');
        self.hasher.update(&line);
        self.unseen.update(&line);
        self.file.write_all(&line).map_err(Error::io(&self.path))
    }

    /// Brings everything to the disk; returns what is there now.
    ///
    /// # Errors
    /// If writing fails; [`Error::RunDirectory`] if the lines since the last call are not at the end of the file, because
    /// another program has removed, replaced or changed it.
    pub fn sync(&mut self) -> Result<Extent, Error> {
        self.file.sync_data().map_err(Error::io(&self.path))?;
        self.require(&self.unseen)?;
        self.unseen = blake3::Hasher::new();
        Ok(Extent { bytes: self.hasher.count(), blake3: Some(*self.hasher.finalize().as_bytes()) })
    }

    /// Whether the file holds all that has been written, and nothing else.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    pub fn require_whole(&self) -> Result<(), Error> {
        self.require(&self.hasher)
    }

    /// Whether the file, by its name, has the right length and ends with what was hashed.
    fn require(&self, end: &blake3::Hasher) -> Result<(), Error> {
        let bytes = self.hasher.count();
        let refuse = |what: &str| {
            let problem = format!(
                "{what} while this run wrote to it, by another program; {bytes} bytes were written: the run ends here, and \
                 goes on from a checkpoint when it is resumed"
            );
            Err(Error::RunDirectory { path: self.path.clone(), problem })
        };
        match self.path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return refuse("was removed"),
            Err(error) => return Err(Error::io(&self.path)(error)),
            Ok(found) if !found.is_file() => return refuse("was replaced"),
            Ok(found) if found.len() < bytes => return refuse("was replaced or cut short"),
            Ok(found) if found.len() > bytes => return refuse("was replaced or written to"),
            Ok(_) => {}
        }
        let read = || {
            let mut file = File::open(&self.path)?;
            file.seek(SeekFrom::Start(bytes - end.count()))?;
            Ok(hash_start(&file, end.count())?.1.finalize())
        };
        if read().map_err(Error::io(&self.path))? == end.finalize() { Ok(()) } else { refuse("was changed") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_curves::record::EpochRecord;

    /// What another program does to the file, and what is then said.
    #[test]
    fn what_others_do_to_the_file_is_noticed() {
        type Touch = fn(&Path);
        let done: [(Touch, &str); 6] = [
            (|path| std::fs::remove_file(path).unwrap(), "was removed"),
            (|path| std::fs::write(path, "").unwrap(), "cut short"),
            (|path| OpenOptions::new().append(true).open(path).unwrap().write_all(b"x").unwrap(), "written to"),
            (
                |path| {
                    let mut file = OpenOptions::new().write(true).open(path).unwrap();
                    file.seek(SeekFrom::End(-5)).unwrap();
                    file.write_all(b"?").unwrap();
                },
                "was changed",
            ),
            (
                |path| {
                    std::fs::copy(path, path.with_extension("copy")).unwrap();
                    std::fs::rename(path.with_extension("copy"), path).unwrap();
                },
                "",
            ),
            (
                |path| {
                    std::fs::remove_file(path).unwrap();
                    std::fs::create_dir(path).unwrap();
                },
                "was replaced",
            ),
        ];
        for (others, said) in done {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("metrics.jsonl");
            let mut writer = MetricsWriter::open(path.clone(), &Extent::NOTHING).unwrap();
            writer.append(&record(1)).unwrap();
            writer.sync().unwrap();
            writer.append(&record(2)).unwrap();
            others(&path);
            let error = match writer.sync() {
                // A whole copy is as good, until the next line, which it lacks.
                Ok(_) if said.is_empty() => {
                    writer.append(&record(3)).unwrap();
                    writer.sync().unwrap_err()
                }
                synced => synced.unwrap_err(),
            };
            let message = error.to_string();
            assert!(message.contains(said) && message.contains("another program"), "{message}");
            assert!(writer.require_whole().is_err());
        }
    }

    /// `sync` looks at new lines only: it would else read the file again and again.
    #[test]
    fn what_others_do_to_old_lines_is_noticed_at_the_end() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        let mut writer = MetricsWriter::open(path.clone(), &Extent::NOTHING).unwrap();
        writer.append(&record(1)).unwrap();
        writer.sync().unwrap();
        writer.append(&record(2)).unwrap();
        let mut file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all(b"?").unwrap();
        writer.sync().unwrap();
        assert!(writer.require_whole().unwrap_err().to_string().contains("was changed"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, elsewhere) = (directory.path().join("metrics.jsonl"), directory.path().join("thesis.tex"));
        std::fs::write(&elsewhere, "years of work").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(MetricsWriter::open(path, &Extent::NOTHING).unwrap_err().to_string().contains("is a link"));
        assert_eq!(std::fs::read_to_string(elsewhere).unwrap(), "years of work");
    }

    fn record(epoch: u64) -> Record {
        Record::Epoch(EpochRecord {
            epoch,
            step: 3 * epoch,
            loss: 0.5,
            accuracy: 0.0,
            test_loss: 0.5,
            test_accuracy: 0.0,
            test_hit_at_10: Some(0.0),
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
