//! What became of a training run, for people: on the terminal, as one HTML page, as pictures.
//!
//! [`Run::read`] takes a run directory (also of a run that is still going on), or any log that
//! [`flameout_curves::logs`] understands. [`html`] makes one page of it that needs nothing else: no network, no fonts,
//! no other files; [`compare`] puts several runs on one page; [`terminal`] says the same in twenty lines; [`svg`] and
//! [`png`] draw a [`Plot`] for a paper. Every text that comes from a file is escaped.
//!
//! ```
//! use flameout_report::{Colour, Plot, Run, html, svg, terminal, write};
//!
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("training.log");
//! // `epoch,loss,val_loss` is what Keras' CSVLogger writes; a run directory has much more to show.
//! std::fs::write(&path, "epoch,loss,val_loss\n0,0.7,0.8\n1,0.2,0.3\n2,0.1,0.3\n")?;
//! let run = Run::read(&path)?;
//! print!("{}", terminal(&run, 80, Colour::detect()));
//! write(&path.with_extension("html"), html(&run))?;
//! write(&path.with_extension("svg"), svg(&run, Plot::Loss)?)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod differences;
mod error;
mod figures;
mod mark;
mod page;
mod plot;
mod png;
mod run;
mod status;
mod svg;
mod terminal;
mod thin;

use std::path::Path;

pub use error::Error;
pub use figures::whole;
pub use mark::{Mark, MarkKind};
pub use page::compare::compare;
pub use page::run::html;
pub use plot::{Plot, Scale};
pub use png::png;
pub use run::Run;
pub use status::{Gravity, Status};
pub use svg::svg;
pub use terminal::{Colour, terminal};

/// Writes a page or picture: to a file beside `path` first, which then takes its place, so that it is never half there.
///
/// # Errors
/// [`Error::Write`] if that fails; what was at `path` is then still there.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Error> {
    Ok(flameout_files::write_atomically(path, &[content.as_ref()])?)
}

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
