//! Compiles what is generic over the float type here, for `f32` and `f64`.
//!
//! Otherwise every crate and every test binary that diagnoses compiles it all again: rustc takes a generic function that a
//! crate below has compiled only if it is `#[inline(never)]`. So the ways in are marked so, and named here.

use std::hint::black_box;

use flameout_experiment::Number;

use crate::probe::{Curvature, Reference, scratch};
use crate::{Course, Keeper, Replay, Subject, approach, counterfactuals, diagnose_course, remedies, states};

#[used]
static INSTANCES: [fn(); 2] = [instances::<f32>, instances::<f64>];

fn instances<T: Number>() {
    black_box(diagnose_course::<T> as fn(_, _, _) -> _);
    black_box(counterfactuals::<T> as fn(_, _, _, _) -> _);
    black_box(remedies::rank::<T> as fn(_, _, _, _, _) -> _);
    black_box(counterfactuals::advice::<T> as fn(_, _) -> _);
    black_box(approach::<T> as fn(_, _) -> _);
    black_box(Replay::<T>::trial as fn(_, _, _, _) -> _);
    black_box(Course::<T>::of as fn(_, _, _) -> _);
    black_box(Course::<T>::read as fn(_, _, _) -> _);
    black_box(Keeper::<T>::new as fn(_, _, _, _, _, _) -> _);
    black_box(states::<T> as fn(_, _, _) -> _);
    black_box(Subject::<T>::new as fn(_, _) -> _);
    black_box(Reference::<T>::new as fn(_, _, _, _, _) -> _);
    black_box(Reference::<T>::measure as fn(_, _) -> _);
    black_box(scratch::<T> as fn(_) -> _);
    black_box(Curvature::<T>::new as fn(_, _, _) -> _);
    black_box(Curvature::<T>::times as fn(_, _, _) -> _);
    black_box(Curvature::<T>::largest_preconditioned as fn(_, _, _) -> _);
}
