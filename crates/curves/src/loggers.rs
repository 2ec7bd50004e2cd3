//! Classes in Python that log each step of a training, in names that [`logs::read`](crate::logs::read) knows.
//!
//! They were tried with Keras 3.15.1 and PyTorch 2.15.0; what they wrote there is read in this crate's tests.

/// A callback of Keras 3.
pub const KERAS: &str = include_str!("loggers/keras_step_log.py");
/// An object for a loop of PyTorch.
pub const PYTORCH: &str = include_str!("loggers/torch_step_log.py");
