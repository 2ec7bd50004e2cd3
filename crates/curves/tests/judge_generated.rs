//! Logs that are made, of which the truth is known: a lasting rise must be told, at its row, in every container, numbering
//! and unit; a healthy curve must have none.

mod common;
#[path = "common/event_file.rs"]
mod event_file;

use flameout_curves::judge::{Judgement, Series, Verdict, judge};
use flameout_curves::logs::{self, Names};
use flameout_curves::onset::EventKind;
use flameout_curves::{Curve, Point, Unit};

use common::Random;
use event_file::events;

/// Logs of each kind.
const LOGS: u64 = 200;

fn one_of<T: Copy>(random: &mut Random, all: &[T]) -> T {
    all[(random.uniform() * all.len() as f64) as usize]
}

/// A healthy curve from 1 down, with what noise it has.
struct Healthy {
    losses: Vec<f64>,
    /// Standard deviation of its logarithms.
    noise: f64,
}

/// Falls to a thousandth to a fifth of the start.
const MUCH: (f64, f64) = (0.001, 0.2);
/// Falls to between a half and five sixths of the start.
const LITTLE: (f64, f64) = (0.5, 0.83);

fn healthy(random: &mut Random, (lowest, highest): (f64, f64)) -> Healthy {
    let rows = (12.0 * (5000.0_f64 / 12.0).powf(random.uniform())) as usize;
    // What has a row for each epoch has the mean of many steps in it.
    let noise = one_of(random, if rows < 100 { &[0.0, 0.02, 0.05] } else { &[0.0, 0.02, 0.1, 0.3] });
    let floor = 10f64.powf(random.among(lowest.log10(), highest.log10()));
    let (shape, scale) = (one_of(random, &[0, 1, 2]), random.among(0.03, 0.15));
    let losses = (0..rows).map(|row| {
        let time = row as f64 / (scale * rows as f64);
        let mean = floor
            + (1.0 - floor)
                * match shape {
                    0 => (-time).exp(),
                    1 => (1.0 + time).powf(-1.5),
                    _ => 0.3f64.powf((0.5 * time).floor()),
                };
        mean * (noise * random.normal()).exp()
    });
    Healthy { losses: losses.collect(), noise }
}

/// Raises the losses from a row on, for good, to between a half and one and a half of the start, or thrice what it was. Returns the row.
fn rise(random: &mut Random, losses: &mut [f64], noise: f64) -> usize {
    let rows = losses.len();
    // A log of many rows, and so of single steps, must show it for 25 of them; others for one.
    let shown = if rows > 300 { 25 } else { 1 };
    let learnt = losses.windows(5).position(|five| five.iter().all(|loss| *loss < 0.4));
    let learnt = (learnt.unwrap_or(rows) + 3 + rows / 20).clamp(4, rows - shown - 1);
    let at = random.among(learnt.max(rows / 5) as f64, (rows - shown) as f64) as usize;
    let mut before = losses[at - (rows / 8).clamp(3, 25)..at].to_vec();
    before.sort_by(f64::total_cmp);
    let before = before[before.len() / 2];
    let level = random.among((3.0 * before).max(0.5), (3.0 * before).max(1.5));
    for loss in &mut losses[at..] {
        *loss = level * (noise * random.normal()).exp();
    }
    at
}

