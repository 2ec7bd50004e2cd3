//! How often what was found is what happened.

use clap::ValueEnum;
use comfy_table::{Table, presets};
use flameout::cli::table;
use flameout_curves::Symptom;
use flameout_curves::onset::EventKind;
use flameout_doctor::Proportion;

use super::log::Log;
use super::{Found, Looked, Truth};
use crate::zoo::specimen::Kind;

/// Steps from a true onset within which one that was found is meant for it, unless the log's lines are further apart: the
/// definition itself smooths over up to as many, and the doctor goes back as far before it replays.
const TOLERANCE: u64 = 100;

/// Kinds of events that the definition lacks. It has a rise at the end of the log, but one that reaches where a collapse begins.
const OTHER_KINDS: &str = "a rise that stays but loses little (setback), and one at the end of the log (unsettled)";

fn is_defined(kind: EventKind) -> bool {
    matches!(kind, EventKind::Collapse | EventKind::Spike)
}

/// What each log was worth for each kind of run, and then for all.
pub fn print(rows: &[Looked]) {
    say!(
        "Of each kind: true events that were found / true events, + found events that are not true, (those of other kinds)."
    );
    say!("Other kinds are {OTHER_KINDS}: the definition has none, so they are neither true nor false.");
    say!("{}", by_kind(rows));
    let counted: Vec<&Looked> = rows.iter().filter(|row| row.counts()).collect();
    let mut table = table::new([
        "log",
        "recall",
        "precision",
        "of other kinds",
        "steps from the true onset",
        "first sign after a late fault",
        "kind is right",
        "symptom is told",
        "symptom is right",
        "alarms in healthy runs",
        "in runs that never trained well",
    ]);
    for &log in Log::value_variants() {
        let quiet = Quiet::of(rows, log);
        let last = [shown(quiet.healthy), shown(quiet.untrained)];
        table.add_row([format!("{log:?}")].into_iter().chain(Score::of(&counted, log).cells()).chain(last));
    }
    say!("{table}");
}

fn by_kind(rows: &[Looked]) -> Table {
    let mut table = Table::new();
    let logs = || Log::value_variants().iter().copied();
    table.load_style(presets::NOTHING);
    table.set_header(["kind".into(), "runs".into()].into_iter().chain(logs().map(|log| format!("{log:?}"))));
    for kind in Kind::all().chain(Kind::late()) {
        let of_kind: Vec<&Looked> = rows.iter().filter(|row| row.specimen.kind == kind && row.counts()).collect();
        let scores: Vec<Score> = logs().map(|log| Score::of(&of_kind, log)).collect();
        if scores.iter().any(|score| score.found.of + score.precise.of > 0) {
            let runs = of_kind.len().to_string();
            table.add_row([kind.name(), runs].into_iter().chain(scores.iter().map(Score::counts)));
        }
    }
    table
}

impl Looked {
    /// Where nothing was ever learnt, the definition has no say, unless numbers are not finite: what is found there is
    /// neither right nor wrong.
    fn counts(&self) -> bool {
        self.trained_well_at.is_some() || !self.truth.is_empty()
    }

    fn events(&self, log: Log) -> &[Found] {
        self.logs.iter().find(|told| told.log == log).map_or(&[], |told| &told.events)
    }
}

/// What some runs' logs were worth.
#[derive(Debug, Default, PartialEq)]
struct Score {
    /// True events that were found.
    found: Proportion,
    /// Found events that are true, of those whose kind the definition has.
    precise: Proportion,
    /// Found events of a kind that the definition lacks: it says neither that they are true nor that they are not.
    unnamed: u64,
    /// Steps between the onset that was found and the true one.
    errors: Vec<u64>,
    /// Steps from a fault to the first sign of the event that it caused; negative if that came before.
    delays: Vec<i64>,
    /// Events found whose kind is the true one.
    kinds: Proportion,
    /// Of events found that have a symptom by definition, those whose log told one.
    told: Proportion,
    /// Of these, those whose log told the same.
    symptoms: Proportion,
}

