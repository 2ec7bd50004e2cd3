//! Events in curves whose truth is known: healthy ones must have none, and a fault must be found where it began.
//!
//! `cargo test -p flameout-curves --test onset_synthetic -- --ignored --nocapture` prints the whole table.

mod common;

use flameout_curves::Baseline;
use flameout_curves::onset::{self, Event, EventKind};
use flameout_curves::{Curve, Unit};
use proptest::prelude::*;

use common::Random;

const BASELINE: Baseline = Baseline { train_loss: 1.0, test_loss: 1.0, accuracy: 0.0, spread: 1.0 };

/// How a batch's loss differs from the mean loss.
#[derive(Debug, Clone, Copy)]
enum Noise {
    None,
    /// Log-normal, with this standard deviation.
    Log(f64),
    /// The same, one batch in twenty-five at six times the loss besides.
    HardBatches(f64),
    /// The same, wandering: each point keeps nine tenths of the one before.
    Wandering(f64),
}

const NOISES: [Noise; 8] = [
    Noise::None,
    Noise::Log(0.02),
    Noise::Log(0.1),
    Noise::Log(0.3),
    Noise::Log(0.6),
    Noise::Log(1.0),
    Noise::HardBatches(0.2),
    Noise::Wandering(0.15),
];

impl Noise {
    fn apply(self, random: &mut Random, losses: &mut [f64]) {
        let mut wander = 0.0;
        for loss in losses {
            let normal = random.normal();
            let log = match self {
                Noise::None => 0.0,
                Noise::Log(deviation) => deviation * normal,
                Noise::HardBatches(deviation) => {
                    deviation * normal + if random.uniform() < 0.04 { 6f64.ln() } else { 0.0 }
                }
                Noise::Wandering(deviation) => {
                    wander = 0.9 * wander + 0.436 * deviation * normal;
                    wander
                }
            };
            *loss *= log.exp();
        }
    }
}

/// Ways in which losses fall.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// Exponentially, to a floor.
    Exponential,
    /// As a power of the step.
    Power,
    /// A plateau first, then in stairs, as with a stepwise learning rate.
    Stairs,
    /// Not at all.
    Flat,
}

const SHAPES: [Shape; 4] = [Shape::Exponential, Shape::Power, Shape::Stairs, Shape::Flat];

