//! What can happen to a run's files while it is interrupted, and what then becomes of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use flameout_experiment::Origin;
use flameout_experiment::{
    Begun, Case, Dataset, Ended, Error, Observer, RunDirectory, RunOptions, Settings, StepRecord, Summary, Trainer,
    train,
};

/// 21 steps, 7 an epoch, a checkpoint every 4.
fn settings() -> Settings {
    let mut settings = Settings::for_case(Case::LstmSingle);
    for (key, value) in [
        ("model.units", "6"),
        ("data.words", "150"),
        ("training.epochs", "3"),
        ("training.batch", "20"),
        ("training.checkpoint-every", "4"),
    ] {
        settings.set(key, value).unwrap();
    }
    settings
}

/// Sets the flag after so many steps of this call.
struct StopAfter(u64, Arc<AtomicBool>);

impl Observer for StopAfter {
    fn step(&mut self, _: &StepRecord, _: &Trainer) {
        self.0 -= 1;
        self.1.store(self.0 == 0, Ordering::Relaxed);
    }
}

/// How it ended, the step that it went on from, and the warnings.
fn run(settings: &Settings, path: &Path, resume: bool, stop_after: u64) -> Result<(Ended, u64, Vec<String>), Error> {
    let base = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let options = RunOptions { directory: path.into(), resume, base };
    let stop = Arc::new(AtomicBool::new(false));
    let (mut from, mut warnings) = (0, Vec::new());
    let flag = stop.clone();
    let ended = train(settings, &options, &stop, |begun| {
        from = begun.trainer.steps();
        warnings.clone_from(&begun.warnings);
        vec![Box::new(StopAfter(stop_after, flag)) as Box<dyn Observer>]
    })?;
    Ok((ended, from, warnings))
}

/// Begins a run with those who watch it.
fn begin(
    settings: &Settings,
    path: &Path,
    observers: impl FnOnce(&Begun<'_>) -> Vec<Box<dyn Observer>>,
) -> Result<Ended, Error> {
    let base = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let options = RunOptions { directory: path.into(), resume: false, base };
    train(settings, &options, &AtomicBool::new(false), observers)
}

fn finished(ended: Ended) -> Summary {
    match ended {
        Ended::Finished(summary) => *summary,
        Ended::Stopped { step } => panic!("stopped after step {step}"),
    }
}

/// The summary of the run left alone, and its metrics without the words a second.
fn undisturbed() -> (Summary, Vec<serde_json::Value>) {
    let directory = tempfile::tempdir().unwrap();
    let summary = finished(run(&settings(), directory.path(), false, u64::MAX).unwrap().0);
    (summary, metrics(directory.path()))
}

fn metrics(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path.join("metrics.jsonl")).unwrap();
    let line = |line| {
        let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("words_per_second");
        line
    };
    text.lines().map(line).collect()
}

/// A directory with a run that was stopped after step 10: checkpoints of steps 8 and 10.
fn stopped() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    assert!(matches!(run(&settings(), directory.path(), false, 10).unwrap().0, Ended::Stopped { step: 10 }));
    assert_eq!(checkpoints(directory.path()), [8, 10]);
    directory
}

fn checkpoint(path: &Path, step: u64) -> PathBuf {
    path.join(format!("checkpoints/step-{step:010}.ckpt"))
}

fn checkpoints(path: &Path) -> Vec<u64> {
    let mut steps: Vec<u64> = fs::read_dir(path.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name["step-".len()..].trim_end_matches(".ckpt").parse().unwrap())
        .collect();
    steps.sort_unstable();
    steps
}

