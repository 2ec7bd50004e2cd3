//! A row of results for each specimen, in a file that is complete after every row.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use flameout_files::write_atomically;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::specimen::Specimen;
use crate::json_lines;

/// What is kept of a specimen.
pub trait Row: Clone + Serialize + DeserializeOwned {
    /// The specimen.
    fn specimen(&self) -> Specimen;
}

/// A file of rows.
#[derive(Debug)]
pub struct Rows<R> {
    path: PathBuf,
    rows: Mutex<HashMap<Specimen, R>>,
}

impl<R: Row> Rows<R> {
    /// Reads what is there. A last line that was cut short when it was written is dropped.
    pub fn open(path: &Path) -> Result<Self> {
        let directory = path.parent().context("a file lies in a directory")?;
        std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let rows: Vec<R> = json_lines::read(path)?;
        let rows = rows.into_iter().map(|row| (row.specimen(), row)).collect();
        Ok(Self { path: path.into(), rows: Mutex::new(rows) })
    }

    /// Whether there is a row for this specimen.
    pub fn hold(&self, specimen: Specimen) -> bool {
        self.lock().contains_key(&specimen)
    }

    /// The rows of these specimens, in their order, as far as there are any.
    pub fn of(&self, specimens: &[Specimen]) -> Vec<R> {
        let rows = self.lock();
        specimens.iter().filter_map(|specimen| rows.get(specimen).cloned()).collect()
    }

    /// Adds a row.
    pub fn append(&self, row: R) -> Result<()> {
        let mut rows = self.lock();
        json_lines::append(&self.path, &row)?;
        rows.insert(row.specimen(), row);
        Ok(())
    }

    /// Removes the rows of these specimens.
    pub fn forget(&self, specimens: &[Specimen]) -> Result<()> {
        let mut rows = self.lock();
        let forgotten: HashSet<&Specimen> = specimens.iter().collect();
        rows.retain(|specimen, _| !forgotten.contains(specimen));
        let mut lines: Vec<String> =
            rows.values().map(|row| Ok(serde_json::to_string(row)? + "\n")).collect::<Result<_>>()?;
        lines.sort_unstable();
        write_atomically(&self.path, &[lines.concat().as_bytes()])
            .with_context(|| format!("writing {}", self.path.display()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Specimen, R>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::fault::Fault;
    use crate::zoo::specimen::Kind;
    use flameout_experiment::Case;

    #[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
    struct Number(Specimen, u32);

    impl Row for Number {
        fn specimen(&self) -> Specimen {
            self.0
        }
    }

    #[test]
    fn rows_outlive_the_program_and_a_torn_line_does_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("new/rows.jsonl");
        let specimens =
            [0, 1].map(|seed| Specimen { kind: Kind::Fault(Fault::NanTarget), case: Case::GruSingle, seed });
        let rows = Rows::open(&path).unwrap();
        rows.append(Number(specimens[0], 3)).unwrap();
        rows.append(Number(specimens[1], 4)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{text}{{\"torn")).unwrap();
        let again = Rows::<Number>::open(&path).unwrap();
        assert_eq!(again.of(&specimens), [Number(specimens[0], 3), Number(specimens[1], 4)]);
        again.forget(&specimens[..1]).unwrap();
        assert!(!again.hold(specimens[0]));
        assert_eq!(Rows::<Number>::open(&path).unwrap().of(&specimens), [Number(specimens[1], 4)]);
    }
}
