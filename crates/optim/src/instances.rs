//! Compiles what is generic over the float type here, for `f32` and `f64`.
//!
//! Otherwise every crate and every test binary that trains compiles it all again: rustc takes a generic function that a
//! crate below has compiled only if it is `#[inline(never)]`. So the ways in are marked so, and named here.

use std::hint::black_box;

use flameout_kernels::Real;

use crate::{AnyOptimizer, Optimizer, clip};

#[used]
static INSTANCES: [fn(); 2] = [instances::<f32>, instances::<f64>];

fn instances<T: Real>() {
    black_box(clip::<T> as fn(_, _) -> _);
    black_box(AnyOptimizer::<T>::build as fn(_, _) -> _);
    black_box(AnyOptimizer::<T>::change_settings as fn(_, _) -> _);
    black_box(<AnyOptimizer<T> as Optimizer<T>>::update as fn(_, _, _, _) -> _);
}
