//! What is said of logs of the kinds that people post.

use flameout_curves::judge::{Judgement, Series, Verdict, judge};
use flameout_curves::onset::EventKind;
use flameout_curves::{Curve, EpochPoint, Measure, Point, Symptom, Unit};

/// Falls from 2.3 to 0.27 over thirty rows, with the little noise that means over epochs have.
fn falling(row: usize) -> f64 {
    let wobble = 0.01 * ((row * 7919 % 13) as f64 / 6.0 - 1.0);
    (0.25 + 2.05 * 0.86_f64.powi(row as i32)) * (1.0 + wobble)
}

fn curve(losses: impl IntoIterator<Item = f64>) -> Curve {
    let points = losses.into_iter().enumerate();
    let points = points.map(|(row, loss)| Point { step: row as u64, loss, ..Point::default() }).collect();
    Curve { points, ..Curve::from_losses(Unit::Epoch, []) }
}

fn with_tests(mut curve: Curve, losses: impl IntoIterator<Item = f64>) -> Curve {
    let tests = losses.into_iter().enumerate();
    let test = |(row, loss)| EpochPoint {
        epoch: row as u64,
        step: Some(row as u64),
        test_loss: Some(loss),
        ..EpochPoint::default()
    };
    curve.epochs = tests.map(test).collect();
    curve
}

fn collapsing(at: usize, to: f64) -> impl Fn(usize) -> f64 {
    move |row| if row < at { falling(row) } else { to * (1.0 + 0.01 * (row % 3) as f64) }
}

fn of(losses: impl Fn(usize) -> f64) -> Judgement {
    judge(&curve((0..30).map(losses)))
}

fn says(judgement: &Judgement, series: Series, kind: EventKind, onset: u64) {
    let found = judgement.events.iter().find(|event| event.series == series && event.event.kind == kind);
    assert_eq!(found.map(|event| event.event.onset), Some(onset), "{judgement:?}");
}

#[test]
fn a_healthy_log_is_cleared_and_the_clearance_says_what_was_judged() {
    let healthy = judge(&with_tests(curve((0..30).map(falling)), (0..30).map(|row| 1.1 * falling(row))));
    assert_eq!((healthy.verdict, healthy.events.len()), (Verdict::NothingWrong, 0));
    let judged: Vec<_> = healthy.judged.iter().map(|judged| (judged.series, judged.rows)).collect();
    assert_eq!(judged, [(Series::Loss, 30), (Series::ValidationLoss, 30)]);
}

#[test]
fn a_collapse_is_told_at_its_row_with_the_row_before_it() {
    for to in [2.3, 1.0] {
        let judgement = of(collapsing(18, to));
        assert_eq!(judgement.verdict, Verdict::Collapse);
        says(&judgement, Series::Loss, EventKind::Collapse, 18);
        let event = judgement.events[0].event;
        assert!((event.before.unwrap() - falling(17)).abs() < 0.02, "{event:?}");
        assert!(event.peak.unwrap() >= to && event.first_sign == 18);
    }
}

#[test]
fn losses_of_any_sign_and_unit_are_judged_alike() {
    let collapse = collapsing(18, 2.3);
    for change in [
        |loss: f64| -1.0 + 0.4 * loss,
        |loss: f64| 10.0 * loss - 12.7,
        |loss: f64| 100.0 * loss,
        |loss: f64| 1e-6 * loss,
    ] {
        let judgement = of(|row| change(collapse(row)));
        assert_eq!(judgement.verdict, Verdict::Collapse, "{judgement:?}");
        says(&judgement, Series::Loss, EventKind::Collapse, 18);
        assert_eq!(of(|row| change(falling(row))).verdict, Verdict::NothingWrong);
    }
    let perplexity = curve((0..30).map(|row| collapse(row).exp()));
    let judgement = judge(&Curve { measure: Measure::Perplexity, ..perplexity });
    assert_eq!(judgement.verdict, Verdict::Collapse);
    assert!((judgement.events[0].event.before.unwrap() - falling(17).exp()).abs() < 0.05);
}

#[test]
fn a_tiny_negative_loss_does_not_turn_the_judgement_off() {
    let judgement = of(|row| if row == 9 { -1.8e-6 } else { collapsing(18, 2.3)(row) });
    assert_eq!(judgement.verdict, Verdict::Collapse);
    says(&judgement, Series::Loss, EventKind::Collapse, 18);
}