fn flip(path: &Path, byte: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[byte] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn what_a_killed_program_was_writing_is_removed() {
    let directory = stopped();
    for name in [".flameout-writing-a1B2c3", "checkpoints/.flameout-writing-D4e5F6"] {
        fs::write(directory.path().join(name), "half").unwrap();
    }
    run(&settings(), directory.path(), true, u64::MAX).unwrap();
    let mut names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(names.all(|name| !name.to_string_lossy().starts_with('.')));
    assert_eq!(checkpoints(directory.path()), [20, 21]);
}

#[test]
fn damaged_checkpoints_of_later_steps_do_not_crowd_out_sound_ones() {
    let (summary, lines) = undisturbed();
    let directory = stopped();
    fs::write(checkpoint(directory.path(), 8), "").unwrap();
    flip(&checkpoint(directory.path(), 10), 1000);
    // Both are lost: the run begins again, and is stopped before it comes to step 8.
    let (_, from, warnings) = run(&settings(), directory.path(), true, 6).unwrap();
    assert_eq!((from, warnings.len()), (0, 2), "{warnings:?}");
    assert_eq!(checkpoints(directory.path()), [4, 6]);
    let (ended, from, warnings) = run(&settings(), directory.path(), true, u64::MAX).unwrap();
    assert_eq!((from, warnings.len()), (6, 0), "{warnings:?}");
    assert_eq!(finished(ended), summary);
    assert_eq!(metrics(directory.path()), lines);
}

#[test]
fn a_run_without_any_checkpoint_begins_again_and_says_so() {
    let (summary, _) = undisturbed();
    let directory = stopped();
    fs::remove_dir_all(directory.path().join("checkpoints")).unwrap();
    let (ended, from, warnings) = run(&settings(), directory.path(), true, u64::MAX).unwrap();
    assert_eq!((finished(ended), from), (summary, 0));
    assert!(warnings.len() == 1 && warnings[0].contains("no checkpoint is left"), "{warnings:?}");
}

#[test]
fn from_its_first_step_on_a_run_knows_its_settings() {
    let directory = tempfile::tempdir().unwrap();
    run(&settings(), directory.path(), false, 1).unwrap();
    assert_eq!(checkpoints(directory.path()), [0, 1]);
    let path = directory.path().join("settings.toml");
    let other = fs::read_to_string(&path).unwrap().replace("seed = 0", "seed = 1");
    fs::write(&path, &other).unwrap();
    let error = run(&Settings::from_toml(&other).unwrap(), directory.path(), true, 1).unwrap_err().to_string();
    assert!(error.contains("other settings"), "{error}");
}

#[test]
fn damaged_metrics_send_the_run_back_to_the_checkpoint_before() {
    let (summary, lines) = undisturbed();
    for damage in [
        |path: &Path, len: usize| flip(path, len - 30),
        |path: &Path, len: usize| {
            fs::OpenOptions::new().write(true).open(path).unwrap().set_len(len as u64 - 1).unwrap();
        },
    ] {
        let directory = stopped();
        let path = directory.path().join("metrics.jsonl");
        damage(&path, fs::read(&path).unwrap().len());
        let (ended, from, warnings) = run(&settings(), directory.path(), true, u64::MAX).unwrap();
        assert_eq!((finished(ended), from), (summary.clone(), 8));
        assert!(warnings.len() == 1 && warnings[0].contains("metrics.jsonl"), "{warnings:?}");
        assert_eq!(metrics(directory.path()), lines);
    }
}

#[test]
fn metrics_damaged_throughout_are_an_error_whose_advice_works() {
    let (summary, lines) = undisturbed();
    let directory = stopped();
    let path = directory.path().join("metrics.jsonl");
    flip(&path, 3);
    let error = run(&settings(), directory.path(), true, u64::MAX).unwrap_err().to_string();
    assert!(error.contains("metrics.jsonl") && error.contains("step 10") && error.contains("move it away"), "{error}");
    assert_eq!(checkpoints(directory.path()), [8, 10]);

    fs::remove_file(&path).unwrap();
    let (ended, from, warnings) = run(&settings(), directory.path(), true, u64::MAX).unwrap();
    assert_eq!((finished(ended), from), (summary, 10));
    assert!(warnings.len() == 1 && warnings[0].contains("up to step 10 are lost"), "{warnings:?}");
    // Ten steps and the end of an epoch.
    assert_eq!(metrics(directory.path()), lines[11..]);
}

#[test]
fn a_checkpoint_of_a_later_version_is_refused_and_not_passed_over() {
    let (summary, _) = undisturbed();
    let directory = stopped();
    let newest = checkpoint(directory.path(), 10);
    flameout_files::checkpoint::write(&newest, 5, &"what a later program thought of").unwrap();
    let error = run(&settings(), directory.path(), true, u64::MAX).unwrap_err().to_string();
    assert!(error.contains("step-0000000010") && error.contains("version 5"), "{error}");
    fs::remove_file(&newest).unwrap();
    let (ended, from, _) = run(&settings(), directory.path(), true, u64::MAX).unwrap();
    assert_eq!((finished(ended), from), (summary, 8));
}

/// As one byte of the header after the other: magic, version, length, checksum.
#[test]
fn a_checkpoint_with_any_damaged_byte_is_passed_over_for_the_one_before() {
    let (summary, lines) = undisturbed();
    let sound = stopped();
    let (settings, base) = (settings(), PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let origin = Origin::of(&settings, &Dataset::open(&settings, &base).unwrap());
    let newest = checkpoint(sound.path(), 10);
    let bytes = fs::read(&newest).unwrap();
    for byte in (0..60).chain([bytes.len() - 1]) {
        for mask in [1_u8, 2, 4, 7 ^ 3, 255] {
            let mut damaged = bytes.clone();
            damaged[byte] ^= mask;
            fs::write(&newest, &damaged).unwrap();
            let mut checkpoints = RunDirectory::open(sound.path()).unwrap().checkpoints(settings.model.precision);
            let found = checkpoints.newest(&origin, &sound.path().join("metrics.jsonl")).unwrap();
            assert_eq!(found.sound.unwrap().0.step(), 8, "byte {byte}, mask {mask}");
            assert!(found.warnings.len() == 1 && found.warnings[0].contains("step-0000000010"), "{:?}", found.warnings);
        }
    }
    // The number of the version in a checkpoint of the first programs, whose checksum did not cover it.
    let mut damaged = bytes.clone();
    damaged[20..52].copy_from_slice(blake3::hash(&bytes[52..]).as_bytes());
    damaged[8] = 7;
    fs::write(&newest, &damaged).unwrap();
    let (ended, from, warnings) = run(&settings, sound.path(), true, u64::MAX).unwrap();
    assert_eq!((finished(ended), from), (summary, 8));
    assert!(warnings.len() == 1 && warnings[0].contains("version"), "{warnings:?}");
    assert_eq!(metrics(sound.path()), lines);
}

/// What another program does to `metrics.jsonl` while the run goes on ends it at the next checkpoint; resumed, it comes to
/// its end.
#[test]
fn metrics_that_others_touch_end_the_run() {
    let (summary, lines) = undisturbed();
    type Touch = fn(&Path);
    let done: [(Touch, &str); 4] = [
        (|path| fs::remove_file(path).unwrap(), "removed"),
        (|path| fs::write(path, "").unwrap(), "cut short"),
        (
            |path| {
                fs::copy(path, path.with_extension("copy")).unwrap();
                fs::rename(path.with_extension("copy"), path).unwrap();
            },
            "replaced",
        ),
        (|path| fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"{}\n").unwrap(), "written to"),
    ];
    for (others, said) in done {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("metrics.jsonl");
        let error = begin(&settings(), directory.path(), |_| vec![Box::new(At(10, path.clone(), others))]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(path.to_str().unwrap()) && message.contains(said), "{message}");
        assert!(!directory.path().join("summary.json").exists());
        let resumed = run(&settings(), directory.path(), true, u64::MAX);
        // Where not even the lines of the checkpoint before are left, the user must say that the run may go on without.
        let (ended, from, _) = resumed.unwrap_or_else(|error| {
            assert!(said == "cut short" && error.to_string().contains("move it away"), "{error}");
            fs::remove_file(&path).unwrap();
            run(&settings(), directory.path(), true, u64::MAX).unwrap()
        });
        assert_eq!((finished(ended), from), (summary.clone(), 8), "{said}");
        let kept = metrics(directory.path());
        assert_eq!(kept, lines[lines.len() - kept.len()..], "{said}");
    }
}

/// Does something to a file after a step.
struct At(u64, PathBuf, fn(&Path));

impl Observer for At {
    fn step(&mut self, record: &StepRecord, _: &Trainer) {
        if record.step == self.0 {
            self.2(&self.1);
        }
    }
}

/// Nothing of a stranger's is written over, and nothing is written before that is known.
#[test]
fn a_directory_with_a_file_of_that_name_is_refused_untouched() {
    let names = [
        "metrics.jsonl",
        "summary.json",
        "settings.toml",
        "model.flameout",
        "best.flameout",
        "encoder.json",
        "environment.json",
        "lock",
        "diagnosis.json",
        "states",
        "ngrams.flameout",
        "checkpoints/step-0000000004.ckpt",
    ];
    for name in names {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "mine").unwrap();
        assert_refused(directory.path(), name.split('/').next().unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    }
}

#[cfg(unix)]
#[test]
fn a_directory_with_a_link_of_that_name_is_refused_untouched() {
    for name in ["metrics.jsonl", "lock", "checkpoints", "environment.json", "settings.toml"] {
        let (directory, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = elsewhere.path().join("thesis.tex");
        // Once of a file that is there, and once of none.
        for content in [Some("years of work"), None] {
            let link = directory.path().join(name);
            let _ = fs::remove_file(&link);
            let _ = fs::remove_file(&target);
            content.iter().for_each(|content| fs::write(&target, content).unwrap());
            std::os::unix::fs::symlink(&target, &link).unwrap();
            assert_refused(directory.path(), name);
            assert_eq!(fs::read_to_string(&target).ok().as_deref(), content);
        }
    }
}

fn assert_refused(directory: &Path, name: &str) {
    let before = fs::read_dir(directory).unwrap().count();
    let error = run(&settings(), directory, false, 1).unwrap_err().to_string();
    assert!(error.contains(directory.to_str().unwrap()) && error.contains(&format!("`{name}`")), "{error}");
    assert_eq!(fs::read_dir(directory).unwrap().count(), before, "{name}");
}

/// Of a run that was killed before it was one.
#[test]
fn what_a_killed_beginning_left_is_no_strangers() {
    let directory = tempfile::tempdir().unwrap();
    run(&settings(), directory.path(), false, 1).unwrap();
    for name in ["settings.toml", "metrics.jsonl", "encoder.json"] {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
    fs::remove_dir_all(directory.path().join("checkpoints")).unwrap();
    fs::create_dir(directory.path().join("checkpoints")).unwrap();
    fs::write(directory.path().join("checkpoints/.flameout-writing-D4e5F6"), "half").unwrap();
    run(&settings(), directory.path(), false, 1).unwrap();
}

/// Version 2 was the same without the hash of the metrics at the end.
#[test]
fn checkpoints_of_version_2_are_gone_on_from() {
    let (summary, lines) = undisturbed();
    let directory = stopped();
    let newest = checkpoint(directory.path(), 10);
    let bytes = fs::read(&newest).unwrap();
    let payload = &bytes[52..bytes.len() - 32];
    let len = (payload.len() as u64).to_le_bytes();
    let hash = blake3::hash(payload);
    fs::write(&newest, [&b"FLAMEOUT"[..], &2_u32.to_le_bytes(), &len, hash.as_bytes(), payload].concat()).unwrap();
    let (ended, from, warnings) = run(&settings(), directory.path(), true, u64::MAX).unwrap();
    assert_eq!((finished(ended), from, warnings.len()), (summary, 10, 0), "{warnings:?}");
    assert_eq!(metrics(directory.path()), lines);
}

#[test]
fn a_damaged_summary_says_what_to_do_and_that_works() {
    let directory = tempfile::tempdir().unwrap();
    let summary = finished(run(&settings(), directory.path(), false, u64::MAX).unwrap().0);
    let path = directory.path().join("summary.json");
    fs::write(&path, "{").unwrap();
    let error = run(&settings(), directory.path(), true, u64::MAX).unwrap_err().to_string();
    assert!(error.contains("summary.json") && error.contains("remove it and resume"), "{error}");
    fs::remove_file(&path).unwrap();
    assert_eq!(finished(run(&settings(), directory.path(), true, u64::MAX).unwrap().0), summary);
}
