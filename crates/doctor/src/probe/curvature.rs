//! The curvature of the loss, from differences of gradients.

use flameout_experiment::Batch;
use flameout_kernels::Real;
use flameout_model::{LossKind, Sequential};
use flameout_optim::{Preconditioner, l2_norm};
use ndarray::Array2;

use super::elementwise::{change, fill};
use super::lanczos::{Eigenvalue, largest_eigenvalue};

/// A network of its own with the same parameters: what the curvature is measured on, so that a run's own is never touched.
#[must_use]
pub fn scratch<T: Real>(model: &Sequential<T>) -> Sequential<T> {
    let mut copy = Sequential::of(model.architecture().clone());
    copy.parameters_mut().copy_from_slice(model.parameters());
    copy
}

/// The loss of a batch around a network's parameters θ, with gradient g and Hessian H.
///
/// H is known by its products with vectors, each from two gradients:
/// `H·d ≈ (g(θ + h·d) − g(θ − h·d))/2h`, with h such that ‖h·d‖ is a fixed small share of ‖θ‖ (2⁻¹² in `f32`, 2⁻¹⁷ in `f64`, near the
/// balance of what is cut off and what is rounded away). A product thus costs two steps of training without the optimiser's
/// part, and some vectors of the parameters' length of memory. Where a hard sigmoid's kink lies between the two points, the
/// product sees the kink as curvature, smeared over that distance, as a step of training does over its own.
///
/// The network's parameters are moved while it measures and are θ, to the bit, after every call.
#[derive(Debug)]
pub struct Curvature<'a, T> {
    model: &'a mut Sequential<T>,
    batch: &'a Batch,
    targets: Array2<T>,
    loss_kind: LossKind,
    loss: f64,
    parameters: Vec<T>,
    gradient: Vec<T>,
}

impl<'a, T: Real> Curvature<'a, T> {
    /// Of the loss of a batch at the network's present parameters. Takes a [`scratch`] copy of a run's network.
    #[must_use]
    pub fn new(model: &'a mut Sequential<T>, batch: &'a Batch, loss: LossKind) -> Self {
        let targets = batch.targets_in::<T>();
        let value = model.forward_backward(batch.examples(), targets.view(), loss).expect("a batch fits its network");
        let parameters = model.parameters().to_vec();
        let gradient = model.gradients().to_vec();
        Self { model, batch, targets, loss_kind: loss, loss: value, parameters, gradient }
    }

    /// The loss at θ.
    #[must_use]
    pub fn loss(&self) -> f64 {
        self.loss
    }

    /// g(θ), one a parameter.
    #[must_use]
    pub fn gradient(&self) -> &[T] {
        &self.gradient
    }

    /// Writes `H·direction` to `product`. Zero for a direction of zero.
    ///
    /// # Panics
    /// If a vector is not as long as the parameters.
    pub fn times(&mut self, direction: &[T], product: &mut [T]) {
        let length = l2_norm(direction);
        if length == 0.0 {
            product.fill(T::ZERO);
            return;
        }
        let h = self.way() / length;
        product.copy_from_slice(self.gradient_at(h, direction));
        let behind = self.gradient_at(-h, direction);
        change(product, [behind], |ahead, [behind]| T::from_f64((ahead.to_f64() - behind.to_f64()) / (2.0 * h)));
        self.model.parameters_mut().copy_from_slice(&self.parameters);
    }

    /// ‖h·d‖.
    fn way(&self) -> f64 {
        let share = if T::NAME == "f32" { 1.0 / 4096.0 } else { 1.0 / 131_072.0 };
        let norm = l2_norm(&self.parameters);
        share * if norm == 0.0 { 1.0 } else { norm }
    }

    fn gradient_at(&mut self, h: f64, direction: &[T]) -> &[T] {
        fill(self.model.parameters_mut(), [&self.parameters, direction], |[theta, d]| {
            T::from_f64(theta.to_f64() + h * d.to_f64())
        });
        self.model
            .forward_backward(self.batch.examples(), self.targets.view(), self.loss_kind)
            .expect("a batch fits its network");
        self.model.gradients()
    }

    /// The largest eigenvalue of P^(−1/2)·H·P^(−1/2), at the cost of a product an iteration; 10 to 20 are commonly enough,
    /// [`Eigenvalue::gained`] says whether they were.
    ///
    /// # Panics
    /// If the preconditioner is of another network.
    pub fn largest_preconditioned(&mut self, preconditioner: &Preconditioner<T>, iterations: u32) -> Eigenvalue {
        let count = self.parameters.len();
        let Some(diagonal) = preconditioner.diagonal() else {
            return largest_eigenvalue(count, iterations, |x, out| self.times(x, out));
        };
        let mut inverse_root = vec![T::ZERO; count];
        fill(&mut inverse_root, [diagonal], |[p]| T::ONE / p.sqrt());
        let mut scaled = vec![T::ZERO; count];
        largest_eigenvalue(count, iterations, |x, out| {
            fill(&mut scaled, [x, &inverse_root], |[x, r]| x * r);
            self.times(&scaled, out);
            change(out, [&inverse_root], |x, [r]| x * r);
        })
    }
}
