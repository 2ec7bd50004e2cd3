//! What files hold never steers a terminal: names that try to are fed to every command.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::{Command, Output};

use safetensors::{Dtype, tensor::TensorView};

/// An escape sequence, the bell, a C1 control and a turn of the direction of writing.
const HOSTILE: &str = "\u{1b}[31mEVIL\u{7}\u{9b}2J\u{202e}";

fn flameout(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
    command.args(arguments).env("NO_COLOR", "1");
    command
}

/// What a stream may not hold.
fn steers(c: char) -> bool {
    let turns = ('\u{202a}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c);
    turns || c.is_control() && c != '\n' && c != '\t'
}

fn assert_harmless(stream: &[u8], what: &dyn std::fmt::Debug) {
    let text = String::from_utf8(stream.to_vec()).unwrap();
    assert!(!text.contains(steers), "{what:?}: {text:?}");
}

/// Runs a command whose output must show the hostile text, escaped, on either stream, and end with this code.
fn shows(arguments: &[&str], code: i32) -> Output {
    let output = flameout(arguments).output().unwrap();
    assert_harmless(&output.stdout, &arguments);
    assert_harmless(&output.stderr, &arguments);
    let text = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains("EVIL") && !text.contains("panicked"), "{arguments:?} does not show it: {text}");
    output
}

/// Hostile files in a directory of a hostile name.
struct Files {
    root: tempfile::TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self { root: tempfile::tempdir().unwrap() };
        std::fs::create_dir(files.directory()).unwrap();
        let words = (0..40).map(|n| format!("w{}{}", if n % 2 == 0 { HOSTILE } else { "" }, name(n)));
        let line = |(n, word): (usize, String)| format!("{word} {} {} 0.5\n", n % 7, (n % 5) as f64 - 2.5);
        std::fs::write(files.path("vectors"), words.enumerate().map(line).collect::<String>()).unwrap();
        let pairs = (0..20).map(|n| format!("w{}\tw{HOSTILE}{}\t{n}\n", name(2 * n + 1), name(2 * n)));
        std::fs::write(files.path("pairs"), pairs.collect::<String>()).unwrap();
        files
    }

    fn directory(&self) -> PathBuf {
        self.root.path().join(format!("d{HOSTILE}"))
    }

    /// Of a file or directory of a hostile name.
    fn path(&self, name: &str) -> String {
        self.directory().join(format!("{HOSTILE}{name}")).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), content).unwrap();
        self.path(name)
    }
}

/// A number in letters.
fn name(n: usize) -> String {
    n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}

#[test]
fn a_run_of_hostile_words_in_a_hostile_place() {
    let files = Files::new();
    let (vectors, run, ngrams) = (&files.path("vectors"), &files.path("run"), &files.path("ngrams"));
    let train = ["train", "--vectors", vectors, "--units", "4", "--epochs", "3", "--out", run];
    shows(&train, 0);
    shows(&train, 1);
    shows(&["train", "--vectors", vectors, "--model", "ngrams", "--out", ngrams], 0);
    shows(&["evaluate", "--model", run, "--pairs", &files.path("pairs")], 0);
    shows(&["evaluate", "--model", run, "--pairs", vectors], 1);
    let (one, two) = (format!("w{HOSTILE}c"), format!("w{HOSTILE}e"));
    for model in [run, ngrams] {
        shows(&["neighbours", "--model", model, &one], 0);
        shows(&["analogy", "--model", model, &one, &two, "wb"], 0);
    }
    shows(&["embed", "--model", run, &format!("no{HOSTILE}")], 0);
    shows(&["neighbours", "--model", run, &format!("no{HOSTILE}")], 1);
    shows(&["analogy", "--model", run, &format!("no{HOSTILE}"), &two, "wb"], 1);
    shows(&["replay", run, "--at", "1", "--steps", "1", "--set", &format!("{HOSTILE}=1")], 1);
    shows(&["replay", run, "--at", "1", "--steps", "1", "--set", &format!("training.batch={HOSTILE}")], 1);
    shows(&["report", run], 0);
    shows(&["compare", run, run, "--out", &files.path("page.html")], 0);
    for (to, file) in
        [("safetensors", "a.safetensors"), ("onnx", "a.onnx"), ("keras", "a.keras"), ("word2vec", "a.bin")]
    {
        shows(&["export", "--model", run, "--to", to, "--out", &files.path(file)], 0);
        shows(&["export", "--model", run, "--to", to, "--out", &files.path(&format!("none/{file}"))], 1);
    }
    shows(&["import", &files.path("a.keras"), "--out", &files.path("imported")], 0);
    let json = shows(&["neighbours", "--model", run, &one, "--json"], 0);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["word"], one.as_str(), "JSON says the same word");
    // It holds nothing that is hostile but may show it: no panic, and nothing raw.
    for arguments in [&["diagnose", run][..], &["diagnose", run, "--json"], &["evaluate", "--model", run, "--json"]] {
        let output = flameout(arguments).output().unwrap();
        assert!(output.status.success());
        assert_harmless(&[output.stdout, output.stderr].concat(), &arguments);
    }
}

