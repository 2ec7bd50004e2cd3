//! Runs in which a number is not finite: they stop at once, say where, and keep the last sound state.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use flameout_cells::Tensor;
use flameout_curves::Curve;
use flameout_experiment::non_finite::{Place, Quantity};
use flameout_experiment::{
    Case, Dataset, Ended, FloatsMut, Intervention, RunOptions, Settings, Summary, Trainer, train,
};
use flameout_model::Sequential;

/// A run that diverges until it overflows.
fn settings() -> Settings {
    let mut settings = Settings::for_case(Case::LstmSingle);
    for (key, value) in [
        ("model.units", "6"),
        ("data.words", "150"),
        ("training.epochs", "9"),
        ("training.batch", "20"),
        ("training.checkpoint-every", "4"),
        ("optimizer", "{ kind = \"sgd\" }"),
        ("schedule", "{ kind = \"constant\", learning-rate = 1e6 }"),
    ] {
        settings.set(key, value).unwrap();
    }
    settings
}

fn base() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn run(settings: &Settings, directory: &Path, resume: bool) -> Summary {
    let options = RunOptions { directory: directory.into(), resume, base: base() };
    match train(settings, &options, &AtomicBool::new(false), |_| Vec::new()).unwrap() {
        Ended::Finished(summary) => *summary,
        Ended::Stopped { step } => panic!("stopped after step {step}"),
    }
}

fn checkpoints(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory.join("checkpoints")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_run_ends_with_that_step_and_keeps_the_network_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings();
    let summary = run(&settings, directory.path(), false);
    let found = summary.non_finite.clone().unwrap();
    let bad = found.step;
    assert!(bad > 2 && bad % 4 != 1, "the state before step {bad} is to be one that has no checkpoint of its own");
    assert_eq!(summary.steps, bad);

    // The same by hand.
    let dataset = Dataset::open(&settings, &base()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    while trainer.steps() + 1 < bad {
        trainer.advance(&dataset, &mut ()).unwrap();
        assert!(trainer.non_finite().is_none() && trainer.parameters().iter().all(|x| x.is_finite()));
    }
    let kept = Sequential::<f32>::load(&directory.path().join("model.flameout")).unwrap();
    assert_eq!(kept.weights_blake3(), trainer.weights_blake3());
    assert_eq!(checkpoints(directory.path()).last(), Some(&format!("step-{:010}.ckpt", bad - 1)));

    let record = trainer.step(&dataset).unwrap();
    assert_eq!(summary.weights_blake3, trainer.weights_blake3());
    assert_eq!(found.loss, !record.loss.is_finite());
    let (values, quantity) = if trainer.gradients().iter().all(|x| x.is_finite()) {
        (trainer.parameters(), Quantity::Parameter)
    } else {
        (trainer.gradients(), Quantity::Gradient)
    };
    let at = values.iter().position(|x| !x.is_finite()).unwrap();
    let tensor = trainer.tensors().iter().find(|tensor| tensor.range().contains(&at)).unwrap();
    let place = Place { quantity, tensor: tensor.name.clone(), index: at - tensor.offset };
    assert_eq!(found.place, Some(place));

    let curve = Curve::read_run(directory.path()).unwrap();
    assert_eq!(curve.points.last().unwrap().step, bad);
}

#[test]
fn resumed_or_asked_for_again_it_ends_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let summary = run(&settings(), directory.path(), false);
    assert!(summary.last.loss.is_nan(), "{summary:?}");
    let file = |name: &str| fs::read(directory.path().join(name)).unwrap();
    let (json, lines, model) = (file("summary.json"), file("metrics.jsonl"), file("model.flameout"));
    assert_eq!(format!("{:?}", run(&settings(), directory.path(), true)), format!("{summary:?}"));
    fs::remove_file(directory.path().join("summary.json")).unwrap();
    let again = run(&settings(), directory.path(), true);
    assert_eq!(format!("{again:?}"), format!("{summary:?}"));
    assert!(json == file("summary.json") && lines == file("metrics.jsonl") && model == file("model.flameout"));
}

#[test]
fn the_first_step_leaves_the_initial_network() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings();
    settings.set("optimizer", "{ kind = \"adam\" }").unwrap();
    settings.set("schedule", "{ kind = \"constant\", learning-rate = 1e39 }").unwrap();
    let summary = run(&settings, directory.path(), false);
    assert_eq!(summary.non_finite.unwrap().step, 1);
    assert_eq!(checkpoints(directory.path()), ["step-0000000000.ckpt"]);
    let kept = Sequential::<f32>::load(&directory.path().join("model.flameout")).unwrap();
    assert!(kept.parameters().iter().all(|x| x.is_finite()));
    let last = Curve::read_run(directory.path()).unwrap().points.pop().unwrap();
    assert!(last.update_norm.is_some_and(|norm| !norm.is_finite()), "{last:?}");
}

/// Makes a parameter infinite after the update of a step.
struct Poison(u64);

impl Intervention for Poison {
    fn parameters(&mut self, step: u64, tensors: &[Tensor], mut parameters: FloatsMut<'_>) {
        if step == self.0 {
            let place = tensors[2].offset + 5;
            parameters.range(place..place + 1).map(|_| f64::INFINITY);
        }
    }
}

#[test]
fn a_weight_that_overflows_is_noticed_in_the_same_step() {
    let mut settings = settings();
    settings.set("schedule", "{ kind = \"constant\", learning-rate = 0.1 }").unwrap();
    let dataset = Dataset::open(&settings, &base()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    let mut poison = Poison(3);
    for step in 1..=3 {
        assert!(!trainer.finished() && trainer.non_finite().is_none());
        let record = trainer.step_with(&dataset, &mut poison).unwrap();
        assert_eq!(record.update_norm.is_finite(), step < 3);
    }
    assert!(trainer.finished());
    let found = trainer.non_finite().unwrap();
    let tensor = trainer.tensors()[2].name.clone();
    assert_eq!((found.step, found.loss), (3, false));
    assert_eq!(found.place, Some(Place { quantity: Quantity::Parameter, tensor, index: 5 }));
}
