//! The checkpoint container and what is kept in it.
//!
//! Its checksum would keep a fuzzer out, and keeps out nobody else: bytes are read as they are, and once more as the
//! payload of a container with the right checksum.

use std::path::Path;
use std::sync::OnceLock;

use flameout_experiment::Origin;
use flameout_experiment::metrics_file::Extent;
use flameout_experiment::run_directory::METRICS;
use flameout_experiment::{Case, Dataset, RunDirectory, Settings, Trainer};
use flameout_files::checkpoint as container;
use flameout_model::Sequential;
use flameout_ngrams::Model as NGrams;
use flameout_word2vec::WordVectors;
use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::file::with_file;
use crate::memory::Bound;

/// An empty text is one byte in a file and 24 in memory, three times as many while a list of them grows. serde makes room
/// for up to 1 MiB at once in a list within a list; layers, of which there are 1,024 at most, take up to 3 KiB each.
pub const BOUND: Bound = Bound { per_byte: 80, constant: 4 << 20 };
/// Bytes before the payload.
const HEADER: usize = 52;
/// Versions of the payloads.
const NETWORK: u32 = 1;
const NGRAMS: u32 = 2;
/// Parameters of a network beyond which it is not run.
const RUNNABLE: usize = 1 << 16;

/// A container with a right checksum.
#[must_use]
pub fn sealed(version: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_le_bytes();
    [b"FLAMEOUT", &version.to_le_bytes()[..], &length, blake3::hash(payload).as_bytes(), payload].concat()
}

fn each_way(data: &[u8], version: u32, mut read: impl FnMut(&[u8])) {
    read(data);
    read(&sealed(version, data));
}

/// One of everything that contents are made of.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    text: String,
    texts: Vec<String>,
    option: Option<(u64, i32)>,
    choice: Choice,
    pairs: Vec<(f64, f64)>,
    bytes: Vec<u8>,
    nested: Vec<Vec<u16>>,
    character: char,
    yes: bool,
    numbers: Vec<f32>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Choice {
    Nothing,
    One(f32),
    Tuple(u8, i64),
    Named { text: String, wide: u128 },
}

/// The container, with a content that has one of everything.
pub fn checkpoint(data: &[u8]) {
    each_way(data, 7, |file| {
        with_file("x.ckpt", file, |path| {
            let read = |path: &Path| container::read::<Content>(path, 7);
            let Ok(content) = BOUND.holds(file.len(), || read(path)) else { return };
            let again = path.with_extension("again");
            container::write(&again, 7, &content).expect("what was read can be written");
            let first = std::fs::read(&again).expect("it was written");
            container::write(&again, 7, &read(&again).expect("what was written is read")).expect("and written");
            assert_eq!(std::fs::read(&again).expect("it was written"), first);
        });
    });
}

/// A network's file.
pub fn network(data: &[u8]) {
    each_way(data, NETWORK, |file| {
        with_file("x.flameout", file, |path| {
            let Ok(mut network) = BOUND.holds(file.len(), || Sequential::<f32>::load(path)) else { return };
            let again = path.with_extension("again");
            network.save(&again).expect("what was read can be written");
            let back = Sequential::<f32>::load(&again).expect("what was written is read");
            assert_eq!(back.architecture(), network.architecture());
            assert_eq!(back.weights_blake3(), network.weights_blake3());
            if network.parameters().len() <= RUNNABLE {
                let _ = network.predict(Array2::zeros((2, 3)).view());
            }
        });
    });
}

/// A model of n-grams.
pub fn ngrams(data: &[u8]) {
    each_way(data, NGRAMS, |file| {
        with_file("ngrams.flameout", file, |path| {
            let Ok(model) = BOUND.holds(file.len(), || NGrams::load(path)) else { return };
            let again = path.with_extension("again");
            model.save(&again).expect("what was read can be written");
            let back = NGrams::load(&again).expect("what was written is read");
            assert_eq!((back.ngrams(), back.dim()), (model.ngrams(), model.dim()));
            let _ = model.predict("word");
        });
    });
}

/// A run whose checkpoints are read: its settings, data and what they are called in a checkpoint.
struct Run {
    settings: Settings,
    dataset: Dataset,
    origin: Origin,
    /// Of its checkpoints.
    version: u32,
}

impl Run {
    /// A network of two units on six words.
    fn new() -> Self {
        let mut settings = Settings::for_case(Case::LstmSingle);
        for (key, value) in [("model.units", "2"), ("training.batch", "2"), ("data.length", "5")] {
            settings.set(key, value).expect("a setting");
        }
        let words = ["ant", "bee", "cat", "dog", "eel", "fox"].map(str::to_owned).to_vec();
        let numbers = Array2::from_shape_fn((6, 2), |(row, column)| ((row * 7 + column * 5) % 11) as f32);
        let vectors = WordVectors::new(words, numbers).expect("words with vectors");
        let dataset = Dataset::new(&settings, vectors).expect("enough words");
        // Not their hashes, which no fuzzer would come by.
        let origin = Origin { settings: "s".into(), data: "d".into() };
        let mut run = Self { settings, dataset, origin, version: 0 };
        let (_, version) = run.checkpoint(0);
        run.version = version;
        run
    }

    fn shared() -> &'static Self {
        static RUN: OnceLock<Run> = OnceLock::new();
        RUN.get_or_init(Self::new)
    }

    /// Makes what a run has, but for checkpoints.
    fn begin(&self, path: &Path) -> RunDirectory {
        std::fs::write(path.join("settings.toml"), self.settings.to_toml()).expect("a file");
        RunDirectory::open(path).expect("a run")
    }

    /// Payload and version of the checkpoint after so many steps. Without metrics it is of the version that has no hash of
    /// them, and is otherwise like the newest.
    fn checkpoint(&self, steps: usize) -> (Vec<u8>, u32) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let begun = self.begin(directory.path());
        let mut trainer = Trainer::new(&self.settings, &self.dataset).expect("sound settings");
        for _ in 0..steps {
            trainer.step(&self.dataset).expect("a step");
        }
        let snapshot = trainer.snapshot();
        begun
            .checkpoints(self.settings.model.precision)
            .write(&self.origin, &Extent::NOTHING, snapshot)
            .expect("a checkpoint");
        let name = format!("checkpoints/step-{steps:010}.ckpt");
        let mut file = std::fs::read(begun.file(&name)).expect("it was written");
        let payload = file.split_off(HEADER);
        (payload, u32::from_le_bytes([file[8], file[9], file[10], file[11]]))
    }
}

/// A checkpoint of a run, from which training then goes on.
pub fn run_checkpoint(data: &[u8]) {
    let run = Run::shared();
    each_way(data, run.version, |file| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let begun = run.begin(directory.path());
        std::fs::write(begun.file("checkpoints/step-0000000001.ckpt"), file).expect("a file");
        let metrics = begun.file(METRICS);
        let found =
            BOUND.holds(file.len(), || begun.checkpoints(run.settings.model.precision).newest(&run.origin, &metrics));
        let Ok(Some((snapshot, _))) = found.map(|found| found.sound) else { return };
        let mut trainer = Trainer::new(&run.settings, &run.dataset).expect("sound settings");
        if trainer.restore(&run.dataset, snapshot).is_ok() && trainer.step(&run.dataset).is_ok() {
            let _ = trainer.finished();
        }
    });
}

/// A checkpoint's payload as training writes it after so many steps.
///
/// # Panics
/// If training or writing fails.
#[must_use]
pub fn run_checkpoint_payload(steps: usize) -> Vec<u8> {
    Run::shared().checkpoint(steps).0
}
