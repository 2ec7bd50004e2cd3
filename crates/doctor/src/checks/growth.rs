//! Check 3's look at the recurrent kernels: how much longer have they become?
//!
//! The loss does not limit them. A constraint on the recurrent kernel prevents the collapse of small networks. One on
//! another kernel does not (docs/results/recurrent-kernel.md). The column norm at the collapse depends on the network: 5 to
//! 8 in GRUs of 64 units, 18 to 33 in LSTMs.

use std::fmt;

use crate::change::Change;
use crate::course::Course;
use crate::probe::mean_column_length;
use crate::subject::Subject;

/// Below this factor no collapse was seen: of 24 GRUs and 5 LSTMs the first collapsed at 4.8 times (docs/hunt/growth.csv).
const LARGE: f64 = 4.0;
/// The share of their length at the collapse to hold them to: at most 2.5 for the GRUs that collapsed and 10 for the LSTMs. None
/// of 20 collapsed that were held to 2, 3 and 4, LSTMs to 8; of ten that were held to 5, LSTMs to 12, four did.
const HELD: f64 = 0.3;

/// The mean length of a kernel's columns, the weights from all units to one, at the start and later.
#[derive(Debug, Clone, PartialEq)]
pub struct Growth {
    /// The kernel.
    pub tensor: String,
    /// Before the first step.
    pub before: f64,
    /// The step of the later state.
    pub step: u64,
    /// At that step.
    pub after: f64,
}

impl Growth {
    /// Of each recurrent kernel, until something went wrong or until the end. Nothing if no later state was kept.
    #[must_use]
    pub fn of(subject: &Subject, course: &Course) -> Vec<Self> {
        let until = course.condition().step().unwrap_or(u64::MAX);
        let later = course.snapshots.at_or_before(until).filter(|state| state.step() > 0);
        let Some(state) = later else { return Vec::new() };
        let recurrent = subject.tensors().iter().filter(|tensor| tensor.name.ends_with("recurrent_kernel"));
        recurrent
            .map(|tensor| Self {
                before: mean_column_length(tensor, subject.start.parameters()),
                step: state.step(),
                after: mean_column_length(tensor, state.parameters()),
                tensor: tensor.name.clone(),
            })
            .collect()
    }

    /// Whether it is long enough to be what made a network collapse.
    #[must_use]
    pub fn is_large(&self) -> bool {
        self.after >= LARGE * self.before
    }
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tensor, before, step, after } = self;
        write!(f, "by step {step}, the mean length of {tensor}'s columns has gone from {before:.1} to {after:.1}")
    }
}

/// The bound that would have kept all recurrent kernels from growing so; None if none has grown much.
#[must_use]
pub fn bound(growths: &[Growth]) -> Option<Change> {
    let shortest = growths.iter().filter(|growth| growth.is_large()).map(|growth| growth.after).reduce(f64::min)?;
    let limit = HELD * shortest;
    Some(Change::setting("constraint", format!("{{ tensor = \"recurrent_kernel\", max-norm = {limit:.1} }}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_for_the_shortest_that_has_grown() {
        let growth = |after| Growth { tensor: "layer0/recurrent_kernel".into(), before: 1.1, step: 100, after };
        let bound = |lengths: &[f64]| bound(&lengths.iter().map(|&after| growth(after)).collect::<Vec<_>>());
        assert_eq!(bound(&[1.2, 3.2]), None);
        assert_eq!(
            bound(&[3.2, 10.0, 20.0]).unwrap().to_string(),
            "constraint = { tensor = \"recurrent_kernel\", max-norm = 3.0 }"
        );
        let told = growth(6.04).to_string();
        assert!(told.ends_with("layer0/recurrent_kernel's columns has gone from 1.1 to 6.0"), "{told}");
    }
}
