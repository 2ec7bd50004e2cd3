//! What can happen to a run: a module for each way.

mod checkpoint;
mod damage;
#[cfg(unix)]
mod disk;
mod file;
mod in_the_way;
mod kill;
mod others;
mod second_run;
#[cfg(unix)]
mod signal;
mod stderr;

use anyhow::Result;
use ndarray_rand::rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::trial::{Blow, Trial};

/// One way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// SIGKILL at any moment.
    Kill,
    /// SIGKILL while a checkpoint is being written.
    KillInWrite,
    /// Ctrl-C.
    #[cfg(unix)]
    Interrupt,
    /// What a system that shuts down sends.
    #[cfg(unix)]
    Terminate,
    /// A terminal that is closed.
    #[cfg(unix)]
    HangUp,
    /// The same over a run that was begun with `nohup`.
    #[cfg(unix)]
    HangUpIgnored,
    /// Standard error is gone.
    StderrGone,
    /// No file can grow any more.
    #[cfg(unix)]
    FullDisk,
    /// The checkpoints cannot be written.
    #[cfg(unix)]
    NoPermission,
    /// A directory where a checkpoint should go.
    InTheWay,
    /// The newest checkpoint is cut short.
    CheckpointCut,
    /// A bit of it has changed.
    CheckpointFlipped,
    /// The number of its version has.
    CheckpointVersion,
    /// It is empty.
    CheckpointEmptied,
    /// Both checkpoints are damaged.
    BothCheckpoints,
    /// metrics.jsonl is damaged.
    Metrics,
    /// metrics.jsonl is removed, replaced or cut short while the run goes on.
    MetricsTouched,
    /// A stranger's file has the name of one of the run's.
    ForeignFile,
    /// settings.toml is damaged.
    Settings,
    /// summary.json is damaged.
    Summary,
    /// A second run in the same directory.
    SecondRun,
}

impl Kind {
    const ALL: &[Self] = &[
        Self::Kill,
        Self::KillInWrite,
        #[cfg(unix)]
        Self::Interrupt,
        #[cfg(unix)]
        Self::Terminate,
        #[cfg(unix)]
        Self::HangUp,
        #[cfg(unix)]
        Self::HangUpIgnored,
        Self::StderrGone,
        #[cfg(unix)]
        Self::FullDisk,
        #[cfg(unix)]
        Self::NoPermission,
        Self::InTheWay,
        Self::CheckpointCut,
        Self::CheckpointFlipped,
        Self::CheckpointVersion,
        Self::CheckpointEmptied,
        Self::BothCheckpoints,
        Self::Metrics,
        Self::MetricsTouched,
        Self::ForeignFile,
        Self::Settings,
        Self::Summary,
        Self::SecondRun,
    ];

    /// Those that can be done here.
    pub fn available() -> Vec<Self> {
        let left_out = Self::left_out();
        Self::ALL.iter().copied().filter(|kind| left_out.iter().all(|(other, _)| other != kind)).collect()
    }

    /// Those that cannot, and why.
    pub fn left_out() -> Vec<(Self, &'static str)> {
        #[cfg(unix)]
        if super::child::bound_by_permissions(|| ()).is_err() {
            return vec![(Self::NoPermission, "the superuser needs none; something in the way has to do")];
        }
        Vec::new()
    }

    /// What is done in a round: each once before any is done again, in an order that the seed decides.
    pub fn of_round(kinds: &[Self], seed: u64, round: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let (turns, place) = (round / kinds.len() as u64, round % kinds.len() as u64);
        let mut order = kinds.to_vec();
        for _ in 0..=turns {
            order.shuffle(&mut rng);
        }
        order[place as usize]
    }

    /// As the table has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "SIGKILL",
            Self::KillInWrite => "SIGKILL in a checkpoint's writing",
            #[cfg(unix)]
            Self::Interrupt => "SIGINT",
            #[cfg(unix)]
            Self::Terminate => "SIGTERM",
            #[cfg(unix)]
            Self::HangUp => "SIGHUP",
            #[cfg(unix)]
            Self::HangUpIgnored => "SIGHUP under nohup",
            Self::StderrGone => "standard error gone",
            #[cfg(unix)]
            Self::FullDisk => "full disk (limit on files)",
            #[cfg(unix)]
            Self::NoPermission => "no permission to write",
            Self::InTheWay => "something in a file's way",
            Self::CheckpointCut => "newest checkpoint cut short",
            Self::CheckpointFlipped => "newest checkpoint, a bit flipped",
            Self::CheckpointVersion => "newest checkpoint, its version changed",
            Self::CheckpointEmptied => "newest checkpoint emptied",
            Self::BothCheckpoints => "both checkpoints damaged",
            Self::Metrics => "metrics.jsonl damaged",
            Self::MetricsTouched => "metrics.jsonl touched during the run",
            Self::ForeignFile => "a stranger's file in the directory",
            Self::Settings => "settings.toml damaged",
            Self::Summary => "summary.json damaged",
            Self::SecondRun => "second run in the directory",
        }
    }

    /// Begins a run and does it.
    pub fn strike(self, trial: &mut Trial<'_>) -> Result<Blow> {
        match self {
            Self::Kill => kill::at_any_moment(trial),
            Self::KillInWrite => kill::in_a_write(trial),
            #[cfg(unix)]
            Self::Interrupt => signal::send(trial, rustix::process::Signal::INT),
            #[cfg(unix)]
            Self::Terminate => signal::send(trial, rustix::process::Signal::TERM),
            #[cfg(unix)]
            Self::HangUp => signal::send(trial, rustix::process::Signal::HUP),
            #[cfg(unix)]
            Self::HangUpIgnored => signal::hang_up_ignored(trial),
            Self::StderrGone => stderr::close(trial),
            #[cfg(unix)]
            Self::FullDisk => disk::fill(trial),
            #[cfg(unix)]
            Self::NoPermission => in_the_way::no_permission(trial),
            Self::InTheWay => in_the_way::a_directory(trial),
            Self::CheckpointCut => checkpoint::newest(trial, damage::Damage::Cut),
            Self::CheckpointFlipped => checkpoint::newest(trial, damage::Damage::Flip),
            Self::CheckpointVersion => checkpoint::version(trial),
            Self::CheckpointEmptied => checkpoint::newest(trial, damage::Damage::Empty),
            Self::BothCheckpoints => checkpoint::both(trial),
            Self::Metrics => file::metrics(trial),
            Self::MetricsTouched => others::touch_metrics(trial),
            Self::ForeignFile => others::foreign_file(trial),
            Self::Settings => file::settings(trial),
            Self::Summary => file::summary(trial),
            Self::SecondRun => second_run::start(trial),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_turn_does_each_fault_once_in_an_order_of_its_own() {
        let kinds = Kind::ALL;
        let turn = |seed, turn: u64| {
            let rounds = turn * kinds.len() as u64..(turn + 1) * kinds.len() as u64;
            rounds.map(|round| Kind::of_round(kinds, seed, round)).collect::<Vec<_>>()
        };
        for order in [turn(0, 0), turn(0, 1), turn(1, 0)] {
            assert!(kinds.iter().all(|kind| order.contains(kind)));
        }
        assert!(turn(0, 0) == turn(0, 0) && turn(0, 0) != turn(0, 1) && turn(0, 0) != turn(1, 0));
    }
}
