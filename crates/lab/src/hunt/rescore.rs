//! `cargo xtask hunt --rescore`: what today's definition of a collapse changes in the rows.

use std::collections::BTreeMap;

use anyhow::Result;
use flameout::cli::sweep::results::{Results, Row};
use flameout::cli::sweep::verdict::{Verdict, verdict};
use flameout::cli::table;
use flameout_curves::outcome::DEFINITION;

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
