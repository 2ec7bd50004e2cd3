//! Files of rows, a JSON object a line, that several processes may add to.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The rows of a file; none if there is no file. A last line without its end was cut short in writing, or is being written
/// now: it is left out.
pub fn read<R: DeserializeOwned>(path: &Path) -> Result<Vec<R>> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.with_context(|| format!("reading {}", path.display()))?,
    };
    let row =
        |(index, line)| serde_json::from_str(line).with_context(|| format!("{} line {}", path.display(), index + 1));
    text[..complete(text.as_bytes())].lines().enumerate().map(row).collect()
}

/// Adds a row. The file is locked meanwhile; what is left of a line that was cut short is removed first.
pub fn append(path: &Path, row: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(row)? + "\n";
    let append = || {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        file.lock()?;
        let length = file.metadata()?.len();
        if !ends_a_line(&mut file, length)? {
            let mut bytes = Vec::new();
            file.rewind()?;
            file.read_to_end(&mut bytes)?;
            file.set_len(complete(&bytes) as u64)?;
        }
        file.write_all(line.as_bytes())?;
        file.sync_all()
    };
    append().with_context(|| format!("writing {}", path.display()))
}

fn ends_a_line(file: &mut std::fs::File, length: u64) -> std::io::Result<bool> {
    let mut last = [b'\n'];
    if length > 0 {
        file.seek(SeekFrom::Start(length - 1))?;
        file.read_exact(&mut last)?;
    }
    Ok(last == *b"\n")
}

/// Bytes of the complete lines.
fn complete(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_line_is_passed_over_and_removed_by_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rows.jsonl");
        assert!(read::<u32>(&path).unwrap().is_empty());
        append(&path, &3).unwrap();
        append(&path, &4).unwrap();
        std::fs::write(&path, "3\n4\n5").unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), [3, 4]);
        append(&path, &6).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "3\n4\n6\n");
        std::fs::write(&path, "3\nnonsense\n").unwrap();
        let error = format!("{:#}", read::<u32>(&path).unwrap_err());
        assert!(error.contains("rows.jsonl line 2"), "{error}");
    }
}