#[test]
fn validation_has_its_say() {
    let training = || curve((0..30).map(falling));
    let alone = judge(&with_tests(training(), (0..30).map(collapsing(20, 2.4))));
    assert_eq!(alone.verdict, Verdict::CollapseOfValidation);
    says(&alone, Series::ValidationLoss, EventKind::Collapse, 20);
    let both = judge(&with_tests(curve((0..30).map(collapsing(20, 2.4))), (0..30).map(collapsing(20, 2.4))));
    assert_eq!(both.verdict, Verdict::Collapse);
    let of_training = judge(&with_tests(curve((0..30).map(collapsing(20, 2.4))), (0..30).map(falling)));
    assert_eq!(of_training.verdict, Verdict::CollapseOfTraining);
    let not_finite = judge(&with_tests(training(), (0..30).map(|row| if row < 10 { falling(row) } else { f64::NAN })));
    assert_eq!(not_finite.verdict, Verdict::ValidationNotFinite);
    says(&not_finite, Series::ValidationLoss, EventKind::Collapse, 10);
}

#[test]
fn overfitting_is_no_collapse() {
    let rising = |row: usize| if row < 8 { falling(row) } else { falling(8) + 0.08 * (row - 8) as f64 };
    let judgement = judge(&with_tests(curve((0..30).map(falling)), (0..30).map(rising)));
    assert_eq!(judgement.verdict, Verdict::Overfitting);
    assert!(judgement.events.is_empty(), "{judgement:?}");
    let overfitting = judgement.overfitting.unwrap();
    assert_eq!(overfitting.from, 8);
    assert!(overfitting.last > 1.9 * overfitting.best);
}

#[test]
fn a_log_of_validation_alone_is_judged() {
    let alone = |losses: &dyn Fn(usize) -> f64| judge(&with_tests(curve([]), (0..30).map(losses)));
    assert_eq!(alone(&falling).verdict, Verdict::NothingWrong);
    assert_eq!(alone(&collapsing(18, 2.3)).verdict, Verdict::Collapse);
}

#[test]
fn near_the_end_a_rise_is_told_and_called_open() {
    for at in [28, 29] {
        let judgement = of(collapsing(at, 2.3));
        assert_eq!(judgement.verdict, Verdict::RoseAtTheEnd, "{judgement:?}");
        says(&judgement, Series::Loss, EventKind::Unsettled, at as u64);
    }
    assert_eq!(of(collapsing(26, 2.3)).verdict, Verdict::Collapse);
}

#[test]
fn a_spike_heals_and_a_small_rise_is_none() {
    let spike = of(|row| if row == 15 { 1.9 } else { falling(row) });
    assert_eq!(spike.verdict, Verdict::Spikes);
    says(&spike, Series::Loss, EventKind::Spike, 15);
    assert_eq!(of(|row| falling(row) * if (20..23).contains(&row) { 1.5 } else { 1.0 }).verdict, Verdict::NothingWrong);
}

#[test]
fn what_never_learnt_or_diverges_is_not_cleared() {
    let flat = |row: usize| 2.3 + 0.02 * ((row * 7919 % 13) as f64 / 6.0 - 1.0);
    assert_eq!(of(flat).verdict, Verdict::NeverLearnt);
    let diverging = of(|row| 2.3 * 1.3_f64.powi(row as i32));
    assert_eq!((diverging.verdict, diverging.events.len()), (Verdict::Diverged, 1));
    assert_eq!(diverging.events[0].event.onset, 1);
    let late = of(|row| if row < 20 { flat(row) } else { 30.0 });
    assert_eq!(late.verdict, Verdict::Diverged);
    says(&late, Series::Loss, EventKind::Collapse, 20);
}

#[test]
fn few_rows_are_said_to_be_few() {
    assert_eq!(judge(&curve([])).verdict, Verdict::NoRows);
    for rows in 1..4 {
        assert_eq!(judge(&curve((0..rows).map(falling))).verdict, Verdict::TooShort);
    }
    assert_eq!(judge(&curve([1.0, f64::NAN])).verdict, Verdict::NotFinite);
}

