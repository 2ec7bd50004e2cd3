//! The file: magic, version, settings, dictionary, rows; all numbers little-endian. See fastText's `fasttext.cc`,
//! `args.cc`, `dictionary.cc` and `densematrix.cc`, version 0.9.2. What follows the rows, the output layer, is not read.

use std::io::{BufReader, Read};

use super::subwords::Subwords;
use super::words::Words;
use crate::{Error, MAX_DIMENSIONS, MAX_WORD_BYTES, magic};

const VERSIONS: std::ops::RangeInclusive<i32> = 11..=12;
/// The kind of model that classifies: in version 11 it is without n-grams, whatever its settings say.
const SUPERVISED: i32 = 3;
/// Letters of an n-gram at most: longer ones mean damage.
const MAX_LETTERS: i32 = 64;
/// Room made for words at once; more grows as they come.
const MAX_WORDS_AT_ONCE: usize = 1 << 20;
/// Numbers read at a time.
const NUMBERS: usize = 1 << 14;
const BUFFER_BYTES: usize = 1 << 16;

/// What a model consists of; `rows` has `dim` numbers for each word, then for each bucket of n-grams.
pub(super) struct Parts {
    pub(super) words: Words,
    pub(super) subwords: Subwords,
    pub(super) dim: usize,
    pub(super) rows: Vec<f32>,
}

/// Reads a model from a source of so many bytes, if they are known.
pub(super) fn model(reader: &mut dyn Read, size: Option<u64>) -> Result<Parts, Error> {
    let mut source = Source { reader: BufReader::with_capacity(BUFFER_BYTES, reader), at: 0, size };
    if source.bytes("its first number")? != magic::FASTTEXT {
        return Err(source.wrong("does not begin as one"));
    }
    let version = source.int("its version")?;
    if !VERSIONS.contains(&version) {
        return Err(source.wrong(format!("has version {version}; versions 11 and 12 are read")));
    }
    let settings = Settings::read(&mut source)?;
    let dictionary = dictionary(&mut source)?;
    if source.bytes::<1>("whether it is quantised")? != [0] {
        return Err(Error::Foreign {
            what: "a quantised fastText model (.ftz)",
            advice: "name the model (.bin) that it was made of",
        });
    }
    let subwords = settings.subwords(version, dictionary.has_buckets);
    let words = Words::new(dictionary.names).map_err(|row| source.wrong(format!("has word {row} twice")))?;
    let rows = rows(&mut source, words.names.len(), subwords, settings.dim)?;
    Ok(Parts { words, subwords, dim: settings.dim, rows })
}

/// The settings that decide a word's vector.
struct Settings {
    dim: usize,
    is_supervised: bool,
    min: i32,
    max: i32,
    buckets: u32,
}

impl Settings {
    fn read(source: &mut Source<'_>) -> Result<Self, Error> {
        // ws, epoch, minCount, neg, wordNgrams and loss are of no use here, nor lrUpdateRate and t behind the others.
        let dim = source.int("its dimensions")?;
        let dim = usize::try_from(dim)
            .ok()
            .filter(|dim| (1..=MAX_DIMENSIONS).contains(dim))
            .ok_or_else(|| source.wrong(format!("has vectors of {dim} numbers; 1 to {MAX_DIMENSIONS} are read")))?;
        source.bytes::<24>("its settings")?;
        let model = source.int("its kind")?;
        let buckets = source.int("its buckets")?;
        let (min, max) = (source.int("its shortest n-grams")?, source.int("its longest n-grams")?);
        source.bytes::<12>("its settings")?;
        let buckets = u32::try_from(buckets).map_err(|_| source.wrong(format!("has {buckets} buckets")))?;
        if !(0..=MAX_LETTERS).contains(&min) || !(0..=MAX_LETTERS).contains(&max) {
            return Err(source.wrong(format!("has n-grams of {min} to {max} letters")));
        }
        Ok(Self { dim, is_supervised: model == SUPERVISED, min, max, buckets })
    }

    fn subwords(&self, version: i32, has_buckets: bool) -> Subwords {
        let none = version == *VERSIONS.start() && self.is_supervised;
        let max = if none || !has_buckets { 0 } else { self.max };
        Subwords { min: self.min as usize, max: max as usize, buckets: self.buckets }
    }
}

struct Dictionary {
    names: Vec<Box<[u8]>>,
    /// Not if all n-grams were pruned.
    has_buckets: bool,
}

