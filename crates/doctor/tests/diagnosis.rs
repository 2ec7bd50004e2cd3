//! Whole diagnoses of small runs on the fixture.

use std::path::Path;

use flameout_cells::Tensor;
use flameout_doctor::check::Grade;
use flameout_doctor::{
    Cause, Change, Diagnosis, Event, Options, Subject, Verdict, counterfactuals, diagnose, diagnose_course,
};
use flameout_doctor::{Course, End, Goal, Replay};
use flameout_experiment::dataset::Batch;
use flameout_experiment::{Case, Dataset, Intervention, Settings};

/// Eight units that reach 70 % of the mean predictor's loss within a few hundred steps.
fn settings() -> Settings {
    let mut settings = Settings::for_case(Case::LstmSingle);
    for (key, value) in [
        ("model.units", "32"),
        ("data.words", "60"),
        ("training.batch", "10"),
        ("training.epochs", "200"),
        ("schedule.learning-rate", "0.01"),
    ] {
        settings.set(key, value).unwrap();
    }
    settings
}

fn dataset(settings: &Settings) -> Dataset<f32> {
    Dataset::open(settings, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap()
}

fn subject(settings: Settings) -> Subject<f32> {
    let dataset = dataset(&settings);
    Subject::new(settings, dataset).unwrap()
}

fn cause(diagnosis: &Diagnosis) -> Option<Cause> {
    match diagnosis.verdict() {
        Verdict::Cause(finding) => Some(finding.cause),
        Verdict::Healthy | Verdict::Unknown => None,
    }
}

#[test]
fn a_healthy_run_is_called_healthy() {
    let diagnosis = diagnose(&subject(settings()), &Options::default()).unwrap();
    assert_eq!((diagnosis.event, diagnosis.verdict(), diagnosis.cost), (Event::Healthy, Verdict::Healthy, 0));
    assert_eq!(diagnosis.checks.iter().map(|check| check.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(diagnosis.checks.iter().all(|check| check.grade != Grade::Fail), "{:#?}", diagnosis.checks);
}

#[test]
fn a_target_that_is_not_finite_is_found_with_its_word() {
    let mut subject = subject(settings());
    let row = subject.dataset.train[7];
    subject.dataset.targets[(row, 3)] = f32::NAN;
    let diagnosis = diagnose(&subject, &Options::default()).unwrap();
    assert_eq!(cause(&diagnosis), Some(Cause::NonFiniteTargets));
    assert!(matches!(diagnosis.event, Event::NonFinite { step } if step <= 6));
    let Verdict::Cause(finding) = diagnosis.verdict() else { unreachable!() };
    assert!(finding.evidence.contains(&format!("{:?}", subject.dataset.words[row])), "{}", finding.evidence);
    assert_eq!(finding.remedy, Some(Change::DropWords(vec![row])));
    // The remedy, from the start.
    let replay = Replay { subject: &subject, from: &subject.start, until: 1200, goal: Goal::Train };
    let trial = replay.trial(&Change::DropWords(vec![row]), None, &mut |_| {}).unwrap();
    assert_eq!(trial.end, End::Held);
}

#[test]
fn a_batch_that_is_not_finite_is_found_also_in_the_first_step() {
    struct NanInBatch(u64);
    impl Intervention<f32> for NanInBatch {
        fn batch(&mut self, step: u64, batch: &mut Batch<f32>) {
            if step == self.0 {
                batch.targets_mut()[[0, 0]] = f32::NAN;
            }
        }
    }
    for step in [1, 2] {
        let subject = subject(settings()).with_intervention(move || NanInBatch(step));
        let diagnosis = diagnose(&subject, &Options::default()).unwrap();
        assert_eq!((diagnosis.event, cause(&diagnosis)), (Event::NonFinite { step }, Some(Cause::HarmfulBatch)));
        let Verdict::Cause(finding) = diagnosis.verdict() else { unreachable!() };
        assert_eq!(finding.remedy, Some(Change::SkipBatches([step].into())), "{}", finding.evidence);
        assert!(finding.evidence.contains(&format!("step {step} is not finite")), "{}", finding.evidence);
    }
}

/// A GRU so wild that its gradient in `f32` is another one than in `f64`, and an LSTM whose weights have grown until each
/// update is small beside them: both once had the wrong name.
#[test]
fn neither_rounding_nor_grown_weights_are_taken_for_causes() {
    let with = |case: Case, key: &str, value: &str| {
        let mut settings = Settings { schedule: settings().schedule, ..Settings::for_case(case) };
        for (key, value) in [
            ("model.units", "32"),
            ("data.words", "160"),
            ("training.batch", "16"),
            ("training.epochs", "334"),
            ("schedule.learning-rate", "0.006"),
            (key, value),
        ] {
            settings.set(key, value).unwrap();
        }
        cause(&diagnose(&subject(settings), &Options::default()).unwrap())
    };
    assert_eq!(with(Case::GruSingle, "model.recurrent-gain", "10.0"), Some(Cause::RecurrentGain));
    assert_eq!(with(Case::LstmSingle, "optimizer.beta2", "0.1"), Some(Cause::SecondMoment));
}

#[test]
fn a_wrong_sign_in_one_gates_gradient_is_found() {
    struct WrongSign;
    impl Intervention<f32> for WrongSign {
        fn gradients(&mut self, _: u64, tensors: &[Tensor], gradients: &mut [f32]) {
            let mut kernel = tensors[1].view_mut(gradients);
            for mut row in kernel.rows_mut() {
                // The forget gate's columns.
                row.iter_mut().skip(32).take(32).for_each(|x| *x = -*x);
            }
        }
    }
    let subject = subject(settings()).with_intervention(|| WrongSign);
    let diagnosis = diagnose(&subject, &Options::default()).unwrap();
    assert_eq!(cause(&diagnosis), Some(Cause::WrongGradient));
    let Verdict::Cause(finding) = diagnosis.verdict() else { unreachable!() };
    assert!(finding.evidence.contains("layer0/recurrent_kernel f"), "{}", finding.evidence);
}

#[test]
fn a_tensor_that_does_not_move_is_found() {
    struct Frozen(Option<Vec<f32>>);
    impl Intervention<f32> for Frozen {
        fn batch(&mut self, _: u64, _: &mut flameout_experiment::dataset::Batch<f32>) {}
        fn parameters(&mut self, _: u64, tensors: &[Tensor], parameters: &mut [f32]) {
            let kernel = &mut parameters[tensors[1].range()];
            match &self.0 {
                Some(values) => kernel.copy_from_slice(values),
                None => self.0 = Some(kernel.to_vec()),
            }
        }
    }
    let subject = subject(settings());
    let kernel = {
        let trainer = flameout_experiment::Trainer::new(&subject.settings, &subject.dataset).unwrap();
        trainer.model().parameters()[trainer.model().tensors()[1].range()].to_vec()
    };
    let subject = subject.with_intervention(move || Frozen(Some(kernel.clone())));
    let diagnosis = diagnose(&subject, &Options::default()).unwrap();
    assert_eq!(cause(&diagnosis), Some(Cause::FrozenTensor));
}

#[test]
fn unbalanced_batches_and_shuffled_targets_are_seen() {
    let mut sorted = settings();
    sorted.set("training.shuffle", "false").unwrap();
    sorted.set("data.words", "400").unwrap();
    let mut subject = subject(sorted);
    let column: Vec<f32> = subject.dataset.targets.column(0).to_vec();
    subject.dataset.train.sort_by(|&a, &b| column[a].total_cmp(&column[b]));
    let check = flameout_doctor::checks::batches::check(&subject.settings, &subject.dataset);
    let random = flameout_doctor::checks::batches::check(&settings(), &dataset(&settings()));
    assert_eq!((check.check.grade == Grade::Pass, random.check.grade), (false, Grade::Pass), "{:?}", check.check);

    let agreement = flameout_doctor::checks::spelling::agreement(&subject.dataset).unwrap();
    let rows = subject.dataset.targets.nrows();
    let reversed: Vec<usize> = (0..rows).map(|row| (row * 37 + 11) % rows).collect();
    subject.dataset.targets = subject.dataset.targets.select(ndarray::Axis(0), &reversed);
    let shuffled = flameout_doctor::checks::spelling::agreement(&subject.dataset).unwrap();
    assert!(agreement > 4.0 && shuffled.abs() < 3.0, "{agreement} {shuffled}");
}

/// The question's failure itself, at a size that takes seconds: a GRU that trains well for 3,400 steps, and collapses.
#[test]
fn a_real_collapse_is_explained() {
    let mut settings = Settings::for_case(Case::GruSingle);
    for (key, value) in [
        ("seed", "3"),
        ("model.units", "64"),
        ("data.words", "1000"),
        ("training.epochs", "200"),
        ("schedule.learning-rate", "0.015"),
    ] {
        settings.set(key, value).unwrap();
    }
    let subject = subject(settings);
    let options = Options::default();
    let course = Course::of(&subject, options.ring_bytes, &mut |_| ()).unwrap();
    let diagnosis = diagnose_course(&subject, &course, &options).unwrap();
    assert_eq!(diagnosis.event, Event::Rise { onset: 3388 });
    assert_eq!(diagnosis.control_is_exact, Some(true));
    assert_eq!(cause(&diagnosis), Some(Cause::LearningRate), "{:#?}", diagnosis.findings);

    let mut changes = 0;
    let options = Options { orders: 0, hold: 50, ..options };
    let table = counterfactuals(&subject, &course, &options, &mut |_| changes += 1).unwrap();
    assert_eq!(table.len(), changes);
    assert!(table[0].change == Change::Nothing && table[0].trials[0].end.is_bad());
    let held = table.iter().filter(|trials| !trials.trials[0].end.is_bad()).count();
    assert!(held > 0, "nothing prevents it");
}
