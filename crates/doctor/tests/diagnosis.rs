//! Whole diagnoses of small runs on the fixture.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use flameout_cells::Tensor;
use flameout_doctor::Grade;
use flameout_doctor::checks::slice::Slice;
use flameout_doctor::snapshots::Snapshots;
use flameout_doctor::{
    Cause, Change, Condition, Diagnosis, Options, Subject, Verdict, counterfactuals, diagnose, diagnose_course, states,
};
use flameout_doctor::{Course, End, Goal, Remedy, Replay, StateRecorder, remedies};
use flameout_experiment::Batch;
use flameout_experiment::{
    Case, Dataset, FloatsMut, Intervention, Observer, RunOptions, Settings, StepRecord, Trainer, train,
};

/// Eight units that reach 75 % of the mean predictor's loss within a few hundred steps.
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

/// The same in batches of nine, which divide the 54 training words.
fn whole_batches() -> Settings {
    let mut settings = settings();
    settings.set("training.batch", "9").unwrap();
    settings
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn dataset(settings: &Settings) -> Dataset {
    Dataset::open(settings, &root()).unwrap()
}

fn subject(settings: Settings) -> Subject {
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
    let diagnosis = diagnose(&subject(whole_batches()), &Options::default()).unwrap();
    assert_eq!((diagnosis.condition, diagnosis.verdict(), diagnosis.cost), (Condition::Healthy, Verdict::Healthy, 0));
    assert_eq!(diagnosis.checks.iter().map(|check| check.number).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(diagnosis.checks.iter().all(|check| check.grade != Grade::Fail), "{:#?}", diagnosis.checks);
    assert_eq!(diagnosis.all_clear(), "nothing is wrong", "{:#?}", diagnosis.checks);
}

/// What the question's deep network does at the question's own settings (docs/results/question-size.md): it loses much of
/// what it knew, and comes back. That is neither a collapse nor a spike, and must not go unsaid.
#[test]
fn a_dip_that_is_no_spike_is_told() {
    /// Takes the network back to where it began, in part.
    struct Setback(Vec<f64>);
    impl Intervention for Setback {
        fn parameters(&mut self, step: u64, _: &[Tensor], mut parameters: FloatsMut<'_>) {
            if step == 900 {
                let mut start = self.0.iter();
                parameters.map(|now| 0.55 * now + 0.45 * start.next().unwrap());
            }
        }
    }
    let subject = subject(settings());
    let start = subject.start.parameters().to_vec();
    let subject = subject.with_intervention(move || Setback(start.clone()));
    let diagnosis = diagnose(&subject, &Options::default()).unwrap();
    assert_eq!((diagnosis.condition, diagnosis.verdict()), (Condition::Healthy, Verdict::Healthy));
    let check = &diagnosis.checks[0];
    assert_eq!(check.grade, Grade::Suspect, "{check:?}");
    let evidence = check.evidence.join("\n");
    assert!(evidence.contains("1 times it came back; first at step 901"), "{evidence}");
    assert!(diagnosis.all_clear().contains("suspect"));
}

#[test]
fn whether_a_few_words_can_be_learnt_by_heart_tells_a_broken_network_from_unlearnable_words() {
    let whole = subject(settings());
    let slice = Slice::train(&whole).unwrap();
    assert!(slice.words == 10 && slice.grade() == Grade::Pass && slice.steps < 500, "{slice:?}");
    let course = Course::train(&whole, 1 << 30, &mut |_| ()).unwrap();
    assert_eq!(Slice::train_if_untrained(&whole, &course).unwrap(), None, "the run itself has answered");

    let mut broken = subject(settings());
    broken.start.parameters_mut().map(|_| 0.0);
    let slice = Slice::train(&broken).unwrap();
    assert!(slice.steps == 500 && slice.grade() == Grade::Fail, "{slice:?}");
    let diagnosis = diagnose(&broken, &Options::default()).unwrap();
    let evidence = diagnosis.checks[0].evidence.join("\n");
    assert!(evidence.contains("10 of the words alone for 500 steps"), "{evidence}");
    assert!(diagnosis.cost >= 500, "it counts as cost");
}

/// A kernel of small positive numbers has small columns, but drives every state the same way, over and over.
#[test]
fn a_large_spectral_radius_is_seen_where_the_gain_is_small() {
    let mut subject = subject(settings());
    let trainer = Trainer::new(&subject.settings, &subject.dataset).unwrap();
    let kernel = trainer.tensors()[1].range();
    let values = (0..kernel.len()).map(|index| 0.1 + 0.001 * (index % 7) as f64);
    subject.start.parameters_mut().range(kernel).assign(values);
    let checked = flameout_doctor::checks::scale::check(&subject).unwrap();
    let finding = checked.findings.iter().find(|finding| finding.cause == Cause::RecurrentGain).unwrap();
    let line = &finding.evidence;
    assert!(line.contains("a gain of 0.58 and a spectral radius of at most 3.30"), "{line}");
}

/// One tensor as it was at an earlier state, the others as they are.
#[test]
fn a_tensor_can_be_put_back_to_an_earlier_state() {
    let subject = subject(settings());
    let mut trainer = Trainer::new(&subject.settings, &subject.dataset).unwrap();
    let mut ring = Snapshots::default();
    for _ in 0..3 {
        trainer.step(&subject.dataset).unwrap();
        ring.push(trainer.snapshot()).unwrap();
    }
    let from = trainer.snapshot();
    let replay = Replay { subject: &subject, from: &from, earlier: &ring, until: 3, goal: Goal::Hold };
    let end = |step: u64| {
        let change = Change::Restore { tensor: "layer0/recurrent_kernel".into(), step };
        replay.trial(&change, None, &mut |_| {}).map(|trial| trial.weights_blake3)
    };
    let mut expected = from.clone();
    let range = trainer.tensors()[1].range();
    let first = ring.iter().next().unwrap();
    expected.parameters_mut().range(range.clone()).assign(first.parameters().range(range).iter());
    trainer.restore(&subject.dataset, expected).unwrap();
    assert_eq!(end(1).unwrap(), trainer.weights_blake3());
    assert!(end(7).unwrap_err().to_string().contains("step 7"));
}

/// One tensor's second moment raised, all else as it is.
#[test]
fn a_tensors_second_moment_can_be_raised() {
    let end = |optimizer: &str| {
        let mut settings = settings();
        settings.set("optimizer", optimizer).unwrap();
        let subject = subject(settings);
        let mut trainer = Trainer::new(&subject.settings, &subject.dataset).unwrap();
        for _ in 0..3 {
            trainer.step(&subject.dataset).unwrap();
        }
        let from = trainer.snapshot();
        let range = trainer.tensors()[1].range();
        let mut expected = from.clone();
        if let Some(mut moment) = expected.second_moment_mut() {
            moment.range(range).map(|v| 10.0 * v);
        }
        trainer.restore(&subject.dataset, expected).unwrap();
        trainer.step(&subject.dataset).unwrap();
        let none = Snapshots::default();
        let replay = Replay { subject: &subject, from: &from, earlier: &none, until: 4, goal: Goal::Hold };
        let trial = |change: &Change| replay.trial(change, None, &mut |_| {}).map(|trial| trial.weights_blake3);
        let change = Change::SecondMoment { tensor: "layer0/recurrent_kernel".into(), times: 10.0 };
        (trial(&change), trial(&Change::Nothing).unwrap(), trainer.weights_blake3())
    };
    for optimizer in [r#"{ kind = "adam" }"#, r#"{ kind = "rmsprop" }"#] {
        let (raised, nothing, expected) = end(optimizer);
        assert_eq!(raised.unwrap(), expected);
        assert_ne!(nothing, expected);
    }
    let (raised, ..) = end(r#"{ kind = "sgd" }"#);
    assert!(raised.unwrap_err().to_string().contains("layer0/recurrent_kernel"));
}

#[test]
fn a_target_that_is_not_finite_is_found_with_its_word() {
    let mut subject = subject(settings());
    let row = subject.dataset.train[7];
    subject.dataset.targets[(row, 3)] = f32::NAN;
    let diagnosis = diagnose(&subject, &Options::default()).unwrap();
    assert_eq!(cause(&diagnosis), Some(Cause::NonFiniteTargets));
    assert!(matches!(diagnosis.condition, Condition::NonFinite { step } if step <= 6));
    let Verdict::Cause(finding) = diagnosis.verdict() else { unreachable!() };
    assert!(finding.evidence.contains(&format!("{:?}", subject.dataset.words[row])), "{}", finding.evidence);
    assert_eq!(finding.remedy, Some(Change::DropWords(vec![row])));
    // The remedy, from the start.
    let none = Snapshots::default();
    let replay = Replay { subject: &subject, from: &subject.start, earlier: &none, until: 1200, goal: Goal::Train };
    let trial = replay.trial(&Change::DropWords(vec![row]), None, &mut |_| {}).unwrap();
    assert_eq!(trial.end, End::Held);
}

#[test]
fn a_batch_that_is_not_finite_is_found_also_in_the_first_step() {
    struct NanInBatch(u64);
    impl Intervention for NanInBatch {
        fn batch(&mut self, step: u64, batch: &mut Batch) {
            if step == self.0 {
                batch.targets_mut()[[0, 0]] = f32::NAN;
            }
        }
    }
    for step in [1, 2] {
        let subject = subject(settings()).with_intervention(move || NanInBatch(step));
        let diagnosis = diagnose(&subject, &Options::default()).unwrap();
        assert_eq!(
            (diagnosis.condition, cause(&diagnosis)),
            (Condition::NonFinite { step }, Some(Cause::HarmfulBatch))
        );
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
        let mut settings =
            Settings::for_case(case).with(|changed| changed.schedule = settings().schedule.clone()).unwrap();
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
    impl Intervention for WrongSign {
        fn gradients(&mut self, _: u64, tensors: &[Tensor], mut gradients: FloatsMut<'_>) {
            let mut column = (0..128).cycle();
            let kernel = &mut gradients.range(tensors[1].range());
            // The forget gate's columns.
            kernel.map(|x| if (32..64).contains(&column.next().unwrap()) { -x } else { x });
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
    struct Frozen(Vec<f64>);
    impl Intervention for Frozen {
        fn parameters(&mut self, _: u64, tensors: &[Tensor], mut parameters: FloatsMut<'_>) {
            parameters.range(tensors[1].range()).assign(self.0.iter().copied());
        }
    }
    let subject = subject(settings());
    let trainer = Trainer::new(&subject.settings, &subject.dataset).unwrap();
    let kernel = trainer.parameters().range(trainer.tensors()[1].range()).to_vec();
    let subject = subject.with_intervention(move || Frozen(kernel.clone()));
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
    let random = flameout_doctor::checks::batches::check(&whole_batches(), &dataset(&settings()));
    assert_eq!((check.check.grade == Grade::Pass, random.check.grade), (false, Grade::Pass), "{:?}", check.check);

    let agreement = flameout_doctor::checks::spelling::agreement(&subject.dataset).unwrap();
    let rows = subject.dataset.targets.nrows();
    let reversed: Vec<usize> = (0..rows).map(|row| (row * 37 + 11) % rows).collect();
    subject.dataset.targets = subject.dataset.targets.select(ndarray::Axis(0), &reversed);
    let shuffled = flameout_doctor::checks::spelling::agreement(&subject.dataset).unwrap();
    assert!(agreement > 4.0 && shuffled.abs() < 3.0, "{agreement} {shuffled}");
}

/// The question's failure itself, at a size that takes seconds: a GRU that trains well for 3,400 steps, and collapses.
fn collapsing() -> Settings {
    let mut settings = Settings::for_case(Case::GruSingle);
    for (key, value) in [
        ("seed", "3"),
        ("model.units", "64"),
        ("data.words", "1000"),
        ("training.epochs", "200"),
        ("training.stop-after-collapse", "1500"),
        ("schedule.learning-rate", "0.015"),
    ] {
        settings.set(key, value).unwrap();
    }
    settings
}

#[test]
fn a_real_collapse_is_explained() {
    let subject = subject(collapsing());
    let options = Options::default();
    let course = Course::train(&subject, options.snapshot_bytes, &mut |_| ()).unwrap();
    let diagnosis = diagnose_course(&subject, &course, &options).unwrap();
    assert_eq!(diagnosis.condition, Condition::Rose { onset: 3388 });
    assert_eq!(diagnosis.control_is_exact, Some(true));
    assert_eq!(cause(&diagnosis), Some(Cause::LearningRate), "{:#?}", diagnosis.findings);
    let (weights, batches) = (&diagnosis.checks[2], &diagnosis.checks[5]);
    let growth = &weights.evidence[weights.evidence.len() - 2..];
    assert!(
        growth[0].contains("by step 3375, the mean length of layer0/recurrent_kernel's columns has gone from 1.1 to")
    );
    assert!(growth[1].ends_with("constraint = { tensor = \"recurrent_kernel\", max-norm = 1.6 }"), "{growth:?}");
    assert_eq!((weights.number, weights.grade), (3, Grade::Suspect));
    assert_eq!((batches.number, batches.grade), (6, Grade::Suspect), "900 words in batches of 32 leave four");
    let explosion = &diagnosis.checks[7].evidence;
    assert!(explosion.last().unwrap().starts_with("the first outlying gradient is that of step"), "{explosion:?}");

    let mut changes = 0;
    let options = Options { orders: 0, hold: 50, ..options };
    let table = counterfactuals(&subject, &course, &options, &mut |_| changes += 1).unwrap();
    assert_eq!(table.len(), changes);
    assert!(table[0].change == Change::Nothing && table[0].trials[0].end.is_bad());
    let held = table.iter().filter(|trials| !trials.trials[0].end.is_bad()).count();
    assert!(held > 0, "nothing prevents it");
}

/// Makes a run in a directory with a [`StateRecorder`], and stops it after so many steps, if there are so many.
fn keep(settings: &Settings, run: &Path, resume: bool, steps: u64) {
    struct Stop(std::sync::Arc<AtomicBool>, u64);
    impl Observer for Stop {
        fn step(&mut self, record: &StepRecord, _: &Trainer) {
            self.0.store(record.step >= self.1, Ordering::Relaxed);
        }
    }
    let options = RunOptions { directory: run.into(), resume, base: root() };
    let stop = std::sync::Arc::new(AtomicBool::new(false));
    train(settings, &options, &stop, |begun| {
        let warn = |error: &flameout_doctor::Error| panic!("{error}");
        let keeper = StateRecorder::new(settings, begun.dataset, begun.trainer, run, 50 << 20, warn).unwrap();
        vec![Box::new(keeper), Box::new(Stop(stop.clone(), steps))]
    })
    .unwrap();
}

#[test]
fn remedies_are_ranked_by_what_whole_runs_come_to() {
    let rate = |rate: f64| Change::setting("schedule.learning-rate", rate);
    let changes = [rate(1.0), Change::setting("training.batch", 20), rate(0.0001), Change::Nothing];
    let mut runs = 0;
    let mut open = |settings: &Settings| Ok(dataset(settings));
    let ranked = remedies::rank(&settings(), &changes, &[0, 1], &mut open, &mut || runs += 1).unwrap();
    assert_eq!(runs, 8);
    assert!(ranked.iter().all(|remedy| remedy.seeds == [0, 1] && remedy.runs.trials.len() == 2));
    let failed: Vec<usize> = ranked.iter().map(Remedy::failed).collect();
    assert_eq!(failed, [0, 0, 2, 2], "{ranked:#?}");
    assert!(ranked[0].runs.loss() < ranked[1].runs.loss() && ranked[2].runs.loss() < ranked[3].runs.loss());
    assert_eq!(ranked[3].runs.change, rate(1.0));
    // A larger batch makes shorter epochs, and no shorter run.
    let steps = ranked[0].runs.trials[0].steps;
    assert!(ranked[..3].iter().flat_map(|remedy| &remedy.runs.trials).all(|run| run.steps == steps));
}

#[test]
fn a_run_that_was_kept_need_not_be_made_again() {
    let (settings, directory) = (collapsing(), tempfile::tempdir().unwrap());
    let run = directory.path().join("run");
    let subject = subject(settings.clone());
    let read = || Course::read(&subject, &run, 1 << 30).unwrap();
    keep(&settings, &run, false, 2000);
    assert!(read().is_none(), "it is not over");
    let checkpoint = states(&subject.settings, &subject.dataset, &run).unwrap().pop().expect("a checkpoint");
    assert_eq!(checkpoint.step(), 2000);
    // Goes on from a state that lies long enough before the onset.
    keep(&settings, &run, true, u64::MAX);

    let (kept, again) = (read().expect("states"), Course::train(&subject, 1 << 30, &mut |_| ()).unwrap());
    assert_eq!(kept.curve.points, again.curve.points);
    assert_eq!(checkpoint.parameters(), again.snapshots.at_or_before(2000).unwrap().parameters());
    assert_eq!((kept.condition(), &kept.outcome), (again.condition(), &again.outcome));
    let diagnosis = diagnose_course(&subject, &kept, &Options::default()).unwrap();
    assert_eq!(diagnosis.control_is_exact, Some(true));
    assert_eq!(cause(&diagnosis), Some(Cause::LearningRate), "{:#?}", diagnosis.findings);

    let states: Vec<_> = std::fs::read_dir(run.join("states")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!((5..=15).contains(&states.len()), "{states:?}");
    std::fs::write(&states[0], "damaged").unwrap();
    let message = Course::read(&subject, &run, 1 << 30).unwrap_err().to_string();
    assert!(message.contains(&states[0].display().to_string()), "{message}");
    std::fs::remove_dir_all(run.join("states")).unwrap();
    assert!(read().is_none(), "no states");
}

#[test]
fn states_of_another_run_are_refused() {
    let (settings, directory) = (settings(), tempfile::tempdir().unwrap());
    let run = directory.path().join("run");
    let mut subject = subject(settings.clone());
    subject.dataset.targets[(subject.dataset.train[0], 0)] = f32::NAN;
    let trainer = Trainer::new(&settings, &subject.dataset).unwrap();
    let keeper =
        |dataset: &Dataset| StateRecorder::new(&settings, dataset, &trainer, &run, 1 << 20, |error| panic!("{error}"));
    let mut broken = keeper(&subject.dataset).unwrap();
    let mut trainer = Trainer::new(&settings, &subject.dataset).unwrap();
    while !trainer.outcome().non_finite() {
        let record = trainer.step(&subject.dataset).unwrap();
        broken.step(&record, &trainer);
    }
    broken.end();
    let message = keeper(&dataset(&settings)).unwrap_err().to_string();
    assert!(message.contains("step-0000000000.state") && message.contains("other settings or words"), "{message}");
    let small = StateRecorder::new(&settings, &subject.dataset, &trainer, &run, 1000, |error| panic!("{error}"));
    assert!(small.unwrap_err().to_string().contains("a single snapshot takes"));
}

/// The question's deep network with 64 units, on few words and at a higher rate: it drops as that does, and as it, heals.
fn dropping() -> Settings {
    let mut settings = Settings::for_case(Case::LstmDouble);
    for (key, value) in [
        ("seed", "1"),
        ("model.units", "64"),
        ("data.words", "200"),
        ("training.batch", "20"),
        ("training.epochs", "340"),
        ("schedule.learning-rate", "0.003"),
    ] {
        settings.set(key, value).unwrap();
    }
    settings
}

#[test]
fn a_dip_comes_because_adam_has_forgotten() {
    let patient = Options { budget: 2.0, hold: 150, ..Options::default() };
    let diagnosis = diagnose(&subject(dropping()), &patient).unwrap();
    assert_eq!((diagnosis.condition, diagnosis.control_is_exact), (Condition::Healthy, Some(true)));
    let Verdict::Cause(finding) = diagnosis.verdict() else { panic!("{:#?}", diagnosis.findings) };
    assert_eq!(finding.cause, Cause::Forgetting);
    assert_eq!(finding.remedy, Some(Change::setting("optimizer.amsgrad", true)));
    let replay = finding.replay.as_ref().unwrap();
    assert_eq!(replay.change, Change::SecondMoment { tensor: "layer0/recurrent_kernel".into(), times: 10.0 });
    let control = diagnosis.control.as_ref().unwrap();
    assert!(control.trials.iter().all(|trial| trial.highest > 3.0 * replay.highest()), "{control:#?} {replay:#?}");

    let mut remembering = dropping();
    remembering.set("optimizer.amsgrad", "true").unwrap();
    let diagnosis = diagnose(&subject(remembering), &patient).unwrap();
    assert_eq!(diagnosis.verdict(), Verdict::Healthy);
    assert_eq!(diagnosis.all_clear(), "nothing is wrong", "{:#?}", diagnosis.checks);
}

#[test]
fn states_from_before_a_dip_are_kept() {
    let (settings, directory) = (dropping(), tempfile::tempdir().unwrap());
    let run = directory.path().join("run");
    keep(&settings, &run, false, u64::MAX);
    let course = Course::read(&subject(settings), &run, 1 << 30).unwrap().expect("states");
    assert_eq!(course.condition(), Condition::Healthy);
    let dip = course.dips().pop().unwrap().first_sign;
    let before = course.snapshots.at_or_before(dip - 100).unwrap().step();
    assert!(dip - before < 500, "{before} of {dip}");
}