/// Words with counts; then labels, of a model that classifies.
fn dictionary(source: &mut Source<'_>) -> Result<Dictionary, Error> {
    let (entries, words, labels) =
        (source.int("its number of entries")?, source.int("its number of words")?, source.int("its number of labels")?);
    source.bytes::<8>("its number of tokens")?;
    let pruned = i64::from_le_bytes(source.bytes("its number of pruned n-grams")?);
    if words < 0 || labels < 0 || i64::from(entries) != i64::from(words) + i64::from(labels) {
        return Err(source.wrong(format!("claims {entries} entries, {words} words and {labels} labels")));
    }
    if pruned > 0 {
        return Err(source.wrong("has pruned n-grams, as quantised models (.ftz) have: name the model it was made of"));
    }
    let mut names: Vec<Box<[u8]>> = Vec::with_capacity((words as usize).min(MAX_WORDS_AT_ONCE));
    for entry in 0..entries {
        let name = source.name()?;
        source.bytes::<8>("the count of a word")?;
        let [kind] = source.bytes("the kind of a word")?;
        // Words first: the row of a word is its place.
        if kind != u8::from(entry >= words) {
            return Err(
                source.wrong(format!("has entry {entry} of kind {kind} among its {words} words and {labels} labels"))
            );
        }
        if entry < words {
            names.push(name);
        }
    }
    Ok(Dictionary { names, has_buckets: pruned < 0 })
}

/// The rows of words and buckets.
fn rows(source: &mut Source<'_>, words: usize, subwords: Subwords, dim: usize) -> Result<Vec<f32>, Error> {
    let (found, columns) =
        (i64::from_le_bytes(source.bytes("its rows")?), i64::from_le_bytes(source.bytes("its columns")?));
    let expected = words as u64 + u64::from(subwords.buckets);
    if found != expected as i64 || columns != dim as i64 {
        return Err(source.wrong(format!(
            "has a matrix of {found} rows of {columns} numbers, where its words and buckets need {expected} of {dim}"
        )));
    }
    let total = expected.saturating_mul(dim as u64);
    let bytes = total.saturating_mul(4);
    if let Some(size) = source.size
        && size.saturating_sub(source.at) < bytes
    {
        return Err(source.wrong(format!("is cut off: {bytes} bytes of vectors must follow, {} do", size - source.at)));
    }
    let no_memory = |_| Error::NoMemory { bytes };
    let mut rows: Vec<f32> = Vec::new();
    if source.size.is_some() {
        let whole = usize::try_from(total).map_err(|_| Error::NoMemory { bytes })?;
        rows.try_reserve_exact(whole).map_err(no_memory)?;
    }
    let mut buffer = vec![0; NUMBERS * 4];
    let mut left = total;
    while left > 0 {
        let now = left.min(NUMBERS as u64) as usize;
        source.fill(&mut buffer[..now * 4], "its vectors")?;
        rows.try_reserve(now).map_err(no_memory)?;
        rows.extend(buffer[..now * 4].as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
        left -= now as u64;
    }
    Ok(rows)
}

/// The bytes, and how many have been read.
struct Source<'a> {
    reader: BufReader<&'a mut dyn Read>,
    at: u64,
    size: Option<u64>,
}

impl Source<'_> {
    fn wrong(&self, problem: impl Into<String>) -> Error {
        Error::FastText { at: self.at, problem: problem.into() }
    }

    fn fill(&mut self, bytes: &mut [u8], what: &str) -> Result<(), Error> {
        match self.reader.read_exact(bytes) {
            Ok(()) => {
                self.at += bytes.len() as u64;
                Ok(())
            }
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                Err(self.wrong(format!("is cut off: {what} should follow")))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn bytes<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.fill(&mut bytes, what)?;
        Ok(bytes)
    }

    fn int(&mut self, what: &str) -> Result<i32, Error> {
        Ok(i32::from_le_bytes(self.bytes(what)?))
    }

    /// A name, up to the zero behind it.
    fn name(&mut self) -> Result<Box<[u8]>, Error> {
        let mut name = Vec::new();
        loop {
            match self.bytes("the end of a word")? {
                [0] => return Ok(name.into()),
                [byte] if name.len() < MAX_WORD_BYTES => name.push(byte),
                _ => return Err(self.wrong(format!("has a word of more than {MAX_WORD_BYTES} bytes"))),
            }
        }
    }
}
