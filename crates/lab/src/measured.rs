//! What the measurements of the hunts' runs have in common: `growth`, `stretch` and `second-moment`.

use anyhow::{Context, Result};
use flameout::cli::table;
use flameout_cells::Tensor;
use flameout_experiment::{Settings, Trainer};

use crate::hunt::cells::changes;

/// Which network, with its number of units.
pub fn network(settings: &Settings) -> String {
    format!("{} {}", settings.case.name(), settings.model.units.unwrap_or(settings.case.units()))
}

/// What differs from the question, but for units, words and learning rate; nothing in most runs.
pub fn changed(settings: &Settings) -> String {
    changes(settings, &["model.units", "data.words", "schedule.learning-rate"])
}

/// The recurrent kernel of the first layer that has one.
pub fn recurrent_kernel(trainer: &Trainer) -> Result<Tensor> {
    let kernel = trainer.tensors().iter().find(|tensor| tensor.name.ends_with("recurrent_kernel")).cloned();
    kernel.context("the network has no recurrent layer")
}

/// A table, for the terminal and for the documentation.
pub struct Listing {
    /// Titles of its columns.
    pub titles: Vec<&'static str>,
    /// How many columns, from the first, are no numbers.
    pub texts: usize,
    /// Its cells.
    pub rows: Vec<Vec<String>>,
}

impl Listing {
    /// For the terminal.
    pub fn table(&self) -> comfy_table::Table {
        let mut table = table::new([]);
        table.set_header(&self.titles).add_rows(&self.rows);
        table
    }
}
