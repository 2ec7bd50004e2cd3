//! Files of word vectors as strangers have them, through every command that reads some.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/glove-100d-4k.bin");

/// A folder of files, in which commands run.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn run(&self, arguments: &str) -> Output {
        let binary = Path::new(env!("CARGO_BIN_EXE_flameout"));
        let arguments = arguments.split(' ').map(|argument| argument.replace("VECTORS", VECTORS));
        Command::new(binary).args(arguments).current_dir(self.0.path()).env("NO_COLOR", "1").output().unwrap()
    }

    /// Standard output and standard error of a command that ends with this code.
    fn ends(&self, code: i32, arguments: &str) -> (String, String) {
        let output = self.run(arguments);
        let (out, error) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(code), "{arguments}: {out}{error}");
        (out, error)
    }

    fn ok(&self, arguments: &str) -> (String, String) {
        self.ends(0, arguments)
    }

    /// The first words of the fixture as text with this header, and these lines after them.
    fn text(&self, words: usize, header: &str, more: &[u8]) -> Vec<u8> {
        self.ok(&format!("vectors convert VECTORS some.txt --format glove --words {words}"));
        [header.as_bytes(), &std::fs::read(self.path("some.txt")).unwrap(), more].concat()
    }
}

#[test]
fn convert_tells_what_it_passes_over() {
    let folder = Folder::new();
    folder.write("in.txt", b"3 2\na 1 2\nchannel 4 5 6\na 7 8\n");
    let (_, told) = folder.ok("vectors convert in.txt out.txt --format word2vec-text");
    assert!(told.contains("1 duplicate word,") && told.contains("\"a\" (line 4)"), "{told}");
    assert!(told.contains("1 word that ends in a number") && told.contains("\"channel 4\" (line 3)"), "{told}");
    assert_eq!(std::fs::read_to_string(folder.path("out.txt")).unwrap(), "2 2\na 1.0 2.0\nchannel 4 5.0 6.0\n");
}

/// What is found in a file that is mapped is what is found in one that is read.
#[test]
fn indexed_files_are_converted_searched_and_converted_back() {
    let folder = Folder::new();
    folder.ok("vectors convert VECTORS all.txt --format word2vec-text");
    let (expected, _) = folder.ok("vectors neighbours all.txt france king -k 4 --json");
    assert_eq!(expected.lines().count(), 2);
    for format in ["indexed", "word2vec-binary"] {
        folder.ok(&format!("vectors convert VECTORS all --format {format}"));
        assert_eq!(folder.ok("vectors neighbours all france king -k 4 --json").0, expected);
        folder.ok("vectors convert all back.txt --format word2vec-text");
        let read = |name| std::fs::read(folder.path(name)).unwrap();
        assert_eq!(read("back.txt"), read("all.txt"));
    }
    let size = |name| std::fs::metadata(folder.path(name)).unwrap().len();
    folder.ok("vectors convert VECTORS small --format indexed-int8");
    assert!(size("small") * 3 < size("all"));
    assert!(folder.ok("vectors info small").0.contains("indexed-int8"));
    let (_, told) = folder.ends(1, "vectors neighbours small nosuchword");
    assert!(told.contains("nosuchword"), "{told}");
    folder.write("cut", &std::fs::read(folder.path("small")).unwrap()[..1000]);
    assert!(folder.ends(1, "vectors neighbours cut king").1.contains("is cut off"));
}

#[test]
fn words_that_are_not_utf8_can_be_left_out_or_kept() {
    let folder = Folder::new();
    folder.write("in.txt", b"a 1 2\ncaf\xE9 3 4\nb nan 6\n");
    let refused = folder.ends(1, "vectors convert in.txt out.txt --format glove").1;
    assert!(refused.contains("--invalid-utf8 drop") && !folder.path("out.txt").exists(), "{refused}");
    let refused = folder.ends(1, "vectors convert in.txt out.txt --format glove --invalid-utf8 drop").1;
    assert!(refused.contains("--non-finite drop"), "{refused}");
    for (policy, expected) in [("drop", "a 1.0 2.0\n"), ("lossy", "a 1.0 2.0\ncaf\u{FFFD} 3.0 4.0\n")] {
        let options = format!("--invalid-utf8 {policy} --non-finite drop");
        let (_, told) = folder.ok(&format!("vectors convert in.txt out.txt --format glove {options}"));
        assert!(told.contains("1 word not valid UTF-8,") && told.contains("1 vector with NaN"), "{told}");
        assert_eq!(std::fs::read_to_string(folder.path("out.txt")).unwrap(), expected);
        folder.ok(&format!("vectors normalize in.txt out.txt --to centred {options}"));
    }
    let (info, _) = folder.ok("vectors info in.txt");
    assert!(info.contains("0 duplicate words, 1 vectors not finite, 1 words not valid UTF-8"), "{info}");
    folder.ends(1, "vectors info in.txt --invalid-utf8 error");
}

#[test]
fn every_command_that_reads_vectors_has_the_options_that_errors_name() {
    let folder = Folder::new();
    for command in [
        "vectors info",
        "vectors convert",
        "vectors normalize",
        "train",
        "embed",
        "neighbours",
        "analogy",
        "evaluate",
        "export",
    ] {
        let (help, _) = folder.ok(&format!("{command} --help"));
        assert!(help.contains("--invalid-utf8") && help.contains("--non-finite"), "{command}: {help}");
    }
    for command in ["vectors info", "vectors convert", "vectors normalize", "train"] {
        assert!(folder.ok(&format!("{command} --help")).0.contains("--words <N>"), "{command}");
    }
}

