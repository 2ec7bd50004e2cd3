//! Events against the definition of collapse and spike, in runs of this workspace and in logs that hold less.

use flameout_curves::onset::{self, Detector, EventKind};
use flameout_curves::{Baseline, EpochRecord, Outcome, Record, StepRecord};
use flameout_curves::{Curve, EpochPoint, Symptom, Unit};
use proptest::prelude::*;

/// Of a loss of 1.
const ONE: Baseline = Baseline { train_loss: 1.0, test_loss: 1.0, accuracy: 0.0, spread: 0.0 };
const BASELINE: Baseline = Baseline { train_loss: 0.01, test_loss: 0.01, accuracy: 0.04, spread: 0.1 };

/// Records of losses given as (steps, loss), ten steps an epoch; outputs are the same for all where the loss is 0.012.
fn records(stretches: &[(u64, f64)]) -> Vec<Record> {
    let losses = stretches.iter().flat_map(|&(steps, loss)| (0..steps).map(move |_| loss));
    let mut records = Vec::new();
    for (step, loss) in (1..).zip(losses) {
        let accuracy = if loss < 0.005 { 0.8 } else { 0.04 };
        let (gradient_norm, update_norm, learning_rate) = (0.1, 0.1, 0.001);
        let epoch = u64::div_ceil(step, 10);
        records.push(Record::Step(StepRecord {
            step,
            epoch,
            words: 32,
            loss,
            accuracy,
            gradient_norm,
            update_norm,
            learning_rate,
        }));
        if step % 10 == 0 {
            let spread = if loss == 0.012 { 0.001 } else { 0.1 };
            let (test_loss, test_accuracy, identical, words_per_second) = (loss, accuracy, 0.0, 1.0);
            records.push(Record::Epoch(EpochRecord {
                epoch,
                step,
                loss,
                accuracy,
                test_loss,
                test_accuracy,
                test_hit_at_10: None,
                spread,
                identical,
                words_per_second,
            }));
        }
    }
    records
}

fn outcome(records: &[Record]) -> Outcome {
    let mut outcome = Outcome::new(BASELINE, 10);
    for record in records {
        match record {
            Record::Step(step) => outcome.step(&step.into()),
            Record::Epoch(epoch) => outcome.epoch(&epoch.into()),
        }
    }
    outcome
}

#[test]
fn a_collapse_and_its_symptoms() {
    for (loss, symptom) in [(0.012, Symptom::SameOutput), (0.015, Symptom::RandomOutput), (0.05, Symptom::Divergence)] {
        let records = records(&[(100, 0.01), (200, 0.002), (1100, loss)]);
        let events = onset::find(&Curve::from_records(&records), &BASELINE);
        assert_eq!(events.len(), 1, "{events:?}");
        let event = events[0];
        assert_eq!((event.kind, event.found, event.recovered), (EventKind::Collapse, Detector::Definition, None));
        assert_eq!(Some(event.onset), outcome(&records).collapse_onset());
        assert_eq!((event.first_sign, event.symptom), (301, Some(symptom)));
        assert!((event.before.unwrap() - 0.002).abs() < 1e-12 && (event.peak.unwrap() - loss).abs() < 1e-12);
    }
}

#[test]
fn a_rise_that_comes_back_and_one_at_the_end() {
    let spike = records(&[(200, 0.002), (300, 0.012), (500, 0.002)]);
    let events = onset::find(&Curve::from_records(&spike), &BASELINE);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((events[0].kind, events[0].symptom, events[0].first_sign), (EventKind::Spike, None, 201));
    assert!((501..=510).contains(&events[0].recovered.unwrap()));

    let end = records(&[(200, 0.002), (300, 0.012)]);
    let events = onset::find(&Curve::from_records(&end), &BASELINE);
    assert_eq!((events.len(), events[0].kind, events[0].first_sign), (1, EventKind::Unsettled, 201));
}

#[test]
fn a_number_that_is_not_finite() {
    let trained = records(&[(200, 0.002), (1, f64::NAN)]);
    let events = onset::find(&Curve::from_records(&trained), &BASELINE);
    assert_eq!((events.len(), events[0].onset, events[0].found), (1, 201, Detector::Definition));
    assert_eq!((events[0].kind, events[0].symptom), (EventKind::Collapse, Some(Symptom::NonFinite)));
    // What has not trained cannot collapse by definition; the number is no better for it.
    let untrained = records(&[(2, 0.01), (1, f64::NAN)]);
    let events = onset::find(&Curve::from_records(&untrained), &BASELINE);
    assert_eq!((events.len(), events[0].onset, events[0].found), (1, 3, Detector::NonFinite));
    // A gradient alone, passed over by the trainer.
    let mut curve = Curve::from_losses(Unit::Step, vec![1.0; 50]);
    curve.points[20].gradient_norm = Some(f64::INFINITY);
    let events = onset::find(&curve, &ONE);
    assert_eq!((events.len(), events[0].kind, events[0].recovered), (1, EventKind::Spike, Some(22)));
}

