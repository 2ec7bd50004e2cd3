//! The training in a process of its own.

use std::io::{PipeReader, PipeWriter, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::pause;

/// Steps between checkpoints.
pub const CHECKPOINT_EVERY: u64 = 10;
/// No run takes so long.
const LIMIT: Duration = Duration::from_secs(180);
/// A second or two of training: nine steps an epoch.
const RUN: [&str; 17] = [
    "repro",
    "lstm-single",
    "--full",
    "--no-doctor",
    "--units",
    "8",
    "--words",
    "300",
    "--epochs",
    "30",
    "--threads",
    "1",
    "--set",
    "training.checkpoint-every=10",
    "--set",
    // Never over; but the network of the lowest test loss is kept.
    "training.patience=1000",
    "--out",
];

/// A training that is going on. It does not outlive this.
#[derive(Debug)]
pub struct Training {
    child: Child,
    /// Reads what it prints, on either stream.
    printed: Option<JoinHandle<String>>,
}

/// How a training ended, and what it printed.
#[derive(Debug)]
pub struct Exit {
    /// None if a signal ended it.
    pub code: Option<i32>,
    /// Both streams.
    pub text: String,
}

impl Training {
    /// Begins or resumes.
    pub fn start(run: &Path, resume: bool) -> Result<Self> {
        Self::spawn(Command::new(std::env::current_exe()?), run, resume)
    }

    /// Begins in a shell that has done something before, such as `ulimit -f 20`.
    #[cfg(unix)]
    pub fn start_after(run: &Path, setup: &str) -> Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{setup}; exec \"$@\""), "sh"]).arg(std::env::current_exe()?);
        Self::spawn(shell, run, false)
    }

    /// Begins with a standard error of its own, which is gone once the reader that is returned is dropped.
    pub fn start_with_stderr(run: &Path) -> Result<(Self, PipeReader)> {
        let (reader, writer) = std::io::pipe()?;
        let mut training = Command::new(std::env::current_exe()?);
        training.stderr(writer);
        Ok((Self::spawn_with_stderr(training, run, false)?, reader))
    }

    /// Begins where permissions bind the superuser, too.
    #[cfg(unix)]
    pub fn start_bound_by_permissions(run: &Path) -> Result<Self> {
        bound_by_permissions(|| Self::start(run, false))?
    }

    /// With both streams in one pipe.
    fn spawn(mut command: Command, run: &Path, resume: bool) -> Result<Self> {
        // A pipe, as a file would be under the limit too.
        let (reader, writer) = std::io::pipe()?;
        command.stderr(writer.try_clone()?);
        Self::spawn_into(command, run, resume, reader, writer)
    }

    /// With whatever standard error the command has.
    fn spawn_with_stderr(command: Command, run: &Path, resume: bool) -> Result<Self> {
        let (reader, writer) = std::io::pipe()?;
        Self::spawn_into(command, run, resume, reader, writer)
    }

    fn spawn_into(
        mut command: Command,
        run: &Path,
        resume: bool,
        mut reader: PipeReader,
        writer: PipeWriter,
    ) -> Result<Self> {
        command.args(RUN).arg(run).args(resume.then_some("--resume"));
        command.stdin(Stdio::null()).stdout(writer);
        let child = command.spawn().context("starting the training")?;
        // It holds the pipe's other end, which must be closed here for the reader to come to an end.
        drop(command);
        let printed = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = reader.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        Ok(Self { child, printed: Some(printed) })
    }

    /// Whether it is over.
    pub fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// Waits until it is over or `condition` holds; says whether the latter.
    pub fn wait_until(&mut self, stop: &AtomicBool, mut condition: impl FnMut() -> bool) -> Result<bool> {
        let began = Instant::now();
        while !self.is_over()? {
            if condition() {
                return Ok(true);
            }
            if began.elapsed() > LIMIT {
                bail!("the training is not over after {} s", LIMIT.as_secs());
            }
            pause(stop, 1)?;
        }
        Ok(false)
    }

    /// SIGKILL, or what the system has for it.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing the training")
    }

    /// Sends it a signal.
    #[cfg(unix)]
    pub fn signal(&self, signal: rustix::process::Signal) -> Result<()> {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).context("sending a signal")
    }

    /// Waits for its end.
    pub fn wait(mut self, stop: &AtomicBool) -> Result<Exit> {
        self.wait_until(stop, || false)?;
        let code = self.child.wait()?.code();
        let printed = self.printed.take().expect("is taken once");
        Ok(Exit { code, text: printed.join().expect("reading does not panic") })
    }
}

