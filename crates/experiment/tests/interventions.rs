//! Going on from a snapshot with something changed.

use std::path::Path;

use flameout_cells::Tensor;
use flameout_experiment::Batch;
use flameout_experiment::{Case, Dataset, Floats, FloatsMut, Intervention, Settings, Trainer};

fn settings() -> Settings {
    let mut settings = Settings::for_case(Case::LstmSingle);
    for (key, value) in [("model.units", "6"), ("data.words", "60"), ("training.batch", "10")] {
        settings.set(key, value).unwrap();
    }
    settings
}

fn begun(settings: &Settings) -> (Dataset, Trainer) {
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dataset = Dataset::open(settings, &base).unwrap();
    let mut trainer = Trainer::new(settings, &dataset).unwrap();
    for _ in 0..8 {
        trainer.step(&dataset).unwrap();
    }
    (dataset, trainer)
}

fn weights_after(trainer: &mut Trainer, dataset: &Dataset, steps: usize) -> String {
    for _ in 0..steps {
        trainer.step(dataset).unwrap();
    }
    trainer.weights_blake3()
}

#[test]
fn with_nothing_changed_it_is_the_same_run() {
    let settings = settings();
    let (dataset, mut trainer) = begun(&settings);
    let snapshot = trainer.snapshot();
    let expected = weights_after(&mut trainer, &dataset, 9);
    let mut again = Trainer::continue_with(&settings, &dataset, snapshot).unwrap();
    assert_eq!(weights_after(&mut again, &dataset, 9), expected);
}

#[test]
fn each_change_takes_another_path() {
    let original = settings();
    let (dataset, trainer) = begun(&original);
    let mut seen = Vec::new();
    for (key, value) in [
        ("seed", "0"),
        ("schedule.learning-rate", "0.002"),
        ("optimizer.beta2", "0.99"),
        ("optimizer.amsgrad", "true"),
        ("optimizer", "{ kind = \"sgd\" }"),
        ("clipping", "{ kind = \"global-norm\", limit = 0.001 }"),
        ("model.gate-activation", "sigmoid"),
        ("training.batch", "20"),
        ("training.remainder", "drop"),
        ("training.remainder", "weigh"),
        ("constraint", "{ tensor = \"kernel\", max-norm = 0.5 }"),
    ] {
        let mut changed = original.clone();
        changed.set(key, value).unwrap();
        let mut again = Trainer::continue_with(&changed, &dataset, trainer.snapshot()).unwrap();
        let weights = weights_after(&mut again, &dataset, 9);
        assert!(!seen.contains(&weights), "{key} changed nothing");
        seen.push(weights);
    }
}

/// 54 words in batches of 10 leave four.
#[test]
fn the_words_left_over_can_weigh_as_much_as_others() {
    let (dataset, trainer) = begun(&settings());
    let last_of_epoch = |remainder: &str| {
        let mut changed = settings();
        changed.set("training.remainder", remainder).unwrap();
        let mut trainer = Trainer::continue_with(&changed, &dataset, trainer.snapshot()).unwrap();
        let records: Vec<_> = (9..=12).map(|_| trainer.step(&dataset).unwrap()).collect();
        assert!(trainer.at_end_of_epoch() || remainder == "drop");
        records
    };
    let mut kept = begun(&settings()).1;
    let kept: Vec<_> = (9..=12).map(|_| kept.step(&dataset).unwrap()).collect();
    let (weighed, dropped) = (last_of_epoch("weigh"), last_of_epoch("drop"));
    assert_eq!(weighed[..3], kept[..3], "whole batches are as they were");
    assert_eq!((kept[3].words, kept[3].loss), (4, weighed[3].loss));
    approx::assert_relative_eq!(weighed[3].gradient_norm, 0.4 * kept[3].gradient_norm, max_relative = 1e-6);
    assert_eq!(dropped[..3], kept[..3]);
    assert_eq!((dropped[3].words, dropped[3].epoch), (10, 3), "the next epoch begins");
}

#[test]
fn the_words_left_over_can_be_left_out_from_the_end_of_an_epoch_on() {
    let (dataset, mut trainer) = begun(&settings());
    for _ in 9..=12 {
        trainer.step(&dataset).unwrap();
    }
    assert!(trainer.at_end_of_epoch());
    let mut changed = settings();
    changed.set("training.remainder", "drop").unwrap();
    let mut again = Trainer::continue_with(&changed, &dataset, trainer.snapshot()).unwrap();
    assert!(again.at_end_of_epoch(), "all 54 words are used, though this epoch would have had 50");
    let epochs: Vec<_> = (13..=18).map(|_| again.step(&dataset).unwrap().epoch).collect();
    assert_eq!(epochs, [3, 3, 3, 3, 3, 4]);
}

