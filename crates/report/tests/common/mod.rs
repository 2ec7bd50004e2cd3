//! Run directories made by hand.

use std::path::Path;

use flameout_curves::Symptom;
use flameout_curves::outcome::{Baseline, Best, DEFINITION};
use flameout_experiment::run_directory::Environment;
use flameout_experiment::summary::Quality;
use flameout_experiment::{Case, EpochRecord, Record, Settings, StepRecord, Summary};

/// The step of the spike that lasts a single step.
pub const SPIKE: u64 = 777;

/// A run of `steps` steps whose loss falls; from `onset` on it is high.
pub fn records(steps: u64, onset: Option<u64>) -> Vec<Record> {
    let mut records = Vec::new();
    for step in 1..=steps {
        let collapsed = onset.is_some_and(|onset| step >= onset);
        let loss = if collapsed { 0.015 } else { 0.004 + 0.02 / (1.0 + step as f64 / 50.0) };
        let epoch = (step - 1) / 29 + 1;
        records.push(Record::Step(StepRecord {
            step,
            epoch,
            words: 32,
            loss: if step == SPIKE { 0.5 } else { loss },
            accuracy: if collapsed { 0.0 } else { 0.3 },
            gradient_norm: 0.01 + 0.001 * (step % 7) as f64,
            update_norm: 0.2,
            learning_rate: 0.0125,
        }));
        if step % 29 == 0 {
            records.push(Record::Epoch(EpochRecord {
                epoch,
                step,
                loss,
                accuracy: 0.3,
                test_loss: loss * 1.3,
                test_accuracy: 0.1,
                test_hit_at_10: Some(if collapsed { 0.0 } else { 0.2 }),
                spread: if collapsed { 0.01 } else { 0.09 },
                identical: 0.01,
                words_per_second: 1000.0,
            }));
        }
    }
    records
}

/// Settings that differ from the question's, with a hostile path.
pub fn settings() -> Settings {
    let mut settings = Settings::for_case(Case::GruSingle);
    settings.set("model.units", "64").unwrap();
    settings.data.vectors = "<script>alert(1)</script>.bin".into();
    settings
}

/// Writes what a run that is going on has.
pub fn write_unfinished(path: &Path, records: &[Record]) {
    std::fs::create_dir_all(path).unwrap();
    std::fs::write(path.join("settings.toml"), settings().to_toml()).unwrap();
    let environment = Environment {
        flameout: "0.1.0".into(),
        os: "linux".into(),
        architecture: "x86_64".into(),
        kernels: "avx2".into(),
        threads: 2,
        started_unix_seconds: 1_795_456_327,
        command: ["flameout", "train", "</script><b>it's</b>"].map(String::from).to_vec(),
    };
    std::fs::write(path.join("environment.json"), serde_json::to_vec(&environment).unwrap()).unwrap();
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
    std::fs::write(path.join("metrics.jsonl"), lines.concat()).unwrap();
}

/// Writes what a run that has collapsed leaves.
pub fn write_collapsed(path: &Path, steps: u64, onset: u64) {
    write_unfinished(path, &records(steps, Some(onset)));
    std::fs::write(path.join("summary.json"), serde_json::to_vec(&summary(steps, onset)).unwrap()).unwrap();
}

fn summary(steps: u64, onset: u64) -> Summary {
    let quality = Quality { words: 900, loss: 0.015, accuracy: 0.01, cosine: 0.004, hit_at_1: 0.0, hit_at_10: 0.01 };
    Summary {
        best_test: None,
        case: Case::GruSingle,
        seed: 0,
        settings_hash: settings().hash(),
        steps,
        best: Some(Best { step: onset / 2, loss: 0.004, accuracy: 0.3 }),
        last: quality,
        test: Quality { words: 100, ..quality },
        baseline: Baseline { train_loss: 0.01, test_loss: 0.01, accuracy: 0.03, spread: 0.1 },
        definition: DEFINITION,
        trained_well_step: Some(onset / 4),
        collapsed: true,
        onset_step: Some(onset),
        symptom: Some(Symptom::SameOutput),
        non_finite: None,
        guarded: None,
        spikes: vec![SPIKE],
        risen_since: None,
        spread: 0.01,
        identical: 0.9,
        weights_blake3: "0123abcd".into(),
    }
}