/// A program reads them as they are: in a file, in a pipe, and in JSON, whose own escapes mean the same.
#[test]
fn vectors_for_programs_hold_the_words_as_they_are() {
    let files = Files::new();
    let (vectors, model) = (&files.path("vectors"), &files.path("ngrams"));
    shows(&["train", "--vectors", vectors, "--model", "ngrams", "--out", model], 0);
    let word = &format!("w{HOSTILE}c");
    let embed = ["embed", "--model", model, word];
    let text = String::from_utf8(flameout(&embed).output().unwrap().stdout).unwrap();
    assert!(text.starts_with(&format!("{word} ")), "{text:?}");
    let out = &files.path("out");
    for format in ["text", "word2vec", "npy", "safetensors"] {
        let output = flameout(&[&embed[..], &["--format", format, "--out", out]].concat()).output().unwrap();
        assert!(output.status.success(), "{format}");
        let file = if format == "npy" { format!("{out}.words") } else { out.clone() };
        let bytes = std::fs::read(file).unwrap();
        let json_escaped = word.replace('\u{1b}', "\\u001b").replace('\u{7}', "\\u0007");
        let holds = |word: &str| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        assert!(holds(word) || format == "safetensors" && holds(&json_escaped), "{format}");
    }
    let json = shows(&[&embed[..], &["--format", "json"]].concat(), 0);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["word"], word.as_str());

    let two_lines = flameout(&["embed", "--model", model, "wc\nwe"]).output().unwrap();
    let error = String::from_utf8(two_lines.stderr).unwrap();
    assert!(two_lines.status.code() == Some(1) && error.contains("--format json"), "{error}");
}

#[test]
fn hostile_vectors_are_described_and_converted() {
    let files = Files::new();
    let vectors = &files.path("vectors");
    let said = shows(&["vectors", "info", vectors], 0);
    assert!(String::from_utf8(said.stdout).unwrap().contains(r"w\u001b[31mEVIL\u0007\u009b2J\u202e"));
    let json = shows(&["vectors", "info", vectors, "--json"], 0);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["file"], vectors.as_str());
    shows(&["vectors", "convert", vectors, &files.path("to.bin"), "--format", "word2vec-binary"], 0);
    shows(&["vectors", "normalize", vectors, &files.path("to.txt"), "--to", "unit"], 0);
    for (name, content) in [
        ("header", format!("2 {HOSTILE}\n")),
        ("number", format!("a 1 2\nb{HOSTILE} 1 {HOSTILE}\n")),
        ("count", format!("2 2\na{HOSTILE} 1 2\n")),
        ("twice", format!("a{HOSTILE} 1 2\na{HOSTILE} 3 4\n")),
        ("columns", format!("a{HOSTILE} 1 2\nb{HOSTILE} 3\n")),
        ("infinite", format!("a{HOSTILE} 1 inf\nb 1 2\n")),
        ("nothing", String::new()),
    ] {
        let file = &files.write(name, content);
        let arguments = ["vectors", "convert", file, &files.path("converted"), "--format", "glove"];
        let output = flameout(&arguments).output().unwrap();
        assert_harmless(&[output.stdout, output.stderr].concat(), &arguments);
        assert!(matches!(output.status.code(), Some(0 | 1)), "{name}");
    }
    shows(&["vectors", "info", &files.path("none")], 1);
}

