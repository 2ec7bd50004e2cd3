//! Reading an indexed file from one end to the other, for those who want all of it in memory.

use std::io::Read;

use ndarray::Array2;

use super::{HEADER, Header, Index, wrong};
use crate::error::excerpt;
use crate::vectors::first_non_finite;
use crate::vocabulary::WordList;
use crate::{DuplicatePolicy, Error, Format, NonFinitePolicy, Place, ReadOptions, ReadReport, WordVectors};

/// Bytes asked for at once: more memory is taken as they come.
const BYTES: usize = 1 << 18;

/// Reads a file of so many bytes, if that is known, as `options` say.
///
/// The order of the words is not read. So words may be repeated in a file that was not written here.
pub(crate) fn read(
    reader: &mut dyn Read,
    size: Option<u64>,
    gzipped: bool,
    options: &ReadOptions,
) -> Result<(WordVectors, ReadReport), Error> {
    let mut bytes = [0; HEADER];
    let mut at = 0;
    fill(reader, &mut bytes, &mut at)?;
    let header = Header::parse(&bytes)?;
    check_size(header, size)?;
    let mut index = Vec::new();
    append(reader, header.index_len(), &mut index, &mut at)?;
    let index = Index::new(header, &index);
    let padding = header.rows_at() - at;
    fill(reader, &mut [0; HEADER][..padding], &mut at)?;

    let format = Format::of_numbers(header.numbers);
    let mut report = ReadReport::new(format, gzipped, Some(header.words as u64));
    let (mut list, mut rows) = (WordList::default(), Vec::new());
    let mut kept: Vec<Place> = Vec::new();
    let limit = options.limit.unwrap_or(u64::MAX).min(header.words as u64) as usize;
    let (mut bytes, mut vector) = (Vec::new(), Vec::new());
    for row in 0..limit {
        bytes.clear();
        append(reader, header.stride(), &mut bytes, &mut at)?;
        vector.resize(header.dim, 0.0);
        report.records += 1;
        let word = index.word(row)?;
        if options.filter.as_ref().is_some_and(|filter| !filter.keeps(word)) {
            report.filtered += 1;
            continue;
        }
        header.numbers.decode(&bytes, &mut vector);
        let place = Place::Row(row);
        if let Some(dimension) = first_non_finite(&vector) {
            if options.non_finite == NonFinitePolicy::Error {
                return Err(Error::NonFinite { place, word: excerpt(word.as_bytes()), dimension });
            }
            report.non_finite.note(word, place);
            if options.non_finite == NonFinitePolicy::Drop {
                continue;
            }
        }
        if word.is_empty() {
            report.empty.note(word, place);
        }
        let numbers = rows.len() + header.dim;
        rows.try_reserve(header.dim).map_err(|_| Error::NoMemory { bytes: numbers as u64 * 4 })?;
        rows.extend_from_slice(&vector);
        let hash = list.hash(word);
        list.push(word.to_owned(), hash);
        kept.push(place);
    }
    if limit == header.words && reader.read(&mut [0])? > 0 {
        return Err(wrong(at, "goes on behind its last row"));
    }
    let mut matrix = Array2::from_shape_vec((kept.len(), header.dim), rows).expect("whole rows");
    let vocabulary = match list.index() {
        Ok(vocabulary) => vocabulary,
        Err((mut list, repeats)) => {
            for repeat in &repeats {
                let (word, place) = (&list.words()[repeat.at], kept[repeat.at]);
                report.duplicate.note(word, place);
                match options.duplicate {
                    DuplicatePolicy::Error => {
                        let word = excerpt(word.as_bytes());
                        return Err(Error::Duplicate { place, word, first: repeat.first });
                    }
                    DuplicatePolicy::KeepFirst => {}
                    DuplicatePolicy::KeepLast => {
                        let last = matrix.row(repeat.at).to_owned();
                        matrix.row_mut(repeat.first).assign(&last);
                    }
                }
            }
            let mut repeated = repeats.iter().map(|repeat| repeat.at).peekable();
            let distinct: Vec<usize> =
                (0..kept.len()).filter(|row| repeated.next_if(|at| at == row).is_none()).collect();
            matrix = matrix.select(ndarray::Axis(0), &distinct);
            list.remove(&repeats);
            list.index().unwrap_or_else(|_| unreachable!("the repeats are removed"))
        }
    };
    Ok((WordVectors::from_vocabulary(vocabulary, matrix), report))
}

/// Checks that a file has the bytes that its header claims.
pub(crate) fn check_size(header: Header, size: Option<u64>) -> Result<(), Error> {
    match size {
        Some(size) if size < header.file_len() as u64 => {
            Err(wrong(size as usize, format!("is cut off: its header claims {} bytes", header.file_len())))
        }
        Some(size) if size > header.file_len() as u64 => Err(wrong(header.file_len(), "goes on behind its last row")),
        _ => Ok(()),
    }
}

fn fill(reader: &mut dyn Read, bytes: &mut [u8], at: &mut usize) -> Result<(), Error> {
    reader.read_exact(bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => wrong(*at, "is cut off"),
        _ => error.into(),
    })?;
    *at += bytes.len();
    Ok(())
}

fn append(reader: &mut dyn Read, count: usize, bytes: &mut Vec<u8>, at: &mut usize) -> Result<(), Error> {
    let mut left = count;
    while left > 0 {
        let (now, start) = (left.min(BYTES), bytes.len());
        bytes.try_reserve(now).map_err(|_| Error::NoMemory { bytes: count as u64 })?;
        bytes.resize(start + now, 0);
        fill(reader, &mut bytes[start..], at)?;
        left -= now;
    }
    Ok(())
}
