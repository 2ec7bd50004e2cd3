//! Curvatures against a Hessian that is built element by element.

use flameout_doctor::probe::{Curvature, scratch};
use flameout_experiment::{AnyLearner, Batch, Case, Dataset, Learner, Settings, Trainer};
use flameout_kernels::Real;
use flameout_model::{LossKind, Sequential};
use flameout_optim::Preconditioner;
use flameout_word2vec::WordVectors;
use ndarray::{Array1, Array2};

/// A small network after some steps, in either precision, with smooth gates.
fn trained(case: Case, units: &str, optimizer: &str, precision: &str) -> (Dataset, Trainer) {
    let words: Vec<String> = ["ant", "bee", "cab", "tab", "neb", "bat", "can", "tan"].map(String::from).to_vec();
    let vectors = Array2::from_shape_fn((8, 3), |(i, j)| ((i * 7 + j * 5 + i * j) % 11) as f32 - 5.0);
    let mut settings = Settings::for_case(case);
    for (key, value) in [
        ("model.units", units),
        ("model.gate-activation", "sigmoid"),
        ("data.length", "5"),
        ("optimizer", optimizer),
        ("model.precision", precision),
    ] {
        settings.set(key, value).unwrap();
    }
    let dataset = Dataset::new(&settings, WordVectors::new(words, vectors).unwrap()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    for _ in 0..30 {
        trainer.step(&dataset).unwrap();
    }
    (dataset, trainer)
}

fn double(trainer: &Trainer) -> &Learner<f64> {
    match trainer.learner() {
        AnyLearner::F64(learner) => learner,
        AnyLearner::F32(_) => panic!("the settings say double precision"),
    }
}

const ADAM: &str = r#"{ kind = "adam" }"#;

/// H, column by column, each from six gradients (an error of order h⁶), made symmetric.
fn hessian(model: &Sequential<f64>, batch: &Batch) -> Array2<f64> {
    let mut moved = scratch(model);
    let count = model.parameters().len();
    let mut hessian = Array2::zeros((count, count));
    let h = 1e-3;
    for column in 0..count {
        for (steps, weight) in [(1.0, 45.0), (2.0, -9.0), (3.0, 1.0)] {
            for sign in [1.0, -1.0] {
                moved.parameters_mut().copy_from_slice(model.parameters());
                moved.parameters_mut()[column] += sign * steps * h;
                moved.forward_backward(batch.indices(), batch.targets_in().view(), LossKind::Mse).unwrap();
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
            let (dataset, trainer) = trained(case, "2", optimizer, "f64");
            let learner = double(&trainer);
            let batch = dataset.batch(&dataset.train);
            let hessian = hessian(learner.network(), &batch);
            let preconditioner = Preconditioner::of(learner.optimizer());
            let count = learner.network().parameters().len();
            let p = preconditioner.diagonal().map_or(Array1::ones(count), |diagonal| Array1::from(diagonal.to_vec()));

            let mut model = scratch(learner.network());
            let mut curvature = Curvature::new(&mut model, &batch, LossKind::Mse);
            let mut product = vec![0.0; count];
            let gradient = curvature.gradient().to_vec();
            curvature.times(&gradient, &mut product);
            let expected = hessian.dot(&Array1::from(gradient));
            let scale = expected.iter().fold(0.0_f64, |largest, x| largest.max(x.abs()));
            for (found, expected) in product.iter().zip(&expected) {
                approx::assert_abs_diff_eq!(found, expected, epsilon = 1e-5 * scale);
            }
            let scaled = Array2::from_shape_fn((count, count), |(i, j)| hessian[(i, j)] / (p[i] * p[j]).sqrt());
            let found = curvature.largest_preconditioned(&preconditioner, 40);
            approx::assert_relative_eq!(found.value, largest_eigenvalue(scaled), max_relative = 1e-5);
            assert!(found.gained.abs() < 1e-6 * found.value, "{found:?}");
            assert_eq!(model.parameters(), learner.network().parameters(), "to the bit");
        }
    }
}

#[test]
fn single_precision_tells_nearly_the_same() {
    fn largest<T: Real>(dataset: &Dataset, learner: &Learner<T>) -> f64 {
        let (batch, mut model) = (dataset.batch(&dataset.train), scratch(learner.network()));
        let preconditioner = Preconditioner::of(learner.optimizer());
        approx::assert_relative_eq!(preconditioner.threshold(0.001), 38.0 / 0.001, max_relative = 1e-12);
        Curvature::new(&mut model, &batch, LossKind::Mse).largest_preconditioned(&preconditioner, 15).value
    }
    let [narrow, wide] = ["f32", "f64"].map(|precision| {
        let (dataset, trainer) = trained(Case::LstmSingle, "24", ADAM, precision);
        match trainer.learner() {
            AnyLearner::F32(learner) => largest(&dataset, learner),
            AnyLearner::F64(learner) => largest(&dataset, learner),
        }
    });
    assert!((narrow / wide - 1.0).abs() < 0.02, "{narrow} in f32, {wide} in f64");
}

#[test]
fn a_direction_of_zero_and_a_broken_network() {
    let (dataset, trainer) = trained(Case::LstmSingle, "2", ADAM, "f64");
    let learner = double(&trainer);
    let batch = dataset.batch(&dataset.train);
    let mut model = scratch(learner.network());
    let zero = vec![0.0; model.parameters().len()];
    let mut product = vec![1.0; zero.len()];
    Curvature::new(&mut model, &batch, LossKind::Mse).times(&zero, &mut product);
    assert_eq!(product, zero);
    model.parameters_mut()[3] = f64::NAN;
    let mut broken = Curvature::new(&mut model, &batch, LossKind::Mse);
    assert!(broken.loss().is_nan());
    assert!(broken.largest_preconditioned(&Preconditioner::of(learner.optimizer()), 5).value.is_nan());
}
