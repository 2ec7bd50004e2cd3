//! Probes beside a run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use flameout_doctor::probe::{
    Log, NonFinite, ProbeSettings, Probes, Quantity, Reading, Reference, SharedLog, read_step,
};
use flameout_experiment::{Case, Dataset, Ended, Observer, RunOptions, Settings, StepRecord, Trainer, train};
use flameout_optim::{AnyOptimizer, l2_norm};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn settings(case: Case) -> Settings {
    let mut settings = Settings::for_case(case);
    for (key, value) in
        [("model.units", "12"), ("data.words", "300"), ("training.epochs", "2"), ("training.checkpoint-every", "4")]
    {
        settings.set(key, value).unwrap();
    }
    settings
}

const PROBES: ProbeSettings = ProbeSettings { every: 5, reference_words: 16, power_iterations: 10, kept: 1000 };

/// Stops a run after a step.
struct StopAfter<'a>(u64, &'a AtomicBool);

impl<T> Observer<T> for StopAfter<'_> {
    fn step(&mut self, record: &StepRecord, _: &Trainer<T>) {
        self.1.store(record.step == self.0, Ordering::Relaxed);
    }
}

/// Trains (or resumes), stops after a step if told so, and returns the log.
fn run(settings: &Settings, directory: &Path, resume: bool, stop_after: u64) -> (SharedLog, Ended) {
    static STOP: AtomicBool = AtomicBool::new(false);
    STOP.store(false, Ordering::Relaxed);
    let options = RunOptions { directory: directory.into(), resume, base: root() };
    let mut log = None;
    let ended = train::<f32>(settings, &options, &STOP, |begun| {
        let probes = Probes::new(&PROBES, settings, begun.dataset, begun.trainer.model()).unwrap();
        let probes = probes.write_to(&directory.join("probes.jsonl"), begun.trainer.steps()).unwrap();
        log = Some(probes.log());
        vec![Box::new(probes), Box::new(StopAfter(stop_after, &STOP))]
    })
    .unwrap();
    (log.unwrap(), ended)
}

fn weights(ended: &Ended) -> String {
    let Ended::Finished(summary) = ended else { panic!("the run was stopped") };
    summary.weights_blake3.clone()
}

/// All in one test, since the runs share the signal to stop.
#[test]
fn a_probed_run_is_the_same_run_and_its_log_survives_a_stop() {
    let settings = settings(Case::LstmSingle);
    let plain = tempfile::tempdir().unwrap();
    let options = RunOptions { directory: plain.path().into(), resume: false, base: root() };
    let unprobed = train::<f32>(&settings, &options, &AtomicBool::new(false), |_| Vec::new()).unwrap();

    let whole = tempfile::tempdir().unwrap();
    let (log, ended) = run(&settings, whole.path(), false, u64::MAX);
    assert_eq!(weights(&ended), weights(&unprobed), "probes change nothing");
    let log = log.lock().clone();
    assert_eq!(log.problem(), None);
    assert_eq!(log.readings().len(), 18);
    let measured: Vec<u64> = log.readings().iter().filter(|r| r.network.is_some()).map(|r| r.step).collect();
    assert_eq!(measured, [1, 5, 10, 15]);
    assert_eq!(log.latest_network().unwrap().step, 15);
    let read = Log::read(&whole.path().join("probes.jsonl")).unwrap();
    assert_eq!((read.names(), read.readings()), (log.names(), log.readings()));

    let parts = tempfile::tempdir().unwrap();
    let path = parts.path().join("probes.jsonl");
    assert!(matches!(run(&settings, parts.path(), false, 7).1, Ended::Stopped { step: 7 }));
    let half = Log::read(&path).unwrap();
    assert_eq!(half.readings().len(), 7);
    // A line cut short by an accident, and a step that the checkpoint does not know.
    let mut text = std::fs::read_to_string(&path).unwrap();
    text +=
        &serde_json::to_string(&half.readings()[6]).unwrap().replace("{\"step\":7", "{\"kind\":\"reading\",\"step\":8");
    text += "\n{\"kind\":\"reading\",\"st";
    std::fs::write(&path, text).unwrap();
    let (_, ended) = run(&settings, parts.path(), true, u64::MAX);
    assert_eq!(weights(&ended), weights(&unprobed));
    let resumed = Log::read(&path).unwrap();
    let cheap = |log: &Log| log.readings().iter().map(|r| Reading { network: None, ..r.clone() }).collect::<Vec<_>>();
    assert_eq!(cheap(&resumed), cheap(&log));
}

#[test]
fn damaged_files_are_errors_that_name_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probes.jsonl");
    let names = r#"{"kind":"names","tensors":["a"],"activations":[],"recurrent":[]}"#;
    let reading = r#"{"kind":"reading","step":1,"gradient_norm":[null],"update_norm":[0.5]}"#;
    for (text, place) in [
        ("".to_owned(), "first line"),
        ("{\n".into(), "line 1"),
        (format!("{reading}\n"), "line 1"),
        (format!("{names}\n{reading}\n{names}\n"), "line 3"),
        (format!("{names}\n{reading}\n\n"), "line 3"),
        (format!("{names}\n\u{0}\n"), "line 2"),
    ] {
        std::fs::write(&path, &text).unwrap();
        let message = Log::read(&path).unwrap_err().to_string();
        assert!(message.contains("probes.jsonl") && message.contains(place), "{message}");
    }
    std::fs::write(&path, format!("{names}\n{reading}\n{{\"kind")).unwrap();
    let log = Log::read(&path).unwrap();
    assert_eq!(log.readings().len(), 1);
    assert!(log.readings()[0].gradient_norm[0].is_nan());
    assert!(Log::read(&directory.path().join("missing")).is_err());
}

