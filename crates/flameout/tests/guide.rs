//! The guide's commands run as they stand there, from a fresh clone, and print what it says that they print.
//!
//! A block of the kind `console` is run, its lines in one shell. A block of the kind `text` right after it is what it prints on
//! standard output. There, a line that is `…` stands for any number of lines, and one that ends in `…` for any rest of a
//! line. A comment before a block, `<!-- slow … -->` or `<!-- not run … -->`, says what this test leaves out.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

const GUIDE: &str = include_str!("../../../docs/how-to/embed-unseen-words.md");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Commands, and what they print if the guide says so.
struct Block {
    line: usize,
    commands: String,
    printed: Option<String>,
    slow: bool,
}

fn blocks() -> Vec<Block> {
    let (mut blocks, mut lines): (Vec<Block>, _) = (Vec::new(), GUIDE.lines().enumerate().peekable());
    let (mut before, mut skipped) = ("", false);
    while let Some((index, line)) = lines.next() {
        if let Some(kind) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let text = text.join("\n") + "\n";
            match kind {
                "console" => {
                    skipped = before.starts_with("<!-- not run");
                    if !skipped {
                        let slow = before.starts_with("<!-- slow");
                        blocks.push(Block { line: index + 1, commands: text, printed: None, slow });
                    }
                }
                "text" if !skipped => blocks.last_mut().expect("commands before it").printed = Some(text),
                _ => {}
            }
        }
        if !line.is_empty() {
            before = line;
        }
    }
    blocks
}

/// Runs the blocks in a directory that has the repository's files.
fn run(blocks: impl Iterator<Item = Block>) {
    let directory = tempfile::tempdir().unwrap();
    for name in ["fixtures", "docs", "crates"] {
        std::os::unix::fs::symlink(Path::new(ROOT).join(name), directory.path().join(name)).unwrap();
    }
    let programs = Path::new(env!("CARGO_BIN_EXE_flameout")).parent().unwrap().display();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    for Block { line, commands, printed, .. } in blocks {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &commands]).current_dir(directory.path());
        let output = shell.env("PATH", &path).env_remove("COLUMNS").env("NO_COLOR", "1").output().unwrap();
        let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(output.status.success(), "docs/how-to/embed-unseen-words.md line {line}:\n{commands}{error}");
        let Some(printed) = printed else { continue };
        let (expected, found): (Vec<&str>, Vec<&str>) = (printed.lines().collect(), out.lines().collect());
        assert!(
            is_as_said(&expected, &found),
            "docs/how-to/embed-unseen-words.md line {line}:\n{commands}\nis to print\n{printed}\nand prints\n{out}"
        );
    }
}

/// Whether these lines are those that the guide has, which may leave some out.
fn is_as_said(expected: &[&str], found: &[&str]) -> bool {
    match (expected.split_first(), found.split_first()) {
        (None, None) => true,
        (Some((&"…", rest)), _) => (0..=found.len()).any(|from| is_as_said(rest, &found[from..])),
        (Some((line, rest)), Some((said, others))) => {
            let (line, said) = (line.trim_end(), said.trim_end());
            let same = line == said || line.strip_suffix('…').is_some_and(|begin| said.starts_with(begin));
            same && is_as_said(rest, others)
        }
        _ => false,
    }
}

#[test]
fn what_may_be_left_out_of_a_print() {
    let is = |expected: &str, found: &str| {
        is_as_said(&expected.lines().collect::<Vec<_>>(), &found.lines().collect::<Vec<_>>())
    };
    assert!(is("a\n…\nd", "a\nb\nc\nd") && is("…\nb…", "b") && is("a  \n…", "a"));
    assert!(!is("a\nc", "a\nb") && !is("a\n…\nd", "a\nb") && !is("a", "a\nb") && !is("b…", "a"));
}

#[test]
fn every_command_of_the_guide_runs_and_prints_what_it_says() {
    let quick = blocks().into_iter().filter(|block| !block.slow);
    assert!(blocks().len() > 10);
    run(quick);
}

#[test]
#[ignore = "takes minutes"]
fn so_do_the_slow_ones() {
    run(blocks().into_iter());
}
