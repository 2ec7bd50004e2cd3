//! From a run to a diagnosis.

use std::collections::BTreeSet;

use flameout_optim::{AdamSettings, OptimizerSettings};

use crate::Error;
use crate::cause::Cause;
use crate::change::Change;
use crate::check::{Check, Grade};
use crate::checks::slice::Slice;
use crate::checks::{Checked, batches, curve, data, gradient, scale};
use crate::condition::Condition;
use crate::course::Course;
use crate::diagnosis::{Diagnosis, Finding};
use crate::forgetting;
use crate::options::Options;
use crate::replay::{End, Goal, Replay, Trials};
use crate::spikes::unusual_gradients;
use crate::subject::Subject;

/// Makes the run again, checks it, and replays what may have caused what went wrong.
///
/// # Errors
/// [`Error::Experiment`] if the run cannot be made.
pub fn diagnose(subject: &Subject, options: &Options) -> Result<Diagnosis, Error> {
    let course = Course::train(subject, options.snapshot_bytes, &mut |_| ())?;
    diagnose_course(subject, &course, options)
}

/// As [`diagnose`], of a run that has just been made.
///
/// # Errors
/// [`Error::Experiment`] if a replay cannot be made.
pub fn diagnose_course(subject: &Subject, course: &Course, options: &Options) -> Result<Diagnosis, Error> {
    let condition = course.condition();
    let slice = Slice::train_if_untrained(subject, course)?;
    let checked = checks(subject, course, condition, slice.as_ref())?;
    let mut checks: Vec<Check> = checked.iter().map(|checked| checked.check.clone()).collect();
    let mut findings: Vec<Finding> = checked.into_iter().flat_map(|checked| checked.findings).collect();
    findings.sort_by_key(|finding| rank(finding.cause));
    let mut replays = Replays::new(subject, course, options);
    replays.cost += slice.map_or(0, |slice| slice.steps);
    let proven = findings.iter().any(|finding| finding.confirmed);
    if condition == Condition::Healthy {
        // What does no harm is no cause, unless it is plainly wrong.
        findings.retain(|finding| finding.confirmed);
        if findings.is_empty() {
            findings.extend(replays.examine_dip(subject)?);
        }
    } else if !proven {
        findings.extend(suspects(subject, course, condition));
        findings.sort_by_key(|finding| rank(finding.cause));
        replays.control()?;
        replays.confirm(&mut findings)?;
    }
    // What is borne out comes first; otherwise they keep their order.
    findings.sort_by_key(|finding| !finding.confirmed);
    checks.push(learning_rate_check(&findings));
    checks.sort_by_key(|check| check.number);
    Ok(Diagnosis {
        condition,
        checks,
        control_is_exact: replays.control_is_exact,
        control: replays.control,
        findings,
        run_steps: course.planned_steps(subject),
        cost: replays.cost,
    })
}

fn checks(
    subject: &Subject,
    course: &Course,
    condition: Condition,
    slice: Option<&Slice>,
) -> Result<Vec<Checked>, Error> {
    Ok(vec![
        curve::check_learning(subject, course, slice),
        data::check(&subject.dataset),
        gradient::check(subject, course),
        curve::check_predictions(course),
        batches::check(&subject.settings, &subject.dataset),
        scale::check(subject)?,
        curve::check_explosion(subject, condition, course),
    ])
}

/// Check 4, answered by the replays.
fn learning_rate_check(findings: &[Finding]) -> Check {
    let replayed = findings.iter().find(|finding| finding.cause == Cause::LearningRate);
    let (grade, evidence) = match replayed.and_then(|finding| finding.replay.as_ref().map(|trials| (finding, trials))) {
        Some((finding, trials)) => {
            let grade = if finding.confirmed { Grade::Fail } else { Grade::Pass };
            (grade, format!("with {}, {} of {} replays go wrong", trials.change, trials.bad().count, trials.bad().of))
        }
        None => (Grade::NotApplicable, "not replayed: nothing went wrong, or the reason is plain".into()),
    };
    let question = "Would a lower learning rate have prevented it?".into();
    Check { number: 4, question, grade, evidence: vec![evidence] }
}

/// Which of several possible causes to try first: what is particular before what helps against many things.
fn rank(cause: Cause) -> usize {
    [
        Cause::NonFiniteTargets,
        Cause::NonFiniteWeights,
        Cause::ConstantTargets,
        Cause::WrongGradient,
        Cause::DegenerateWeights,
        Cause::ContradictoryTargets,
        Cause::TargetScale,
        Cause::UpdatesTooSmall,
        Cause::FrozenTensor,
        Cause::UnlearnableTargets,
        Cause::Padding,
        Cause::RecurrentGain,
        Cause::SaturatedGates,
        Cause::UnbalancedBatches,
        Cause::SecondMoment,
        Cause::Forgetting,
        Cause::HarmfulBatch,
        Cause::LearningRate,
    ]
    .iter()
    .position(|&other| other == cause)
    .unwrap_or(usize::MAX)
}

