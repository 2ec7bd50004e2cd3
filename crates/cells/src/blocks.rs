//! What a cell is made of, for authors of one.
//!
//! | block | what it computes |
//! | --- | --- |
//! | [`Projection`] | `x·W + b` for all time steps at once, from features or indices, and its gradients |
//! | [`RecurrentKernel`] | `h·U`, step by step, and its gradients |
//! | [`sum_rows`] | the gradient for a bias that is added at every time step |
//! | [`Activation`](crate::Activation) | an activation and its slopes, in terms of its outputs |
//! | [`Distribution`](crate::Distribution) | initial values of a matrix |
//! | [`Tensor::lay_out`](crate::Tensor::lay_out) | the places of the parameters in their slice |
//! | [`Sequence::step_and_previous_mut`](crate::Sequence::step_and_previous_mut) | the states that a time step reads and writes |
//!
//! The example `own_cell` makes an Elman network of them; [`gradient_check`](crate::gradient_check) tests it.

pub use crate::projection::{Projection, sum_rows};
pub use crate::recurrent::RecurrentKernel;
