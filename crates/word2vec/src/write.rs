//! Writing, to any stream or to a file that is whole or not there at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::error::excerpt;
use crate::format::BYTE_ORDER_MARK;
use crate::read::text::{self, first_line};
use crate::{Error, Format, MAX_WORD_BYTES, WordVectors, foreign, indexed, parallel};

/// Rows encoded by one task.
const ROWS_PER_PIECE: usize = 64;
/// Bytes of a file that are enough to tell what it is.
const HEAD_BYTES: usize = 4096;
/// Pieces in memory at a time.
const PIECES: usize = 16;

impl WordVectors {
    /// Writes a file, gzipped if its name ends in `.gz`. Numbers read back to the same bits.
    ///
    /// The data go to a new file beside it, which takes its place when all is on the disk: a reader sees the old file
    /// or the new one, never a part.
    ///
    /// # Errors
    /// [`Error::File`] around an I/O error or what [`write_to`](Self::write_to) says.
    pub fn save(&self, path: impl AsRef<Path>, format: Format) -> Result<(), Error> {
        let path = path.as_ref();
        let gzip = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        replace_file(path, |file| {
            if gzip {
                let mut encoder = GzEncoder::new(file, Compression::default());
                self.write_to(&mut encoder, format)?;
                encoder.finish()?;
                Ok(())
            } else {
                self.write_to(file, format)
            }
        })
        .map_err(|error| error.in_file(path))
    }

    /// Writes to any stream, in large pieces. Text has the fewest digits that read back to the same bits; of a NaN in
    /// text only that it is one is kept.
    ///
    /// # Errors
    /// [`Error::NothingToWrite`] without words; [`Error::Unwritable`] for a word that the format cannot hold, before
    /// anything is written; an I/O error.
    pub fn write_to(&self, mut writer: impl Write, format: Format) -> Result<(), Error> {
        if self.is_empty() {
            return Err(Error::NothingToWrite);
        }
        self.check_words(format)?;
        if let Some(numbers) = format.numbers() {
            indexed::write(self, numbers, &mut writer)?;
            return Ok(writer.flush()?);
        }
        if format.has_header() {
            writeln!(writer, "{} {}", self.len(), self.dim())?;
        }
        let pieces = self.len().div_ceil(ROWS_PER_PIECE);
        for first in (0..pieces).step_by(PIECES) {
            let count = PIECES.min(pieces - first);
            for piece in parallel::map_indices(count, |index| self.encode(first + index, format)) {
                writer.write_all(&piece)?;
            }
        }
        writer.flush()?;
        Ok(())
    }

    fn encode(&self, piece: usize, format: Format) -> Vec<u8> {
        let start = piece * ROWS_PER_PIECE;
        let end = self.len().min(start + ROWS_PER_PIECE);
        let mut bytes = Vec::with_capacity((end - start) * (self.dim() * 12 + 16));
        (start..end).for_each(|index| self.encode_row(index, format, &mut bytes));
        bytes
    }

    fn encode_row(&self, index: usize, format: Format, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(self.words()[index].as_bytes());
        match format {
            Format::Word2vecBinary => {
                bytes.push(b' ');
                bytes.extend(self.row(index).iter().flat_map(|x| x.to_le_bytes()));
            }
            _ => {
                for x in self.row(index) {
                    // Debug, unlike Display, has an exponent for very large and very small numbers.
                    write!(bytes, " {x:?}").expect("writing to memory");
                }
            }
        }
        bytes.extend_from_slice(if format == Format::FastText { b" \n" } else { b"\n" });
    }

    /// Checks that all words read back as they are.
    fn check_words(&self, format: Format) -> Result<(), Error> {
        let refuse = |word: &str, why| Err(Error::Unwritable { word: excerpt(word.as_bytes()), format, why });
        for word in self.words() {
            if let Some(why) = why_unwritable(word, format) {
                return refuse(word, why);
            }
        }
        let (first, all) =
            (&self.words()[0], |is: fn(&[u8]) -> bool| self.words().iter().all(|word| is(word.as_bytes())));
        match format {
            Format::Word2vecBinary | Format::Indexed => Ok(()),
            #[cfg(feature = "int8")]
            Format::IndexedInt8 => self.check_scalable(format),
            Format::FastTextModel => refuse(first, "models of fastText are read, not written"),
            Format::Glove if all(text::is_plain_number) => {
                refuse(first, "without a header, words that are all numbers would be taken for a part of the vectors")
            }
            Format::Glove => self.why_not_recognised().map_or(Ok(()), |why| refuse(first, why)),
            Format::Word2vecText | Format::FastText if all(text::ends_in_number) => {
                refuse(first, "all words end in a number after a space, so the header would seem to be wrong")
            }
            Format::Word2vecText | Format::FastText => Ok(()),
        }
    }

    /// Checks that all numbers have a scale.
    #[cfg(feature = "int8")]
    fn check_scalable(&self, format: Format) -> Result<(), Error> {
        for (word, row) in self.iter() {
            if crate::vectors::first_non_finite(row).is_some() {
                let why = "its vector has a number that is not finite";
                return Err(Error::Unwritable { word: excerpt(word.as_bytes()), format, why });
            }
        }
        Ok(())
    }

    /// Why a file without header could not be read: its dimensions and its format are read off its first lines.
    fn why_not_recognised(&self) -> Option<&'static str> {
        let mut head = Vec::new();
        for index in 0..self.len() {
            self.encode_row(index, Format::Glove, &mut head);
            if head.len() > HEAD_BYTES {
                break;
            }
        }
        if head.starts_with(BYTE_ORDER_MARK) {
            return Some("as the first word, its beginning would be taken for a byte order mark");
        }
        if text::infer_dim(first_line(&head)) != Some(self.dim()) {
            return Some("as the first word, its end would be taken for numbers");
        }
        foreign::by_magic(&head).map(|_| "as the first word, it would be taken for a file of another kind")
    }
}

fn why_unwritable(word: &str, format: Format) -> Option<&'static str> {
    if word.len() > MAX_WORD_BYTES {
        return Some("it is longer than any reader takes");
    }
    if format.numbers().is_some() {
        return None;
    }
    if format == Format::Word2vecBinary {
        return match word {
            _ if word.contains(' ') => Some("the first space ends the word"),
            _ if word.starts_with('\n') => Some("line feeds before a word are skipped"),
            _ => None,
        };
    }
    if word.contains('\n') {
        return Some("a line feed ends the line");
    }
    if word.bytes().any(text::is_separator) && !text::reads_back(word, format.has_header()) {
        let at_its_ends = "it starts or ends with a space";
        let number = "it starts or ends with a space, or ends with a number after one and there is no header";
        return Some(if format.has_header() { at_its_ends } else { number });
    }
    None
}

/// Has `write` fill a new file, which then takes the place of `path`.
fn replace_file(path: &Path, write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<(), Error>) -> Result<(), Error> {
    flameout_files::replace(path, |file| {
        let mut buffered = BufWriter::new(file);
        write(&mut buffered)?;
        Ok(buffered.flush()?)
    })
}
