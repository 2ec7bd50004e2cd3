//! The same bits for every number of threads, and after writing and reading the state; and f32 near f64.

use flameout_kernels::Real;
use flameout_optim::{
    AdamForm, AdamSettings, AnyOptimizer, Clipping, Optimizer, OptimizerSettings, RmsPropSettings, SgdSettings, clip,
    l2_norm,
};
use serde::{Serialize, de::DeserializeOwned};

/// Several tasks' worth of chunks, and a tail.
const LENGTH: usize = 100_003;

fn every_optimizer() -> Vec<OptimizerSettings> {
    let adam = AdamSettings::default();
    vec![
        OptimizerSettings::Adam(adam),
        OptimizerSettings::Adam(AdamSettings { form: AdamForm::PyTorch, weight_decay: 0.1, ..adam }),
        OptimizerSettings::Adam(AdamSettings { amsgrad: true, beta2: 0.5, clip_update_rms: true, ..adam }),
        OptimizerSettings::RmsProp(RmsPropSettings::default()),
        OptimizerSettings::Sgd(SgdSettings::default()),
        OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: false }),
        OptimizerSettings::Sgd(SgdSettings { momentum: 0.9, nesterov: true }),
    ]
}

fn build<T: Real>(settings: OptimizerSettings, length: usize) -> AnyOptimizer<T> {
    AnyOptimizer::for_tensors(settings, &[0..length / 3, length / 3..length]).expect("valid settings")
}

fn start<T: Real>(length: usize) -> Vec<T> {
    (0..length).map(|i| T::from_f64((i % 101) as f64 / 50.0 - 1.0)).collect()
}

/// Gradients that no short sum represents exactly, and that grow from step to step.
fn gradients<T: Real>(step: u64, length: usize) -> Vec<T> {
    let value = |i: usize| ((i as u64 * 7919 + step * 104_729) % 1009) as f64 / 1009.0 - 0.45;
    (0..length).map(|i| T::from_f64(value(i) * (1 + step * step) as f64)).collect()
}

/// Steps `from..to`, with clipping; returns every norm met.
fn train<T: Real>(optimizer: &mut AnyOptimizer<T>, parameters: &mut [T], steps: std::ops::Range<u64>) -> Vec<f64> {
    let mut norms = Vec::new();
    for step in steps {
        let mut gradients = gradients(step, parameters.len());
        norms.push(clip(&mut gradients, &Clipping::GlobalNorm { limit: 100.0 }));
        norms.push(l2_norm(&gradients));
        norms.push(optimizer.update(parameters, &gradients, 0.01).expect("lengths agree").update_norm);
    }
    norms
}

fn bits<T: Real>(values: &[T]) -> Vec<u64> {
    values.iter().map(|value| value.to_f64().to_bits()).collect()
}

fn run_on_threads<T: Real>(settings: OptimizerSettings, threads: usize) -> (Vec<u64>, Vec<u64>) {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
    let mut parameters = start::<T>(LENGTH);
    let norms = pool.install(|| train(&mut build(settings, LENGTH), &mut parameters, 0..4));
    (bits(&parameters), bits(&norms))
}

#[test]
fn threads_do_not_change_a_bit() {
    flameout_kernels::team::oversubscribe(3);
    for settings in every_optimizer() {
        let one = run_on_threads::<f32>(settings, 1);
        assert!(one == run_on_threads::<f32>(settings, 2), "2 threads, {settings:?}");
        assert!(one == run_on_threads::<f32>(settings, 3), "3 threads, {settings:?}");
        let one = run_on_threads::<f64>(settings, 1);
        assert!(one == run_on_threads::<f64>(settings, 3), "3 threads in f64, {settings:?}");
    }
}

fn assert_continues<T: Real + Serialize + DeserializeOwned>(settings: OptimizerSettings) {
    let mut unbroken = build::<T>(settings, 1000);
    let mut expected = start::<T>(1000);
    train(&mut unbroken, &mut expected, 0..7);

    let mut optimizer = build::<T>(settings, 1000);
    let mut parameters = start::<T>(1000);
    train(&mut optimizer, &mut parameters, 0..3);
    let json = serde_json::to_string(&optimizer).expect("serialises");
    let binary = bincode::serde::encode_to_vec(&optimizer, bincode::config::standard()).expect("serialises");
    let from_json: AnyOptimizer<T> = serde_json::from_str(&json).expect("reads back");
    let (from_binary, _): (AnyOptimizer<T>, usize) =
        bincode::serde::decode_from_slice(&binary, bincode::config::standard()).expect("reads back");

    for mut copy in [from_json, from_binary] {
        assert_eq!((copy.settings(), copy.steps()), (settings, 3));
        let mut parameters = parameters.clone();
        train(&mut copy, &mut parameters, 3..7);
        assert!(bits(&parameters) == bits(&expected), "{settings:?}");
        assert!(copy == unbroken, "{settings:?}");
    }
}

#[test]
fn an_optimizer_read_back_continues_to_the_bit() {
    for settings in every_optimizer() {
        assert_continues::<f32>(settings);
        assert_continues::<f64>(settings);
    }
}

#[test]
fn single_precision_follows_double() {
    for settings in every_optimizer() {
        let (mut single, mut double) = (start::<f32>(1000), start::<f64>(1000));
        let single_norms = train(&mut build(settings, 1000), &mut single, 0..10);
        let double_norms = train(&mut build(settings, 1000), &mut double, 0..10);
        for (single, double) in single.iter().zip(&double) {
            approx::assert_abs_diff_eq!(f64::from(*single), *double, epsilon = 2e-5);
        }
        for (single, double) in single_norms.iter().zip(&double_norms) {
            approx::assert_relative_eq!(*single, *double, max_relative = 1e-4);
        }
    }
}