/// Runs `start` where what it starts may not write what its permissions forbid, whoever the user is.
///
/// On Linux the superuser may do without asking because it has a capability, which a thread can give up for itself and
/// for the programs that it starts. (Another user might not even be allowed to read this program.)
#[cfg(unix)]
pub fn bound_by_permissions<R: Send>(start: impl FnOnce() -> R + Send) -> Result<R> {
    let bound = || {
        if rustix::process::geteuid().is_root() {
            #[cfg(target_os = "linux")]
            rustix::thread::remove_capability_from_bounding_set(rustix::thread::CapabilitySet::DAC_OVERRIDE)
                .context("giving up CAP_DAC_OVERRIDE")?;
            #[cfg(not(target_os = "linux"))]
            bail!("the superuser needs no permission");
        }
        Ok(start())
    };
    std::thread::scope(|scope| scope.spawn(bound).join().expect("starting does not panic"))
}

impl Drop for Training {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Exit {
    /// The step that it went on from.
    pub fn from(&self) -> u64 {
        const SAID: &str = "Going on after step ";
        let step = self.text.lines().find_map(|line| line.strip_prefix(SAID)?.parse().ok());
        step.unwrap_or(0)
    }

    /// The one line in which it refused or failed, which must name something in the run's directory.
    pub fn refusal(&self, run: &Path) -> Result<&str> {
        let mut errors = self.text.lines().filter(|line| line.starts_with("error: "));
        let (line, more) = (errors.next(), errors.count());
        match line {
            _ if self.text.contains("panicked at") => bail!("it panicked"),
            Some(line) if more == 0 && line.contains(&*run.to_string_lossy()) && self.code == Some(1) => Ok(line),
            Some(line) => bail!("exit code {:?} with a line that does not say where: {line}", self.code),
            None => bail!("exit code {:?} without a line that says why", self.code),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_line_that_says_where() {
        let exit = |code, text: &str| Exit { code: Some(code), text: text.into() };
        let run = Path::new("/tmp/run");
        let good = exit(1, "Going on after step 30\nerror: running: /tmp/run/metrics.jsonl: was cut short\n");
        assert!(good.refusal(run).unwrap().ends_with("cut short"));
        assert_eq!((good.from(), exit(0, "").from()), (30, 0));
        for bad in [
            exit(1, ""),
            exit(1, "error: something went wrong"),
            exit(1, "error: /tmp/run\nerror: /tmp/run"),
            exit(2, "error: /tmp/run"),
            exit(101, "thread 'main' panicked at src/main.rs:\nerror: /tmp/run"),
        ] {
            assert!(bad.refusal(run).is_err(), "{bad:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_bound_by_permissions_cannot_write_without() {
        use std::fs::{Permissions, set_permissions};
        use std::os::unix::fs::PermissionsExt;

        // A superuser in a container may lack the capability to give one up.
        if bound_by_permissions(|| ()).is_err() {
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        let touch = || Command::new("touch").arg(&file).stderr(Stdio::null()).status().unwrap();
        set_permissions(directory.path(), Permissions::from_mode(0o555)).unwrap();
        assert!(!bound_by_permissions(touch).unwrap().success() && !file.exists());
        set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        assert!(bound_by_permissions(touch).unwrap().success() && file.exists());
    }
}
