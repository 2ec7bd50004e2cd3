//! What the measured runs come to.

use super::{Reading, Run};
use crate::measured::Listing;

/// A run counts as about to collapse if its onset is at most so many steps away.
const AHEAD: u64 = 1000;

/// What may tell that a collapse is near.
type Quantity = fn(&Run, &Reading) -> Option<f64>;
const QUANTITIES: [(&str, Quantity); 12] = [
    ("learning rate", |run, _| Some(run.rate)),
    ("column norm", |_, reading| Some(reading.norm)),
    ("learning rate times column norm", |run, reading| Some(run.rate * reading.norm)),
    ("letters, maximum", |_, reading| Some(reading.letters.2)),
    ("padding, maximum", |_, reading| reading.padding.map(|words| words.2)),
    ("both, median", |_, reading| Some(reading.whole.0)),
    ("both, maximum", |_, reading| Some(reading.whole.2)),
    ("gradient, maximum", |_, reading| Some(reading.gradient.2)),
    ("effect of an update, median", |_, reading| Some(reading.effect.0)),
    ("effect of an update, maximum", |_, reading| Some(reading.effect.2)),
    ("bend of an update, maximum", |_, reading| Some(reading.bend.2)),
    ("margin, median: the smaller, the nearer", |_, reading| Some(-reading.margin.1)),
];

/// A line for each network, change and rate.
pub fn groups(runs: &[Run]) -> Listing {
    let mut rows = Vec::new();
    for group in runs.chunk_by(Run::is_like) {
        let (first, collapsed) = (&group[0], group.iter().filter(|run| run.onset.is_some()).count());
        let last = |value: fn(&Reading) -> Option<f64>| {
            range(group.iter().filter_map(|run| run.before_onset().and_then(value)).collect())
        };
        rows.push(vec![
            first.network.clone(),
            first.changed.clone(),
            format!("{:.4}", first.rate),
            format!("{collapsed} of {}", group.len()),
            last(|reading| Some(reading.norm)),
            last(|reading| Some(reading.letters.2)),
            last(|reading| reading.padding.map(|words| words.2)),
            last(|reading| Some(reading.whole.2)),
            last(|reading| Some(reading.effect.2)),
            last(|reading| Some(reading.bend.2)),
            last(|reading| Some(reading.margin.1)),
        ]);
    }
    let titles = vec![
        "network",
        "changed",
        "rate",
        "collapsed",
        "column norm",
        "letters",
        "padding",
        "both",
        "effect",
        "bend",
        "margin",
    ];
    Listing { titles, texts: 2, rows }
}

/// A line for each quantity: how well it tells whether an onset comes soon.
pub fn quantities(runs: &[Run]) -> Listing {
    let row = |(name, value): (&str, Quantity)| {
        let (mut near, mut far) = (Vec::new(), Vec::new());
        for run in runs {
            for reading in run.intervals() {
                let onset_is_near = run.onset.is_some_and(|onset| onset <= reading.step + AHEAD);
                if let Some(value) = value(run, reading) {
                    if onset_is_near { near.push(value) } else { far.push(value) }
                }
            }
        }
        let area = area(&near, &far).map_or("unknown".into(), |area| format!("{area:.2}"));
        vec![name.into(), near.len().to_string(), far.len().to_string(), area]
    };
    let titles =
        vec!["quantity", "readings within 1,000 steps of an onset", "other readings", "area under the ROC curve"];
    Listing { titles, texts: 1, rows: QUANTITIES.into_iter().map(row).collect() }
}

impl Run {
    /// The last reading: it ended before the onset.
    fn before_onset(&self) -> Option<&Reading> {
        self.readings.last()
    }

    /// One reading of every interval.
    fn intervals(&self) -> impl Iterator<Item = &Reading> {
        self.readings.iter().filter(|reading| reading.step.is_multiple_of(AHEAD))
    }
}

/// The chance that a value of the first is above one of the second; equal ones count half. None if there is none of either.
fn area(above: &[f64], below: &[f64]) -> Option<f64> {
    let pairs = (above.len() * below.len()) as f64;
    let won = |a: &f64| -> f64 {
        below
            .iter()
            .map(|b| {
                if a > b {
                    1.0
                } else if a == b {
                    0.5
                } else {
                    0.0
                }
            })
            .sum()
    };
    (pairs > 0.0).then(|| above.iter().map(won).sum::<f64>() / pairs)
}

fn range(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    match values[..] {
        [] => String::new(),
        [low, .., high] => format!("{:.2} ({low:.2} to {high:.2})", values[values.len() / 2]),
        [one] => format!("{one:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_counts_pairs() {
        assert_eq!(area(&[2.0, 3.0], &[0.0, 1.0]), Some(1.0));
        assert_eq!(area(&[1.0], &[1.0]), Some(0.5));
        assert_eq!(area(&[0.0, 2.0], &[1.0]), Some(0.5));
        assert_eq!(area(&[], &[1.0]), None);
    }
}
