//! What a log of another program says of a run: [`judge()`].
//!
//! Every series is judged that the log has: losses and accuracies of training and of validation, gradient norms. All
//! that is known is numbers in an order: how many rows there are and how noisy they are decides what is a rise, not whether
//! rows are called steps or epochs. Losses may be in any unit: those that are never negative are compared by ratios, others by
//! the share of what was learnt.
//!
//! ```
//! use flameout_curves::judge::{Verdict, judge};
//! use flameout_curves::{Curve, Unit};
//!
//! let falling = (0..18).map(|epoch| 0.37 + 2.0 * 0.8_f64.powi(epoch));
//! let judgement = judge(&Curve::from_losses(Unit::Epoch, falling.chain([2.3; 12])));
//! assert_eq!(judgement.verdict, Verdict::Collapse);
//! assert_eq!(judgement.events[0].event.onset, 19);
//! ```

mod band;
mod by_design;
mod judgement;
mod lost;
mod numbers;
mod parts;
mod planned;
mod rise;
mod sentence;
mod series;
mod slow;
mod verdict;

use crate::curve::Curve;
use series::Look;

pub use judgement::{Judged, Judgement, Overfitting, PartEvent, Series, SeriesEvent, TOO_SHORT, Verdict};

/// Judges a run by its log.
#[must_use]
pub fn judge(curve: &Curve) -> Judgement {
    let mut look = Look::new(curve);
    let mut judged = look.judged.clone();
    let mut events = look.events();
    let mut notes = planned::pass_over(&mut events, curve, &look);
    let overfitting = look.overfitting(&mut events);
    look.leave_out_echoes(&mut events);
    events.sort_by_key(|event| (event.event.first_sign, event.series));
    let flat = by_design::flat(&look, curve);
    let mut verdict = verdict::of(&look, &events, overfitting.as_ref(), flat.is_some());
    let (others, mut parts) = parts::judge(curve);
    judged.extend(others);
    if verdict.is_sound() {
        notes.extend(flat);
    } else {
        parts.clear();
    }
    if !parts.is_empty() {
        verdict = Verdict::PartLost;
    }
    Judgement { verdict, judged, events, overfitting, parts, notes }
}
