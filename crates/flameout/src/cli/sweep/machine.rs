//! What made a row.

use std::fmt;

use flameout_kernels::Path;
use serde::{Deserialize, Serialize};

/// A program on a machine. None of it changes a run's numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Machine {
    /// Version of flameout.
    pub version: String,
    /// The kernel path in use.
    pub kernels: String,
    /// The processor's name; its architecture where the system does not tell the name.
    pub processor: String,
}

impl Machine {
    /// Describes the machine that this program runs on.
    #[must_use]
    pub fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            kernels: Path::current().name().into(),
            processor: processor().unwrap_or_else(|| std::env::consts::ARCH.into()),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "flameout {} with {} on {}", self.version, self.kernels, self.processor)
    }
}

/// As Linux tells it.
fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim().to_owned()).filter(|name| !name.is_empty())
}