impl Score {
    fn of(rows: &[&Looked], log: Log) -> Self {
        let mut score = Self::default();
        for row in rows {
            score.add(row, log);
        }
        score.errors.sort_unstable();
        score.delays.sort_unstable();
        score
    }

    fn add(&mut self, row: &Looked, log: Log) {
        let found = row.events(log);
        let pairs = pairs(&row.truth, found, TOLERANCE.max(log.resolution(row.steps_per_epoch)));
        let one = |proportion: &mut Proportion, holds: bool| {
            proportion.of += 1;
            proportion.count += u64::from(holds);
        };
        row.truth.iter().enumerate().for_each(|(at, _)| one(&mut self.found, pairs.iter().any(|pair| pair.0 == at)));
        for (at, event) in found.iter().enumerate() {
            let is_true = pairs.iter().any(|pair| pair.1 == at);
            if is_true || is_defined(event.kind) {
                one(&mut self.precise, is_true);
            } else {
                self.unnamed += 1;
            }
        }
        for &(truth, found_at) in &pairs {
            let (truth, found) = (&row.truth[truth], &found[found_at]);
            self.errors.push(truth.onset.abs_diff(found.onset));
            one(&mut self.kinds, truth.kind == found.kind);
            if let Some(symptom) = truth.symptom {
                one(&mut self.told, found.symptom.is_some());
                found.symptom.into_iter().for_each(|told| one(&mut self.symptoms, agrees(told, symptom)));
            }
        }
        let first = pairs.iter().map(|&(_, found_at)| found[found_at].first_sign).min();
        self.delays.extend(first.zip(row.fault_at).map(|(sign, fault)| sign as i64 - fault as i64));
    }

    fn counts(&self) -> String {
        let false_ones = self.precise.of - self.precise.count;
        let more = if false_ones > 0 { format!(" +{false_ones}") } else { String::new() };
        let others = if self.unnamed > 0 { format!(" ({})", self.unnamed) } else { String::new() };
        format!("{}/{}{more}{others}", self.found.count, self.found.of)
    }

    fn cells(&self) -> [String; 8] {
        [
            shown(self.found),
            shown(self.precise),
            self.unnamed.to_string(),
            spread(&self.errors),
            spread(&self.delays),
            shown(self.kinds),
            shown(self.told),
            shown(self.symptoms),
        ]
    }
}

/// Pairs of a true event and the nearest found one that is left, at most so many steps away, in the order of the true ones.
fn pairs(truth: &[Truth], found: &[Found], tolerance: u64) -> Vec<(usize, usize)> {
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (at, event) in truth.iter().enumerate() {
        let distance = |index: &usize| found[*index].onset.abs_diff(event.onset);
        let left = (0..found.len()).filter(|index| pairs.iter().all(|pair| pair.1 != *index));
        let near = left.filter(|index| distance(index) <= tolerance).min_by_key(distance);
        pairs.extend(near.map(|index| (at, index)));
    }
    pairs
}

/// The definition has no divergence: it calls it random outputs.
fn agrees(told: Symptom, truth: Symptom) -> bool {
    told == truth || (told, truth) == (Symptom::Divergence, Symptom::RandomOutput)
}

/// Runs in which nothing happened: how many of their logs have an event.
struct Quiet {
    healthy: Proportion,
    untrained: Proportion,
}

impl Quiet {
    fn of(rows: &[Looked], log: Log) -> Self {
        let alarms =
            |rows: &mut dyn Iterator<Item = &Looked>| Proportion::of(rows.map(|row| !row.events(log).is_empty()));
        let healthy = &mut rows.iter().filter(|row| matches!(row.specimen.kind, Kind::Healthy(_)));
        let untrained = &mut rows.iter().filter(|row| !row.counts());
        Self { healthy: alarms(healthy), untrained: alarms(untrained) }
    }
}

