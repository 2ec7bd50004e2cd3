//! What a row of an earlier definition of a collapse says by the definition of today.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use flameout::cli::table;
use flameout_curves::outcome::{DEFINITION, Symptom, TRAINED_LOSS};

use super::curve::Point;
use super::results::{Results, Row};
use crate::csv_file;

/// What became of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its loss never fell to 75 % of the mean predictor's.
    NeverTrained,
    /// It trained well, and did not collapse.
    Sound,
    /// It trained well, and collapsed.
    Collapsed,
}

/// Judges a row; `None` if it was kept by the first definition and does not hold what the definition of today asks for. Its
/// run has to be made again.
///
/// What a row of the first definition tells:
/// - The lowest loss tells whether the network trained well.
/// - Whoever trained well by the first definition and did not collapse has not collapsed by today's, which asks for more.
/// - A collapse is one today if the loss of all training words is above the mean predictor's in the end, or the mean of a
///   stretch of the curve that was kept is, after the onset.
pub fn verdict(row: &Row, curve: &Path) -> Result<Option<Verdict>> {
    let summary = &row.summary;
    let naive = summary.baseline.train_loss;
    let trained = summary.best.is_some_and(|best| best.loss <= TRAINED_LOSS * naive);
    if !trained {
        return Ok(Some(Verdict::NeverTrained));
    }
    if summary.definition == DEFINITION {
        return Ok(Some(if summary.collapsed { Verdict::Collapsed } else { Verdict::Sound }));
    }
    let Some(onset) = summary.onset_step else {
        return Ok(summary.trained_well_step.map(|_| Verdict::Sound));
    };
    let risen = summary.symptom == Some(Symptom::NonFinite)
        || summary.last.loss >= naive
        || (curve.is_file()
            && csv_file::read::<Point>(curve)?.iter().any(|point| point.step > onset && point.loss_mean >= naive));
    Ok(risen.then_some(Verdict::Collapsed))
}

/// Prints how many runs of each plan trained well and collapsed by the definition that their rows were kept with, and by that
/// of today.
pub fn print(results: &Results) -> Result<()> {
    let mut plans: BTreeMap<String, Counts> = BTreeMap::new();
    let mut all = Counts::default();
    for row in results.rows() {
        let verdict = verdict(&row, &results.curve(&row.settings))?;
        for counts in [plans.entry(row.plan.clone()).or_default(), &mut all] {
            counts.add(&row, verdict);
        }
    }
    let mut table = table::new(["plan", "runs", "trained well", "today", "collapsed", "today", "to be made again"]);
    for (plan, counts) in plans.iter().map(|(plan, counts)| (plan.as_str(), counts)).chain([("all", &all)]) {
        table.add_row([plan.to_owned()].into_iter().chain(counts.cells()));
    }
    say!("{table}");
    say!("`today`: by definition {DEFINITION}. Runs that are to be made again count in their old columns alone.");
    Ok(())
}

#[derive(Debug, Default)]
struct Counts {
    runs: usize,
    trained: [usize; 2],
    collapsed: [usize; 2],
    unknown: usize,
}

impl Counts {
    fn add(&mut self, row: &Row, verdict: Option<Verdict>) {
        self.runs += 1;
        self.trained[0] += usize::from(row.summary.trained_well_step.is_some());
        self.collapsed[0] += usize::from(row.summary.collapsed);
        self.trained[1] += usize::from(matches!(verdict, Some(Verdict::Sound | Verdict::Collapsed)));
        self.collapsed[1] += usize::from(verdict == Some(Verdict::Collapsed));
        self.unknown += usize::from(verdict.is_none());
    }

    fn cells(&self) -> [String; 6] {
        [self.runs, self.trained[0], self.trained[1], self.collapsed[0], self.collapsed[1], self.unknown]
            .map(|count| count.to_string())
    }
}