#[test]
fn a_nan_in_disguise_is_told() {
    let zeros = of(|row| if row < 14 { falling(row) } else { 0.0 });
    assert_eq!((zeros.verdict, zeros.events[0].event.onset), (Verdict::NotFinite, 14));
    assert_eq!(zeros.events[0].event.symptom, Some(Symptom::NonFinite));
    // A loss that has come near to 0 may be 0.
    let learnt = of(|row| if row < 20 { 2.3 * 0.5_f64.powi(row as i32) } else { 0.0 });
    assert_eq!(learnt.verdict, Verdict::NothingWrong);
    let mut with_norms = curve((0..30).map(falling));
    for (row, point) in with_norms.points.iter_mut().enumerate() {
        point.gradient_norm = Some(if row < 12 { 0.7 } else { f64::NAN });
    }
    let judgement = judge(&with_norms);
    assert_eq!(judgement.verdict, Verdict::GradientsExploded);
    says(&judgement, Series::GradientNorm, EventKind::Collapse, 12);
    for (row, point) in with_norms.points.iter_mut().enumerate() {
        point.gradient_norm = Some(if row < 20 { 0.7 } else { 0.7 * 10f64.powi(row as i32 - 19) });
    }
    assert_eq!(judge(&with_norms).verdict, Verdict::GradientsExploded);
}

#[test]
fn accuracy_that_is_lost_is_told_in_shares_and_in_percent() {
    for whole in [1.0, 100.0] {
        let mut log = curve((0..30).map(falling));
        for (row, point) in log.points.iter_mut().enumerate() {
            let accuracy = if row < 20 { 0.95 - 0.7 * 0.8_f64.powi(row as i32) } else { 0.31 };
            point.accuracy = Some(whole * accuracy);
        }
        let judgement = judge(&log);
        assert_eq!(judgement.verdict, Verdict::AccuracyLost, "{judgement:?}");
        let event = judgement.events[0];
        assert_eq!((event.series, event.event.onset, event.event.peak), (Series::Accuracy, 20, Some(whole * 0.31)));
    }
}

#[test]
fn a_learning_rate_that_is_set_up_again_explains_a_rise() {
    let cycle = 20;
    let losses = (0..80).map(|row| {
        let (round, time) = (row / cycle, (row % cycle) as f64 / cycle as f64);
        let top = if round == 0 { 0.7 } else { 0.35 };
        top * (-2.8 * time).exp() + 0.01 / (1 + round) as f64
    });
    let mut log = curve(losses);
    for (row, point) in log.points.iter_mut().enumerate() {
        point.learning_rate = Some(0.005 * (1.0 + (std::f64::consts::PI * (row % cycle) as f64 / cycle as f64).cos()));
    }
    let judgement = judge(&log);
    assert_eq!(judgement.verdict, Verdict::NothingWrong, "{judgement:?}");
    assert!(judgement.notes[0].contains("learning rate is set up again"), "{judgement:?}");
    // The same rise, and no way back from it: the learning rate is then no excuse.
    for point in &mut log.points[20..] {
        point.loss = 0.9;
    }
    assert!(judge(&log).verdict.is_wrong());
}

#[test]
fn what_begins_at_zero_may_grow() {
    let noise = |row: usize| 1.0 + 0.3 * ((row * 7919 % 13) as f64 / 6.0 - 1.0);
    let judgement = judge(&curve((0..400).map(|row| if row < 5 { 0.0 } else { 5e-5 * row as f64 * noise(row) })));
    assert_eq!((judgement.verdict, judgement.events.len()), (Verdict::NothingWrong, 0), "{judgement:?}");
}

#[test]
fn spikes_that_come_with_every_epoch_are_a_note() {
    let log = curve((0..600).map(|row| falling(row / 20) * if row % 100 == 99 { 9.0 } else { 1.0 }));
    let judgement = judge(&log);
    assert!(!judgement.verdict.is_wrong(), "{judgement:?}");
}

#[test]
fn any_numbers_are_judged_without_a_panic() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 1.0, -3.0];
    let mut state = 1_usize;
    for rows in 0..200 {
        let numbers: Vec<f64> = (0..rows)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                odd[(state >> 33) % odd.len()]
            })
            .collect();
        let mut log = with_tests(curve(numbers.clone()), numbers.iter().rev().copied());
        for (point, number) in log.points.iter_mut().zip(&numbers) {
            (point.gradient_norm, point.learning_rate, point.accuracy) =
                (Some(*number), Some(-number), Some(number / 2.0));
        }
        let judgement = judge(&log);
        for event in &judgement.events {
            assert!(event.event.recovered.is_none_or(|back| back > event.event.first_sign), "{event:?}");
        }
    }
}