fn shown(proportion: Proportion) -> String {
    if proportion.of == 0 { String::new() } else { proportion.to_string() }
}

/// The median, the least and the most of sorted values.
fn spread<T: std::fmt::Display>(sorted: &[T]) -> String {
    match sorted {
        [] => String::new(),
        [least, ..] => format!("{} ({least}–{})", sorted[sorted.len() / 2], sorted[sorted.len() - 1]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::zoo::late::Late;
    use crate::zoo::onset::Told;
    use crate::zoo::specimen::Specimen;
    use flameout_curves::onset::Detector;
    use flameout_experiment::Case;

    fn truth(onset: u64, kind: EventKind, symptom: Option<Symptom>) -> Truth {
        Truth { onset, kind, symptom }
    }

    fn found(onset: u64, kind: EventKind, symptom: Option<Symptom>) -> Found {
        Found { onset, first_sign: onset - 5, recovered: None, kind, symptom, by: Detector::Relative }
    }

    fn row(truth: Vec<Truth>, events: Vec<Found>) -> Looked {
        Looked {
            specimen: Specimen { kind: Kind::Late(Late::Rate), case: Case::GruSingle, seed: 0 },
            steps: 6000,
            steps_per_epoch: 9,
            trained_well_at: Some(900),
            fault_at: Some(2000),
            truth,
            logs: vec![Told { log: Log::Losses, events }],
        }
    }

    #[test]
    fn each_found_event_is_meant_for_one_true_event() {
        let spike = |onset| truth(onset, EventKind::Spike, None);
        let events = [found(950, EventKind::Spike, None), found(1090, EventKind::Spike, None)];
        assert_eq!(pairs(&[spike(1000), spike(1020)], &events, 100), [(0, 0), (1, 1)]);
        assert_eq!(pairs(&[spike(1000), spike(1020)], &events[..1], 100), [(0, 0)]);
        assert_eq!(pairs(&[spike(1051)], &events[..1], 100), []);
    }

    #[test]
    fn misses_false_alarms_and_wrong_words_are_counted_apart() {
        use EventKind::{Collapse, Spike};
        let truths = vec![truth(1000, Spike, None), truth(2010, Collapse, Some(Symptom::RandomOutput))];
        let events = vec![found(300, Spike, None), found(2030, Spike, Some(Symptom::Divergence))];
        let row = row(truths, events);
        let score = Score::of(&[&row], Log::Losses);
        let half = Proportion { count: 1, of: 2 };
        assert_eq!((score.found, score.precise), (half, half));
        assert_eq!((score.errors, score.delays), (vec![20], vec![25]));
        let (none, one) = (Proportion { count: 0, of: 1 }, Proportion { count: 1, of: 1 });
        assert_eq!((score.kinds, score.told, score.symptoms), (none, one, one));
    }

    #[test]
    fn kinds_that_the_definition_lacks_are_counted_by_themselves() {
        use EventKind::{Setback, Spike, Unsettled};
        let events = vec![found(300, Setback, None), found(1000, Unsettled, None), found(2000, Spike, None)];
        let row = row(vec![truth(1000, Unsettled, None)], events);
        let score = Score::of(&[&row], Log::Losses);
        assert_eq!((score.precise, score.unnamed), (Proportion { count: 1, of: 2 }, 1));
        assert_eq!(score.counts(), "1/1 +1 (1)");
    }

    #[test]
    fn nothing_is_right_or_wrong_where_nothing_was_learnt() {
        let untrained =
            Looked { trained_well_at: None, ..row(Vec::new(), vec![found(300, EventKind::Collapse, None)]) };
        assert!(!untrained.counts());
        assert_eq!(Quiet::of(&[untrained], Log::Losses).untrained, Proportion { count: 1, of: 1 });
        let not_finite = truth(3, EventKind::Collapse, Some(Symptom::NonFinite));
        assert!(Looked { trained_well_at: None, ..row(vec![not_finite], Vec::new()) }.counts());
    }
}
