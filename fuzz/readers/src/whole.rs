//! What a command does with a file from its first byte to its last line: reading, and all that comes after.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use flameout::Embedder;
use flameout::report::{Colour, Plot, Run, html, svg, terminal};
use flameout_curves::Curve;
use flameout_curves::judge::{Verdict, judge};
use flameout_curves::logs::{self, Names};
use flameout_encoder::EncoderSettings;
use flameout_experiment::run_directory::{ENCODER, LAST_MODEL};
use flameout_experiment::{Case, Ended, RunOptions, Settings, Summary, train as experiment};
use flameout_interchange::{Choices, Model, keras, safetensors as state_dict};

use crate::file::with_file;

/// Words to spell for a network: known and unknown letters, none, and too many.
const WORDS: [&str; 6] = ["ab", "b", "", "words", "a\u{1b}[31mb", "éééééééééééééééééééééééééé"];
/// Parameters of a network beyond which it is not run.
const RUNNABLE: usize = 1 << 16;

/// A log, found out about and shown: in the terminal, as a page, as a picture.
pub fn diagnose(data: &[u8]) {
    // What reads it is told by the content; a name may tell more.
    for name in ["log", "log.csv", "log.jsonl", "log.json"] {
        with_file(name, data, |path| {
            judge_runs(path);
            show(path);
        });
    }
}

/// Every run in a log has a verdict, and what is said of it is a row of the log.
fn judge_runs(path: &Path) {
    for curve in logs::read(path, &Names::default()).unwrap_or_default() {
        let judgement = judge(&curve);
        let all_clear = judgement.verdict == Verdict::NothingWrong;
        assert!(!all_clear || judgement.events.is_empty(), "an all-clear with events: {judgement:?}");
        for event in &judgement.events {
            assert!(event.event.first_sign <= event.event.risen, "{event:?}");
        }
    }
}

/// Whatever can be shown is shown without control characters, which could steer a terminal.
fn show(path: &Path) {
    let Ok(run) = Run::read(path) else { return };
    for width in [0, 20, 100] {
        let shown = terminal(&run, width, Colour::None);
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    }
    assert!(html(&run).contains("</html>"));
    for plot in Plot::ALL {
        // A run may have nothing to draw of a kind.
        let _ = svg(&run, plot);
    }
}

/// A model of another program, kept as one of ours, and used.
pub fn import(data: &[u8]) {
    let choices = Choices::default();
    let of_torch = state_dict::from_bytes(Path::new("x.safetensors"), data, &choices);
    let of_keras = keras::from_bytes(Path::new("x.h5"), data.to_vec(), &choices);
    [of_torch, of_keras].into_iter().flatten().for_each(|imported| use_model(&imported.model));
}

fn use_model(model: &Model) {
    if model.network.parameters().len() > RUNNABLE {
        return;
    }
    let inputs = model.network.architecture().alphabet;
    let letters: String = std::iter::once('$').chain('a'..).take(inputs).collect();
    let alphabet = model.metadata.alphabet.as_ref().unwrap_or(&letters);
    let length = model.metadata.length.unwrap_or(5);
    let Ok(encoder) = EncoderSettings::default().length(length).build(alphabet) else { return };
    let directory = tempfile::tempdir().expect("a temporary directory");
    model.network.save(&directory.path().join(LAST_MODEL)).expect("what was read can be written");
    std::fs::write(directory.path().join(ENCODER), serde_json::to_vec(&encoder).expect("plain data")).expect("a file");
    // A file may hold numbers that are none, and letters that are not as many as the network's inputs.
    let Ok(mut embedder) = Embedder::open(directory.path()) else { return };
    let embedded = embedder.embed(&WORDS);
    assert_eq!(embedded.vectors.nrows(), embedded.kept.len());
}

/// A file of word vectors on which a tiny network is trained; then the run is gone on with, used and shown.
pub fn train(data: &[u8]) {
    with_file("vectors", data, |vectors| {
        let directory = vectors.with_file_name("run");
        // Another network and another loss for another file.
        let case = Case::ALL[data.len() % Case::ALL.len()];
        let settings = settings(case, vectors, data.len());
        let Some(summary) = run(&settings, &directory, false) else { return };
        let again = run(&settings, &directory, true).expect("it is over");
        assert_eq!(format!("{again:?}"), format!("{summary:?}"), "as text, in which NaN is NaN");
        let curve = Curve::read_run(&directory).expect("what was written is read");
        assert!(curve.rows as u64 > summary.steps || summary.non_finite.is_some());
        // The network of a run that has collapsed into numbers that are none is that of the step before.
        let mut embedder = Embedder::open(&directory).expect("a run that is over has a model");
        let embedded = embedder.embed(&WORDS);
        assert_eq!(embedded.vectors.nrows(), embedded.kept.len());
        show(&directory);
    });
}

fn settings(case: Case, vectors: &Path, number: usize) -> Settings {
    let mut settings =
        Settings::for_case(case).with(|settings| settings.data.vectors = vectors.into()).expect("a path");
    let loss = ["mse", "cosine"][number / 3 % 2];
    for (key, value) in [
        ("model.units", "2"),
        ("data.words", "24"),
        ("data.length", "6"),
        ("data.test-share", "0.25"),
        ("training.batch", "3"),
        ("training.epochs", "2"),
        ("training.checkpoint-every", "2"),
        ("training.patience", "1"),
        ("training.loss", loss),
    ] {
        settings.set(key, value).expect("a setting");
    }
    settings
}

/// The run's summary, if there can be such a run.
fn run(settings: &Settings, directory: &Path, resume: bool) -> Option<Summary> {
    let options = RunOptions { directory: directory.into(), resume, base: "".into() };
    match experiment(settings, &options, &AtomicBool::new(false), |_| Vec::new()) {
        Ok(Ended::Finished(summary)) => Some(*summary),
        Ok(Ended::Stopped { .. }) => panic!("nobody stopped it"),
        Err(_) => None,
    }
}
