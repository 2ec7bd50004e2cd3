//! Settings and run directories that are not what they should be: an error or a warning that names the file, never a panic.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use flameout_curves::Curve;
use flameout_experiment::{Case, Ended, Error, RunDirectory, RunOptions, Settings, train};
use proptest::collection::vec;
use proptest::prelude::*;

/// A run of three steps.
fn settings() -> Settings {
    let mut settings = Settings::for_case(Case::LstmSingle);
    for (key, value) in [
        ("model.units", "4"),
        ("data.words", "40"),
        ("training.epochs", "1"),
        ("training.batch", "12"),
        ("training.checkpoint-every", "1"),
    ] {
        settings.set(key, value).unwrap();
    }
    settings
}

/// Trains, or resumes, and returns how it ended and the warnings about checkpoints.
fn run(directory: &Path, resume: bool) -> (Result<Ended, Error>, Vec<String>) {
    let base = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let options = RunOptions { directory: directory.into(), resume, base };
    let mut warnings = Vec::new();
    let ended = train(&settings(), &options, &AtomicBool::new(false), |begun| {
        warnings.clone_from(&begun.warnings);
        Vec::new()
    });
    (ended, warnings)
}

/// A directory with a finished run, and its summary's text.
fn finished() -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    run(directory.path(), false).0.unwrap();
    let summary = fs::read_to_string(directory.path().join("summary.json")).unwrap();
    (directory, summary)
}

/// What may lie in a file after an accident.
fn garbage() -> Vec<Vec<u8>> {
    let deep = "[".repeat(100_000);
    let texts = ["", " ", "{}", "[]", "null", "case", "case = 1", "{\"case\":", "\0\0\0\0", deep.as_str()];
    texts.iter().map(|text| text.as_bytes().to_vec()).chain([vec![0xff, 0xfe, 0x00], vec![0x80; 5000]]).collect()
}

fn assert_names(error: &Error, file: &Path) {
    let message = error.to_string();
    assert!(message.contains(file.to_str().unwrap()), "{message}");
}

#[test]
fn garbage_for_settings_is_an_error_that_names_the_file() {
    let (directory, _) = finished();
    let path = directory.path().join("settings.toml");
    fs::remove_file(directory.path().join("summary.json")).unwrap();
    let out_of_range = b"case = \"gru-single\"\n[training]\nbatch = 0\n".to_vec();
    let not_the_optimizers = b"case = \"gru-single\"\n[optimizer]\nkind = \"adam\"\nbeta1 = 1.5\n".to_vec();
    for content in garbage().into_iter().chain([out_of_range, not_the_optimizers]) {
        fs::write(&path, &content).unwrap();
        assert_names(&Settings::read(&path).unwrap_err(), &path);
        assert_names(&run(directory.path(), true).0.unwrap_err(), &path);
    }
}

#[test]
fn garbage_for_a_summary_is_an_error_that_names_the_file() {
    let (directory, sound) = finished();
    let path = directory.path().join("summary.json");
    let cut = sound.as_bytes()[..sound.len() / 2].to_vec();
    let wrong_type = sound.replace("\"steps\": 3", "\"steps\": \"three\"").into_bytes();
    assert_ne!(wrong_type, sound.as_bytes());
    for content in garbage().into_iter().chain([cut, wrong_type]) {
        fs::write(&path, &content).unwrap();
        assert_names(&RunDirectory::open(directory.path()).unwrap().summary().unwrap_err(), &path);
        assert_names(&run(directory.path(), true).0.unwrap_err(), &path);
    }
}

#[test]
fn garbage_for_metrics_is_an_error_that_names_file_and_line() {
    let (directory, _) = finished();
    let path = directory.path().join("metrics.jsonl");
    let sound = fs::read(&path).unwrap();
    let lines = sound.split(|byte| *byte == b'\n').count() - 1;
    // The reader passes over blank lines, and leaves a torn last line out with a note: so each has its end here.
    for content in garbage().into_iter().filter(|content| !content.trim_ascii().is_empty()) {
        fs::write(&path, [&sound[..], &content, b"\n"].concat()).unwrap();
        let error = Curve::read_run(directory.path()).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
        assert!(error.contains(&format!("line {}", lines + 1)), "{error}");
    }
}

#[test]
fn surplus_metrics_are_made_again() {
    let (directory, summary) = finished();
    let path = directory.path().join("metrics.jsonl");
    let sound = fs::read(&path).unwrap();
    for content in garbage() {
        fs::remove_file(directory.path().join("summary.json")).unwrap();
        fs::write(&path, [&sound[..], &content].concat()).unwrap();
        run(directory.path(), true).0.unwrap();
        assert_eq!(fs::read(&path).unwrap(), sound);
        assert_eq!(fs::read_to_string(directory.path().join("summary.json")).unwrap(), summary);
    }
}

