//! Curvatures against a Hessian that is built element by element.

use flameout_doctor::probe::{Curvature, Preconditioner, last_update, scratch};
use flameout_experiment::{Case, Dataset, Number, Settings, Trainer, dataset::Batch};
use flameout_model::{LossKind, Sequential};
use flameout_word2vec::WordVectors;
use ndarray::{Array1, Array2};

/// A small network after some steps, in either precision, with smooth gates.
fn trained<T: Number>(case: Case, units: &str, optimizer: &str) -> (Dataset<T>, Trainer<T>) {
    let words: Vec<String> = ["ant", "bee", "cab", "tab", "neb", "bat", "can", "tan"].map(String::from).to_vec();
    let vectors = Array2::from_shape_fn((8, 3), |(i, j)| ((i * 7 + j * 5 + i * j) % 11) as f32 - 5.0);
    let mut settings = Settings::for_case(case);
    for (key, value) in
        [("model.units", units), ("model.gate-activation", "sigmoid"), ("data.length", "5"), ("optimizer", optimizer)]
    {
        settings.set(key, value).unwrap();
    }
    let dataset = Dataset::new(&settings, WordVectors::new(words, vectors).unwrap()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    for _ in 0..30 {
        trainer.step(&dataset).unwrap();
    }
    (dataset, trainer)
}

const ADAM: &str = r#"{ kind = "adam" }"#;

/// H, column by column, each from six gradients (an error of order h⁶), made symmetric.
fn hessian(model: &Sequential<f64>, batch: &Batch<f64>) -> Array2<f64> {
    let mut moved = scratch(model);
    let count = model.parameters().len();
    let mut hessian = Array2::zeros((count, count));
    let h = 1e-3;
    for column in 0..count {
        for (steps, weight) in [(1.0, 45.0), (2.0, -9.0), (3.0, 1.0)] {
            for sign in [1.0, -1.0] {
                moved.parameters_mut().copy_from_slice(model.parameters());
                moved.parameters_mut()[column] += sign * steps * h;
                moved.forward_backward(batch.indices(), batch.targets(), LossKind::Mse).unwrap();
                for (row, gradient) in moved.gradients().iter().enumerate() {
                    hessian[(row, column)] += sign * weight * gradient / (60.0 * h);
                }
            }
        }
    }
    (&hessian + &hessian.t()) / 2.0
}

/// The largest eigenvalue of a symmetric matrix, by Jacobi's rotations.
fn largest_eigenvalue(mut a: Array2<f64>) -> f64 {
    let n = a.nrows();
    for _ in 0..60 {
        for p in 0..n {
            for q in p + 1..n {
                if a[(p, q)].abs() < 1e-300 {
                    continue;
                }
                let theta = (a[(q, q)] - a[(p, p)]) / (2.0 * a[(p, q)]);
                let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                let c = 1.0 / (t * t + 1.0).sqrt();
                let s = t * c;
                for k in 0..n {
                    let (x, y) = (a[(k, p)], a[(k, q)]);
                    (a[(k, p)], a[(k, q)]) = (c * x - s * y, s * x + c * y);
                }
                for k in 0..n {
                    let (x, y) = (a[(p, k)], a[(q, k)]);
                    (a[(p, k)], a[(q, k)]) = (c * x - s * y, s * x + c * y);
                }
            }
        }
    }
    a.diag().iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn curvatures_are_those_of_the_hessian() {
    for case in [Case::LstmSingle, Case::GruSingle] {
        for optimizer in
            [ADAM, r#"{ kind = "adam", form = "pytorch", epsilon = 0.01 }"#, r#"{ kind = "sgd", momentum = 0.5 }"#]
        {
            let (dataset, trainer) = trained::<f64>(case, "2", optimizer);
            let batch = dataset.batch(&dataset.train);
            let hessian = hessian(trainer.model(), &batch);
            let update = last_update(trainer.model(), trainer.optimizer(), 0.001);
            let preconditioner = Preconditioner::of(trainer.optimizer());
            let count = update.len();
            let p = preconditioner.diagonal().map_or(Array1::ones(count), |diagonal| Array1::from(diagonal.to_vec()));

            let mut model = scratch(trainer.model());
            let mut curvature = Curvature::new(&mut model, &batch, LossKind::Mse);
            let found = curvature.sharpness(trainer.optimizer(), &update, 0.001, 40);

            let g = Array1::from(curvature.gradient().to_vec());
            let d = Array1::from(update);
            let hg = hessian.dot(&g);
            let close = |found: f64, expected: f64| approx::assert_relative_eq!(found, expected, max_relative = 1e-5);
            close(found.gradient_curvature, g.dot(&hg) / g.dot(&g));
            close(found.gradient_preconditioned, g.dot(&(&hg / &p)) / g.dot(&g));
            close(found.update.slope, g.dot(&d) / d.dot(&d).sqrt());
            close(found.update.curvature, d.dot(&hessian.dot(&d)) / d.dot(&d));
            close(found.update.preconditioned, d.dot(&hessian.dot(&d)) / d.dot(&(&p * &d)));
            let scaled = Array2::from_shape_fn((count, count), |(i, j)| hessian[(i, j)] / (p[i] * p[j]).sqrt());
            close(found.largest.value, largest_eigenvalue(scaled));
            assert!(found.largest.gained.abs() < 1e-6 * found.largest.value, "{found:?}");
            assert!(found.update.preconditioned <= found.largest.value * (1.0 + 1e-6));
            drop(curvature);
            assert_eq!(model.parameters(), trainer.model().parameters(), "to the bit");
        }
    }
}

#[test]
fn single_precision_tells_nearly_the_same() {
    let (wide_data, wide) = trained::<f64>(Case::LstmSingle, "24", ADAM);
    let (narrow_data, narrow) = trained::<f32>(Case::LstmSingle, "24", ADAM);
    let update = last_update(narrow.model(), narrow.optimizer(), 0.001);
    let wide_update = last_update(wide.model(), wide.optimizer(), 0.001);
    let mut narrow_model = scratch(narrow.model());
    let mut wide_model = scratch(wide.model());
    let (narrow_batch, wide_batch) = (narrow_data.batch(&narrow_data.train), wide_data.batch(&wide_data.train));
    let found = Curvature::new(&mut narrow_model, &narrow_batch, LossKind::Mse).sharpness(
        narrow.optimizer(),
        &update,
        0.001,
        15,
    );
    let expected = Curvature::new(&mut wide_model, &wide_batch, LossKind::Mse).sharpness(
        wide.optimizer(),
        &wide_update,
        0.001,
        15,
    );
    for (name, found, expected) in [
        ("gradient", found.gradient_curvature, expected.gradient_curvature),
        ("gradient, preconditioned", found.gradient_preconditioned, expected.gradient_preconditioned),
        ("update", found.update.curvature, expected.update.curvature),
        ("update, preconditioned", found.update.preconditioned, expected.update.preconditioned),
        ("largest", found.largest.value, expected.largest.value),
    ] {
        assert!((found / expected - 1.0).abs() < 0.02, "{name}: {found} in f32, {expected} in f64");
    }
    assert_eq!(found.threshold, expected.threshold);
    approx::assert_relative_eq!(found.threshold, 38.0 / 0.001, max_relative = 1e-12);
}

#[test]
fn a_direction_of_zero_and_a_broken_network() {
    let (dataset, trainer) = trained::<f64>(Case::LstmSingle, "2", ADAM);
    let batch = dataset.batch(&dataset.train);
    let mut model = scratch(trainer.model());
    let zero = vec![0.0; model.parameters().len()];
    let preconditioner = Preconditioner::none();
    let along = Curvature::new(&mut model, &batch, LossKind::Mse).along(&zero, &preconditioner);
    assert_eq!((along.slope, along.curvature, along.preconditioned), (0.0, 0.0, 0.0));
    model.parameters_mut()[3] = f64::NAN;
    let mut broken = Curvature::new(&mut model, &batch, LossKind::Mse);
    assert!(broken.loss().is_nan());
    assert!(broken.largest_preconditioned(&preconditioner, 5).value.is_nan());
}
