//! Rows about files of word vectors.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use flameout_word2vec::WordVectors;

use super::measurement::{Measurement, ms};
use super::rayon_pool;
use super::timing::{Effort, median};

#[derive(Debug, Clone, Copy)]
enum Work {
    /// Into a `WordVectors`.
    Read,
    /// To another file, as `cp` does: what the system allows.
    Copy,
}

/// One file, which after the first run lies in the system's cache.
#[derive(Debug)]
pub struct FileRow {
    work: Work,
    path: PathBuf,
    pub threads: usize,
}

impl FileRow {
    /// The two rows about a file.
    pub fn read_and_copy(path: &Path, threads: usize) -> [Self; 2] {
        [(Work::Read, threads), (Work::Copy, 1)].map(|(work, threads)| Self { work, path: path.into(), threads })
    }

    /// What it is called, for `--only`.
    pub fn name(&self) -> String {
        let work = match self.work {
            Work::Read => "read vectors",
            Work::Copy => "copy file",
        };
        format!("{work} {}", self.path.display())
    }

    /// Times it.
    pub fn measure(&self, effort: Effort) -> Result<Measurement> {
        let size = self.path.metadata().with_context(|| format!("cannot read {}", self.path.display()))?.len();
        let (time, words) = match self.work {
            Work::Read => {
                let (time, words) = rayon_pool(self.threads)?.install(|| self.read(effort))?;
                (time, Some(words))
            }
            Work::Copy => (self.copy(effort)?, None),
        };
        Ok(Measurement {
            bench: self.name(),
            threads: self.threads,
            ms_median: Some(ms(time)),
            words_per_s: words.map(|words| words as f64 / time.as_secs_f64()),
            gb_per_s: Some(size as f64 / time.as_secs_f64() / 1e9),
            ..Measurement::default()
        })
    }

    /// The time, and the number of words.
    fn read(&self, effort: Effort) -> Result<(Duration, usize)> {
        let mut words = 0;
        let time = median(effort, || {
            words = black_box(WordVectors::open(&self.path)?).len();
            Ok(())
        })?;
        Ok((time, words))
    }

    fn copy(&self, effort: Effort) -> Result<Duration> {
        let to = std::env::temp_dir().join(format!("flameout-bench-{}", std::process::id()));
        let time = median(effort, || {
            std::fs::copy(&self.path, &to).with_context(|| format!("copying to {}", to.display()))?;
            Ok(())
        });
        let removed = std::fs::remove_file(&to);
        let time = time?;
        removed.with_context(|| format!("removing {}", to.display()))?;
        Ok(time)
    }
}
