//! Numeric kernels that give **the same bits on every path**: AVX-512, AVX2 + FMA, NEON and portable Rust.
//!
//! - [`product()`]: `out += left · right` for packed operands, each output element accumulated over the inner dimension in
//!   one order by fused multiply-add, whatever the instruction set and the number of threads.
//! - [`Real`]: `f32` and `f64`, with `exp`, `tanh` and [`sigmoid`] from `mul_add` polynomials; no platform library involved.
//! - [`reduce`]: sums with one fixed chunking.
//! - [`team`]: parallel loops between which threads stay awake.
//! - `MappedFile` (feature `mmap`): a file as a slice of bytes, which is `unsafe` to make.
//! - [`dispatch`]: compile a closure once for each instruction set and run the best one.
//!
//! ```
//! use flameout_kernels::{PackedLeft, PackedRight, Start, product};
//! use ndarray::array;
//!
//! let a = array![[1.0_f32, 2.0], [3.0, 4.0]];
//! let b = array![[5.0_f32, 6.0, 7.0], [8.0, 9.0, 10.0]];
//!
//! // Pack once, multiply often: the weights of a recurrent layer serve every time step of a batch.
//! let right = PackedRight::from(b.view());
//! let left = PackedLeft::from(a.view());
//! let mut out = ndarray::Array2::zeros((2, 3));
//! product(&left, &right, out.view_mut(), Start::Zero);
//! assert_eq!(out, array![[21.0, 24.0, 27.0], [47.0, 54.0, 61.0]]);
//! ```
//!
//! This is the only crate of the project that contains `unsafe` code; each block says why it is sound.
#![allow(unsafe_code)]

mod aligned;
mod elementary;
#[cfg(feature = "mmap")]
mod mapped_file;
mod microkernel;
mod packed;
mod path;
mod product;
mod real;
pub mod reduce;
mod start;
pub mod team;

pub use elementary::sigmoid;
#[cfg(feature = "mmap")]
pub use mapped_file::MappedFile;
pub use packed::{PackedLeft, PackedRight, TILE_ROWS};
pub use path::{Path, Unavailable, VARIABLE, dispatch};
pub use product::product;
pub use real::Real;
pub use start::Start;

/// Runs the README's example as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
