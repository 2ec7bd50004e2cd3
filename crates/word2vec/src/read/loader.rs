//! The way from blocks of records to words and matrix, the same for all formats.

use std::io::Read;

use super::block::Block;
use super::options::{DuplicatePolicy, NonFinitePolicy, ReadOptions, Utf8Policy};
use super::records::{Records, Span, Split};
use super::report::ReadReport;
use super::rows::Rows;
use super::text;
use crate::error::{Place, excerpt};
use crate::vectors::first_non_finite;
use crate::vocabulary::{self, Repeat, WordList};
use crate::{Error, Format, MAX_WORD_BYTES, WordVectors, parallel};

/// Memory for words and their rows, in bytes, from which on repeated words are looked for on the way.
const COMPACT_BYTES: usize = 16 << 20;
/// Words, hashes and places for which room is made at once at most; more grow as they come.
const MAX_EXPECTED_WORDS: usize = 1 << 20;

/// Columns from which consecutive whole numbers may be their names, under a name of words, and under any word; rows beside it
/// that are looked at; what the column of words is called.
const FEWEST_COLUMNS: usize = 3;
const MANY_COLUMNS: usize = 8;
const OTHERS: usize = 20;
const NAMES_OF_WORDS: [&str; 8] = ["", "word", "words", "token", "tokens", "index", "key", "label"];

/// A record as parsed, before the policies.
struct Parsed {
    word: String,
    /// Of the word, for the vocabulary.
    hash: u64,
    is_utf8: bool,
    /// The first dimension with NaN or infinity.
    non_finite: Option<usize>,
    /// Whether it is a number, and whether it ends in one after a space.
    number: bool,
    ends_in_number: bool,
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
    /// Repeated words are looked for when there are so many.
    compact_at: usize,
    /// Words that are numbers.
    numbers: u64,
    report: ReadReport,
    outcomes: Vec<Outcome>,
}