#[test]
fn kernels_are_held_to_the_constraint() {
    let mut constrained = settings();
    constrained.set("constraint", "{ tensor = \"recurrent_kernel\", max-norm = 0.5 }").unwrap();
    let (_, trainer) = begun(&constrained);
    let lengths = |name: &str| -> Vec<f32> {
        let tensor = trainer.tensors().iter().find(|tensor| tensor.name == name).unwrap();
        let Floats::F32(parameters) = trainer.parameters() else { panic!("single precision") };
        let kernel = tensor.view(parameters);
        kernel.columns().into_iter().map(|column| column.dot(&column).sqrt()).collect()
    };
    // They begin with 1.1.
    assert!(lengths("layer0/recurrent_kernel").iter().all(|&length| 0.4 < length && length < 0.500_001));
    assert!(lengths("layer0/kernel").iter().any(|&length| length > 0.6));

    constrained.set("constraint.tensor", "recurent_kernel").unwrap();
    let base = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let dataset = Dataset::open(&constrained, &base).unwrap();
    let message = Trainer::new(&constrained, &dataset).unwrap_err().to_string();
    assert!(message.contains("`recurent_kernel`") && message.contains("layer0/recurrent_kernel"), "{message}");
}

#[test]
fn another_order_uses_every_word_of_the_epoch_once() {
    /// Sums up the targets' first elements, to tell which words an epoch has used.
    struct Sum(f32);
    impl Intervention for Sum {
        fn batch(&mut self, _: u64, batch: &mut Batch) {
            self.0 += batch.targets().column(0).sum();
        }
    }
    let settings = settings();
    let (dataset, trainer) = begun(&settings);
    let epoch = |seed: Option<u64>| {
        let mut again = Trainer::continue_with(&settings, &dataset, trainer.snapshot()).unwrap();
        if let Some(seed) = seed {
            again.reorder(seed);
        }
        let mut sum = Sum(0.0);
        while !again.at_end_of_epoch() {
            again.step_with(&dataset, &mut sum).unwrap();
        }
        (sum.0, again.weights_blake3(), weights_after(&mut again, &dataset, 6))
    };
    let (control, one, two) = (epoch(None), epoch(Some(1)), epoch(Some(2)));
    assert!((control.0 - one.0).abs() < 1e-5 && (control.0 - two.0).abs() < 1e-5);
    assert!(control.1 != one.1 && one.1 != two.1);
    assert_eq!(one, epoch(Some(1)));
}

#[test]
fn a_skipped_batch_is_used_up_without_a_step() {
    let settings = settings();
    let (dataset, mut trainer) = begun(&settings);
    let before = trainer.weights_blake3();
    trainer.skip_batch(&dataset);
    assert_eq!((trainer.steps(), trainer.weights_blake3()), (8, before));
    // 54 training words: batches 9 to 12 of 6 an epoch are left, one of them skipped.
    for _ in 0..3 {
        assert!(!trainer.at_end_of_epoch());
        trainer.step(&dataset).unwrap();
    }
    assert!(trainer.at_end_of_epoch());
}

#[test]
fn interventions_reach_batch_gradients_and_parameters() {
    struct Freeze(Vec<f64>);
    impl Intervention for Freeze {
        fn gradients(&mut self, step: u64, tensors: &[Tensor], mut gradients: FloatsMut<'_>) {
            assert_eq!((step, tensors.len()), (9, 5));
            gradients.range(tensors[1].range()).map(|_| 0.0);
        }
        fn parameters(&mut self, _: u64, tensors: &[Tensor], mut parameters: FloatsMut<'_>) {
            parameters.range(tensors[0].range()).assign(self.0.iter().copied());
        }
    }
    let settings = settings();
    let (dataset, mut trainer) = begun(&settings);
    let kernel = trainer.tensors()[0].range();
    let before = trainer.parameters().range(kernel.clone()).to_vec();
    let gradient = trainer.step_with(&dataset, &mut Freeze(before.clone())).unwrap().gradient_norm;
    assert_eq!(trainer.parameters().range(kernel).to_vec(), before);
    let (dataset, mut trainer) = begun(&settings);
    assert!(trainer.step(&dataset).unwrap().gradient_norm > gradient, "part of the gradient was zeroed");
}

/// From a snapshot after a change of order, training goes on in that order, in the same epoch and in later ones.
#[test]
fn a_snapshot_keeps_the_order_of_the_words() {
    let settings = settings();
    for later in [1, 7] {
        let (dataset, mut trainer) = begun(&settings);
        trainer.reorder(3);
        for _ in 0..later {
            trainer.advance(&dataset, &mut ()).unwrap();
        }
        let snapshot = trainer.snapshot();
        let mut own = Trainer::new(&settings, &dataset).unwrap();
        own.restore(&dataset, snapshot).unwrap();
        let ends = [&mut trainer, &mut own].map(|trainer| {
            trainer.go_on_to(20, &dataset, &mut ()).unwrap();
            (trainer.steps(), trainer.weights_blake3())
        });
        assert_eq!(ends[0], ends[1], "after {later} steps");
        assert_eq!(ends[0].0, 20);
    }
}
