//! Whole runs on the fixture: the same bits whatever happens on the way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flameout_curves::{Curve, EpochPoint};
use flameout_experiment::{
    Case, Ended, Observer, RunDirectory, RunOptions, Settings, StepRecord, Summary, Trainer, train,
};

fn settings(case: Case) -> Settings {
    let mut settings = Settings::for_case(case);
    for (key, value) in [
        ("model.units", "12"),
        ("data.words", "150"),
        ("training.epochs", "3"),
        ("training.batch", "20"),
        ("training.checkpoint-every", "4"),
        ("schedule", "{ kind = \"reduce-on-plateau\", learning-rate = 0.01, patience = 1 }"),
    ] {
        settings.set(key, value).unwrap();
    }
    settings
}

fn options(directory: &Path, resume: bool) -> RunOptions {
    let base = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    RunOptions { directory: directory.into(), resume, base }
}

/// Sets the flag after so many steps of this call.
struct StopAfter(u64, Arc<AtomicBool>);

impl Observer for StopAfter {
    fn step(&mut self, _: &StepRecord, _: &Trainer) {
        self.0 -= 1;
        self.1.store(self.0 == 0, Ordering::Relaxed);
    }
}

fn run(settings: &Settings, directory: &Path, resume: bool, stop_after: Option<u64>) -> Ended {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    train(settings, &options(directory, resume), &stop, |_| match stop_after {
        Some(steps) => vec![Box::new(StopAfter(steps, flag)) as Box<dyn Observer>],
        None => Vec::new(),
    })
    .unwrap()
}

fn finished(ended: Ended) -> Summary {
    match ended {
        Ended::Finished(summary) => *summary,
        Ended::Stopped { step } => panic!("stopped after step {step}"),
    }
}

fn steps(directory: &Path) -> Vec<(u64, u64)> {
    let curve = Curve::read_run(directory).unwrap();
    curve.points.iter().map(|point| (point.step, point.loss.to_bits())).collect()
}

#[test]
fn a_stopped_and_resumed_run_ends_with_the_same_bits() {
    for case in Case::ALL {
        let directory = tempfile::tempdir().unwrap();
        let settings = settings(case);
        let whole = directory.path().join("whole");
        let expected = finished(run(&settings, &whole, false, None));
        assert_eq!(expected.steps, 21);

        let pieces = directory.path().join("pieces");
        assert!(matches!(run(&settings, &pieces, false, Some(5)), Ended::Stopped { step: 5 }));
        // The seventh step ends an epoch; stopping there must not measure it twice or never.
        assert!(matches!(run(&settings, &pieces, true, Some(2)), Ended::Stopped { step: 7 }));
        assert!(matches!(run(&settings, &pieces, true, Some(10)), Ended::Stopped { step: 17 }));
        let resumed = finished(run(&settings, &pieces, true, None));
        assert_eq!(resumed, expected);
        assert_eq!(steps(&pieces), steps(&whole));
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    for case in Case::ALL {
        let hashes = [1, 2, 3].map(|threads| {
            let directory = tempfile::tempdir().unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| finished(run(&settings(case), &directory.path().join("run"), false, None)).weights_blake3)
        });
        assert!(hashes.iter().all(|hash| *hash == hashes[0]), "{hashes:?}");
    }
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let settings = settings(Case::GruSingle);
    let expected = finished(run(&settings, &directory.path().join("whole"), false, None));
    run(&settings, &path, false, Some(10));
    let newest = path.join("checkpoints/step-0000000010.ckpt");
    let mut bytes = std::fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&newest, bytes).unwrap();

    let mut warnings = Vec::new();
    let stop = AtomicBool::new(false);
    let ended = train(&settings, &options(&path, true), &stop, |begun| {
        assert_eq!(begun.trainer.steps(), 8);
        warnings.clone_from(&begun.warnings);
        Vec::new()
    });
    assert_eq!(finished(ended.unwrap()), expected);
    assert!(warnings.len() == 1 && warnings[0].contains("step-0000000010"), "{warnings:?}");
}

#[test]
fn a_directory_is_used_by_one_run_only() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let settings = settings(Case::LstmSingle);
    let error = |settings: &Settings, resume| {
        let stop = AtomicBool::new(false);
        train(settings, &options(&path, resume), &stop, |_| Vec::new()).unwrap_err().to_string()
    };
    assert!(error(&settings, true).contains("holds no run"));

    run(&settings, &path, false, Some(3));
    assert!(error(&settings, false).contains("holds a run already"));
    let other = RunDirectory::open(&path).unwrap();
    assert!(error(&settings, true).contains("another program is writing here"));
    drop(other);
    let other_seed = settings.with(|settings| settings.seed = 9).unwrap();
    assert!(error(&other_seed, true).contains("other settings"));
}