/// From a faulty file to a model, and all that is done with it: the run remembers how its file is read.
#[test]
fn a_model_of_faulty_vectors_is_trained_and_used() {
    let folder = Folder::new();
    let vector = " 0.25".repeat(100);
    let bad = [b"caf\xE9", vector.as_bytes(), b"\n"].concat();
    folder.write("bad.txt", folder.text(300, "", &bad));
    let refused = folder.ends(1, "train --vectors bad.txt --model ngrams --out run --quiet").1;
    assert!(refused.contains("line 301") && refused.contains("--invalid-utf8 drop"), "{refused}");
    assert!(!folder.path("run").exists(), "nothing is left of a run that could not begin");
    let (_, told) = folder.ok("train --vectors bad.txt --model ngrams --out run --quiet --invalid-utf8 drop");
    assert!(told.contains("1 word not valid UTF-8, left out"), "{told}");
    folder.ok("evaluate --model run");
    folder.ok("neighbours --model run the");
    folder.ok("analogy --model run he she his");
    folder.ok("embed --model run --known original the");
    folder.ok("export --model run --to word2vec --out all.bin");
    let refused = folder.ends(1, "neighbours --model run the --vectors bad.txt --invalid-utf8 error").1;
    assert!(refused.contains("line 301"), "{refused}");

    let network = "train --vectors bad.txt --units 4 --epochs 1 --out network --quiet --states 0";
    assert!(folder.ends(1, network).1.contains("--invalid-utf8"));
    folder.ok(&format!("{network} --invalid-utf8 lossy"));
    folder.ok("evaluate --model network");
    let settings = std::fs::read_to_string(folder.path("network/settings.toml")).unwrap();
    assert!(settings.contains("invalid-utf8 = \"lossy\""), "{settings}");
    let resumed = folder.ends(1, "train --out network --resume --invalid-utf8 drop").1;
    assert!(resumed.contains("--invalid-utf8"), "{resumed}");
}

#[test]
fn a_file_that_is_cut_off_is_trained_on_as_far_as_it_goes() {
    let folder = Folder::new();
    folder.write("cut.txt", folder.text(300, "4000 100\n", b"half 0.25 0."));
    for command in ["vectors info cut.txt", "train --vectors cut.txt --model ngrams --out run --quiet"] {
        let refused = folder.ends(1, command).1;
        assert!(refused.contains("claims 4000 words") && refused.contains("--words 300"), "{refused}");
    }
    assert!(folder.ok("vectors info cut.txt --words 300").0.contains("words           300"));
    folder.ok("train --vectors cut.txt --model ngrams --out run --quiet --words 300");
    folder.ok("neighbours --model run the");
    let (_, told) = folder.ok("evaluate --model run");
    assert!(told.contains("first 300 words"), "{told}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_first_word() {
    let folder = Folder::new();
    folder.write("bom.txt", "\u{FEFF}waa 1 2\nwab 3 4\n");
    let (info, _) = folder.ok("vectors info bom.txt");
    assert!(info.contains("first words     waa wab"), "{info}");
    let utf16: Vec<u8> = "\u{FEFF}waa 1 2\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    folder.write("utf16.txt", utf16);
    assert!(folder.ends(1, "vectors info utf16.txt").1.contains("UTF-16"));
}

#[test]
fn files_that_hold_no_vectors_are_told_by_name() {
    let folder = Folder::new();
    for (name, content, expected) in [
        ("cc.en.300.bin", &b"\xBA\x16\x4F\x2F\x0C\0\0\0\x02\0\0\0\x05\0\0\0"[..], "fastText"),
        ("w2v.model", b"\x80\x02}q\0X\x01\0\0\0vq\x01]q\x02(G?\xF0\0\0\n", "pickle"),
        ("sparse.txt", b"2 10\nking 0:0.5 9:0.0221\nqueen 1:0.25 3:1.5\n", "0:0.5"),
        ("vectors.tsv", b"0.1\t0.2\n0.3\t0.4\n", "no word"),
    ] {
        folder.write(name, content);
        for command in ["vectors info", "train --model ngrams --out run --vectors"] {
            let error = folder.ends(1, &format!("{command} {name}")).1;
            assert!(error.starts_with("error: ") && error.contains(name) && error.contains(expected), "{error}");
            assert!(!error.trim_end().contains(|c: char| c.is_control()), "{error}");
        }
    }
}

#[test]
fn words_do_not_control_the_terminal() {
    let folder = Folder::new();
    folder.write("esc.txt", "\u{1B}[31mred 1 2\n\u{9B}2J 3 4\n\u{202E}abc 5 6\n\u{1B}[31mred 7 8\n");
    let (info, error) = folder.ok("vectors info esc.txt");
    let (_, told) = folder.ok("vectors convert esc.txt out.txt --format glove");
    for text in [info, error, told] {
        let raw = |c: char| c != '\n' && (c.is_control() || c == '\u{202E}');
        assert!(!text.contains(raw), "{}", text.escape_debug());
    }
}