impl<'o> Loader<'o> {
    /// Rows of `dim` numbers. `expected` rows are allocated at once, so the source must be known to be large enough
    /// for them; 0 if it is not.
    pub(crate) fn new(
        options: &'o ReadOptions,
        report: ReadReport,
        dim: usize,
        expected: usize,
    ) -> Result<Self, Error> {
        let expected_words = expected.min(MAX_EXPECTED_WORDS);
        Ok(Loader {
            options,
            rows: Rows::new(dim, expected)?,
            words: WordList::with_capacity(expected_words),
            places: Vec::with_capacity(expected_words),
            compact_at: COMPACT_BYTES / (dim * 4 + 128),
            numbers: 0,
            report,
            outcomes: Vec::new(),
        })
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
            let mut read_and_split = || -> Split {
                if !read_on {
                    return Split::default();
                }
                next.refill(tail, tail_offset, reader);
                records.split(&next, done, wanted - done)
            };
            let (accepted, upcoming) =
                parallel::join(|| self.accept(records, block.bytes(), &split.spans), &mut read_and_split);
            accepted?;
            split.error.map_or(Ok(()), Err)?;
            self.compact()?;
            if !read_on {
                if done < limit {
                    let place = records.place(done, tail_offset);
                    check_failure(&mut block, place, done)?;
                    if done < claimed && self.report.claimed.is_some() {
                        return Err(Error::Truncated { place, read: done, expected: claimed });
                    }
                    if done == claimed {
                        next.refill(&block.bytes()[split.consumed..], tail_offset, reader);
                        check_the_end(records, next, block, reader, claimed)?;
                    }
                }
                return self.finish();
            }
            split = upcoming;
            std::mem::swap(&mut block, &mut next);
        }
    }

    fn accept(&mut self, records: &impl Records, block: &[u8], spans: &[Span]) -> Result<(), Error> {
        let (options, words) = (self.options, &self.words);
        let dim = self.rows.dim();
        let slots = self.rows.open(spans.len())?;
        // Only under a header may a word end in a number, and only text has spaces in words.
        let has_header = self.report.claimed.is_some();
        let is_text = self.report.format != Format::Word2vecBinary;
        let mut outcomes = std::mem::take(&mut self.outcomes);
        parallel::fill_rows(slots, dim, spans, &mut outcomes, |span, row| {
            let record = &block[span.start..span.end];
            let parsed = parse(records, options, record, span.place, row).map_err(Box::new)?;
            Ok(parsed.map(|(word, is_utf8)| Parsed {
                hash: words.hash(&word),
                number: is_text && !has_header && text::is_plain_number(word.as_bytes()),
                ends_in_number: is_text && has_header && text::ends_in_number(word.as_bytes()),
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
        let Parsed { word, hash, is_utf8, non_finite, number, ends_in_number } = parsed;
        self.numbers += u64::from(number);
        if ends_in_number {
            self.report.ends_in_number.note(&word, place);
        }
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
        if word.is_empty() {
            self.report.empty.note(&word, place);
        }
        self.words.push(word, hash);
        self.places.push(place);
        self.rows.keep(slot);
        Ok(())
    }

    /// Removes repeated words when there are four times as many words as were distinct: a file may repeat one for ever.
    ///
    /// Not at each word, as to index many at once is several times as fast.
    fn compact(&mut self) -> Result<(), Error> {
        if self.words.words().len() < self.compact_at {
            return Ok(());
        }
        let repeats = self.words.repeats();
        self.resolve(&repeats)?;
        self.compact_at = self.compact_at.max(4 * self.words.words().len());
        Ok(())
    }

    /// Checks what only all records together tell, and indexes the words.
    fn finish(mut self) -> Result<(WordVectors, ReadReport), Error> {
        self.check_words()?;
        let vocabulary = match std::mem::take(&mut self.words).index() {
            Ok(vocabulary) => vocabulary,
            Err((words, repeats)) => {
                self.words = words;
                self.resolve(&repeats)?;
                let distinct = std::mem::take(&mut self.words).index();
                distinct.unwrap_or_else(|_| unreachable!("the repeats are removed"))
            }
        };
        Ok((WordVectors::from_vocabulary(vocabulary, self.rows.into_matrix()), self.report))
    }

    /// If every word is a number, or ends in one, then they are no words, or the header is wrong.
    fn check_words(&self) -> Result<(), Error> {
        let (records, dim) = (self.report.records, self.rows.dim());
        if records == 0 || self.options.filter.is_some() {
            return Ok(());
        }
        if self.numbers == records {
            return Err(Error::NoWord { line: 1, numbers: dim + 1 });
        }
        self.check_names()?;
        match self.report.ends_in_number.examples.first() {
            Some((word, place)) if self.report.ends_in_number.count == records => {
                Err(Error::HeaderDimensions { place: *place, word: excerpt(word.as_bytes()), dim })
            }
            _ => Ok(()),
        }
    }

    /// Consecutive whole numbers in the first line, where others have fractions, number the columns.
    fn check_names(&self) -> Result<(), Error> {
        let (Some(&place @ Place::Line(1 | 2)), Some(word)) = (self.places.first(), self.words.words().first()) else {
            return Ok(());
        };
        let is_first = place == Place::Line(if self.report.claimed.is_some() { 2 } else { 1 });
        let names = self.rows.row(0);
        let first = names[0];
        let consecutive = names.iter().enumerate().all(|(column, &number)| number == first + column as f32);
        if !is_first || names.len() < FEWEST_COLUMNS || !(first == 0.0 || first == 1.0) || !consecutive {
            return Ok(());
        }
        let others = 1..self.words.words().len().min(OTHERS);
        let fractions = others.into_iter().any(|row| self.rows.row(row).iter().any(|number| number.fract() != 0.0));
        let is_named = NAMES_OF_WORDS.contains(&word.to_lowercase().as_str());
        // pandas counts from 0; a short vector of a word may be 1 2 3.
        let is_short = names.len() < MANY_COLUMNS;
        if (is_named && (first == 0.0 || !is_short)) || (fractions && !is_short) {
            return Err(Error::ColumnNames { place, word: excerpt(word.as_bytes()), first: first as u64 });
        }
        Ok(())
    }

    /// Applies the policy on duplicates, and removes them.
    fn resolve(&mut self, repeats: &[Repeat]) -> Result<(), Error> {
        if repeats.is_empty() {
            return Ok(());
        }
        for &Repeat { at, first } in repeats {
            let (word, place) = (&self.words.words()[at], self.places[at]);
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
        self.words.remove(repeats);
        vocabulary::remove(&mut self.places, repeats);
        Ok(())
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

/// The failure of the stream after `read` records, if that is why it ends.
fn check_failure(block: &mut Block, place: Place, read: u64) -> Result<(), Error> {
    block.take_failure().map_or(Ok(()), |error| Err(Error::Interrupted { place, read, error }))
}

/// Only white space may follow the last record that the header claims. Reads to the end of the stream, also because
/// only there gzip's checksum is compared. `spare` is a block to read into.
fn check_the_end(
    records: &impl Records,
    mut rest: Block,
    spare: Block,
    reader: &mut (dyn Read + Send),
    words: u64,
) -> Result<(), Error> {
    loop {
        if let Some(at) = rest.bytes().iter().position(|b| !b.is_ascii_whitespace()) {
            let place = records.place(words, rest.offset() + at as u64);
            let found = words + count_records(records, rest, spare, reader, words);
            return Err(Error::TrailingData { place, words, found });
        }
        let end = rest.offset() + rest.bytes().len() as u64;
        check_failure(&mut rest, records.place(words, end), words)?;
        if rest.is_last() {
            return Ok(());
        }
        rest.refill(&[], end, reader);
    }
}

/// How many whole records follow, as far as they can be told apart.
fn count_records(
    records: &impl Records,
    mut block: Block,
    mut next: Block,
    reader: &mut (dyn Read + Send),
    earlier: u64,
) -> u64 {
    let mut count = 0;
    loop {
        let split = records.split(&block, earlier + count, u64::MAX);
        count += split.spans.len() as u64;
        let tail = &block.bytes()[split.consumed..];
        if split.error.is_some() || block.is_last() {
            // A line of text may lack its line feed.
            let is_line = block.is_end() && matches!(records.place(0, 0), Place::Line(_)) && !tail.is_empty();
            return count + u64::from(split.error.is_none() && is_line);
        }
        next.refill(tail, block.offset() + split.consumed as u64, reader);
        std::mem::swap(&mut block, &mut next);
    }
}
