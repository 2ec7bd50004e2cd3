//! Lists of words, one a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, bail};
use flameout_word2vec::MAX_WORD_BYTES;

/// The words of a list; empty lines are passed over. Each line is read by itself, and as far as a word may reach.
pub struct Words {
    reader: Box<dyn BufRead>,
    name: String,
    line: u64,
}

impl Words {
    /// Of a file.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("reading {}", path.display()))?;
        Ok(Self::new(BufReader::new(file), path.display().to_string()))
    }

    /// Of standard input.
    pub fn standard_input() -> Self {
        Self::new(BufReader::new(std::io::stdin()), "standard input".into())
    }

    fn new(reader: impl BufRead + 'static, name: String) -> Self {
        Self { reader: Box::new(reader), name, line: 0 }
    }

    /// The next line without its end; none after the last.
    fn line(&mut self) -> Result<Option<String>> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(MAX_WORD_BYTES as u64 + 1).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        if bytes.pop_if(|last| *last == b'\n').is_none() && read > MAX_WORD_BYTES {
            bail!("is longer than {MAX_WORD_BYTES} bytes: is this a list of words, one a line?");
        }
        if self.line == 1 {
            if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
                bail!("is UTF-16: save the list as UTF-8");
            }
            if bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
        }
        bytes.pop_if(|last| *last == b'\r');
        let word = String::from_utf8(bytes);
        word.map(Some).map_err(|error| {
            let byte = error.utf8_error().valid_up_to() + 1;
            anyhow::anyhow!("is not UTF-8 at byte {byte}: save the list as UTF-8")
        })
    }
}

impl Iterator for Words {
    type Item = Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            self.line += 1;
            let line = self.line().with_context(|| format!("{} line {}", self.name, self.line));
            match line.transpose()? {
                Ok(empty) if empty.is_empty() => {}
                word => return Some(word),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: impl AsRef<[u8]>) -> Result<Vec<String>> {
        Words::new(std::io::Cursor::new(list.as_ref().to_vec()), "list".into()).collect()
    }

    #[test]
    fn line_ends_and_a_mark_of_the_encoding_are_no_part_of_a_word() {
        assert_eq!(read("\u{feff}ant\r\n\n\r\nbee\ncat").unwrap(), ["ant", "bee", "cat"]);
        assert!(read("").unwrap().is_empty() && read("\n").unwrap().is_empty());
        let longest = "x".repeat(MAX_WORD_BYTES);
        assert_eq!(read(format!("{longest}\n{longest}")).unwrap(), [longest.as_str(); 2]);
    }

    #[test]
    fn what_is_no_list_of_words_is_refused_with_its_line() {
        let long = format!("ant\n{}", "x".repeat(MAX_WORD_BYTES + 1));
        let cases: [(&[u8], &str); 4] = [
            (long.as_bytes(), "list line 2: is longer than 65536 bytes"),
            (b"ant\n\nb\xffe\n", "list line 3: is not UTF-8 at byte 2"),
            (b"\xff\xfea\0", "list line 1: is UTF-16"),
            (&[0; MAX_WORD_BYTES + 2], "list line 1: is longer"),
        ];
        for (list, expected) in cases {
            let error = format!("{:#}", read(list).unwrap_err());
            assert!(error.contains(expected), "{error}");
        }
    }
}
