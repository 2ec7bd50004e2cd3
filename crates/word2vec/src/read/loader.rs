//! The way from blocks of records to words and matrix, the same for all formats.

use std::io::Read;

use super::block::Block;
use super::options::{DuplicatePolicy, NonFinitePolicy, ReadOptions, Utf8Policy};
use super::records::{Records, Span, Split};
use super::report::ReadReport;
use super::rows::Rows;
use crate::error::{Place, excerpt};
use crate::vocabulary::{Repeat, Vocabulary, WordList};
use crate::{Error, MAX_WORD_BYTES, WordVectors, parallel};

/// A record as parsed, before the policies.
struct Parsed {
    word: String,
    /// Of the word, for the vocabulary.
    hash: u64,
    is_utf8: bool,
    /// The first dimension with NaN or infinity.
    non_finite: Option<usize>,
}

/// `None` for a word the filter turned away. Boxed: a vector of these is written for each block.
type Outcome = Result<Option<Parsed>, Box<Error>>;

/// Collects the records of one source.
pub(crate) struct Loader<'o> {
    options: &'o ReadOptions,
    rows: Rows,
    /// The words of the rows, and where each one was.
    words: WordList,
    places: Vec<Place>,
    report: ReadReport,
    outcomes: Vec<Outcome>,
}

impl<'o> Loader<'o> {
    /// Rows of `dim` numbers. `expected` rows are allocated at once, so the source must be known to be large enough
    /// for them; 0 if it is not.
    pub(crate) fn new(options: &'o ReadOptions, report: ReadReport, dim: usize, expected: usize) -> Self {
        Loader {
            options,
            rows: Rows::new(dim, expected),
            words: WordList::with_capacity(expected),
            places: Vec::with_capacity(expected),
            report,
            outcomes: Vec::new(),
        }
    }

    /// Reads records from `block`, which is filled, and all that `reader` gives after it.
    ///
    /// While one block is parsed, the next is read and split.
    pub(crate) fn run(
        mut self,
        records: &impl Records,
        mut block: Block,
        mut next: Block,
        reader: &mut (dyn Read + Send),
    ) -> Result<(WordVectors, ReadReport), Error> {
        let claimed = self.report.claimed.unwrap_or(u64::MAX);
        let limit = self.options.limit.unwrap_or(u64::MAX);
        let wanted = claimed.min(limit);
        let mut split = records.split(&block, 0, wanted);
        loop {
            let done = self.report.records + split.spans.len() as u64;
            let tail = &block.bytes()[split.consumed..];
            let tail_offset = block.offset() + split.consumed as u64;
            let read_on = done < wanted && !block.is_last() && split.error.is_none();
            let mut read_and_split = || -> Result<Split, Error> {
                if !read_on {
                    return Ok(Split::default());
                }
                next.refill(tail, tail_offset, reader)?;
                Ok(records.split(&next, done, wanted - done))
            };
            let (accepted, upcoming) =
                parallel::join(|| self.accept(records, block.bytes(), &split.spans), &mut read_and_split);
            accepted?;
            split.error.map_or(Ok(()), Err)?;
            split = upcoming?;
            if done == wanted && limit > claimed {
                next.refill(tail, tail_offset, reader)?;
                check_the_end(records, next, reader, claimed)?;
                return self.finish();
            }
            if !read_on {
                if done < wanted && self.report.claimed.is_some() {
                    let place = records.place(done, tail_offset);
                    return Err(Error::Truncated { place, read: done, expected: claimed });
                }
                return self.finish();
            }
            std::mem::swap(&mut block, &mut next);
        }
    }

    fn accept(&mut self, records: &impl Records, block: &[u8], spans: &[Span]) -> Result<(), Error> {
        let (options, words) = (self.options, &self.words);
        let dim = self.rows.dim();
        let slots = self.rows.open(spans.len());
        let mut outcomes = std::mem::take(&mut self.outcomes);
        parallel::fill_rows(slots, dim, spans, &mut outcomes, |span, row| {
            let record = &block[span.start..span.end];
            let parsed = parse(records, options, record, span.place, row).map_err(Box::new)?;
            Ok(parsed.map(|(word, is_utf8)| Parsed {
                hash: words.hash(&word),
                word,
                is_utf8,
                non_finite: first_non_finite(row),
            }))
        });
        for (slot, (outcome, span)) in outcomes.drain(..).zip(spans).enumerate() {
            self.report.records += 1;
            match outcome.map_err(|error| *error)? {
                Some(parsed) => self.settle(parsed, slot, span.place)?,
                None => self.report.filtered += 1,
            }
        }
        self.outcomes = outcomes;
        Ok(())
    }

