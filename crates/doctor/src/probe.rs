//! What can be seen of a run in training, beyond its loss.
//!
//! | probe | when | what |
//! | --- | --- | --- |
//! | [`read_step`] | each step | per tensor: norms of gradient and update, \|g\|/(√v̂ + ε), numbers that are not finite |
//! | [`Reference::measure`] | every K steps | on fixed words: loss, spread of predictions, saturation of gates, spectral radii |
//! | [`Curvature`] | on demand | curvature along gradient and update, largest eigenvalue of the preconditioned Hessian |
//!
//! [`Probes`] takes the first two as an observer of a run, keeps the [`Reading`]s in a [`Log`] and, if told so, writes them to
//! `probes.jsonl`. Nothing here changes a run's numbers, and every reading has the same bits on any number of threads and
//! any instruction set.
//!
//! **What a step leaves to see.** An observer comes after the update. It finds the gradients (after clipping), the
//! optimiser's moments and the new parameters. The update itself is told from the moments, without a copy of the old
//! parameters. The gates' activations are gone: backpropagation overwrites them. Gates are therefore probed by a forward pass
//! of a copy of the network over a small batch that is always the same, which also takes out the noise of which words a batch
//! happens to hold.
//!
//! **What it costs**, in steps of training, for LSTM(1024) at batch 32 (`cargo bench -p flameout-doctor`):
//!
//! | | steps |
//! | --- | ---: |
//! | [`read_step`], each step | 0.01 to 0.025: one pass over gradients, m and v, as fast as memory gives them |
//! | [`Reference::measure`] on 32 words | 0.25 to 0.4, so 0.004 a step at every 100 |
//! | [`Curvature::along`] | 2 to 2.5 |
//! | [`Curvature::largest_preconditioned`] | 2 to 2.5 an iteration |

mod columns;
mod curvature;
mod elementwise;
mod lanczos;
mod log;
mod observer;
mod preconditioner;
mod reading;
mod reference;
mod saturation;
mod settings;
mod spectral;
mod totals;
mod update;

pub use columns::mean_column_length;
pub use curvature::{Along, Curvature, Sharpness, scratch};
pub use lanczos::Eigenvalue;
pub use log::Log;
pub use observer::{Probes, SharedLog, read_step};
pub use preconditioner::Preconditioner;
pub use reading::{Names, NetworkReading, NonFinite, Quantity, Reading};
pub use reference::Reference;
pub use settings::ProbeSettings;
pub use spectral::spectral_radius;
pub use update::last_update;

/// Entry i of a vector of signs without pattern, always the same: where iterations for eigenvectors begin.
fn start_sign(i: usize) -> f64 {
    // SplitMix64 (Steele, Lea and Flood 2014).
    let mut z = (i as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    if (z ^ (z >> 31)) & 1 == 0 { 1.0 } else { -1.0 }
}