#[test]
fn a_rise_that_ends_in_nan_is_one_event_with_its_first_sign() {
    let mut losses = vec![0.002; 300];
    losses.extend((1..60).map(|step| 0.002 * 1.5_f64.powi(step)));
    losses.push(f64::NAN);
    let events = onset::find(&Curve::from_losses(Unit::Step, losses), &BASELINE);
    assert_eq!(events.len(), 1, "{events:?}");
    assert!((301..=303).contains(&events[0].first_sign), "{events:?}");
    assert_eq!((events[0].kind, events[0].symptom), (EventKind::Collapse, Some(Symptom::NonFinite)));
}

#[test]
fn divergence_from_the_first_steps() {
    let losses = (0..400).map(|step| if step < 2 { 1.0 } else { 50.0 });
    let events = onset::find(&Curve::from_losses(Unit::Step, losses), &ONE);
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].first_sign.abs_diff(3) <= 12, "{events:?}");
    assert_eq!((events[0].kind, events[0].symptom), (EventKind::Collapse, Some(Symptom::Divergence)));
}

#[test]
fn losses_of_epochs_only() {
    let mut losses: Vec<f64> = (0..30).map(|epoch| 0.9_f64.powi(epoch)).collect();
    losses.extend([1.05; 10]);
    let collapsed = onset::find(&Curve::from_losses(Unit::Epoch, losses.clone()), &ONE);
    assert_eq!((collapsed.len(), collapsed[0].kind, collapsed[0].first_sign), (1, EventKind::Collapse, 31));
    losses.truncate(31);
    let unsettled = onset::find(&Curve::from_losses(Unit::Epoch, losses.clone()), &ONE);
    assert_eq!((unsettled.len(), unsettled[0].kind), (1, EventKind::Unsettled));
    losses.extend([0.03; 10]);
    let healed = onset::find(&Curve::from_losses(Unit::Epoch, losses), &ONE);
    assert_eq!((healed.len(), healed[0].kind, healed[0].recovered), (1, EventKind::Spike, Some(32)));
}

#[test]
fn a_log_of_every_hundredth_step() {
    let mut curve = Curve::from_losses(
        Unit::Step,
        (0..300).map(|point| if point < 200 { 0.02 + 0.97_f64.powi(point) } else { 1.0 }),
    );
    curve.points.iter_mut().for_each(|point| point.step *= 100);
    let events = onset::find(&curve, &ONE);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((events[0].kind, events[0].onset, events[0].first_sign), (EventKind::Collapse, 20_100, 20_100));
    // 1,000 steps are ten points here: five are too few.
    curve.points.truncate(205);
    assert_eq!(onset::find(&curve, &ONE)[0].kind, EventKind::Unsettled);
}

#[test]
fn where_there_is_nothing_to_compare() {
    assert!(onset::find(&Curve::from_losses(Unit::Step, []), &BASELINE).is_empty());
    assert!(onset::find(&Curve::from_losses(Unit::Step, [0.0; 10]), &BASELINE).is_empty());
    let mut negative = vec![-0.9; 200];
    negative.extend([-0.1; 200]);
    assert!(onset::find(&Curve::from_losses(Unit::Step, negative.clone()), &BASELINE).is_empty());
    negative.push(f64::NAN);
    assert_eq!(onset::find(&Curve::from_losses(Unit::Step, negative), &BASELINE).len(), 1);
}

#[test]
fn tests_without_a_step_are_no_obstacle() {
    let mut curve = Curve::from_losses(Unit::Step, vec![0.5; 100]);
    curve.epochs.push(EpochPoint { epoch: 1, test_loss: Some(0.6), ..EpochPoint::default() });
    assert!(onset::find(&curve, &ONE).is_empty());
}

proptest! {
    /// With a baseline, what is called a collapse is what the definition calls so, and so are the spikes it knows.
    #[test]
    fn the_definition_is_obeyed(stretches in prop::collection::vec((1u64..1300, prop::sample::select(vec![0.01, 0.002, 0.0001, 0.007, 0.012])), 1..6)) {
        let records = records(&stretches);
        let outcome = outcome(&records);
        let events = onset::find(&Curve::from_records(&records), &BASELINE);
        let collapse = events.iter().find(|event| event.kind == EventKind::Collapse);
        prop_assert_eq!(collapse.map(|event| event.onset), outcome.collapse_onset(), "{:?}", events);
        let defined = events.iter().filter(|event| event.found == Detector::Definition);
        let spikes: Vec<u64> = defined.clone().filter(|event| event.kind == EventKind::Spike).map(|event| event.onset).collect();
        prop_assert_eq!(spikes, outcome.spikes(), "{:?}", events);
        let unsettled = defined.clone().find(|event| event.kind == EventKind::Unsettled).map(|event| event.onset);
        prop_assert_eq!(unsettled, outcome.risen_since(), "{:?}", events);
    }
}
