//! What surrounds a command: streams that are gone, signals, limits, names that are no text, lists that are none.
#![cfg(unix)]

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/glove-100d-4k.bin");

fn flameout() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// The same, begun by a shell that has done something before.
fn flameout_after(script: &str) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("{script}; exec \"$@\"");
    shell.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_flameout")]).env("NO_COLOR", "1").stdin(Stdio::null());
    shell
}

const SMALL: [&str; 8] = ["train", "--vectors", VECTORS, "--words", "200", "--units", "4", "--epochs"];

/// Ends with this code and, if it is not 0, one line that says why; returns that line.
#[track_caller]
fn ends(output: &Output, code: i32) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{:?} {error}", output.status);
    assert!(!error.contains("panicked"), "{error}");
    let lines: Vec<&str> = error.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), usize::from(code != 0), "{error}");
    lines.concat()
}

/// A small run that all tests share.
fn run() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let path = tempfile::tempdir().unwrap().keep().join("run");
        ends(&flameout().args(SMALL).args(["2", "--quiet", "--out"]).arg(&path).output().unwrap(), 0);
        path
    })
}

fn is_over(run: &Path) -> bool {
    run.join("summary.json").is_file()
}

/// A training that goes on until it is asked to stop.
struct Endless(Child, tempfile::TempDir);

impl Endless {
    fn begin(mut command: Command) -> Self {
        let directory = tempfile::tempdir().unwrap();
        command.args(SMALL).args(["1000000", "--set", "training.patience=2000000", "--states", "0", "--out"]);
        let child = command.arg(directory.path().join("run")).stderr(Stdio::null()).spawn().unwrap();
        let mut training = Self(child, directory);
        training.wait_for_steps(1);
        training
    }

    fn steps(&self) -> usize {
        std::fs::read(self.1.path().join("run/metrics.jsonl")).map_or(0, |lines| lines.split(|&b| b == b'\n').count())
    }

    /// Until so many more are made.
    fn wait_for_steps(&mut self, more: usize) {
        let until = self.steps() + more;
        while self.steps() < until {
            assert!(self.0.try_wait().unwrap().is_none(), "it has ended");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Also if these tests were begun by `nohup` or a shell's `&`.
#[test]
fn each_signal_that_asks_to_stop_saves_the_run() {
    flameout::cli::interrupt::stop_ignoring_in_children().unwrap();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut training = Endless::begin(flameout());
        training.signal(signal);
        assert_eq!(training.0.wait().unwrap().code(), Some(130), "{signal:?}");
    }
}

/// `nohup` has SIGHUP ignored, a shell's `&` SIGINT.
#[test]
#[cfg(target_os = "linux")]
fn what_it_was_started_to_ignore_it_ignores() {
    let mut training = Endless::begin(flameout_after("trap '' HUP INT"));
    for signal in [Signal::HUP, Signal::HUP, Signal::INT, Signal::INT] {
        training.signal(signal);
        training.wait_for_steps(50);
    }
    training.signal(Signal::TERM);
    assert_eq!(training.0.wait().unwrap().code(), Some(130));
}

#[test]
fn a_training_outlives_whoever_read_its_messages() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let mut child = flameout().args(SMALL).args(["4", "--out"]).arg(&out).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert!(child.wait().unwrap().success() && is_over(&out));
    // Neither does anybody read why it fails.
    let mut child = flameout().args(SMALL).args(["4", "--out"]).arg(&out).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait().unwrap().code(), Some(1));
}

