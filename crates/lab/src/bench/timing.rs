//! Medians.

use std::time::{Duration, Instant};

use anyhow::Result;

/// How long to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Runs at the least.
    runs: usize,
    /// Short work is run more often, until this time is over.
    least: Duration,
    /// Likewise before the measurement: threads, caches and the clock frequency settle. At least one run.
    warm_up: Duration,
}

impl Effort {
    /// For numbers that are reported.
    pub const FULL: Self = Self { runs: 10, least: Duration::from_secs(1), warm_up: Duration::from_millis(300) };
    /// For a first impression.
    pub const QUICK: Self = Self { runs: 3, least: Duration::ZERO, warm_up: Duration::ZERO };
}

/// The median time of a run.
pub fn median(effort: Effort, mut run: impl FnMut() -> Result<()>) -> Result<Duration> {
    let begin = Instant::now();
    loop {
        run()?;
        if begin.elapsed() >= effort.warm_up {
            break;
        }
    }
    let begin = Instant::now();
    let mut times = Vec::new();
    while times.len() < effort.runs || begin.elapsed() < effort.least {
        let before = Instant::now();
        run()?;
        times.push(before.elapsed());
    }
    Ok(middle(times))
}

/// The median; of an even number, the mean of the two in the middle.
fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let seconds = |values: &[u64]| values.iter().map(|s| Duration::from_secs(*s)).collect();
        assert_eq!(middle(seconds(&[9, 1, 4])), Duration::from_secs(4));
        assert_eq!(middle(seconds(&[9, 1, 4, 2])), Duration::from_secs(3));
    }

    #[test]
    fn runs_are_as_many_as_asked_and_one_to_warm_up() {
        let mut runs = 0;
        let count = || {
            runs += 1;
            Ok(())
        };
        median(Effort::QUICK, count).unwrap();
        assert_eq!(runs, 4);
    }

    #[test]
    fn an_error_ends_the_measurement() {
        let error = median(Effort::FULL, || anyhow::bail!("out of order")).unwrap_err();
        assert_eq!(error.to_string(), "out of order");
    }
}