    /// Applies the policies that concern a record by itself, and keeps it or not.
    fn settle(&mut self, parsed: Parsed, slot: usize, place: Place) -> Result<(), Error> {
        let Parsed { word, hash, is_utf8, non_finite } = parsed;
        if !is_utf8 {
            if self.options.invalid_utf8 == Utf8Policy::Error {
                return Err(Error::InvalidUtf8 { place, word: excerpt(word.as_bytes()) });
            }
            self.report.invalid_utf8.note(&word, place);
            if self.options.invalid_utf8 == Utf8Policy::Drop {
                return Ok(());
            }
        }
        if let Some(dimension) = non_finite {
            if self.options.non_finite == NonFinitePolicy::Error {
                return Err(Error::NonFinite { place, word: excerpt(word.as_bytes()), dimension });
            }
            self.report.non_finite.note(&word, place);
            if self.options.non_finite == NonFinitePolicy::Drop {
                return Ok(());
            }
        }
        self.words.push(word, hash);
        self.places.push(place);
        self.rows.keep(slot);
        Ok(())
    }

    /// Indexes the words, all at once, as that is several times as fast as one by one.
    fn finish(mut self) -> Result<(WordVectors, ReadReport), Error> {
        let vocabulary = match std::mem::take(&mut self.words).index() {
            Ok(vocabulary) => vocabulary,
            Err((words, repeats)) => self.resolve(words, &repeats)?,
        };
        Ok((WordVectors::from_vocabulary(vocabulary, self.rows.into_matrix()), self.report))
    }

    /// Applies the policy on duplicates.
    fn resolve(&mut self, mut words: WordList, repeats: &[Repeat]) -> Result<Vocabulary, Error> {
        for &Repeat { at, first } in repeats {
            let (word, place) = (&words.words()[at], self.places[at]);
            self.report.duplicate.note(word, place);
            match self.options.duplicate {
                DuplicatePolicy::Error => {
                    return Err(Error::Duplicate { place, word: excerpt(word.as_bytes()), first });
                }
                DuplicatePolicy::KeepFirst => {}
                DuplicatePolicy::KeepLast => self.rows.copy(at, first),
            }
        }
        self.rows.remove(repeats);
        words.remove(repeats);
        Ok(words.index().unwrap_or_else(|_| unreachable!("the repeats are removed")))
    }
}

/// Parses one record: its word, and whether that was valid UTF-8; `None` if the filter turns it away.
fn parse(
    records: &impl Records,
    options: &ReadOptions,
    record: &[u8],
    place: Place,
    row: &mut [f32],
) -> Result<Option<(String, bool)>, Error> {
    let word = match &options.filter {
        None => records.parse(record, row, place)?,
        Some(filter) => {
            let located = records.locate(record, place)?;
            if !filter.keeps(&String::from_utf8_lossy(located.word)) {
                return Ok(None);
            }
            records.fill(&located, row, place)?;
            located.word
        }
    };
    if word.len() > MAX_WORD_BYTES {
        return Err(Error::WordTooLong { place, start: excerpt(word), limit: MAX_WORD_BYTES });
    }
    Ok(Some(match str::from_utf8(word) {
        Ok(word) => (word.to_owned(), true),
        Err(_) => (String::from_utf8_lossy(word).into_owned(), false),
    }))
}

fn first_non_finite(row: &[f32]) -> Option<usize> {
    // Without an early way out, so that it runs at full width; nearly all rows are finite.
    let finite = row.iter().fold(true, |finite, x| finite & x.is_finite());
    if finite { None } else { row.iter().position(|x| !x.is_finite()) }
}

/// Only white space may follow the last record that the header claims. Reads to the end of the stream, also because
/// only there gzip's checksum is compared.
fn check_the_end(
    records: &impl Records,
    mut rest: Block,
    reader: &mut (dyn Read + Send),
    words: u64,
) -> Result<(), Error> {
    loop {
        if let Some(at) = rest.bytes().iter().position(|b| !b.is_ascii_whitespace()) {
            let place = records.place(words, rest.offset() + at as u64);
            return Err(Error::TrailingData { place, words });
        }
        if rest.is_last() {
            return Ok(());
        }
        let offset = rest.offset() + rest.bytes().len() as u64;
        rest.refill(&[], offset, reader)?;
    }
}