/// Causes that no measurement before the run can show: to be tried.
fn suspects(subject: &Subject, course: &Course, condition: Condition) -> Vec<Finding> {
    let mut suspects = Vec::new();
    if let OptimizerSettings::Adam(AdamSettings { beta2, .. }) = subject.settings.optimizer
        && beta2 < 0.98
    {
        let evidence = format!("β2 is {beta2}: v remembers {:.0} steps", 1.0 / (1.0 - beta2));
        let remedy = Some(Change::setting("optimizer.beta2", 0.999));
        suspects.push(Finding::suspected(Cause::SecondMoment, evidence, remedy));
    }
    if let Some(onset) = condition.step()
        && let Some((step, factor)) =
            unusual_gradients(&course.curve.points, onset.saturating_sub(20), onset + 20).first().copied()
    {
        let evidence = match factor.is_finite() {
            true => format!("the gradient of step {step} is {factor:.1} times as long as those before"),
            false => format!("the gradient of step {step} is not finite"),
        };
        let remedy = Some(Change::SkipBatches(BTreeSet::from([step])));
        suspects.push(Finding::suspected(Cause::HarmfulBatch, evidence, remedy));
    }
    if let Some(rate) = subject.settings.schedule.learning_rate() {
        let usual = course.usual_update() / subject.start.parameters().l2_norm();
        let evidence = format!("half of the updates are longer than {usual:.1e} of the initial parameters");
        // Updates that are no numbers say nothing about the rate.
        for factor in if usual.is_finite() { factors(course, usual) } else { Vec::new() } {
            let remedy = Some(Change::setting("schedule.learning-rate", format!("{:e}", rate / factor)));
            suspects.push(Finding::suspected(Cause::LearningRate, evidence.clone(), remedy));
        }
    }
    suspects
}

/// By how much to lower a learning rate. After a network has trained well, a little must do. One that never has is brought
/// to updates of about a thousandth of the weights, the usual rule of thumb: a replay that has to train well from the start
/// costs as much as a run, so there is one try.
fn factors(course: &Course, usual_update: f64) -> Vec<f64> {
    match course.outcome.trained_well_at() {
        Some(_) => vec![3.0, 10.0],
        None => vec![(usual_update / 1e-3).clamp(3.0, 1e4)],
    }
}

/// The replays of a diagnosis, and what they have cost.
struct Replays<'a> {
    replay: Option<Replay<'a>>,
    course: &'a Course,
    run_steps: u64,
    options: &'a Options,
    control: Option<Trials>,
    control_is_exact: Option<bool>,
    cost: u64,
}

impl<'a> Replays<'a> {
    fn new(subject: &'a Subject, course: &'a Course, options: &'a Options) -> Self {
        let (replay, run_steps) = (Replay::of_course(subject, course, options), course.planned_steps(subject));
        Self { replay, course, run_steps, options, control: None, control_is_exact: None, cost: 0 }
    }

    /// The run again, with nothing changed: must go wrong again at the same step, by the same numbers.
    fn control(&mut self) -> Result<(), Error> {
        let Some(replay) = self.replay.as_ref().filter(|replay| replay.goal == Goal::Hold) else { return Ok(()) };
        let (control, exact) = replay.control(&self.course.curve.points, self.options.orders)?;
        self.control_is_exact = Some(exact && control.trials[0].end.is_bad());
        self.cost += control.cost();
        self.control = Some(control);
        Ok(())
    }

    /// Replays a dip of a run that ended healthy, if there is one.
    fn examine_dip(&mut self, subject: &Subject) -> Result<Option<Finding>, Error> {
        let Some(examined) = forgetting::examine(subject, self.course, self.options)? else { return Ok(None) };
        self.control_is_exact = Some(examined.control_is_exact);
        self.cost += examined.cost;
        self.control = Some(examined.control);
        Ok(Some(examined.finding))
    }

    /// Replays each finding's remedy until one is borne out, or the budget is spent.
    fn confirm(&mut self, findings: &mut [Finding]) -> Result<(), Error> {
        let Some(replay) = &self.replay else { return Ok(()) };
        let budget = (self.options.budget * self.run_steps as f64) as u64;
        for finding in findings.iter_mut() {
            let Some(remedy) = finding.remedy.as_ref().filter(|_| self.cost < budget) else { continue };
            let orders = if replay.goal == Goal::Train { 0 } else { self.options.orders };
            let trials = replay.trials(remedy, orders)?;
            self.cost += trials.cost();
            finding.confirmed = trials.trials.iter().all(|trial| trial.end == End::Held);
            finding.replay = Some(trials);
            if finding.confirmed {
                break;
            }
        }
        Ok(())
    }
}