#[test]
fn hostile_logs_are_diagnosed_and_shown() {
    let files = Files::new();
    let rows = (0..30).fold(String::new(), |mut rows, n| {
        let _ = writeln!(rows, "{n},{},{HOSTILE}", 1.0 / f64::from(n + 1));
        rows
    });
    let json =
        |n: u32| serde_json::json!({ "epoch": n, "loss": 1.0 / f64::from(n + 1), (HOSTILE): HOSTILE }).to_string();
    let lines: String = (0..30).map(|n| json(n) + "\n").collect();
    for (name, content) in [
        ("a.csv", format!("epoch,loss,{HOSTILE}\n{rows}")),
        ("b.csv", format!("epoch,{HOSTILE},x\n{rows}")),
        ("c.jsonl", lines.clone()),
        ("d.jsonl", format!("{lines}{{\"epoch\": \"{HOSTILE}\"")),
        ("e.csv", format!("epoch,loss\n0,1\n1,{HOSTILE}\n")),
        ("f.log", format!("{HOSTILE}\n")),
    ] {
        let log = &files.write(name, content);
        for arguments in [&["diagnose", log][..], &["diagnose", log, "--json"], &["report", log]] {
            let output = flameout(arguments).output().unwrap();
            assert_harmless(&[output.stdout, output.stderr].concat(), &arguments);
            assert!(matches!(output.status.code(), Some(0 | 1)), "{arguments:?}");
        }
    }
    shows(&["diagnose", &files.path("none.csv")], 1);
    shows(&["report", &files.path("none.csv")], 1);
}