/// A name, the curve, and the row of each of its numbers.
type Numbered = (&'static str, Curve, Box<dyn Fn(u64) -> usize>);

/// The curve in each numbering: the row of a number comes with it.
fn numberings(losses: &[f64]) -> Vec<Numbered> {
    let numbered = |unit: Unit, first: u64, stride: u64| {
        let points = losses.iter().enumerate();
        let points = points.map(|(row, &loss)| Point { step: first + stride * row as u64, loss, ..Point::default() });
        Curve { points: points.collect(), unit, ..Curve::from_losses(unit, []) }
    };
    vec![
        ("epochs from 0", numbered(Unit::Epoch, 0, 1), Box::new(|number| number as usize)),
        ("epochs from 1", numbered(Unit::Epoch, 1, 1), Box::new(|number| number as usize - 1)),
        ("steps from 0", numbered(Unit::Step, 0, 1), Box::new(|number| number as usize)),
        ("every tenth step", numbered(Unit::Step, 10, 10), Box::new(|number| number as usize / 10 - 1)),
        ("every 937th step", numbered(Unit::Step, 0, 937), Box::new(|number| number as usize / 937)),
    ]
}

fn first(judgement: &Judgement) -> Option<(EventKind, u64)> {
    let of_loss =
        judgement.events.iter().find(|event| event.series == Series::Loss && event.event.kind != EventKind::Spike);
    of_loss.map(|event| (event.event.kind, event.event.onset))
}

fn says_lasting(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Collapse | Verdict::LastingRise | Verdict::RoseAtTheEnd)
}

