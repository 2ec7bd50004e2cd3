//! A judgement in words.

use crate::curve::Unit;
use crate::onset::EventKind;
use crate::outcome::Symptom;
use crate::printable::six_digits;

use super::judgement::{Judged, Judgement, Series, SeriesEvent, Verdict};

impl Judgement {
    /// Finds the event that the verdict is about: of several the first.
    #[must_use]
    pub fn headline(&self) -> Option<&SeriesEvent> {
        use EventKind::{Collapse, Setback, Spike, Unsettled};
        let losses = &[Series::Loss, Series::ValidationLoss];
        let (series, kinds): (&[Series], &[EventKind]) = match self.verdict {
            Verdict::NotFinite | Verdict::Diverged | Verdict::Collapse | Verdict::CollapseOfTraining => {
                (losses, &[Collapse])
            }
            Verdict::CollapseOfValidation | Verdict::ValidationNotFinite => (&[Series::ValidationLoss], &[Collapse]),
            Verdict::GradientsExploded => (&[Series::GradientNorm], &[Collapse, Setback, Unsettled]),
            Verdict::AccuracyLost => (&[Series::Accuracy, Series::ValidationAccuracy], &[Collapse, Setback, Unsettled]),
            Verdict::LastingRise => (losses, &[Setback]),
            Verdict::RoseAtTheEnd => (losses, &[Unsettled]),
            Verdict::Spikes => (losses, &[Spike]),
            Verdict::NoRows
            | Verdict::TooShort
            | Verdict::Overfitting
            | Verdict::PartLost
            | Verdict::NeverLearnt
            | Verdict::NothingWrong => return None,
        };
        let events = || self.events.iter().filter(|event| kinds.contains(&event.event.kind));
        // A log of accuracies alone has no loss.
        events().find(|event| series.contains(&event.series)).or_else(|| events().next())
    }

    /// Puts the verdict into a sentence; rows of the log are called by this unit.
    #[must_use]
    pub fn describe(&self, unit: Unit) -> String {
        let unit = unit.name();
        let place = self.headline().map_or_else(|| "some row".into(), |event| format!("{unit} {}", event.event.onset));
        let has = |series: Series| self.judged.iter().any(|judged| judged.series == series);
        let has_loss = has(Series::Loss) || has(Series::ValidationLoss);
        let main = self.judged.first().map_or_else(|| "loss".into(), |judged| judged.series.to_string());
        let rows = self.judged.iter().map(|judged| judged.rows).max().unwrap_or(0);
        match self.verdict {
            Verdict::NoRows => "the log has no rows with a loss or an accuracy: there is nothing to judge".into(),
            Verdict::TooShort => format!("too short to judge: {} of at least four", count(rows)),
            Verdict::NotFinite => {
                format!("NOT FINITE from {place} on: the loss is NaN, infinite, or the 0.0 that hides such a number")
            }
            Verdict::Diverged => {
                format!("DIVERGED at {place}: nothing was learnt before, and the {main} gets worse than where it began")
            }
            Verdict::Collapse if has(Series::Loss) && has(Series::ValidationLoss) => {
                format!("COLLAPSE at {place}: what was learnt is lost, on training and on validation data")
            }
            Verdict::Collapse => format!("COLLAPSE at {place}: what was learnt is lost"),
            Verdict::CollapseOfTraining => {
                format!("COLLAPSE at {place}, of the training loss alone: the validation loss is sound")
            }
            Verdict::CollapseOfValidation => {
                format!("COLLAPSE at {place}, of the validation loss alone: the training loss is sound")
            }
            Verdict::ValidationNotFinite => {
                format!("the validation loss is NOT FINITE from {place} on: the training loss is sound")
            }
            Verdict::GradientsExploded => {
                format!("GRADIENTS EXPLODED at {place}, or are not finite: the loss does not show it yet")
            }
            Verdict::AccuracyLost if has_loss => format!("ACCURACY LOST at {place}, while the loss is sound"),
            Verdict::AccuracyLost => format!("ACCURACY LOST at {place}: the log has no loss to compare it with"),
            Verdict::PartLost => part_lost(self, unit),
            Verdict::LastingRise => format!("the loss rose for good at {place}, but most of what was learnt is kept"),
            Verdict::RoseAtTheEnd => {
                format!("the loss rose at {place}, and the log ends: too soon to say whether it comes back")
            }
            Verdict::Overfitting => overfitting(self, unit),
            Verdict::NeverLearnt => {
                format!("NEVER LEARNT: in {} the {main} does not get better beyond its noise", count(rows))
            }
            Verdict::Spikes => "the loss rose and came back: nothing is lost".into(),
            Verdict::NothingWrong => format!("nothing went wrong in what was judged: {}", all_judged(self)),
        }
    }
}

/// "ONE OF SEVERAL LOSSES, `cls_loss`, COLLAPSED at epoch 18: …"
fn part_lost(judgement: &Judgement, unit: &str) -> String {
    let Some(part) = judgement.parts.first() else { return "ONE OF SEVERAL LOSSES IS LOST".into() };
    let what = if part.event.symptom == Some(Symptom::NonFinite) { "IS NOT FINITE from" } else { "COLLAPSED at" };
    let sound = judgement.judged.first().and_then(|judged| judged.column.as_deref()).unwrap_or("the loss");
    format!("ONE OF SEVERAL LOSSES, `{}`, {what} {unit} {}; `{sound}` is sound", part.column, part.event.onset)
}

fn count(rows: usize) -> String {
    if rows == 1 { "1 row".into() } else { format!("{rows} rows") }
}

fn overfitting(judgement: &Judgement, unit: &str) -> String {
    let Some(found) = judgement.overfitting else { return "OVERFITTING".into() };
    let trained = judgement.judged.iter().any(|judged| judged.series == Series::Loss);
    let while_training =
        if trained { "while the training loss falls" } else { "(the log has no training loss to compare it with)" };
    let (from, best, last) = (found.from, six_digits(found.best), six_digits(found.last));
    format!("OVERFITTING from {unit} {from} on: the validation loss rises from {best} to {last} {while_training}")
}

/// As "30 rows: loss, val_loss".
fn all_judged(judgement: &Judgement) -> String {
    let name = |judged: &Judged| judged.column.clone().unwrap_or_else(|| judged.series.to_string());
    let rows = |judged: &Judged| judged.rows;
    let groups = judgement.judged.chunk_by(|one, other| one.rows == other.rows);
    let of_group = |group: &[Judged]| {
        format!("{}: {}", count(group.first().map_or(0, rows)), group.iter().map(name).collect::<Vec<_>>().join(", "))
    };
    groups.map(of_group).collect::<Vec<_>>().join("; ")
}