fn trained(case: Case, steps: usize) -> (Settings, Dataset<f32>, Trainer<f32>, StepRecord) {
    let settings = settings(case);
    let dataset = Dataset::open(&settings, &root()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    let records: Vec<_> = (0..steps).map(|_| trainer.step(&dataset).unwrap()).collect();
    (settings, dataset, trainer, records.into_iter().next_back().unwrap())
}

#[test]
fn tensors_add_up_to_what_the_step_reports() {
    for case in Case::ALL {
        let (_, _, trainer, record) = trained(case, 4);
        let reading = read_step(&record, trainer.model(), trainer.optimizer());
        let count = trainer.model().tensors().len();
        for vector in
            [&reading.gradient_norm, &reading.update_norm, &reading.ratio_mean, &reading.ratio_rms, &reading.ratio_max]
        {
            assert_eq!(vector.len(), count);
        }
        approx::assert_relative_eq!(l2_norm(&reading.gradient_norm), record.gradient_norm, max_relative = 1e-12);
        approx::assert_relative_eq!(l2_norm(&reading.update_norm), record.update_norm, max_relative = 1e-5);
        assert!(reading.non_finite.is_empty() && reading.step == 4);
        for i in 0..count {
            let (mean, rms, max) = (reading.ratio_mean[i], reading.ratio_rms[i], reading.ratio_max[i]);
            assert!(0.0 < mean && mean <= rms && rms <= max && max < 1.0 / 0.001_f64.sqrt(), "{mean} {rms} {max}");
        }
    }
}

#[test]
fn a_broken_gradient_is_found_where_it_is() {
    let (_, _, trainer, record) = trained(Case::GruSingle, 2);
    let mut model = flameout_doctor::probe::scratch(trainer.model());
    let tensors = model.tensors().to_vec();
    let at = tensors[1].offset + 77;
    let (_, gradients) = model.parameters_and_gradients();
    gradients[at] = f32::NAN;
    gradients[at + 5] = f32::NEG_INFINITY;
    model.parameters_mut()[tensors[3].offset + 2] = f32::INFINITY;
    let reading = read_step(&record, &model, trainer.optimizer());
    assert!(reading.gradient_norm[1].is_nan() && reading.gradient_norm[0].is_finite());
    let expected = [
        NonFinite { tensor: 1, of: Quantity::Gradient, count: 2, first: 77 },
        NonFinite { tensor: 3, of: Quantity::Parameter, count: 1, first: 2 },
    ];
    assert_eq!(reading.non_finite, expected);
}

#[test]
fn a_measured_network_is_what_it_looks_like() {
    for case in Case::ALL {
        let (settings, dataset, trainer, _) = trained(case, 2);
        let mut reference = Reference::new(trainer.model(), &settings, &dataset, 16, 20);
        let names = (reference.activation_names(), reference.recurrent_names());
        let reading = reference.measure(trainer.model());
        assert_eq!(reading, reference.measure(trainer.model()), "measuring again gives the same");
        for shares in [&reading.zero_slope, &reading.saturated_low, &reading.saturated_high] {
            assert_eq!(shares.len(), names.0.len());
            assert!(shares.iter().all(|share| (0.0..=1.0).contains(share)));
        }
        // Little has changed since the recurrent kernels were drawn orthogonal times 1.1.
        assert_eq!(reading.spectral_radius.len(), names.1.len());
        assert!(reading.spectral_radius.iter().all(|radius| (radius - 1.1).abs() < 0.05), "{reading:?}");
        let mut twin = flameout_doctor::probe::scratch(trainer.model());
        let batch = reference.batch();
        let predictions = twin.predict(batch.indices()).unwrap();
        let loss = trainer.loss(&predictions, &batch.targets().to_owned());
        assert_eq!((batch.words(), reading.loss), (16, loss));
        assert!(reading.spread > 0.0 && reading.identical < 0.5);

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
    let (settings, dataset, trainer, _) = trained(case, 1);
    let reference = Reference::new(trainer.model(), &settings, &dataset, 4, 4);
    (reference.activation_names(), reference.recurrent_names())
}

#[test]
fn readings_have_the_same_bits_on_any_number_of_threads() {
    let bits = [1, 2, 3].map(|threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| {
            let (settings, dataset, trainer, record) = trained(Case::LstmSingle, 3);
            let reading = read_step(&record, trainer.model(), trainer.optimizer());
            let network = Reference::new(trainer.model(), &settings, &dataset, 16, 20).measure(trainer.model());
            serde_json::to_string(&(reading, network)).unwrap()
        })
    });
    assert_eq!(bits[0], bits[1]);
    assert_eq!(bits[0], bits[2]);
}

#[test]
fn an_optimiser_without_moments_has_no_ratios() {
    let mut settings = settings(Case::LstmSingle);
    settings.set("optimizer", "{ kind = \"sgd\", momentum = 0.9 }").unwrap();
    let dataset = Dataset::<f64>::open(&settings, &root()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    let record = trainer.step(&dataset).unwrap();
    assert!(matches!(trainer.optimizer(), AnyOptimizer::Sgd(_)));
    let reading = read_step(&record, trainer.model(), trainer.optimizer());
    assert!(reading.ratio_mean.is_empty() && reading.ratio_max.is_empty());
    approx::assert_relative_eq!(l2_norm(&reading.update_norm), record.update_norm, max_relative = 1e-9);
}
