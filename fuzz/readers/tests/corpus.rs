//! All inputs that are kept: what ever found a mistake, and sound files to start from.

use std::path::{Path, PathBuf};

use flameout_fuzz_readers::READERS;

/// Bytes and files that a target's corpus may have.
const LARGEST: u64 = 50_000;
const MOST: usize = 20;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus")
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = directory.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_kept_input_is_read_or_refused() {
    for (name, reader) in READERS {
        let files = files(&corpus().join(name));
        assert!(!files.is_empty(), "{name} has no corpus");
        for file in files {
            let data = std::fs::read(&file).unwrap();
            // A panic does not say of which file; this does, where it is shown.
            println!("{}", file.display());
            reader(&data);
        }
    }
}

#[test]
fn every_corpus_is_small_and_has_a_target() {
    let known: Vec<_> = READERS.iter().map(|(name, _)| corpus().join(name)).collect();
    assert_eq!(files(&corpus()), {
        let mut sorted = known.clone();
        sorted.sort();
        sorted
    });
    for directory in known {
        let files = files(&directory);
        let bytes: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
        assert!(
            files.len() <= MOST && bytes <= LARGEST,
            "{}: {} files, {bytes} bytes",
            directory.display(),
            files.len()
        );
    }
}

#[test]
fn every_reader_is_a_fuzz_target() {
    let manifest = std::fs::read_to_string(corpus().join("../Cargo.toml")).unwrap();
    for (name, _) in READERS {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}
