//! Which snapshots a ring keeps, over whole runs.

use flameout_doctor::snapshots::Snapshots;
use flameout_experiment::{Case, Dataset, Settings, Snapshot, Trainer};
use flameout_word2vec::WordVectors;
use ndarray::Array2;
use proptest::prelude::*;

/// A tiny run's snapshots after so many steps each.
fn snapshots(last: u64) -> Vec<Snapshot> {
    let words: Vec<String> = ["ant", "bee", "cat", "dog", "eel", "fox"].map(String::from).to_vec();
    let vectors = Array2::from_shape_fn((6, 2), |(i, j)| ((i * 7 + j * 5) % 11) as f32);
    let mut settings = Settings::for_case(Case::LstmSingle);
    settings.set("model.units", "1").unwrap();
    settings.set("data.length", "5").unwrap();
    let dataset = Dataset::new(&settings, WordVectors::new(words, vectors).unwrap()).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    let mut snapshots = vec![trainer.snapshot()];
    for _ in 0..last {
        trainer.step(&dataset).unwrap();
        snapshots.push(trainer.snapshot());
    }
    snapshots
}

fn steps(ring: &Snapshots) -> Vec<u64> {
    ring.iter().map(Snapshot::step).collect()
}

/// The guarantee of the documentation, after a push.
fn check(ring: &Snapshots, pushed: &[u64], room: usize) -> Result<(), TestCaseError> {
    let kept = steps(ring);
    prop_assert!(ring.bytes() <= ring.limit());
    prop_assert_eq!(ring.bytes(), ring.iter().map(Snapshot::bytes).sum::<usize>());
    prop_assert_eq!(kept.last(), pushed.last(), "the newest");
    prop_assert_eq!(kept.len(), pushed.len().min(room), "no more is dropped than needed");
    prop_assert!(kept.windows(2).all(|pair| pair[0] < pair[1]));
    if room < 2 {
        return Ok(());
    }
    prop_assert_eq!(kept[0], pushed[0], "back to the first");
    let newest = *kept.last().unwrap();
    let age = |step: u64| (newest - step) as f64 + 1.0;
    let bound = age(kept[0]).powf(1.0 / (room / 2) as f64) * (1.0 + 1e-12);
    for pair in kept.windows(2) {
        let neighbours = pushed.iter().any(|&step| step > pair[0] && step < pair[1]);
        let ratio = age(pair[0]) / age(pair[1]);
        prop_assert!(!neighbours || ratio <= bound, "{kept:?}: {pair:?} are {ratio} apart, more than {bound}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn ages_are_spread_evenly_on_a_logarithmic_scale(
        gaps in prop::collection::vec(1_u64..8, 1..200), room in 1_usize..24, slack in 0_usize..4096
    ) {
        let all = snapshots(gaps.iter().sum());
        let bytes = all[0].bytes();
        let mut ring = Snapshots::new(room * bytes + slack.min(bytes - 1));
        let mut pushed = Vec::new();
        let mut step = 0;
        for gap in gaps {
            step += gap;
            pushed.push(step);
            ring.push(all[step as usize].clone()).unwrap();
            check(&ring, &pushed, room)?;
        }
    }
}

#[test]
fn the_same_rule_at_the_length_of_a_real_run() {
    let all = snapshots(20_000);
    let mut ring = Snapshots::new(20 * all[0].bytes());
    let mut pushed = Vec::new();
    for snapshot in all.into_iter().step_by(10) {
        pushed.push(snapshot.step());
        ring.push(snapshot).unwrap();
        check(&ring, &pushed, 20).unwrap();
    }
    let kept = steps(&ring);
    let widest = kept.windows(2).skip(1).map(|pair| (20_001 - pair[0]) as f64 / (20_001 - pair[1]) as f64);
    assert!(widest.clone().rev().skip(2).all(|ratio| ratio < 2.2), "{kept:?}");
}

#[test]
fn a_run_that_goes_back_loses_what_it_will_make_again() {
    let all = snapshots(10);
    let mut ring = Snapshots::default();
    for step in [0, 2, 4, 6, 8] {
        ring.push(all[step].clone()).unwrap();
    }
    assert_eq!(ring.at_or_before(5).unwrap().step(), 4);
    assert_eq!(ring.at_or_before(4).unwrap().step(), 4);
    ring.push(all[5].clone()).unwrap();
    assert_eq!(steps(&ring), [0, 2, 4, 5]);
    ring.push(all[5].clone()).unwrap();
    assert_eq!(steps(&ring), [0, 2, 4, 5]);
    assert_eq!((ring.len(), ring.is_empty(), ring.latest().unwrap().step()), (4, false, 5));
}

#[test]
fn a_limit_below_one_snapshot_is_an_error_that_says_how_much_is_needed() {
    let all = snapshots(1);
    let bytes = all[0].bytes();
    let mut ring = Snapshots::new(bytes - 1);
    let message = ring.push(all[0].clone()).unwrap_err().to_string();
    assert!(message.contains("ring.limit") && message.contains(&bytes.to_string()), "{message}");
    assert!(ring.is_empty() && ring.bytes() == 0);
    let mut ring = Snapshots::new(bytes);
    all.into_iter().for_each(|snapshot| ring.push(snapshot).unwrap());
    assert_eq!(steps(&ring), [1]);
}
