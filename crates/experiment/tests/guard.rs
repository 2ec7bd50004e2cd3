//! Runs that collapse without a guard and do not with one.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flameout_cells::Tensor;
use flameout_experiment::{
    Case, Dataset, Ended, FloatsMut, GuardSettings, Intervention, Observer, RunOptions, Settings, StepRecord, Summary,
    Trainer, stop_if, train,
};

/// Between these steps gradients are 10,000 times as long as they should be, and of the wrong sign.
const EXPLOSION: std::ops::Range<u64> = 900..903;
const CLIP: GuardSettings = GuardSettings::Clip { factor: 2.0 };
const ROLL_BACK: GuardSettings = GuardSettings::RollBack { threshold: 4.0, factor: 0.5 };

/// The fault.
struct Exploding;

impl Intervention for Exploding {
    fn gradients(&mut self, step: u64, _: &[Tensor], mut gradients: FloatsMut<'_>) {
        if EXPLOSION.contains(&step) {
            gradients.map(|x| -1e4 * x);
        }
    }
}

fn settings(guard: Option<GuardSettings>) -> Settings {
    let mut settings = Settings::for_case(Case::GruSingle);
    for (key, value) in [
        ("model.units", "16"),
        ("data.words", "60"),
        ("training.batch", "10"),
        ("training.epochs", "420"),
        ("schedule.learning-rate", "0.02"),
    ] {
        settings.set(key, value).unwrap();
    }
    settings.with(|settings| settings.guard = guard).unwrap()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What became of a small run: its collapse, the steps at which the guard acted, and its weights. With `through`, it is taken
/// up from a snapshot of that step.
fn run(guard: Option<GuardSettings>, through: Option<u64>) -> (Option<u64>, Vec<u64>, String) {
    let settings = settings(guard);
    let dataset = Dataset::open(&settings, &root()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    if let Some(step) = through {
        trainer.go_on_to(step, &dataset, &mut Exploding).unwrap();
        let snapshot = trainer.snapshot();
        trainer = Trainer::new(&settings, &dataset).unwrap();
        trainer.restore(&dataset, snapshot).unwrap();
    }
    trainer.go_on(&dataset, &mut Exploding, |_, _, _| Ok::<_, flameout_experiment::Error>(stop_if(false))).unwrap();
    let trained = trainer.outcome().trained_well_at().expect("it trains well");
    assert!(trained < EXPLOSION.start, "{trained}");
    let acted = trainer.guarded().unwrap_or_default().to_vec();
    (trainer.outcome().collapse_onset(), acted, trainer.weights_blake3())
}

#[test]
fn a_guard_prevents_the_collapse_and_is_reproducible() {
    let (onset, ..) = run(None, None);
    assert!(onset.is_some_and(|onset| onset >= EXPLOSION.start), "{onset:?}");

    for guard in [CLIP, ROLL_BACK] {
        let (onset, acted, weights) = run(Some(guard), None);
        assert_eq!(onset, None, "{guard:?}");
        assert!(acted.iter().any(|step| EXPLOSION.contains(step)), "{acted:?}");
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(pool.install(|| run(Some(guard), Some(901))), (onset, acted, weights));
    }
}

/// Sets the flag after a step.
struct StopAt(u64, Arc<AtomicBool>);

impl Observer for StopAt {
    fn step(&mut self, record: &StepRecord, _: &Trainer) {
        self.1.store(record.step == self.0, Ordering::Relaxed);
    }
}

fn train_in(directory: &Path, settings: &Settings, resume: bool, stop_at: u64) -> Option<Summary> {
    let options = RunOptions { directory: directory.into(), resume, base: root() };
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    match train(settings, &options, &stop, |_| vec![Box::new(StopAt(stop_at, flag))]).unwrap() {
        Ended::Finished(summary) => Some(*summary),
        Ended::Stopped { .. } => None,
    }
}

/// A rate so high that updates are now and then twice as long as usual.
#[test]
fn a_guarded_run_that_is_stopped_and_resumed_ends_with_the_same_bits() {
    let mut unguarded = settings(None);
    unguarded.set("training.epochs", "80").unwrap();
    unguarded.set("schedule.learning-rate", "0.05").unwrap();
    for guard in [GuardSettings::Clip { factor: 1.1 }, GuardSettings::RollBack { threshold: 1.5, factor: 0.5 }] {
        let settings = unguarded.with(|settings| settings.guard = Some(guard)).unwrap();
        assert_ne!(settings.hash(), unguarded.hash());
        assert_eq!(Settings::from_toml(&settings.to_toml()).unwrap(), settings);
        let directory = tempfile::tempdir().unwrap();
        let whole = train_in(&directory.path().join("whole"), &settings, false, u64::MAX).unwrap();
        let acted = whole.guarded.clone().unwrap();
        let (first, late) = (acted[0], acted[acted.len() / 2]);
        assert!(first > 200, "{acted:?}");
        // In the midst of what it does, and where it has only seen what is usual.
        for stop_at in [first + 3, 150, late] {
            let path = directory.path().join(format!("stopped-{stop_at}"));
            assert!(train_in(&path, &settings, false, stop_at).is_none());
            assert_eq!(train_in(&path, &settings, true, u64::MAX).unwrap(), whole, "stopped at {stop_at}");
        }
        let path = directory.path().join("unguarded");
        assert_ne!(train_in(&path, &unguarded, false, u64::MAX).unwrap().weights_blake3, whole.weights_blake3);
    }
}

#[test]
fn a_guard_is_set_by_name_and_refused_out_of_range() {
    let mut settings = settings(None);
    let plain = settings.to_toml();
    settings.set("guard", "{ kind = \"clip\" }").unwrap();
    assert_eq!(settings.guard, Some(CLIP));
    settings.set("guard", "{ kind = \"roll-back\" }").unwrap();
    assert_eq!(settings.guard, Some(ROLL_BACK));
    settings.set("guard.factor", "0.25").unwrap();
    for (key, value, said) in [
        ("guard.factor", "1.5", "at most 1"),
        ("guard.threshold", "0.0", "above 0"),
        ("guard.treshold", "3.0", "treshold"),
        ("guard.kind", "clap", "clap"),
    ] {
        let message = settings.set(key, value).unwrap_err().to_string();
        assert!(message.contains(said), "{message}");
    }
    let unguarded = settings.with(|settings| settings.guard = None).unwrap();
    assert_eq!(unguarded.to_toml(), plain, "without a guard nothing is written");
}
