//! Damage to a file.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use ndarray_rand::rand::Rng;
use rand_chacha::ChaCha8Rng;

/// What is done to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// Its end is cut off.
    Cut,
    /// One bit is changed.
    Flip,
    /// Nothing is left.
    Empty,
    /// Something is written at its end.
    Garbage,
    /// A byte becomes one that no text has.
    NoText,
}

impl Damage {
    /// Does it to the last `within` bytes of a file.
    pub fn inflict(self, path: &Path, within: usize, rng: &mut ChaCha8Rng) -> Result<()> {
        let mut bytes = fs::read(path).with_context(|| path.display().to_string())?;
        ensure!(!bytes.is_empty(), "{} is empty: it cannot be damaged", path.display());
        let at = rng.random_range(bytes.len().saturating_sub(within)..bytes.len());
        match self {
            Self::Cut => bytes.truncate(at),
            Self::Flip => bytes[at] ^= 1 << rng.random_range(0..8),
            Self::Empty => bytes.clear(),
            Self::Garbage => bytes.extend((0..rng.random_range(1..5000)).map(|_| rng.random::<u8>())),
            Self::NoText => bytes[at] = 0xff,
        }
        fs::write(path, bytes).with_context(|| path.display().to_string())
    }

    /// One of these.
    pub fn any(of: &[Self], rng: &mut ChaCha8Rng) -> Self {
        of[rng.random_range(0..of.len())]
    }
}
