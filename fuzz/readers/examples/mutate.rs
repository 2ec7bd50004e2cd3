//! Fuzzes a target without a nightly compiler: changes kept inputs at random, again and again, and hands them to the reader.
//!
//! ```text
//! cargo run -p flameout-fuzz-readers --example mutate -- TARGET MINUTES [SEED]
//! cargo run -p flameout-fuzz-readers --example mutate -- TARGET MINUTES SEED target/debug/flameout
//! ```
//!
//! With a program, `diagnose`, `import` and `train` are its commands instead, each in a process of its own: it must end with
//! exit code 0, 1 or 2, say why in an `error:` line, and print nothing that steers a terminal.
//!
//! What it finds goes to `fuzz/artifacts/TARGET`. Unlike libFuzzer it does not see which code an input reaches: it finds less in
//! the same time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use flameout_fuzz_readers::{READERS, Reader};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Inputs are kept this small.
const LARGEST: usize = 8192;
/// What readers look for, and numbers at the ends of their ranges.
const TOKENS: [&[u8]; 40] = [
    b"\n",
    b"\r\n",
    b",",
    b";",
    b"\t",
    b" ",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b"=",
    b"-",
    b"0",
    b"-0.0",
    b"1e308",
    b"-1e39",
    b"1e-320",
    b"nan",
    b"NaN",
    b"inf",
    b"-Infinity",
    b"null",
    b"18446744073709551615",
    b"-9223372036854775808",
    b"loss",
    b"val_loss",
    b"epoch",
    b"step",
    b"acc",
    b"grad_norm",
    b"$",
    b"\xff",
    b"\0",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80",
    b"\x7f\xff\xff\xff",
    b"\0\0\xc0\x7f",
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [target, minutes, rest @ ..] = &arguments[..] else { panic!("TARGET MINUTES [SEED [PROGRAM]]") };
    let reader = READERS.iter().find(|(name, _)| name == target).expect("a target").1;
    let minutes: f64 = minutes.parse().expect("minutes");
    let seed = rest.first().map_or(0, |seed| seed.parse().expect("a number"));
    let program = rest.get(1).map(PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let artifacts = root.join("artifacts").join(target);
    let kept = inputs(&root.join("corpus").join(target));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (began, mut executions, mut findings) = (Instant::now(), 0_u64, 0_u64);
    while began.elapsed() < Duration::from_secs_f64(60.0 * minutes) {
        let input = mutated(&kept, &mut rng);
        executions += 1;
        let found = match &program {
            Some(program) => by_command(program, target, &input),
            None => by_reader(reader, &input),
        };
        if let Some(what) = found {
            findings += 1;
            std::fs::create_dir_all(&artifacts).expect("a directory");
            let path = artifacts.join(format!("mutated-{seed}-{executions}"));
            std::fs::write(&path, &input).expect("a file");
            println!("{}: {what}", path.display());
        }
    }
    let seconds = began.elapsed().as_secs();
    println!("{target}, seed {seed}: {executions} executions in {seconds} s, {findings} findings");
    assert_eq!(findings, 0);
}

fn inputs(directory: &Path) -> Vec<Vec<u8>> {
    let entries = directory.read_dir().expect("a corpus").map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

/// A number below `bound`, which is not 0.
fn below(bound: usize, rng: &mut ChaCha8Rng) -> usize {
    (rng.next_u64() % bound as u64) as usize
}

/// One of the inputs after one to eight changes.
fn mutated(kept: &[Vec<u8>], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut input = kept[below(kept.len(), rng)].clone();
    for _ in 0..=below(8, rng) {
        let at = below(input.len() + 1, rng);
        let to = (at + 1 + below(64, rng)).min(input.len());
        let part = input[at..to.max(at)].to_vec();
        match below(8, rng) {
            0 if at < input.len() => input[at] ^= 1 << below(8, rng),
            1 if at < input.len() => input[at] = rng.next_u32() as u8,
            2 => input.truncate(at),
            3 => drop(input.drain(at..to.max(at))),
            // The same again, sometimes often.
            4 => drop(input.splice(at..at, part.repeat(1 + below(4, rng) * below(20, rng)))),
            5 => {
                let token = TOKENS[below(TOKENS.len(), rng)];
                let end = if below(2, rng) == 0 { at } else { (at + token.len()).min(input.len()) };
                drop(input.splice(at..end, token.iter().copied()));
            }
            6 => {
                let other = &kept[below(kept.len(), rng)];
                input.truncate(at);
                input.extend_from_slice(&other[below(other.len() + 1, rng)..]);
            }
            _ => {
                let line = |byte: &u8| *byte == b'\n';
                let end = input[at..].iter().position(line).map_or(input.len(), |end| at + end + 1);
                let line = input[at..end].to_vec();
                drop(input.splice(at..at, line));
            }
        }
        input.truncate(LARGEST);
    }
    input
}

fn by_reader(reader: Reader, input: &[u8]) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| reader(input))).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    Some(text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default())
}

/// What is wrong with how a command ends on a file of these bytes.
fn by_command(program: &Path, command: &str, input: &[u8]) -> Option<String> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let name = ["log", "log.csv", "model.h5", "model.safetensors", "model.keras"][match command {
        "import" => 2 + input.len() % 3,
        _ => input.len() % 2,
    }];
    let (file, out) = (directory.path().join(name), directory.path().join("out"));
    std::fs::write(&file, input).expect("a temporary file");
    let mut process = Command::new(program);
    process.arg(command).env("NO_COLOR", "1").current_dir(directory.path());
    match command {
        "train" => {
            process.arg("--vectors").arg(&file).arg("--out").arg(&out);
            let model = ["lstm-single", "bidirectional", "ngrams"][input.len() % 3];
            process.args(["--model", model]);
            if model != "ngrams" {
                process.args(["--units", "2", "--epochs", "2", "--set", "training.batch=3"]);
            }
        }
        "import" => {
            process.arg(&file).arg("--out").arg(&out).args(["--length", "5", "--alphabet", "$ab"]);
        }
        _ => {
            process.arg(&file);
        }
    }
    let output = process.output().expect("the program runs");
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let errors = text.lines().filter(|line| line.starts_with("error:")).count();
    let steers = |c: char| (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}');
    match output.status.code() {
        None => Some(format!("ended by a signal: {text}")),
        Some(code @ (1 | 2)) if errors == 0 => Some(format!("exit code {code} without an error: line: {text}")),
        Some(0..=2) if text.contains("panicked") => Some(text.into_owned()),
        Some(0..=2) if text.contains(steers) => Some(format!("steers a terminal: {text:?}")),
        Some(0..=2) => None,
        Some(code) => Some(format!("exit code {code}: {text}")),
    }
}
