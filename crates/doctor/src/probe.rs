//! Measurements of a network.
//!
//! | probe | what | cost, in steps of training |
//! | --- | --- | ---: |
//! | [`Reference::measure`] | on fixed words: loss, saturation of gates, spectral radii | 0.25 to 0.4 on 32 words |
//! | [`Curvature::largest_preconditioned`] | largest eigenvalue of the preconditioned Hessian | 2 to 2.5 an iteration |
//!
//! The costs are those of LSTM(1024) at batch 32 (`cargo bench -p flameout-doctor`).
//!
//! Nothing here changes a network, and every number has the same bits on any number of threads and any instruction set.
//! Backpropagation overwrites the activations of a step, so gates are probed by a forward pass of a copy of the network over a small
//! batch that is always the same. This also takes out the noise of which words a batch happens to hold.

mod columns;
mod curvature;
mod elementwise;
mod lanczos;
mod reference;
mod saturation;
mod spectral;
mod start;

pub use columns::mean_column_length;
pub use curvature::{Curvature, scratch};
pub use lanczos::Eigenvalue;
pub use reference::{Measured, Reference};
pub use spectral::spectral_radius;
