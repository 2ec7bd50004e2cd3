#![doc = include_str!("../README.md")]
//!
//! - [`write_atomically`] and [`replace`] write a whole file or leave the old one; [`remove_temporaries`] clears up after
//!   programs that were killed while they wrote.
//! - [`read`] and [`read_text`] read a file of at most so many bytes.
//! - [`has_room`] and [`require_room`] ask whether there is memory for what a file is about to become.
//! - `checkpoint` (a feature) is a container for any value: version, length, checksum, payload.
//!
//! The crate knows nothing of networks or vectors. It does not lock files, and does not compress.

#![forbid(unsafe_code)]

mod atomic;
mod bounded;
#[cfg(feature = "checkpoint")]
pub mod checkpoint;
mod error;
mod memory;

pub use atomic::{TEMPORARY, remove_temporaries, replace, write_atomically};
pub use bounded::{JSON, TOML, read, read_text};
pub use error::Error;
pub use memory::{has_room, readable, require_room};
