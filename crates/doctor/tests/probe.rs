//! Probes of a network in training.

use std::path::{Path, PathBuf};

use flameout_doctor::probe::{Reference, scratch};
use flameout_experiment::{AnyLearner, Case, Dataset, Settings, Trainer};
use flameout_model::{Loss, Sequential};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn network(trainer: &Trainer) -> &Sequential<f32> {
    match trainer.learner() {
        AnyLearner::F32(learner) => learner.network(),
        AnyLearner::F64(_) => panic!("the settings say single precision"),
    }
}

fn trained(case: Case, steps: usize) -> (Settings, Dataset, Trainer) {
    let mut settings = Settings::for_case(case);
    settings.set("model.units", "12").unwrap();
    settings.set("data.words", "300").unwrap();
    let dataset = Dataset::open(&settings, &root()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    for _ in 0..steps {
        trainer.step(&dataset).unwrap();
    }
    (settings, dataset, trainer)
}

#[test]
fn a_measured_network_is_what_it_looks_like() {
    for case in Case::ALL {
        let (settings, dataset, trainer) = trained(case, 2);
        let mut reference = Reference::new(network(&trainer), settings.training.loss, &dataset, 16, 20);
        let names = (reference.activation_names(), reference.recurrent_names());
        let reading = reference.measure(network(&trainer));
        assert_eq!(reading, reference.measure(network(&trainer)), "measuring again gives the same");
        for shares in [&reading.zero_slope, &reading.saturated_low, &reading.saturated_high] {
            assert_eq!(shares.len(), names.0.len());
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        }
        // Little has changed since the recurrent kernels were drawn orthogonal times 1.1.
        assert_eq!(reading.spectral_radius.len(), names.1.len());
        assert!(reading.spectral_radius.iter().all(|radius| (radius - 1.1).abs() < 0.05), "{reading:?}");
        let mut twin = scratch(network(&trainer));
        let batch = reference.batch();
        let predictions = twin.predict(batch.indices()).unwrap();
        let loss = settings.training.loss.value(predictions.view(), batch.targets());
        assert_eq!((batch.words(), reading.loss), (16, loss));

        // Biases that shut every gate: no slope anywhere.
        let biases: Vec<_> = twin.tensors().iter().filter(|t| t.name.ends_with("bias")).cloned().collect();
        for bias in biases {
            twin.parameters_mut()[bias.range()].fill(-50.0);
        }
        let shut = reference.measure(&twin);
        for (name, share) in names.0.iter().zip(&shut.zero_slope) {
            // A sigmoid's slope at −50 is small, but not zero.
            let sigmoid = name == "layer1/activation";
            assert_eq!(*share, if sigmoid { 0.0 } else { 1.0 }, "{name}");
        }
        assert!(shut.saturated_low.iter().all(|share| *share == 1.0));
        assert!(shut.saturated_high.iter().all(|share| *share == 0.0));
    }
    assert_eq!(names_of(Case::LstmDouble).0[4], "layer1/activation");
    assert_eq!(names_of(Case::GruSingle).1, ["layer0/update", "layer0/reset", "layer0/candidate"]);
}

fn names_of(case: Case) -> (Vec<String>, Vec<String>) {
    let (settings, dataset, trainer) = trained(case, 1);
    let reference = Reference::new(network(&trainer), settings.training.loss, &dataset, 4, 4);
    (reference.activation_names(), reference.recurrent_names())
}

#[test]
fn measurements_have_the_same_bits_on_any_number_of_threads() {
    let bits = [1, 2, 3].map(|threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let (settings, dataset, trainer) = trained(Case::LstmSingle, 3);
            Reference::new(network(&trainer), settings.training.loss, &dataset, 16, 20).measure(network(&trainer))
        })
    });
    assert_eq!(bits[0], bits[1]);
    assert_eq!(bits[0], bits[2]);
}