/// A terminal that goes away, as when a connection breaks, with its progress bar drawn half.
#[test]
fn a_training_outlives_its_terminal() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let theirs = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(theirs).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let mut command = flameout();
    command.args(SMALL).args(["40", "--set", "training.patience=100", "--out"]).arg(&out).stderr(terminal);
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut terminal = File::from(ours);
    assert!(terminal.read(&mut [0; 100]).unwrap() > 0);
    drop(terminal);
    assert!(child.wait().unwrap().success() && is_over(&out));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_standard_output_is_an_error_also_of_help() {
    for arguments in
        [&["--help"][..], &["--version"], &[], &["embed", "--help"], &["completions", "bash"], &["completions", "zsh"]]
    {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = flameout().args(arguments).stdout(full).output().unwrap();
        assert!(ends(&output, 1).contains("No space left"), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let run = run().to_str().unwrap();
    for arguments in [&["--help"][..], &["completions", "bash"], &["embed", "--model", run, "the"], &["report", run]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        ends(&flameout().args(arguments).stdout(writer).output().unwrap(), 0);
    }
}

/// A name that is no UTF-8, as other systems' archives leave behind.
#[test]
#[cfg(target_os = "linux")]
fn names_that_are_no_text_are_used_or_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &[u8]| directory.path().join(OsStr::from_bytes(name));
    let (run_there, vectors) = (path(b"run\xff"), path(b"vectors\xff.bin"));
    std::fs::copy(VECTORS, &vectors).unwrap();
    ends(&flameout().args(SMALL).args(["1", "--quiet", "--out"]).arg(&run_there).output().unwrap(), 0);
    let use_of = |arguments: &[&OsStr]| flameout().args(arguments).output().unwrap();
    let o = OsStr::new;
    let model = run_there.as_os_str();
    for arguments in [
        &[o("train"), o("--out"), model, o("--resume")][..],
        &[o("embed"), o("--model"), model, o("the")],
        &[o("neighbours"), o("--model"), model, o("the"), o("--json")],
        &[o("evaluate"), o("--model"), model, o("--json")],
        &[o("diagnose"), model],
        &[o("replay"), model, o("--at"), o("1"), o("--steps"), o("1"), o("--set"), o("training.batch=3")],
        &[o("report"), model],
        &[o("compare"), model, model, o("--out"), path(b"page\xff").as_os_str()],
        &[o("export"), o("--model"), model, o("--to"), o("keras"), o("--out"), path(b"m\xff.keras").as_os_str()],
        &[o("import"), path(b"m\xff.keras").as_os_str(), o("--out"), path(b"imported\xff").as_os_str()],
        &[o("vectors"), o("info"), vectors.as_os_str()],
        &[o("vectors"), o("info"), vectors.as_os_str(), o("--json")],
        &[o("vectors"), o("normalize"), vectors.as_os_str(), path(b"unit\xff").as_os_str()],
    ] {
        ends(&use_of(arguments), 0);
    }
    // `settings.toml` is UTF-8, and has to name them.
    for model in ["lstm-single", "ngrams"] {
        for out in [&[][..], &["--out", "new"]] {
            let mut train = flameout();
            train.args(["train", "--model", model, "--words", "200", "--vectors"]).arg(&vectors);
            let output = train.args(out).current_dir(directory.path()).output().unwrap();
            assert!(ends(&output, 1).contains("UTF-8"), "{model}");
        }
    }
    for arguments in [
        &[o("embed"), o("--model"), run().as_os_str(), o("--words"), path(b"none\xff").as_os_str()][..],
        &[o("evaluate"), o("--model"), run().as_os_str(), o("--pairs"), path(b"none\xff").as_os_str()],
        &[o("diagnose"), path(b"none\xff").as_os_str()],
    ] {
        ends(&use_of(arguments), 1);
    }
    let word = OsString::from_vec(b"b\xff".to_vec());
    ends(&use_of(&[o("embed"), o("--model"), model, &word]), 2);
}

#[test]
fn unknown_kernels_are_wrong_usage() {
    let with = |kernels: &[u8]| {
        let mut command = flameout();
        command.args(["embed", "--model"]).arg(run()).arg("the").env("FLAMEOUT_KERNELS", OsStr::from_bytes(kernels));
        command.output().unwrap()
    };
    for kernels in [&b"bogus"[..], b"AVX2", b"\xff", b" "] {
        assert!(ends(&with(kernels), 2).contains("this machine has portable"));
    }
    for kernels in [&b"portable"[..], b""] {
        ends(&with(kernels), 0);
    }
}

#[test]
fn a_list_that_is_no_list_of_words_is_refused_before_it_is_in_memory() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    // A terabyte that takes no place.
    File::create(path("sparse")).unwrap().set_len(1 << 40).unwrap();
    std::fs::write(path("latin-1"), b"ant\ncaf\xe9\n").unwrap();
    std::fs::write(path("utf-16"), b"\xff\xfea\0\n\0").unwrap();
    let embed =
        |list: &Path| flameout().args(["embed", "--model"]).arg(run()).arg("--words").arg(list).output().unwrap();
    for (list, expected) in [
        (path("sparse"), "sparse line 1: is longer than 65536 bytes"),
        (path("latin-1"), "latin-1 line 2: is not UTF-8"),
        (path("utf-16"), "utf-16 line 1: is UTF-16"),
        (directory.path().into(), "line 1"),
        (path("none"), "none"),
    ] {
        let output = embed(&list);
        let error = ends(&output, 1);
        assert!(error.contains(expected) && output.stderr.len() < 1000, "{error}");
    }
    // A long word is told by its beginning.
    std::fs::write(path("long"), format!("\u{feff}the\r\n{}\n", "x".repeat(60_000))).unwrap();
    let output = embed(&path("long"));
    ends(&output, 0);
    assert!(output.stdout.starts_with(b"the ") && output.stderr.len() < 500);
}