impl Shape {
    fn losses(self, random: &mut Random, count: usize) -> Vec<f64> {
        let floor = (10f64).powf(random.among(-5.0, -0.7));
        let scale = count as f64 * random.among(0.02, 0.3);
        let stair = random.among(0.15, 0.3);
        let at = |step: usize| {
            let time = step as f64;
            match self {
                Shape::Exponential => floor + (1.0 - floor) * (-time / scale).exp(),
                Shape::Power => floor + (1.0 - floor) / (1.0 + time / scale).powf(1.5),
                Shape::Stairs => (0.25f64).powf((time / (stair * count as f64)).floor()).max(floor),
                Shape::Flat => 1.0,
            }
        };
        (0..count).map(at).collect()
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Rises by a factor within ten steps, heals within fifty.
    Spike(f64),
    /// Within five steps up to the baseline, for good.
    Collapse,
    /// Within 300 steps up to the baseline, for good.
    SlowCollapse,
    /// Grows by a tenth a step to a thousand times the baseline, and stays.
    Divergence,
    /// NaN from there on.
    NonFinite,
    /// Five times the loss before, for good, where that is far below the baseline.
    Setback,
}

/// Puts a fault into clean losses, after the step with this index.
fn fault(losses: &mut [f64], at: usize, fault: Fault) {
    let before = losses[at];
    for (after, loss) in losses[at..].iter_mut().enumerate().skip(1) {
        let time = after as f64;
        match fault {
            Fault::Spike(factor) if after <= 10 => *loss *= factor.powf(time / 10.0),
            Fault::Spike(factor) if after <= 50 => *loss *= factor.powf((50.0 - time) / 40.0),
            Fault::Spike(_) => {}
            Fault::Collapse => *loss = before.powf((1.0 - time / 5.0).max(0.0)),
            Fault::SlowCollapse => *loss = before.powf((1.0 - time / 300.0).max(0.0)),
            Fault::Divergence => *loss = (before * 1.1f64.powf(time)).min(1000.0),
            Fault::NonFinite => *loss = f64::NAN,
            Fault::Setback => *loss = before * 6.0,
        }
    }
}

fn kind(fault: Fault) -> EventKind {
    match fault {
        Fault::Spike(_) => EventKind::Spike,
        Fault::Setback => EventKind::Setback,
        _ => EventKind::Collapse,
    }
}

fn curve(losses: Vec<f64>) -> Curve {
    Curve::from_losses(Unit::Step, losses)
}

fn healthy(seed: u64, shape: Shape, noise: Noise, count: usize) -> Vec<f64> {
    let mut random = Random(seed);
    let mut losses = shape.losses(&mut random, count);
    noise.apply(&mut random, &mut losses);
    losses
}

/// A curve that falls to 0.002, say, with a fault after the step returned.
fn faulty(seed: u64, noise: Noise, what: Fault) -> (Vec<f64>, u64) {
    let mut random = Random(seed ^ 0xfeed);
    let count = 4000;
    let floor = (10f64).powf(random.among(-4.0, -1.3));
    let mut losses: Vec<f64> = (0..count).map(|step| floor + (1.0 - floor) * (-(step as f64) / 120.0).exp()).collect();
    let at = random.among(1200.0, 2500.0) as usize;
    fault(&mut losses, at, what);
    noise.apply(&mut random, &mut losses);
    (losses, at as u64 + 1)
}

/// How well a fault is found in `runs` curves.
#[derive(Debug)]
struct Score {
    found: u64,
    right_kind: u64,
    /// Events that do not begin where the fault does.
    others: usize,
    /// How far `first_sign` is from the truth, sorted.
    off: Vec<u64>,
}

fn score(noise: Noise, what: Fault, runs: u64) -> Score {
    let within = match what {
        Fault::Spike(_) => 20,
        Fault::Collapse | Fault::Setback => 10,
        Fault::SlowCollapse => 300,
        Fault::Divergence => 60,
        Fault::NonFinite => 1,
    };
    let mut score = Score { found: 0, right_kind: 0, others: 0, off: Vec::new() };
    for seed in 0..runs {
        let (losses, last_good) = faulty(seed, noise, what);
        let events = onset::find(&curve(losses), &BASELINE);
        let near = |event: &Event| (last_good.saturating_sub(20)..=last_good + within).contains(&event.first_sign);
        score.others += events.iter().filter(|event| !near(event)).count();
        if let Some(event) = events.iter().find(|event| near(event)) {
            score.found += 1;
            score.right_kind += u64::from(event.kind == kind(what));
            score.off.push(event.first_sign.abs_diff(last_good + 1));
        }
    }
    score.off.sort_unstable();
    score
}

const FAULTS: [Fault; 8] = [
    Fault::Spike(2000.0),
    Fault::Spike(25.0),
    Fault::Spike(8.0),
    Fault::Collapse,
    Fault::SlowCollapse,
    Fault::Divergence,
    Fault::NonFinite,
    Fault::Setback,
];

#[test]
#[ignore = "prints a table; takes a minute"]
fn the_table() {
    println!("| fault | noise | found of 40 | right kind | other events | first sign off by: median, worst |");
    for what in FAULTS {
        for noise in NOISES {
            let Score { found, right_kind, others, off } = score(noise, what, 40);
            let (median, worst) = (off.get(off.len() / 2), off.last());
            println!("| {what:?} | {noise:?} | {found} | {right_kind} | {others} | {median:?}, {worst:?} |");
        }
    }
    println!("| healthy, noise | runs of 800 with an event |");
    for noise in NOISES {
        let runs = SHAPES.iter().flat_map(|shape| (0..200).map(move |seed| (shape, seed)));
        let curves = runs.map(|(&shape, seed)| curve(healthy(seed, shape, noise, 3000)));
        let count = curves.filter(|curve| !onset::find(curve, &BASELINE).is_empty()).count();
        println!("| {noise:?} | {count} |");
    }
}

#[test]
fn faults_are_found_where_they_begin_and_called_by_their_name() {
    for what in FAULTS {
        for noise in [Noise::None, Noise::Log(0.1), Noise::Log(0.3), Noise::Wandering(0.15)] {
            let score = score(noise, what, 8);
            let message = format!("{what:?} {noise:?}: {score:?}");
            assert!((score.found, score.right_kind, score.others) == (8, 8, 0), "{message}");
            let late = match what {
                Fault::SlowCollapse => 100,
                Fault::Divergence => 15,
                _ => 6,
            };
            assert!(score.off.last() <= Some(&late), "{message}");
        }
    }
}

#[test]
fn large_rises_are_found_in_noise_as_large_as_the_loss() {
    for what in [Fault::Spike(2000.0), Fault::Collapse, Fault::Divergence, Fault::NonFinite] {
        for noise in [Noise::Log(0.6), Noise::Log(1.0), Noise::HardBatches(0.2)] {
            let score = score(noise, what, 8);
            assert!((score.found, score.right_kind, score.others) == (8, 8, 0), "{what:?} {noise:?}: {score:?}");
        }
    }
}

proptest! {
    #[test]
    fn healthy_curves_have_no_events(
        seed: u64,
        shape in prop::sample::select(SHAPES.to_vec()),
        noise in prop::sample::select(vec![Noise::None, Noise::Log(0.02), Noise::Log(0.1), Noise::Log(0.3), Noise::Wandering(0.1)]),
        count in 1usize..3000,
    ) {
        let events = onset::find(&curve(healthy(seed, shape, noise, count)), &BASELINE);
        prop_assert!(events.is_empty(), "{:?}", events);
    }

    #[test]
    fn healthy_epochs_have_no_events(seed: u64, shape in prop::sample::select(SHAPES.to_vec()), count in 1usize..300) {
        let curve = Curve::from_losses(Unit::Epoch, healthy(seed, shape, Noise::Log(0.05), count));
        let events = onset::find(&curve, &BASELINE);
        prop_assert!(events.is_empty(), "{:?}", events);
    }

    #[test]
    fn any_losses_give_events_in_order(
        losses in prop::collection::vec(prop_oneof![Just(f64::NAN), Just(f64::INFINITY), Just(0.0), Just(f64::MAX),
            Just(f64::MIN_POSITIVE), 1e-6..1e3f64], 0..200),
        unit in prop::sample::select(vec![Unit::Step, Unit::Epoch]),
    ) {
        let events = onset::find(&Curve::from_losses(unit, losses), &BASELINE);
        for event in &events {
            prop_assert!(event.first_sign <= event.onset && event.recovered.is_none_or(|step| step > event.first_sign), "{:?}", event);
            prop_assert_eq!(event.kind == EventKind::Spike, event.recovered.is_some());
        }
        for pair in events.windows(2) {
            prop_assert!(pair[0].recovered.is_none_or(|step| step <= pair[1].first_sign), "{:?}", pair);
        }
    }

    #[test]
    fn a_change_of_unit_changes_nothing(seed: u64, scale in prop::sample::select(vec![1e-6, 1e-3, 1e4])) {
        let (losses, _) = faulty(seed, Noise::Log(0.2), Fault::Spike(100.0));
        let scaled = losses.iter().map(|loss| loss * scale).collect();
        let steps = |losses, train_loss| {
            let events = onset::find(&curve(losses), &Baseline { train_loss, ..BASELINE });
            events.iter().map(|event| (event.first_sign, event.kind)).collect::<Vec<_>>()
        };
        prop_assert_eq!(steps(losses, 1.0), steps(scaled, scale));
    }
}