#[test]
fn other_vectors_are_noticed_when_a_run_is_resumed() {
    let directory = tempfile::tempdir().unwrap();
    let vectors = directory.path().join("vectors.txt");
    let write = |last: &str| {
        let lines: String = (0..60).map(|i| format!("{} {} {}\n", letters(i), i % 7 + 1, i * i % 11)).collect();
        std::fs::write(&vectors, lines + last).unwrap();
    };
    let settings = settings(Case::LstmSingle).with(|settings| settings.data.vectors.clone_from(&vectors)).unwrap();
    let path = directory.path().join("run");
    write("last 1 2\n");
    assert!(matches!(run(&settings, &path, false, Some(3)), Ended::Stopped { step: 3 }));
    write("last 2 1\n");
    let stop = AtomicBool::new(false);
    let error = train(&settings, &options(&path, true), &stop, |_| Vec::new()).unwrap_err().to_string();
    assert!(error.contains("other word vectors"), "{error}");
    write("last 1 2\n");
    finished(run(&settings, &path, true, None));
}

/// A different word for each number.
fn letters(number: usize) -> String {
    [number / 26, number % 26].map(|digit| char::from(b'a' + digit as u8)).iter().collect()
}

#[test]
fn the_directory_is_complete_and_the_model_can_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run");
    let settings = settings(Case::LstmDouble);
    let summary = finished(run(&settings, &path, false, None));
    for name in ["settings.toml", "environment.json", "metrics.jsonl", "model.flameout", "encoder.json", "summary.json"]
    {
        assert!(path.join(name).is_file(), "{name}");
    }
    let model = flameout_model::Sequential::<f32>::load(&path.join("model.flameout")).unwrap();
    assert_eq!(model.weights_blake3(), summary.weights_blake3);
    assert_eq!(Settings::read(&path.join("settings.toml")).unwrap(), settings);

    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(path.join("summary.json")).unwrap()).unwrap();
    for key in ["case", "seed", "settings_hash", "steps", "collapsed", "onset_step", "symptom", "weights_blake3"] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert!(json["best"]["step"].is_u64() && json["best"]["loss"].is_f64() && json["best"]["accuracy"].is_f64());
    assert!(json["final"]["loss"].is_f64() && json["final"]["accuracy"].is_f64());
}

#[test]
fn patience_ends_the_run_and_keeps_the_network_of_the_lowest_test_loss() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(Case::LstmSingle);
    settings.set("training.epochs", "200").unwrap();
    settings.set("training.patience", "3").unwrap();
    let summary = finished(run(&settings, directory.path(), false, None));
    let best = summary.best_test.unwrap();
    let epochs = Curve::read_run(directory.path()).unwrap().epochs;
    let loss = |epoch: &EpochPoint| epoch.test_loss.unwrap();
    let lowest = epochs.iter().min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap();
    assert_eq!((best.epoch, Some(best.step), best.loss), (lowest.epoch, lowest.step, loss(lowest)));
    assert_eq!(epochs.len() as u64, best.epoch + 3);

    // The file holds the network that the shorter run ends with.
    settings.set("training.patience", "200").unwrap();
    settings.set("training.epochs", &best.epoch.to_string()).unwrap();
    let shorter = finished(run(&settings, &directory.path().join("shorter"), false, None));
    let kept = flameout_model::Sequential::<f32>::load(&directory.path().join("best.flameout")).unwrap();
    assert_eq!(kept.weights_blake3(), shorter.weights_blake3);
}

#[test]
fn double_precision_trains_to_nearly_the_same_loss() {
    let directory = tempfile::tempdir().unwrap();
    let mut settings = settings(Case::LstmSingle);
    let single = finished(run(&settings, &directory.path().join("f32"), false, None));
    settings.set("model.precision", "f64").unwrap();
    let whole = finished(run(&settings, &directory.path().join("f64"), false, None));
    assert_ne!(single.weights_blake3, whole.weights_blake3);
    // Stopped and resumed, which reads a checkpoint in double precision.
    assert!(matches!(run(&settings, &directory.path().join("resumed"), false, Some(9)), Ended::Stopped { .. }));
    let double = finished(run(&settings, &directory.path().join("resumed"), true, None));
    assert_eq!(double, whole);
    assert!((single.last.loss / double.last.loss - 1.0).abs() < 1e-3, "{} {}", single.last.loss, double.last.loss);
}