#[test]
fn hostile_models_are_refused_harmlessly() {
    let files = Files::new();
    let import =
        |file: &str| shows(&["import", file, "--alphabet", "$abc", "--length", "9", "--out", &files.path("m")], 1);
    let numbers = [0; 4 * 12];
    let tensor = |shape: &[usize]| TensorView::new(Dtype::F32, shape.to_vec(), &numbers).unwrap();
    let name = |name: &str| format!("{name}{HOSTILE}");
    for (file, tensors) in [
        ("a.safetensors", vec![(name("tensor"), tensor(&[3, 4]))]),
        ("b.safetensors", vec![(name("l.weight_ih_l0"), tensor(&[12, 1])), (name("l.weight_hh_l0"), tensor(&[12]))]),
    ] {
        import(&files.write(file, safetensors::serialize(tensors, None).unwrap()));
    }
    let network = |layer: &str| {
        let layer = format!(r#"{{"class_name": "{layer}", "config": {{"name": "{HOSTILE}"}}}}"#);
        format!(r#"{{"class_name": "Sequential", "config": {{"name": "n", "layers": [{layer}]}}}}"#)
            .replace('\u{1b}', "\\u001b")
            .replace('\u{7}', "\\u0007")
    };
    for (file, entry, content) in [
        ("a.keras", "config.json", network(HOSTILE)),
        ("b.keras", "config.json", network("LSTM")),
        ("c.keras", "config.json", HOSTILE.to_owned()),
        ("d.keras", HOSTILE, String::new()),
    ] {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file(entry, zip::write::SimpleFileOptions::default()).unwrap();
        std::io::Write::write_all(&mut archive, content.as_bytes()).unwrap();
        import(&files.write(file, archive.finish().unwrap().into_inner()));
    }
    for name in ["none.keras", "none.h5", "none.safetensors", "no-ending"] {
        import(&files.path(name));
    }
}

#[test]
fn hostile_settings_and_arguments_are_refused_harmlessly() {
    let files = Files::new();
    let quoted = HOSTILE.replace('\u{1b}', "\\u001b").replace('\u{7}', "\\u0007");
    for (name, content) in [
        ("a.toml", format!("case = \"{quoted}\"\n")),
        ("b.toml", format!("\"{quoted}\" = 1\n")),
        ("c.toml", format!("case = {HOSTILE}\n")),
        ("d.toml", format!("layers = [{{ \"{quoted}\" = 1 }}]\n")),
    ] {
        let file = &files.write(name, content);
        shows(&["train", "--settings", file], 1);
        shows(&["train", "--vectors", &files.path("vectors"), "--model", file], 1);
        shows(&["diagnose", file], 1);
        shows(&["replay", file, "--at", "1", "--advice"], 1);
    }
    let vectors = &files.path("vectors");
    for (arguments, code) in [
        (&["train", "--vectors", vectors, "--model", HOSTILE][..], 1),
        (&["train", "--vectors", vectors, "--set", HOSTILE], 1),
        (&["train", "--vectors", vectors, "--set", &format!("{HOSTILE}=1")], 1),
        (&["train", "--vectors", vectors, "--seed", HOSTILE], 2),
        (&["train", "--vectors", &files.path("none")], 1),
        (&["train", "--out", &files.path("none"), "--resume"], 1),
        (&["embed", "--model", &files.path("none"), "a"], 1),
        (&["embed", "--model", HOSTILE, "a"], 1),
        (&["export", "--model", HOSTILE, "--to", "onnx", "--out", "a"], 1),
        (&["man", &files.path("vectors")], 1),
        (&["completions", HOSTILE], 2),
        (&[HOSTILE], 2),
        (&[&format!("--{HOSTILE}")], 2),
    ] {
        shows(arguments, code);
    }
    let output = flameout(&["vectors", "info", vectors]).env("FLAMEOUT_KERNELS", HOSTILE).output().unwrap();
    assert_harmless(&output.stderr, &"FLAMEOUT_KERNELS");
    assert_eq!(output.status.code(), Some(2));
}

/// A file cannot add lines of its own that look like the program's.
#[test]
fn a_line_end_in_a_name_begins_no_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a\nerror: forged\nnote: forged");
    let output = flameout(&["vectors", "info", path.to_str().unwrap()]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.lines().filter(|line| !line.starts_with("  ")).count(), 1, "{error}");
}

#[cfg(unix)]
mod on_a_terminal {
    use std::fs::File;
    use std::io::Read;
    use std::process::Stdio;

    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    use super::*;

    /// What a command writes to a terminal on standard output.
    fn on_a_terminal(command: &mut Command) -> String {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let theirs = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let terminal = File::options().read(true).write(true).open(theirs).unwrap();
        let mut child = command.stdout(terminal).stderr(Stdio::null()).spawn().unwrap();
        command.stdout(Stdio::null());
        // The end comes as an error once nobody holds the other side.
        let mut bytes = Vec::new();
        let _ = File::from(ours).read_to_end(&mut bytes);
        assert!(child.wait().unwrap().success());
        String::from_utf8(bytes).unwrap().replace("\r\n", "\n")
    }

    #[test]
    fn words_are_escaped_and_colours_are_the_programs_own() {
        let files = Files::new();
        let (vectors, run) = (&files.path("vectors"), &files.path("run"));
        shows(&["train", "--vectors", vectors, "--units", "4", "--epochs", "3", "--out", run], 0);
        let word = &format!("w{HOSTILE}c");
        let text = on_a_terminal(&mut flameout(&["embed", "--model", run, word]));
        assert!(text.starts_with(r"w\u001b[31mEVIL\u0007\u009b2J\u202ec "), "{text:?}");

        let text = on_a_terminal(flameout(&["report", run]).env("NO_COLOR", ""));
        assert!(text.contains("EVIL") && text.contains("\u{1b}[36m"), "{text:?}");
        let colours = ["0", "1", "31", "32", "33", "36"].map(|code| format!("\u{1b}[{code}m"));
        let text = text.replace(&format!("{}EVIL", colours[2]), "RAW\u{7}");
        let plain = colours.iter().fold(text, |text, colour| text.replace(colour, ""));
        assert_harmless(plain.as_bytes(), &"report");
    }
}