#[test]
fn garbage_for_checkpoints_is_warned_of_and_the_run_made_again() {
    let (directory, summary) = finished();
    let checkpoints = directory.path().join("checkpoints");
    for content in garbage() {
        let files: Vec<PathBuf> = fs::read_dir(&checkpoints).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(files.len(), 2, "{files:?}");
        files.iter().for_each(|file| fs::write(file, &content).unwrap());
        fs::remove_file(directory.path().join("summary.json")).unwrap();
        let (ended, warnings) = run(directory.path(), true);
        ended.unwrap();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        for file in files {
            assert!(warnings.iter().any(|warning| warning.contains(file.to_str().unwrap())), "{warnings:?}");
        }
        assert_eq!(fs::read_to_string(directory.path().join("summary.json")).unwrap(), summary);
    }
}

#[test]
fn directories_in_the_place_of_files_are_errors_that_name_them() {
    for name in ["settings.toml", "summary.json", "metrics.jsonl", "lock"] {
        let (directory, _) = finished();
        let path = directory.path().join(name);
        if name != "summary.json" {
            fs::remove_file(directory.path().join("summary.json")).unwrap();
        }
        let _ = fs::remove_file(&path);
        fs::create_dir(&path).unwrap();
        let error = run(directory.path(), true).0.unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// Text that gets past the first letters of a TOML reader.
fn near_settings() -> impl Strategy<Value = String> {
    let words = [
        "case",
        "seed",
        "data",
        "model",
        "training",
        "optimizer",
        "schedule",
        "clipping",
        "kind",
        "adam",
        "sgd",
        "then",
        "warm-up",
        "steps",
        "constant",
        "learning-rate",
        "units",
        "batch",
        "alphabet",
        "length",
        "words",
        "lstm-single",
        "true",
        "nan",
        "inf",
        "-1",
        "0",
        "1e400",
        "9223372036854775807",
        "18446744073709551615",
        "0x10",
        "\"",
        "'",
        "'''",
        "$",
        "é",
        "=",
        ".",
        ",",
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "\n",
        "\\u0000",
        "#",
        " ",
    ];
    vec(prop::sample::select(words.to_vec()), 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn any_text_is_settings_or_an_error(text in any::<String>()) {
        let _ = Settings::from_toml(&text);
    }

    #[test]
    fn nearly_settings_are_settings_or_an_error(text in near_settings()) {
        for text in [format!("case = \"gru-single\"\n{text}"), text] {
            if let Ok(settings) = Settings::from_toml(&text) {
                prop_assert_eq!(&Settings::from_toml(&settings.to_toml()).unwrap(), &settings);
            }
        }
    }

    #[test]
    fn any_bytes_in_a_file_are_settings_or_an_error_that_names_it(bytes in vec(any::<u8>(), 0..300)) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("settings.toml");
        fs::write(&path, bytes).unwrap();
        if let Err(error) = Settings::read(&path) {
            assert_names(&error, &path);
        }
    }

    /// Whatever is set can be written, read back and hashed.
    #[test]
    fn set_takes_a_value_or_leaves_everything_as_it_was(
        section in prop::sample::select(vec!["", "data.", "model.", "training.", "optimizer.", "schedule.", "clipping."]),
        key in prop_oneof![
            prop::sample::select(vec![
                "case", "seed", "vectors", "words", "test-share", "normalization", "length", "alphabet", "units", "flavour",
                "precision", "gate-activation", "recurrent-gain", "forget-bias", "loss", "batch", "epochs", "shuffle",
                "checkpoint-every", "kind", "beta1", "epsilon", "learning-rate", "limit", "",
            ]).prop_map(String::from),
            "[a-z.-]{0,12}",
        ],
        value in prop_oneof![any::<String>(), any::<i64>().prop_map(|x| x.to_string()), any::<f64>().prop_map(|x| format!("{x:?}")), near_settings()],
    ) {
        let mut settings = Settings::for_case(Case::GruSingle);
        let before = settings.clone();
        match settings.set(&format!("{section}{key}"), &value) {
            Ok(()) => {
                prop_assert_eq!(&Settings::from_toml(&settings.to_toml()).unwrap(), &settings);
                prop_assert_eq!(settings.hash().len(), 64);
            }
            Err(_) => prop_assert_eq!(settings, before),
        }
    }

    /// `from_toml` refuses such numbers already; a program can put them in.
    #[test]
    fn numbers_that_toml_cannot_hold_are_refused(number in i64::MAX as u64 + 1..) {
        let settings = Settings::for_case(Case::LstmSingle);
        let message = settings.with(|settings| settings.seed = number).unwrap_err().to_string();
        prop_assert!(message.contains("`seed`") && message.contains(&number.to_string()), "{}", message);
    }
}
