//! A part of a sweep: what one of several programs is to run.

use std::fmt;
use std::str::FromStr;

/// Every `of`-th run, from run number `index` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u64,
    of: u64,
}

impl Shard {
    /// Whether the run of this number belongs to it. Neighbouring runs, which take about as long, are in different shards.
    #[must_use]
    pub fn has(self, number: u64) -> bool {
        number % self.of == self.index
    }

    /// How much of a whole it is, about.
    #[must_use]
    pub fn of(self, whole: u64) -> u64 {
        whole / self.of
    }

    /// The name of its file of rows. It has the plan's name, so that sweeps of two plans never write the same file.
    #[must_use]
    pub fn file_name(self, plan: &str) -> String {
        format!("{plan}-{}-of-{}.jsonl", self.index, self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text.split_once('/').and_then(|(index, of)| Some((index.parse().ok()?, of.parse().ok()?)));
        let (index, of) = numbers.ok_or("write I/N, for instance 0/4: the first of four parts")?;
        if of == 0 {
            return Err("there is no part of 0".into());
        }
        if index >= of {
            return Err(format!("parts are numbered from 0: 0/{of} to {}/{of}", of - 1));
        }
        Ok(Self { index, of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_is_in_one_shard() {
        let shards: Vec<Shard> = (0..7).map(|index| format!("{index}/7").parse().unwrap()).collect();
        for number in 0..50 {
            assert_eq!(shards.iter().filter(|shard| shard.has(number)).count(), 1, "{number}");
        }
    }

    #[test]
    fn what_names_no_shard_is_refused() {
        for text in ["", "1", "/", "1/", "4/4", "0/0", "-1/4", "1/4/2", "a/b"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert!("4/4".parse::<Shard>().unwrap_err().contains("0/4 to 3/4"));
    }
}