/// However few numbers are finite, and wherever they stand, there is a verdict, and no all-clear.
#[test]
fn a_log_of_few_finite_numbers_is_not_sound() {
    for rows in 1..9 {
        for finite in 0..1_u32 << rows {
            let numbers: Vec<f64> =
                (0..rows).map(|row| if finite >> row & 1 == 1 { falling(row) } else { f64::NAN }).collect();
            let log = with_tests(curve(numbers.clone()), numbers.iter().copied());
            let judgement = judge(&log);
            let all_finite = numbers.iter().all(|number| number.is_finite());
            assert!(all_finite || judgement.verdict != Verdict::NothingWrong, "{numbers:?}: {judgement:?}");
        }
    }
}

/// A mean since the start hides a collapse: it rises row by row to the end, by less than half.
#[test]
fn a_mean_since_the_start_that_rises_is_not_cleared() {
    for (rows, at) in [(300_usize, 200_usize), (300, 270), (60, 40), (3000, 2300)] {
        let (mut sum, mut means) = (0.0, Vec::new());
        for row in 0..rows {
            sum += if row < at { 0.3 + 2.0 * (-5.0 * row as f64 / rows as f64).exp() } else { 2.3 };
            means.push(sum / (row + 1) as f64);
        }
        let judgement = judge(&curve(means.clone()));
        assert!(
            matches!(judgement.verdict, Verdict::Collapse | Verdict::LastingRise),
            "{rows} {at}: {:?}",
            judgement.verdict
        );
        let event = judgement.events[0].event;
        assert_eq!(event.onset, at as u64, "{event:?}");
        assert!((event.before.unwrap() - means[at - 1]).abs() < 0.01, "{event:?}");
        // The same mean, of a run without a collapse.
        let mut sum = 0.0;
        let healthy = (0..rows).map(|row| {
            sum += 0.3 + 2.0 * (-5.0 * row as f64 / rows as f64).exp();
            sum / (row + 1) as f64
        });
        assert_eq!(judge(&curve(healthy)).verdict, Verdict::NothingWrong);
    }
}

/// From its lowest row on, the loss rises bit by bit: the row after that one is the onset, its loss is what came before.
#[test]
fn a_slow_drift_begins_at_its_lowest_row() {
    for step in [0.004, 0.02, 0.1] {
        let falls = |row: usize| 0.3 + 2.0 * 0.88_f64.powi(row as i32);
        let losses: Vec<f64> =
            (0..100).map(|row| if row <= 30 { falls(row) } else { falls(30) + step * (row - 30) as f64 }).collect();
        let log = with_tests(curve(losses.clone()), losses.clone());
        let judgement = judge(&log);
        let verdict = if step < 0.005 { Verdict::LastingRise } else { Verdict::Collapse };
        assert_eq!(judgement.verdict, verdict, "{step}: {judgement:?}");
        for event in &judgement.events {
            assert_eq!(event.event.onset, 31, "{step}: {event:?}");
            assert!((event.event.before.unwrap() - losses[30]).abs() < 0.02, "{step}: {event:?}");
        }
    }
}

/// What comes back from a spike to many times its level, and stays there, has not come back.
#[test]
fn a_spike_that_settles_far_above_its_level_is_a_lasting_rise() {
    for rows in [40, 300, 3000] {
        let (at, wobble) = (rows / 2, |row: usize| 1.0 + 0.02 * ((row * 7919 % 13) as f64 / 6.0 - 1.0));
        let falls = |row: usize| 0.02 + 2.3 * (-12.0 * row as f64 / rows as f64).exp();
        let settling = |level: f64| {
            move |row: usize| {
                let spike = if row >= at { 200.0 * 0.3_f64.powi((row - at) as i32) } else { 0.0 };
                (spike + if row < at { falls(row) } else { level }) * wobble(row)
            }
        };
        let lasting = judge(&curve((0..rows).map(settling(0.3))));
        assert_eq!(lasting.verdict, Verdict::LastingRise, "{rows}: {lasting:?}");
        assert_eq!(lasting.events[0].event.onset, at as u64, "{rows}: {lasting:?}");
        let back = judge(&curve((0..rows).map(settling(0.02))));
        assert_eq!(back.verdict, Verdict::Spikes, "{rows}: {back:?}");
        // The same of validation alone.
        let tests =
            judge(&with_tests(curve((0..rows).map(|row| falls(row) * wobble(row))), (0..rows).map(settling(0.3))));
        assert_eq!(tests.verdict, Verdict::LastingRise, "{rows}: {tests:?}");
    }
}
