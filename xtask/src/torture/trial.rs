//! One round: a run, what was done to it, and what became of it.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail, ensure};
use ndarray_rand::rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::child::{Exit, Training};
use super::reference::Reference;
use super::steps_made;

/// Refusals in one round: one for each checkpoint, and one more.
const MOST_REFUSALS: u64 = 3;

/// A run to which something will happen.
#[derive(Debug)]
pub struct Trial<'a> {
    directory: PathBuf,
    /// The run left alone.
    pub reference: &'a Reference,
    /// The user's interruption.
    pub stop: &'a AtomicBool,
    /// Decides what happens.
    pub rng: ChaCha8Rng,
    transcript: String,
}

/// What has been done.
#[derive(Debug)]
pub struct Blow {
    /// Whether it struck: a run may be over before.
    pub hit: bool,
    /// Steps that had been made; None where none can be lost, as the run is over.
    pub made: Option<u64>,
    /// What a refusal may ask for.
    pub remedy: Remedy,
    /// What must be said when the run is resumed.
    pub must_say: Option<&'static str>,
}

/// What the user does when a run refuses to be resumed.
#[derive(Debug)]
pub enum Remedy {
    /// A refusal is not expected.
    None,
    /// Removes this.
    Remove(PathBuf),
    /// Puts this file back.
    PutBack(PathBuf, Vec<u8>),
}

/// What became of the run.
#[derive(Debug)]
pub enum Verdict {
    /// It ended as if nothing had happened.
    Same,
    /// It refused in one line, and after what the line says had been done it ended as if nothing had happened.
    Refused,
    /// Neither.
    Failed(String),
}

/// A round that is over.
#[derive(Debug)]
pub struct Round {
    /// See [`Blow::hit`].
    pub hit: bool,
    /// Steps that had to be made again.
    pub lost: Option<u64>,
    /// What became of the run.
    pub verdict: Verdict,
}

impl Round {
    /// One that did not come to its end.
    pub fn failed(why: String) -> Self {
        Self { hit: true, lost: None, verdict: Verdict::Failed(why) }
    }
}

impl<'a> Trial<'a> {
    /// Before anything is done.
    pub fn new(directory: &Path, reference: &'a Reference, stop: &'a AtomicBool, seed: u64, number: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // Stream 0 decides the order of the faults.
        rng.set_stream(1 + number);
        Self { directory: directory.into(), reference, stop, rng, transcript: String::new() }
    }

    /// Where the round's files are.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The run's directory.
    pub fn run(&self) -> PathBuf {
        self.directory.join("run")
    }

    /// The checkpoints, newest first.
    pub fn checkpoints(&self) -> Result<Vec<PathBuf>> {
        let entries = std::fs::read_dir(self.run().join("checkpoints"))?;
        let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        paths.retain(|path| path.extension().is_some_and(|extension| extension == "ckpt"));
        paths.sort();
        paths.reverse();
        Ok(paths)
    }

    /// Begins the run and waits until it has come to some step; it may be over before it is noticed.
    pub fn begin(&mut self) -> Result<Training> {
        self.begin_by(|run| Training::start(run, false))
    }

    /// As [`begin`](Self::begin), where `start` begins the run.
    pub fn begin_by(&mut self, start: impl FnOnce(&Path) -> Result<Training>) -> Result<Training> {
        let step = self.rng.random_range(1..self.reference.steps);
        let run = self.run();
        let mut training = start(&run)?;
        training.wait_until(self.stop, || steps_made(&run) >= step)?;
        Ok(training)
    }

    /// As [`begin`](Self::begin), and kills the run there.
    pub fn begin_and_kill(&mut self) -> Result<()> {
        let mut training = self.begin()?;
        training.kill()?;
        self.end(training).map(drop)
    }

    /// Waits for the end and notes what was printed.
    pub fn end(&mut self, training: Training) -> Result<Exit> {
        let exit = training.wait(self.stop)?;
        self.transcript += &format!("--- exit code {:?}\n{}", exit.code, exit.text);
        Ok(exit)
    }

    /// What was done when the run was alive or has been killed.
    pub fn blow(&self, remedy: Remedy) -> Blow {
        let over = self.run().join("summary.json").is_file();
        Blow { hit: !over, made: (!over).then(|| steps_made(&self.run())), remedy, must_say: None }
    }

    /// Resumes the run and says what became of it.
    pub fn resume(&mut self, blow: Blow) -> Round {
        match self.resume_until_over(&blow) {
            Ok((verdict, from)) => {
                Round { hit: blow.hit, lost: blow.made.map(|made| made.saturating_sub(from)), verdict }
            }
            Err(error) => Round::failed(format!("{error:#}")),
        }
    }

    fn resume_until_over(&mut self, blow: &Blow) -> Result<(Verdict, u64)> {
        let (run, mut refusals) = (self.run(), 0);
        loop {
            let resume = run.join("settings.toml").is_file() || refusals == 0;
            let exit = self.start_and_end(resume)?;
            if let Some(said) = blow.must_say {
                ensure!(exit.text.contains(said), "it did not say {said:?}");
            }
            if exit.code == Some(0) {
                self.reference.compare(&run, &exit, lost_lines(&exit))?;
                let verdict = if refusals == 0 { Verdict::Same } else { Verdict::Refused };
                return Ok((verdict, exit.from()));
            }
            refusals += 1;
            let line = exit.refusal(&run)?;
            ensure!(refusals < MOST_REFUSALS, "it refuses again and again: {line}");
            self.do_what_it_says(line, &blow.remedy).with_context(|| format!("it refused: {line}"))?;
        }
    }

    fn start_and_end(&mut self, resume: bool) -> Result<Exit> {
        let training = Training::start(&self.run(), resume)?;
        self.end(training)
    }

    fn do_what_it_says(&self, line: &str, remedy: &Remedy) -> Result<()> {
        match remedy {
            // Killed before it was a run: it is begun.
            _ if line.contains("leave out the resuming to begin one") => {}
            Remedy::None => bail!("nothing that it needs was touched"),
            Remedy::Remove(path) if path.is_dir() => std::fs::remove_dir(path)?,
            Remedy::Remove(path) => std::fs::remove_file(path)?,
            Remedy::PutBack(path, content) => std::fs::write(path, content)?,
        }
        Ok(())
    }

    /// Writes what the trainings have printed beside the run.
    pub fn save_transcript(&self) -> Result<()> {
        std::fs::write(self.directory.join("printed.txt"), &self.transcript).context("writing what was printed")
    }
}

/// Up to which step the run said that its lines in `metrics.jsonl` are lost.
fn lost_lines(exit: &Exit) -> Option<u64> {
    let (_, rest) = exit.text.split_once("the lines up to step ")?;
    rest.split(' ').next()?.parse().ok()
}
