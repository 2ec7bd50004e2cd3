//! The rows of finished runs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use flameout_experiment::Settings;
use flameout_files::write_atomically;

use super::shard::Shard;
use super::table;
use super::verdict::verdict;
use crate::cli::json_lines;

pub use super::row::Row;

/// Rows in the order in which they were kept, at most one for each settings.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    rows: Vec<Row>,
    places: HashMap<String, usize>,
}

impl Rows {
    /// Reads a file of rows; none if there is no file. A run that was made again has two: the later one is taken, in the place
    /// of the first.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut rows = Self::default();
        json_lines::read(path)?.into_iter().for_each(|row| rows.insert(row));
        Ok(rows)
    }

    fn insert(&mut self, row: Row) {
        match self.places.entry(row.settings.hash()) {
            Entry::Occupied(place) => self.rows[*place.get()] = row,
            Entry::Vacant(place) => {
                place.insert(self.rows.len());
                self.rows.push(row);
            }
        }
    }

    /// The row of a run.
    pub(super) fn get(&self, settings: &Settings) -> Option<&Row> {
        self.places.get(&settings.hash()).map(|&place| &self.rows[place])
    }

    /// All of them.
    pub(super) fn into_vec(self) -> Vec<Row> {
        self.rows
    }
}

/// `results.jsonl` in a directory, and `results.csv` beside it with the same rows. A [`Shard`] adds its rows to a file of its own.
#[derive(Debug)]
pub struct Results {
    directory: PathBuf,
    shard: Option<PathBuf>,
    rows: Mutex<Rows>,
}

impl Results {
    /// Reads what is there; the directory is made if need be.
    ///
    /// # Errors
    /// If a file cannot be read, or a line is no row: then with its number.
    pub fn open(directory: &Path) -> Result<Self> {
        make(directory)?;
        let rows = Mutex::new(Rows::read(&whole(directory))?);
        Ok(Self { directory: directory.into(), shard: None, rows })
    }

    /// The same for a part of a plan: rows are added to a file in `shards`, which no other part writes or reads.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn of_shard(directory: &Path, plan: &str, shard: Shard) -> Result<Self> {
        let shards = shards(directory);
        make(&shards)?;
        let file = shards.join(shard.file_name(plan));
        let mut rows = Rows::read(&whole(directory))?;
        Rows::read(&file)?.into_vec().into_iter().for_each(|row| rows.insert(row));
        Ok(Self { directory: directory.into(), shard: Some(file), rows: Mutex::new(rows) })
    }

    /// The rows so far.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        self.lock().clone().into_vec()
    }

    /// Whether a run with these settings is over, and its row tells what became of it.
    ///
    /// # Errors
    /// If its curve cannot be read.
    pub fn holds(&self, settings: &Settings) -> Result<bool> {
        match self.lock().get(settings) {
            Some(row) => Ok(verdict(row, &self.curve(settings))?.is_some()),
            None => Ok(false),
        }
    }

    /// Adds a row. Another program may have added some to `results.jsonl` meanwhile: they are taken in.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn append(&self, row: Row) -> Result<()> {
        let mut rows = self.lock();
        if let Some(shard) = &self.shard {
            json_lines::append(shard, &row)?;
            rows.insert(row);
            return Ok(());
        }
        json_lines::append(&whole(&self.directory), &row)?;
        *rows = Rows::read(&whole(&self.directory))?;
        write_table(&self.directory, &rows.rows)
    }

    /// Where a run's curve is kept.
    #[must_use]
    pub fn curve(&self, settings: &Settings) -> PathBuf {
        curve(&self.directory, settings)
    }

    fn lock(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))
}

/// The file of all rows in a directory of results.
pub(super) fn whole(directory: &Path) -> PathBuf {
    directory.join("results.jsonl")
}

/// Where the files of shards are in it.
pub(super) fn shards(directory: &Path) -> PathBuf {
    directory.join("shards")
}

/// Where a run's curve is kept in it.
pub(super) fn curve(directory: &Path, settings: &Settings) -> PathBuf {
    directory.join("curves").join(format!("{}.csv", &settings.hash()[..12]))
}

/// Replaces both files of all rows.
pub(super) fn write_whole(directory: &Path, rows: &[Row]) -> Result<()> {
    let mut text = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut text, row)?;
        text.push(b'\n');
    }
    let path = whole(directory);
    write_atomically(&path, &[&text]).with_context(|| format!("writing {}", path.display()))?;
    write_table(directory, rows)
}

fn write_table(directory: &Path, rows: &[Row]) -> Result<()> {
    let path = directory.join("results.csv");
    write_atomically(&path, &[&table::csv(rows)?]).with_context(|| format!("writing {}", path.display()))
}
