//! Compiles what is generic over the float type here, for `f32` and `f64`.
//!
//! Otherwise every crate and every test binary with a network compiles it all again: rustc takes a generic function that a
//! crate below has compiled only if it is `#[inline(never)]`. So the ways in are marked so, and named here.

use std::hint::black_box;

use flameout_kernels::Real;

use crate::{Architecture, Loss, LossKind, Sequential, metrics};

#[used]
static INSTANCES: [fn(); 2] = [instances::<f32>, instances::<f64>];

fn instances<T: Real>() {
    black_box(Architecture::build::<T> as fn(_) -> _);
    black_box(<LossKind as Loss<T>>::evaluate as fn(_, _, _, _) -> _);
    black_box(Sequential::<T>::of as fn(_) -> _);
    black_box(Sequential::<T>::forward_examples as fn(_, _) -> _);
    black_box(Sequential::<T>::train_on as fn(_, _, _, _) -> _);
    black_box(Sequential::<T>::predict_examples as fn(_, _) -> _);
    black_box(Sequential::<T>::weights_blake3 as fn(_) -> _);
    black_box(Sequential::<T>::save as fn(_, _) -> _);
    black_box(Sequential::<T>::load as fn(_) -> _);
    black_box(metrics::keras_accuracy::<T> as fn(_, _) -> _);
    black_box(metrics::mean_cosine::<T> as fn(_, _) -> _);
    black_box(metrics::mean_squared_error::<T> as fn(_, _) -> _);
    black_box(metrics::spread::<T> as fn(_) -> _);
    black_box(metrics::identical_share::<T> as fn(_) -> _);
    black_box(metrics::most_common_arg_max::<T> as fn(_) -> _);
    black_box(metrics::mean_predictor_loss::<T> as fn(_) -> _);
    black_box(metrics::NearestWords::<T>::new as fn(_) -> _);
    black_box(metrics::NearestWords::<T>::ranks as fn(_, _, _) -> _);
}
