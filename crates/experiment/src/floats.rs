//! A network's numbers, in whichever precision it computes.

use std::ops::Range;

use flameout_kernels::Real;
use flameout_optim::l2_norm;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::weights::{AnyWeights, Weights};

/// Parameters, gradients or moments, flat, to read. As `f64` they are exact. A network has no third precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Floats<'a> {
    /// Of a network in single precision.
    F32(&'a [f32]),
    /// Of a network in double precision.
    F64(&'a [f64]),
}

/// Parameters, gradients or moments, flat, to change. A network has no third precision.
#[derive(Debug)]
pub enum FloatsMut<'a> {
    /// Of a network in single precision.
    F32(&'a mut [f32]),
    /// Of a network in double precision.
    F64(&'a mut [f64]),
}

impl<'a> Floats<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        match self {
            Self::F32(values) => values.len(),
            Self::F64(values) => values.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Some of them, such as a tensor's.
    ///
    /// # Panics
    /// If the range ends beyond them.
    #[must_use]
    pub fn range(self, range: Range<usize>) -> Self {
        match self {
            Self::F32(values) => Self::F32(&values[range]),
            Self::F64(values) => Self::F64(&values[range]),
        }
    }

    /// Each of them.
    #[must_use]
    pub fn iter(self) -> impl ExactSizeIterator<Item = f64> + 'a {
        (0..self.len()).map(move |index| match self {
            Self::F32(values) => values[index].into(),
            Self::F64(values) => values[index],
        })
    }

    /// All of them.
    #[must_use]
    pub fn to_vec(self) -> Vec<f64> {
        self.iter().collect()
    }

    /// ‖x‖₂, summed in `f64` in a fixed order.
    #[must_use]
    pub fn l2_norm(self) -> f64 {
        match self {
            Self::F32(values) => l2_norm(values),
            Self::F64(values) => l2_norm(values),
        }
    }

    /// What they are after a change of a copy.
    #[must_use]
    pub fn changed(self, change: impl FnOnce(FloatsMut<'_>)) -> Vec<f64> {
        match self {
            Self::F32(values) => {
                let mut copy = values.to_vec();
                change(FloatsMut::F32(&mut copy));
                Floats::F32(&copy).to_vec()
            }
            Self::F64(values) => {
                let mut copy = values.to_vec();
                change(FloatsMut::F64(&mut copy));
                copy
            }
        }
    }
}

impl FloatsMut<'_> {
    /// The same, to read.
    #[must_use]
    pub fn read(&self) -> Floats<'_> {
        match self {
            Self::F32(values) => Floats::F32(values),
            Self::F64(values) => Floats::F64(values),
        }
    }

    /// Some of them, such as a tensor's.
    ///
    /// # Panics
    /// If the range ends beyond them.
    #[must_use]
    pub fn range(&mut self, range: Range<usize>) -> FloatsMut<'_> {
        match self {
            Self::F32(values) => FloatsMut::F32(&mut values[range]),
            Self::F64(values) => FloatsMut::F64(&mut values[range]),
        }
    }

    /// Replaces each by a function of it, rounded to the precision.
    pub fn map(&mut self, mut change: impl FnMut(f64) -> f64) {
        match self {
            Self::F32(values) => values.iter_mut().for_each(|x| *x = change((*x).into()) as f32),
            Self::F64(values) => values.iter_mut().for_each(|x| *x = change(*x)),
        }
    }

    /// Replaces them by others, rounded to the precision.
    ///
    /// # Panics
    /// If there are more or fewer of the others.
    pub fn assign(&mut self, others: impl ExactSizeIterator<Item = f64>) {
        assert_eq!(others.len(), self.read().len(), "as many numbers as there are");
        let mut others = others;
        self.map(|old| others.next().unwrap_or(old));
    }
}

/// `f32` or `f64`, with what holds either.
pub trait Number: Real + Serialize + DeserializeOwned {
    /// Makes numbers readable in any precision.
    fn floats(values: &[Self]) -> Floats<'_>;
    /// Makes numbers writable in any precision.
    fn floats_mut(values: &mut [Self]) -> FloatsMut<'_>;
    /// Wraps weights of this precision.
    fn weights(weights: Weights<Self>) -> AnyWeights;
}

macro_rules! impl_number {
    ($type:ident, $variant:ident) => {
        impl Number for $type {
            fn floats(values: &[Self]) -> Floats<'_> {
                Floats::$variant(values)
            }
            fn floats_mut(values: &mut [Self]) -> FloatsMut<'_> {
                FloatsMut::$variant(values)
            }
            fn weights(weights: Weights<Self>) -> AnyWeights {
                AnyWeights::$variant(weights)
            }
        }
    };
}

impl_number!(f32, F32);
impl_number!(f64, F64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_precision_is_read_and_changed_alike() {
        let (mut single, mut double) = ([1.5_f32, -2.0, 4.0], [1.5, -2.0, 4.0]);
        for mut floats in [FloatsMut::F32(&mut single), FloatsMut::F64(&mut double)] {
            assert_eq!(floats.read().changed(|mut floats| floats.map(|x| 2.0 * x)), [3.0, -4.0, 8.0]);
            floats.range(1..3).map(|x| x + 1.0);
            floats.range(0..1).assign([0.1].into_iter());
            assert_eq!(floats.read().range(1..3).to_vec(), [-1.0, 5.0]);
            assert_eq!(floats.read().range(1..3).l2_norm(), 26.0_f64.sqrt());
        }
        assert_eq!((single[0], double[0]), (0.1, 0.1));
    }
}