#[test]
fn a_lasting_rise_is_told_at_its_row_in_every_numbering_and_unit() {
    let mut wrong = Vec::new();
    for seed in 0..LOGS {
        let mut random = Random(seed);
        let Healthy { mut losses, noise } = healthy(&mut random, MUCH);
        let at = rise(&mut random, &mut losses, noise);
        let shift = if seed % 4 == 3 { 1.2 } else { 0.0 };
        let scale = one_of(&mut random, &[1e-4, 1.0, 100.0]);
        let losses: Vec<f64> = losses.iter().map(|loss| scale * (loss - shift)).collect();
        let about = format!(
            "seed {seed}: {} rows, noise {noise}, rise at {at} from {} to {}, scale {scale} shift {shift}",
            losses.len(),
            losses[at - 1],
            losses[at]
        );
        let mut verdicts = Vec::new();
        for (name, curve, row) in numberings(&losses) {
            let judgement = judge(&curve);
            let Some((kind, onset)) = first(&judgement).filter(|_| says_lasting(judgement.verdict)) else {
                wrong.push(format!("{about}, {name}: {:?} {:?}", judgement.verdict, judgement.events));
                break;
            };
            if row(onset).abs_diff(at) > 1 {
                wrong.push(format!("{about}, {name}: found at {} {kind:?}", row(onset)));
                break;
            }
            verdicts.push((judgement.verdict, row(onset), kind));
        }
        assert!(verdicts.windows(2).all(|pair| pair[0] == pair[1]), "{about}: {verdicts:?}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// A mean predictor's loss may be little above the best one, and the loss then comes back to it: a small factor, and all is lost.
#[test]
fn all_that_was_learnt_is_lost_however_little_it_was() {
    let mut wrong = Vec::new();
    for seed in 0..LOGS {
        let mut random = Random(seed ^ 0x1177);
        let Healthy { mut losses, noise } = healthy(&mut random, LITTLE);
        let rows = losses.len();
        let kept = rows.max(24);
        let noise = noise.min(0.05);
        let at = random.among(0.5 * kept as f64, kept as f64 - (0.15 * kept as f64).max(8.0)) as usize;
        let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
        // The first rows may be higher than what all fall back to.
        let (start, level) = (random.among(1.0, 1.08), random.among(1.0, 1.1));
        losses = (0..kept)
            .map(|row| {
                let time = row as f64 / (0.1 * kept as f64);
                let mean = best + (start - best) * (-time).exp();
                let mean = if row < at { mean } else { level };
                mean * (noise * random.normal()).exp()
            })
            .collect();
        let about = format!("seed {seed}: {kept} rows, noise {noise}, {best} to {level} at {at}");
        for (name, curve, row) in numberings(&losses) {
            let judgement = judge(&curve);
            let slack = if noise > 0.0 { 2 + kept / 50 } else { 1 };
            let found = first(&judgement).filter(|_| says_lasting(judgement.verdict));
            if found.is_none_or(|(_, onset)| row(onset).abs_diff(at) > slack) {
                wrong.push(format!("{about}, {name}: {:?} {:?}", judgement.verdict, judgement.events));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn healthy_curves_are_cleared() {
    let cleared = |what: &str, verdict| match what {
        "" => verdict == Verdict::NothingWrong,
        // A restart that is half as high as all that was learnt is a spike that heals.
        _ => matches!(verdict, Verdict::NothingWrong | Verdict::Spikes),
    };
    each_is(MUCH, LOGS, cleared);
}

#[test]
fn healthy_curves_that_learn_little_have_lost_nothing() {
    // Noise may hide what is learnt, and be as large as a spike.
    let sound = |_: &str, verdict| matches!(verdict, Verdict::NothingWrong | Verdict::Spikes | Verdict::NeverLearnt);
    each_is(LITTLE, LOGS / 2, sound);
}

fn each_is(floors: (f64, f64), logs: u64, right: impl Fn(&str, Verdict) -> bool) {
    let mut wrong = Vec::new();
    for seed in 0..logs {
        let mut random = Random(seed ^ 0xabcd);
        let Healthy { mut losses, noise } = healthy(&mut random, floors);
        let rows = losses.len();
        let what = if rows < 40 { "" } else { one_of(&mut random, &["", "", "restart", "spike", "sawtooth"]) };
        let (mut rates, cycle) = (None, (rows / 4).max(5));
        match what {
            "restart" => {
                for (row, loss) in losses.iter_mut().enumerate().skip(cycle) {
                    *loss += 0.3 * (1.0 - (row % cycle) as f64 / cycle as f64).powi(3);
                }
                rates = Some(cycle);
            }
            "spike" => {
                let at = random.among(0.3 * rows as f64, 0.7 * rows as f64) as usize;
                losses[at] *= 2.0;
            }
            "sawtooth" => {
                for (row, loss) in losses.iter_mut().enumerate() {
                    *loss *= 1.0 + 0.3 * (1.0 - (row % cycle) as f64 / cycle as f64);
                }
            }
            _ => {}
        }
        let shift = if seed % 4 == 3 { 1.2 } else { 0.0 };
        let losses: Vec<f64> = losses.iter().map(|loss| loss - shift).collect();
        for (name, mut curve, _) in numberings(&losses) {
            if let Some(cycle) = rates {
                for (row, point) in curve.points.iter_mut().enumerate() {
                    point.learning_rate = Some(0.01 * (1.0 - (row % cycle) as f64 / cycle as f64).max(0.01));
                }
            }
            let judgement = judge(&curve);
            if !right(what, judgement.verdict) {
                wrong.push(format!(
                    "seed {seed}: {rows} rows, noise {noise}, {what}, {name}, shift {shift}: {:?} {:?} {:?}",
                    judgement.verdict, judgement.events, judgement.notes
                ));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same numbers in each container: its name, and the bytes. Numbers of rows are `first`, `first + stride` …, where it has any.
fn containers(losses: &[f64], first: usize, stride: usize) -> Vec<(&'static str, Vec<u8>)> {
    let lines = |head: &str, line: &dyn Fn(usize, f64) -> String| {
        let lines: Vec<String> =
            losses.iter().enumerate().map(|(row, &loss)| line(first + stride * row, loss) + "\n").collect();
        (head.to_owned() + &lines.concat()).into_bytes()
    };
    let list = |item: &dyn Fn(usize, f64) -> String| {
        let items: Vec<String> =
            losses.iter().enumerate().map(|(row, &loss)| item(first + stride * row, loss)).collect();
        items.join(", ")
    };
    let scalars: Vec<(&str, u64, f32)> = (0_u64..)
        .zip(losses)
        .map(|(row, &loss)| ("Loss/train", (first + stride * row as usize) as u64, loss as f32))
        .collect();
    let rows = losses.len();
    vec![
        ("CSV of epochs", lines("epoch,loss\n", &|row, loss| format!("{row},{loss}"))),
        ("CSV of steps", lines("step;loss\n", &|row, loss| format!("{row};{loss}"))),
        ("CSV without numbers", lines("loss\n", &|_, loss| format!("{loss}"))),
        ("a table of W&B", lines("\"Step\",\"run-1 - train/loss\"\n", &|row, loss| format!("\"{row}\",\"{loss}\""))),
        ("JSON lines of steps", lines("", &|row, loss| format!("{{\"step\": {row}, \"loss\": {loss}}}"))),
        ("JSON lines of epochs", lines("", &|row, loss| format!("{{\"epoch\": {row}, \"loss\": {loss}}}"))),
        ("History.history", format!("{{\"loss\": [{}]}}", list(&|_, loss| loss.to_string())).into_bytes()),
        (
            "trainer_state.json",
            format!(
                "{{\"global_step\": 9, \"log_history\": [{}]}}",
                list(&|row, loss| format!("{{\"epoch\": {}, \"loss\": {loss}, \"step\": {row}}}", row as f64 / 1e4))
            )
            .into_bytes(),
        ),
        ("an event file", events(&scalars)),
        (
            "lines of key=value",
            lines("", &|row, loss| format!("[2026-11-29 12:30:01] INFO | step={row} loss={loss} ms=12")),
        ),
        ("lines of words", lines("Training begins\n", &|row, loss| format!("epoch {row} loss: {loss}"))),
        ("dictionaries", lines("", &|row, loss| format!("{{'loss': {loss}, 'epoch': {row}}}"))),
        (
            "progress bars",
            lines("", &|row, loss| {
                let bar = "1/10 [>....] - ETA: 2s - loss: 9.0\r10/10 [=====] - 3s 12ms/step";
                format!("Epoch {}/{rows}\n{bar} - loss: {loss}", (row - first) / stride + 1)
            }),
        ),
    ]
}

#[test]
fn containers_make_no_difference() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let mut wrong = Vec::new();
    for seed in 0..LOGS / 4 {
        let mut random = Random(seed);
        let Healthy { mut losses, noise } = healthy(&mut random, MUCH);
        let at = rise(&mut random, &mut losses, noise);
        let shift = if seed % 4 == 3 { 1.2 } else { 0.0 };
        let scale = one_of(&mut random, &[1e-4, 1.0, 100.0]);
        // As event files have them.
        let losses: Vec<f64> = losses.iter().map(|loss| f64::from((scale * (loss - shift)) as f32)).collect();
        let (first_row, stride) = one_of(&mut random, &[(0, 1), (1, 1), (10, 10), (0, 937)]);
        let mut verdicts = Vec::new();
        for (number, (name, bytes)) in (0..).zip(containers(&losses, first_row, stride)) {
            std::fs::write(&path, bytes).unwrap();
            let curves = logs::read(&path, &Names::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
            let read: Vec<f64> = curves[0].points.iter().map(|point| point.loss).collect();
            assert!(curves.len() == 1 && read == losses, "seed {seed}, {name}");
            // The same numbers in whatever numbering have the same verdict, as above: here it is enough to judge some.
            if (seed + number) % 4 > 0 {
                continue;
            }
            let judgement = judge(&curves[0]);
            let row = |number: u64| curves[0].points.iter().position(|point| point.step == number).unwrap();
            let found = first(&judgement).map(|(kind, onset)| (kind, row(onset)));
            if !says_lasting(judgement.verdict) || found.is_none_or(|(_, row)| row.abs_diff(at) > 1) {
                wrong.push(format!("seed {seed}, {name}, rise at {at}: {:?} {found:?}", judgement.verdict));
            }
            verdicts.push((judgement.verdict, found));
        }
        assert!(verdicts.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}, rise at {at}: {verdicts:?}");
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
