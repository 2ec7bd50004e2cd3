//! A dip that heals: had Adam forgotten how long gradients can be?
//!
//! Adam divides the step of each weight by √v, the root of a moving average of its squared gradients. While a network fits its
//! words better and better, gradients get shorter, and v shrinks with them. When longer ones come again, v does not know yet:
//! the network is moved too far, until v has grown. If that is what a dip is, it does not come if v of the tensor in question is
//! raised shortly before, as if Adam had not forgotten; and it comes all the same if v of another tensor is.

use flameout_experiment::Trainer;
use flameout_optim::OptimizerSettings;

use crate::Error;
use crate::cause::Cause;
use crate::change::Change;
use crate::course::Course;
use crate::diagnosis::Finding;
use crate::options::Options;
use crate::replay::{Goal, Replay, Trials};
use crate::subject::Subject;

/// Steps before the first sign of a dip from which it is replayed. So few, because from further before it anything that is
/// changed may keep it away.
const BEFORE_DIP: u64 = 50;
/// Orders of the words in which it must come with nothing changed, and not with the change.
const ORDERS: usize = 3;

/// What became of the replays of a dip.
pub(crate) struct Examined {
    /// That Adam had forgotten; confirmed if the replays bear it out.
    pub finding: Finding,
    /// The dip with nothing changed.
    pub control: Trials,
    /// Whether that gave the run's own numbers.
    pub control_is_exact: bool,
    /// Steps that all replays took.
    pub cost: u64,
}

/// Replays the last dip of a run that had trained well: with nothing changed, and with v of each tensor raised. None if there is
/// no dip, if the optimiser has no memory that fades (it is not Adam, or it is AMSGrad), or if all of it would take more steps
/// than the options allow.
pub(crate) fn examine(subject: &Subject, course: &Course, options: &Options) -> Result<Option<Examined>, Error> {
    let forgets = matches!(subject.settings.optimizer, OptimizerSettings::Adam(adam) if !adam.amsgrad);
    let dip = course.last_dip().filter(|_| forgets);
    let Some((sign, before)) = dip.and_then(|dip| Some((dip.first_sign, dip.before?))) else { return Ok(None) };
    let (begin, until) = (sign.saturating_sub(BEFORE_DIP), sign + options.hold);
    let changes: Vec<Change> = subject.tensors().iter().map(Change::raised).collect();
    let planned = (until - begin) * (changes.len() as u64 + 2 * (1 + options.orders));
    if planned as f64 > options.budget * course.curve.points.len() as f64 {
        return Ok(None);
    }
    let begun = trainer_after(begin, subject, course)?;
    let replay = Replay { subject, from: &begun.snapshot(), earlier: &course.snapshots, until, goal: Goal::Hold };
    let (control, control_is_exact) = replay.control(&course.curve.points, options.orders)?;
    let mut each = replay.each(&changes, 0, &mut |_| {})?;
    each.sort_by(|a, b| a.highest().total_cmp(&b.highest()));
    let others = each.split_off(1);
    let best = replay.trials(&each[0].change, options.orders)?;
    let cost = [&control, &best, &each[0]].into_iter().chain(&others).map(Trials::cost).sum();

    let ended = trainer_after(until.min(course.curve.points.len() as u64), subject, course)?;
    let grown = mean_root(&best.change, &ended) / mean_root(&best.change, &begun);
    let rises = Rises { half: f64::midpoint(before, control.trials[0].highest) };
    let finding = Finding {
        cause: Cause::Forgetting,
        evidence: format!(
            "{}. Its √v grows to {grown:.1} times in the dip",
            rises.describe(begin, &control, &best, &others)
        ),
        remedy: Some(Change::setting("optimizer.amsgrad", true)),
        confirmed: control_is_exact && rises.bear_out(&control, &best),
        replay: Some(best),
    };
    Ok(Some(Examined { finding, control, control_is_exact, cost }))
}

/// The run after a step: it goes on to it from the last state before it that was kept.
fn trainer_after(step: u64, subject: &Subject, course: &Course) -> Result<Trainer, Error> {
    let mut trainer = Trainer::new(&subject.settings, &subject.dataset)?;
    trainer.restore(&subject.dataset, course.snapshots.at_or_before(step).unwrap_or(&subject.start).clone())?;
    trainer.go_on_to(step, &subject.dataset, subject.intervention().as_mut())?;
    Ok(trainer)
}

/// The mean of √v over the tensor whose second moment the change raises.
fn mean_root(change: &Change, trainer: &Trainer) -> f64 {
    let Change::SecondMoment { tensor: name, .. } = change else { return f64::NAN };
    let mut snapshot = trainer.snapshot();
    let tensor = trainer.tensors().iter().find(|tensor| tensor.name == *name);
    let Some((mut moment, tensor)) = snapshot.second_moment_mut().zip(tensor) else { return f64::NAN };
    let moment = moment.range(tensor.range()).read().to_vec();
    moment.iter().map(|v| v.sqrt()).sum::<f64>() / moment.len() as f64
}

/// What counts as the dip: a loss above half of the way to where it went in the run.
struct Rises {
    /// Half of the way.
    half: f64,
}

impl Rises {
    fn count(&self, trials: &Trials) -> usize {
        trials.trials.iter().filter(|trial| trial.highest > self.half).count()
    }

    /// Whether the dip comes in enough orders of the words with nothing changed, the run's own among them, and in none with the
    /// change. In a single order any change may keep it away by chance, and of many tensors one does.
    fn bear_out(&self, control: &Trials, changed: &Trials) -> bool {
        control.trials[0].highest > self.half && self.count(control) >= ORDERS && self.count(changed) == 0
    }

    fn describe(&self, begin: u64, control: &Trials, changed: &Trials, others: &[Trials]) -> String {
        format!(
            "replayed from step {begin}, the loss rises in {} of {} orders of the words with nothing changed, and in {} of {} with {}: in \
             the run's own order to {:.6} and {:.6}. With the second moment of another tensor raised as much, in that order, it \
             rises in {} of {}",
            self.count(control),
            control.trials.len(),
            self.count(changed),
            changed.trials.len(),
            changed.change,
            control.trials[0].highest,
            changed.trials[0].highest,
            others.iter().map(|trials| self.count(trials)).sum::<usize>(),
            others.len(),
        )
    }
}
