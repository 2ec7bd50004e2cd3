//! One run of the zoo.

use std::fmt;

use anyhow::{Result, bail};
use clap::ValueEnum;
use flameout_doctor::Subject;
use flameout_experiment::Case;
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::late::Late;
use super::variation::Variation;

/// A fault, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A fault.
    Fault(Fault),
    /// None.
    Healthy(Variation),
    /// A fault that comes late. The doctor was not built for these: they are there for `--onset` alone.
    Late(Late),
}

impl Kind {
    /// Faults, then healthy runs.
    pub fn all() -> impl Iterator<Item = Self> {
        let faults = Fault::value_variants().iter().copied().map(Self::Fault);
        faults.chain(Variation::value_variants().iter().copied().map(Self::Healthy))
    }

    /// Late faults.
    pub fn late() -> impl Iterator<Item = Self> {
        Late::value_variants().iter().copied().map(Self::Late)
    }

    /// Whether there is such a run of this network.
    pub fn suits(self, case: Case) -> bool {
        match self {
            Self::Fault(_) | Self::Late(_) => true,
            Self::Healthy(variation) => variation.suits(case),
        }
    }

    /// As commands and tables spell it.
    pub fn name(self) -> String {
        let (before, value) = match self {
            Self::Fault(fault) => ("", fault.to_possible_value()),
            Self::Healthy(variation) => ("", variation.to_possible_value()),
            Self::Late(late) => ("late-", late.to_possible_value()),
        };
        value.map(|value| before.to_owned() + value.get_name()).unwrap_or_default()
    }

    /// The kind with this name.
    pub fn parse(name: &str) -> Result<Self> {
        let Some(kind) = Self::all().chain(Self::late()).find(|kind| kind.name() == name) else {
            let names: Vec<String> = Self::all().chain(Self::late()).map(Self::name).collect();
            bail!("there is no such kind of run; there are {}", names.join(", "));
        };
        Ok(kind)
    }
}

/// A run of the zoo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Specimen {
    /// What is wrong with it.
    pub kind: Kind,
    /// The network.
    pub case: Case,
    /// Decides initial weights, split, order, and where the fault lies.
    pub seed: u64,
}

impl Specimen {
    /// The run.
    pub fn subject(self) -> Result<Subject> {
        match self.kind {
            Kind::Fault(fault) => fault.subject(self.case, self.seed),
            Kind::Healthy(variation) => variation.subject(self.case, self.seed),
            Kind::Late(late) => late.subject(self.case, self.seed),
        }
    }
}

impl fmt::Display for Specimen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} seed {}", self.kind.name(), self.case.name(), self.seed)
    }
}
