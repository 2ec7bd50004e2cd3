//! What can be wrong with settings, buffers and learning rates.

use std::ops::Range;

/// An error of this crate: settings out of range, or buffers that do not fit together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting lies outside its range.
    #[error("`{name}` is {value}, but it must be {rule}")]
    Setting {
        /// The setting's name, as files spell it.
        name: &'static str,
        /// The value found.
        value: f64,
        /// What the value must satisfy.
        rule: &'static str,
    },
    /// Two settings contradict each other.
    #[error("Nesterov's momentum needs `momentum` above 0; set it (0.9 is usual), or turn `nesterov` off")]
    NesterovWithoutMomentum,
    /// A buffer's length differs from the number of parameters the optimiser was built for.
    #[error("{what} has {found} elements, but the optimiser was built for {expected} parameters")]
    Length {
        /// Which buffer.
        what: &'static str,
        /// The number of parameters the optimiser was built for.
        expected: usize,
        /// The buffer's length.
        found: usize,
    },
    /// A tensor's range does not begin where the tensor before it ended, or ends before it begins.
    #[error(
        "tensor {index} is {range:?}, but the tensors must lie one after the other without gap or overlap: \
         this one must begin at {expected_start} and not end before it begins"
    )]
    Tensor {
        /// Which tensor, counted from 0.
        index: usize,
        /// Its range in the parameter buffer.
        range: Range<usize>,
        /// Where it had to begin.
        expected_start: usize,
    },
    /// The learning rate of a step is negative, infinite or NaN.
    #[error("the learning rate is {value}, but it must be finite and not negative; check the schedule")]
    LearningRate {
        /// The value found.
        value: f64,
    },
}

/// Returns [`Error::Setting`] unless `holds`.
pub(crate) fn require(holds: bool, name: &'static str, value: f64, rule: &'static str) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::Setting { name, value, rule }) }
}

/// `value` in [0, 1): a decay rate of a moving average.
pub(crate) fn require_decay_rate(name: &'static str, value: f64) -> Result<(), Error> {
    require((0.0..1.0).contains(&value), name, value, "at least 0 and below 1")
}

/// `value` > 0 and finite.
pub(crate) fn require_positive(name: &'static str, value: f64) -> Result<(), Error> {
    require(value > 0.0 && value.is_finite(), name, value, "above 0 and finite")
}

/// `value` ≥ 0 and finite.
pub(crate) fn require_not_negative(name: &'static str, value: f64) -> Result<(), Error> {
    require(value >= 0.0 && value.is_finite(), name, value, "at least 0 and finite")
}

/// `count` ≥ 1.
pub(crate) fn require_count(name: &'static str, count: u64) -> Result<(), Error> {
    require(count > 0, name, count as f64, "at least 1")
}
