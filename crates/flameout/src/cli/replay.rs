//! `flameout replay`: the past again, with one thing changed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flameout_curves::{Curve, Point};
use flameout_doctor::counterfactuals::advice;
use flameout_doctor::snapshots::Snapshots;
use flameout_doctor::{Change, Goal, Replay, Subject, Trials, states};
use flameout_experiment::{Dataset, Settings, Snapshot, Trainer, stop_if};

use super::table::counted;
use super::{base, diagnosis, progress, setting};

/// Goes back to a step of a run, and on from there with one thing changed; beside it, with nothing changed.
///
/// The run is made again up to that step, to the bit: from the last state before it that its directory has (checkpoints of
/// a run that is not over, states of one that went wrong), or else from the start. Settings of the optimiser, the learning
/// rate, clipping, batches and gates can be changed; each change is replayed in the run's own order of words and in others.
///
/// Examples:
///
///   flameout replay runs/first --at 19000 --advice --steps 700 --orders 0
///   flameout replay runs/first --at 19000 --set schedule.learning-rate=0.004
///   flameout replay runs/first --at 19000 --set optimizer.amsgrad=true --set optimizer.epsilon=1e-4 --steps 3000
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The run's directory, or a file of settings.
    #[arg(value_name = "DIR|FILE")]
    run: PathBuf,

    /// The last step that is as it was.
    #[arg(long, value_name = "STEP")]
    at: u64,

    /// What is changed; several changes together are one replay.
    #[arg(long, value_name = "KEY=VALUE", required_unless_present = "advice")]
    set: Vec<String>,

    /// Replay all that people advise, one after the other, and each tensor frozen, put back to 500 steps before,
    /// or with ten times the second moment.
    #[arg(long, conflicts_with = "set")]
    advice: bool,

    /// Steps to go on for.
    #[arg(long, value_name = "STEPS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,

    /// Orders of the words, besides the run's own.
    #[arg(long, value_name = "N", default_value_t = 2)]
    orders: u64,

    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let settings = Settings::read(&setting::file_of(&args.run)).context("the run's settings")?;
    let pair = |change: &String| -> Result<(String, String)> {
        let (key, value) = setting::pair(change)?;
        Ok((key.to_owned(), value.to_owned()))
    };
    let change = Change::Settings(args.set.iter().map(pair).collect::<Result<_>>()?);
    // Before the run is made again.
    change.apply(&settings)?;
    replay(args, settings, change)?;
    Ok(ExitCode::SUCCESS)
}

fn replay(args: &Args, settings: Settings, change: Change) -> Result<()> {
    let dataset = Dataset::open(&settings, &base())?;
    let subject = Subject::new(settings, dataset)?;
    let past = Past::of(&subject, &args.run, args.at)?;
    let from = past.states.latest().expect("the state after the last step");
    let until = args.at.saturating_add(args.steps);
    let replay = Replay { subject: &subject, from, earlier: &past.states, until, goal: Goal::Hold };
    let changes = if args.advice { advice(&replay, &past.points) } else { vec![Change::Nothing, change] };
    let replays = replay_each(&replay, &changes, args)?;
    if args.json {
        say!("{}", serde_json::to_string_pretty(&replays)?)?;
    } else {
        say!("{}", diagnosis::replays(replays.iter()))?;
    }
    Ok(())
}

/// Replays with each of the changes, in the run's own order of words and in others, and shows how far it is.
fn replay_each(replay: &Replay<'_>, changes: &[Change], args: &Args) -> Result<Vec<Trials>> {
    let replays = args.orders.saturating_add(1).saturating_mul(changes.len() as u64);
    let what = format!("{}, {} each", counted(replays, "replay"), counted(args.steps, "step"));
    let bar = progress::steps(&what, replays.saturating_mul(args.steps));
    let mut done = Vec::new();
    for change in changes {
        let mut trials = Trials { change: change.clone(), trials: Vec::new() };
        for order in std::iter::once(None).chain((1..=args.orders).map(Some)) {
            let trial = replay.trial(change, order, &mut |_| bar.inc(1))?;
            // A replay ends early if something goes wrong.
            bar.inc(args.steps.saturating_sub(trial.steps));
            trials.trials.push(trial);
        }
        bar.suspend(|| diagnosis::note(&trials));
        done.push(trials);
    }
    bar.finish_and_clear();
    Ok(done)
}

/// A run up to a step.
struct Past {
    points: Vec<Point>,
    /// States on the way, and the one after the last step.
    states: Snapshots,
}

impl Past {
    /// Steps between states.
    const EVERY: u64 = 100;

    /// From the last state that the run's directory has, if there is one; else from the start.
    fn of(subject: &Subject, run: &Path, step: u64) -> Result<Self> {
        let mut past = Self::written(subject, run, step).unwrap_or_else(|error| {
            progress::note(format_args!("the run is made again from its start: {error:#}"));
            Self::nothing()
        });
        let mut trainer = Trainer::new(&subject.settings, &subject.dataset)?;
        if let Some(state) = past.states.latest() {
            trainer.restore(&subject.dataset, state.clone())?;
        }
        if trainer.steps() < step {
            past.go_on(subject, &mut trainer, step)?;
        }
        past.states.push(trainer.snapshot())?;
        Ok(past)
    }

    /// Makes the steps from the trainer's on.
    fn go_on(&mut self, subject: &Subject, trainer: &mut Trainer, step: u64) -> Result<()> {
        let bar = progress::steps("making the run again", step - trainer.steps());
        trainer.go_on(&subject.dataset, &mut (), |trainer, record, _| {
            self.points.push((&record).into());
            if trainer.steps().is_multiple_of(Self::EVERY) {
                self.states.push(trainer.snapshot())?;
            }
            bar.inc(1);
            Ok::<_, flameout_experiment::Error>(stop_if(trainer.steps() == step))
        })?;
        if trainer.steps() < step {
            bail!("--at {step}: the run ended after step {}", trainer.steps());
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// What a run's directory has of it, up to this step. Nothing of a run that is but a file of settings, and of one whose
    /// metrics do not reach to its states.
    fn written(subject: &Subject, run: &Path, step: u64) -> Result<Self> {
        let mut past = Self::nothing();
        if !run.is_dir() {
            return Ok(past);
        }
        for state in states(&subject.settings, &subject.dataset, run)? {
            if state.step() <= step {
                past.states.push(state)?;
            }
        }
        let Some(last) = past.states.latest().map(Snapshot::step) else { return Ok(past) };
        let points = Curve::read_run(run)?.points;
        past.points.extend(points.into_iter().take_while(|point| point.step <= last));
        if past.points.len() as u64 == last { Ok(past) } else { Ok(Self::nothing()) }
    }

    fn nothing() -> Self {
        Self { points: Vec::new(), states: Snapshots::default() }
    }
}
