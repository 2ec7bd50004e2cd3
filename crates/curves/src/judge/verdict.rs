//! What the events of all series come to.

use super::judgement::{Overfitting, Series, SeriesEvent, TOO_SHORT, Verdict};
use super::series::Look;
use crate::onset::EventKind;
use crate::outcome::Symptom;

/// What the events come to: the worst first. `may_be_flat`: the loss need not fall.
pub(super) fn of(
    look: &Look<'_>,
    events: &[SeriesEvent],
    overfitting: Option<&Overfitting>,
    may_be_flat: bool,
) -> Verdict {
    let Some(main) = look.main() else { return Verdict::NoRows };
    let in_series =
        |series: Series| events.iter().filter(move |event| event.series == series).map(|event| &event.event);
    let is = |series: Series, kind: EventKind| in_series(series).any(|event| event.kind == kind);
    let not_finite = |series: Series| {
        in_series(series).any(|event| event.kind == EventKind::Collapse && event.symptom == Some(Symptom::NonFinite))
    };
    let learnt = look.learnt(main);
    let collapsed = |series: Series| is(series, EventKind::Collapse);
    let trained = main == Series::Loss;
    let tests = look.rows(Series::ValidationLoss) > TOO_SHORT && !not_finite(Series::ValidationLoss);
    let lost = |series| collapsed(series) || is(series, EventKind::Setback) || is(series, EventKind::Unsettled);
    let any = |kind| events.iter().any(|event| event.event.kind == kind);
    if not_finite(main) {
        return Verdict::NotFinite;
    }
    if look.judged.iter().map(|judged| judged.rows).max() <= Some(TOO_SHORT) {
        return Verdict::TooShort;
    }
    if collapsed(main) {
        return match look.diverged {
            true => Verdict::Diverged,
            false if trained && tests && !lost(Series::ValidationLoss) && overfitting.is_none() => {
                Verdict::CollapseOfTraining
            }
            false => Verdict::Collapse,
        };
    }
    if trained && not_finite(Series::ValidationLoss) {
        return Verdict::ValidationNotFinite;
    }
    if trained && collapsed(Series::ValidationLoss) {
        return Verdict::CollapseOfValidation;
    }
    if lost(Series::GradientNorm) {
        return Verdict::GradientsExploded;
    }
    if [Series::Accuracy, Series::ValidationAccuracy].into_iter().any(lost) {
        return Verdict::AccuracyLost;
    }
    if any(EventKind::Setback) {
        return Verdict::LastingRise;
    }
    if any(EventKind::Unsettled) {
        return Verdict::RoseAtTheEnd;
    }
    if overfitting.is_some() {
        return Verdict::Overfitting;
    }
    if learnt == Some(false) && !may_be_flat {
        return Verdict::NeverLearnt;
    }
    if any(EventKind::Spike) { Verdict::Spikes } else { Verdict::NothingWrong }
}