#[test]
fn a_limit_of_a_files_size_is_an_error_with_the_files_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let run = run().to_str().unwrap();
    let limited = |blocks: u32, arguments: &[&str]| {
        flameout_after(&format!("ulimit -f {blocks}")).args(arguments).output().unwrap()
    };
    let out = path("run");
    assert!(ends(&limited(16, &[&SMALL[..], &["9", "--quiet", "--out", &out]].concat()), 1).contains(&out));
    for (arguments, file) in [
        (&["export", "--model", run, "--to", "word2vec", "--out"][..], "a.bin"),
        (&["export", "--model", run, "--to", "keras", "--out"], "a.keras"),
        (&["vectors", "normalize", VECTORS], "b.bin"),
        (&["report", run, "--out"], "page.html"),
        (&["embed", "--model", run, "the", "of", "and", "a", "to", "in", "--format", "json", "--out"], "c.json"),
    ] {
        let output = limited(1, &[arguments, &[&path(file)]].concat());
        assert!(ends(&output, 1).contains(file));
        assert!(!Path::new(&path(file)).exists(), "{file} is written half");
    }
    let file = File::create(path("stdout")).unwrap();
    let output = flameout_after("ulimit -f 1")
        .args(["embed", "--model", run, "--words", VECTORS])
        .stdout(file)
        .output()
        .unwrap();
    ends(&output, 1);
}

#[test]
fn as_many_threads_are_started_as_help() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("run");
    let train = |threads: &str| {
        let mut command = flameout();
        command.args(SMALL).args(["2", "--quiet", "--out"]).arg(&out).env("RAYON_NUM_THREADS", threads);
        command
    };
    ends(&train("2000").output().unwrap(), 0);
    let environment: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("environment.json")).unwrap()).unwrap();
    let most = flameout::kernels::team::most_threads() as u64;
    assert_eq!(environment["threads"], most);
    let weights = |run: &Path| std::fs::read(run.join("model.flameout")).unwrap();
    assert!(weights(&out) == weights(run()), "the same numbers on any number of threads");
    // None has so large a stack.
    let output = train("2").env("RUST_MIN_STACK", (1_u64 << 50).to_string()).output().unwrap();
    assert!(ends(&output, 1).contains("starting 2 threads (RAYON_NUM_THREADS asks for fewer)"));
}
