//! The commands of the tutorial and of how-to pages run as they stand there, in one directory, and print what the pages say.
//!
//! A block of the kind `console` is run, its lines in one shell. A block of the kind `text` right after it is what it prints on
//! standard output. There, a line that is `…` stands for any number of lines, and one that ends in `…` for any rest of a
//! line. A comment before a block, `<!-- slow … -->` or `<!-- not run … -->`, says what this test leaves out.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

/// In an order in which each page finds what those before it made.
const PAGES: [(&str, &str); 4] = [
    ("docs/tutorial/first-collapse.md", include_str!("../../../docs/tutorial/first-collapse.md")),
    ("docs/how-to/log-and-diagnose.md", include_str!("../../../docs/how-to/log-and-diagnose.md")),
    ("docs/how-to/embed-unseen-words.md", include_str!("../../../docs/how-to/embed-unseen-words.md")),
    ("docs/how-to/export-and-import.md", include_str!("../../../docs/how-to/export-and-import.md")),
];
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Commands, and what they print if the page says so.
struct Block {
    page: &'static str,
    line: usize,
    commands: String,
    printed: Option<String>,
    slow: bool,
}

fn blocks() -> Vec<Block> {
    PAGES.iter().flat_map(|(page, text)| blocks_of(page, text)).collect()
}

fn blocks_of(page: &'static str, text: &str) -> Vec<Block> {
    let (mut blocks, mut lines): (Vec<Block>, _) = (Vec::new(), text.lines().enumerate().peekable());
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
                        blocks.push(Block { page, line: index + 1, commands: text, printed: None, slow });
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
    for Block { page, line, commands, printed, .. } in blocks {
        let mut shell = Command::new("sh");
        shell.args(["-e", "-c", &commands]).current_dir(directory.path());
        let output = shell.env("PATH", &path).env_remove("COLUMNS").env("NO_COLOR", "1").output().unwrap();
        let [out, error] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        assert!(output.status.success(), "{page} line {line}:\n{commands}{error}");
        let Some(printed) = printed else { continue };
        let (expected, found): (Vec<&str>, Vec<&str>) = (printed.lines().collect(), out.lines().collect());
        assert!(
            is_as_said(&expected, &found),
            "{page} line {line}:\n{commands}\nis to print\n{printed}\nand prints\n{out}"
        );
    }
}

/// Whether these lines are those that the page has, which may leave some out.
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
fn every_command_of_the_pages_runs_and_prints_what_they_say() {
    let quick = blocks().into_iter().filter(|block| !block.slow);
    assert!(blocks().len() > 10);
    run(quick);
}

#[test]
fn the_page_shows_the_first_program() {
    let page = include_str!("../../../docs/how-to/use-the-crates.md");
    assert!(page.contains(include_str!("../../cells/examples/first_letter.rs")));
}

#[test]
#[ignore = "takes minutes"]
fn so_do_the_slow_ones() {
    run(blocks().into_iter());
}
