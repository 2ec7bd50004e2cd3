//! Compiles what is generic over the float type here, for `f32` and `f64`.
//!
//! Otherwise every crate and every test binary that trains compiles it all again: rustc takes a generic function that a
//! crate below has compiled only if it is `#[inline(never)]`. So the ways in are marked so, and named here.

use std::hint::black_box;

use crate::checkpoints::Checkpoints;
use crate::run::Run;
use crate::{Dataset, Number, Summary, Trainer};

#[used]
static INSTANCES: [fn(); 2] = [instances::<f32>, instances::<f64>];

fn instances<T: Number>() {
    black_box(Dataset::<T>::open as fn(_, _) -> _);
    black_box(Dataset::<T>::new as fn(_, _) -> _);
    black_box(Dataset::<T>::blake3 as fn(_) -> _);
    black_box(Dataset::<T>::batch as fn(_, _) -> _);
    black_box(Dataset::<T>::epoch_order as fn(_, _, _, _) -> _);
    black_box(Dataset::<T>::baseline as fn(_, _) -> _);
    black_box(Trainer::<T>::new as fn(_, _) -> _);
    black_box(Trainer::<T>::step_with as fn(_, _, _) -> _);
    black_box(Trainer::<T>::reorder as fn(_, _) -> _);
    black_box(Trainer::<T>::end_epoch as fn(_, _, _) -> _);
    black_box(Trainer::<T>::predict as fn(_, _, _) -> _);
    black_box(Trainer::<T>::loss as fn(_, _, _) -> _);
    black_box(Trainer::<T>::snapshot as fn(_) -> _);
    black_box(Trainer::<T>::restore as fn(_, _, _) -> _);
    black_box(Trainer::<T>::continue_with as fn(_, _, _) -> _);
    black_box(Checkpoints::write::<T> as fn(_, _, _, _) -> _);
    black_box(Checkpoints::newest::<T> as fn(_, _, _) -> _);
    black_box(Checkpoints::states::<T> as fn(_, _) -> _);
    black_box(Summary::of::<T> as fn(_, _, _) -> _);
    black_box(Run::<T>::begin as fn(_, _, _) -> _);
    black_box(Run::<T>::go_on as fn(_, _) -> _);
}
