//! A line for each word: the word and its numbers, separated by spaces (word2vec text, GloVe, fastText).

use fast_float2::parse_partial;

use super::block::Block;
use super::records::{Located, Records, Span, Split};
use crate::error::{Place, excerpt};
use crate::{Error, MAX_WORD_BYTES};

/// Longest text of a number that is allowed for: the exact decimal expansion of the smallest `f64` takes some 1,080.
const MAX_NUMBER_BYTES: usize = 1100;

/// Reads lines of a word and `dim` numbers.
///
/// The last `dim` fields are the numbers and what stands before them is the word, so a word may contain spaces, as
/// `. . .` in GloVe's 840B file. It may not end in a number after a space: that is a line with too many numbers.
pub(crate) struct Text {
    dim: usize,
    /// Number of the line of the first record.
    first_line: u64,
}

impl Text {
    /// Records from line number `first_line` on (the first of a file is 1).
    pub(crate) fn new(dim: usize, first_line: u64) -> Self {
        Text { dim, first_line }
    }

    fn longest_line(&self) -> usize {
        self.dim.saturating_mul(MAX_NUMBER_BYTES).saturating_add(MAX_WORD_BYTES)
    }

    /// A row is set aside for each line, so a line too short for its numbers must not get that far.
    fn check_length(&self, line: &[u8], number: u64) -> Result<(), Error> {
        if line.len() / 2 < self.dim {
            return Err(self.columns(line, number));
        }
        Ok(())
    }

    /// Checks what follows the last line feed of a block.
    fn check_rest(&self, rest: &[u8], number: u64, is_last: bool) -> Result<(), Error> {
        if rest.len() > self.longest_line() {
            return Err(Error::LineTooLong { line: number, limit: self.longest_line() });
        }
        if is_last && !rest.is_empty() {
            return Err(Error::Unterminated { line: number });
        }
        Ok(())
    }

    fn columns(&self, line: &[u8], number: u64) -> Error {
        let found = numeric_tail(line);
        let word = fields(line).next().unwrap_or_default();
        let all = fields(line).count();
        // With fewer fields than numbers expected, the first is still the word.
        let found = if found == all && !starts_with_separator(line) { found.saturating_sub(1) } else { found };
        Error::Columns { line: number, word: excerpt(word), found, expected: self.dim }
    }
}

impl Records for Text {
    fn split(&self, block: &Block, earlier: u64, wanted: u64) -> Split {
        let bytes = block.bytes();
        let mut split = Split::default();
        while (split.spans.len() as u64) < wanted {
            let number = self.first_line + earlier + split.spans.len() as u64;
            let rest = &bytes[split.consumed..];
            let Some(length) = memchr::memchr(b'\n', rest) else {
                split.error = self.check_rest(rest, number, block.is_last()).err();
                break;
            };
            if let Err(error) = self.check_length(&rest[..length], number) {
                split.error = Some(error);
                break;
            }
            let (start, end) = (split.consumed, split.consumed + length);
            split.spans.push(Span { start, end, place: Place::Line(number) });
            split.consumed = end + 1;
        }
        split
    }

    fn place(&self, earlier: u64, _: u64) -> Place {
        Place::Line(self.first_line + earlier)
    }

    fn locate<'r>(&self, line: &'r [u8], place: Place) -> Result<Located<'r>, Error> {
        let number = line_number(place);
        let Some(start) = start_of_last_fields(line, self.dim) else {
            return Err(self.columns(line, number));
        };
        let word = trim(&line[..start]);
        let last_part = word.iter().rposition(|&b| is_separator(b)).map(|at| &word[at + 1..]);
        if last_part.is_some_and(is_plain_number) {
            return Err(self.columns(line, number));
        }
        Ok(Located { word, vector: &line[start..] })
    }

    fn fill(&self, located: &Located<'_>, row: &mut [f32], place: Place) -> Result<(), Error> {
        for (column, (slot, field)) in row.iter_mut().zip(fields(located.vector)).enumerate() {
            *slot = fast_float2::parse(field).map_err(|_| Error::BadNumber {
                line: line_number(place),
                word: excerpt(located.word),
                column,
                text: excerpt(field),
            })?;
        }
        Ok(())
    }

    /// Nearly all words have no space, so the line is first read as such, in one pass; if it does not come out even,
    /// the numbers are counted from the end.
    fn parse<'r>(&self, line: &'r [u8], row: &mut [f32], place: Place) -> Result<&'r [u8], Error> {
        if let Some(end) = line.iter().position(|&b| is_separator(b))
            && parse_all(&line[end..], row).is_some()
        {
            return Ok(&line[..end]);
        }
        let located = self.locate(line, place)?;
        self.fill(&located, row, place)?;
        Ok(located.word)
    }
}

/// The dimensions of a line of a file without header: the numbers at its end, of which the first field is none.
pub(crate) fn infer_dim(line: &[u8]) -> Option<usize> {
    let numbers = numeric_tail(line);
    let only_numbers = numbers == fields(line).count();
    let dim = if only_numbers && !starts_with_separator(line) { numbers.saturating_sub(1) } else { numbers };
    (dim > 0).then_some(dim)
}

/// Whether a line that starts with `word`, written before its numbers, gives that word.
pub(crate) fn reads_back(word: &str) -> bool {
    let line = format!("{word} 0");
    Text::new(1, 1).locate(line.as_bytes(), Place::Line(1)).is_ok_and(|located| located.word == word.as_bytes())
}

/// The parts between separators, none of them empty.
///
/// Only ASCII space, tab and carriage return separate: words may hold any other white space, as U+00A0.
pub(crate) fn fields(line: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    line.split(|&b| is_separator(b)).filter(|field| !field.is_empty())
}

pub(crate) fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r')
}

fn starts_with_separator(line: &[u8]) -> bool {
    line.first().is_some_and(|&b| is_separator(b))
}

fn numeric_tail(line: &[u8]) -> usize {
    fields(line).rev().take_while(|field| fast_float2::parse::<f32, _>(field).is_ok()).count()
}

/// A number written in digits, unlike the words `nan` and `infinity`, which parse as numbers too.
fn is_plain_number(field: &[u8]) -> bool {
    fast_float2::parse::<f64, _>(field).is_ok_and(f64::is_finite)
}

fn trim(word: &[u8]) -> &[u8] {
    let start = word.iter().position(|&b| !is_separator(b)).unwrap_or(word.len());
    let end = word.iter().rposition(|&b| !is_separator(b)).map_or(start, |last| last + 1);
    &word[start..end]
}

/// Where the last `count` fields start, if something, at least a separator, stands before them.
fn start_of_last_fields(line: &[u8], count: usize) -> Option<usize> {
    let mut end = line.len();
    for _ in 0..count {
        let last = line[..end].iter().rposition(|&b| !is_separator(b))?;
        end = line[..last].iter().rposition(|&b| is_separator(b))? + 1;
    }
    Some(end)
}

/// Fills `row` from the numbers in `bytes`; `None` unless there are just as many and nothing else.
fn parse_all(mut bytes: &[u8], row: &mut [f32]) -> Option<()> {
    for slot in row {
        let blanks = bytes.iter().take_while(|&&b| is_separator(b)).count();
        if blanks == 0 {
            return None;
        }
        bytes = &bytes[blanks..];
        let (number, length) = parse_short(bytes).or_else(|| parse_partial(bytes).ok())?;
        *slot = number;
        bytes = &bytes[length..];
    }
    bytes.iter().all(|&b| is_separator(b)).then_some(())
}

/// Powers of ten that `f32` holds exactly.
const POWERS: [f32; 11] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];

/// The number at the start of `bytes` and its length, if it is digits with at most one point, before a separator or
/// the end, and all its digits without the point make less than 2^24.
///
/// Then digits and power of ten are exact in `f32` and their quotient is rounded once, so correctly (Clinger 1990, *How
/// to Read Floating Point Numbers Accurately*). Most numbers of published vectors are such, and with this a text file is
/// read half as fast again.
fn parse_short(bytes: &[u8]) -> Option<(f32, usize)> {
    let negative = bytes.first() == Some(&b'-');
    let start = usize::from(negative);
    let (mut digits, mut point, mut length) = (0u32, None, start);
    for &byte in &bytes[start..] {
        match byte {
            b'0'..=b'9' if digits < 1 << 24 => digits = digits * 10 + u32::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(length),
            _ if is_separator(byte) => break,
            _ => return None,
        }
        length += 1;
    }
    let decimals = point.map_or(0, |point| length - point - 1);
    let some_digit = length - start > usize::from(point.is_some());
    if digits >= 1 << 24 || decimals >= POWERS.len() || !some_digit {
        return None;
    }
    let number = digits as f32 / POWERS[decimals];
    Some((if negative { -number } else { number }, length))
}

fn line_number(place: Place) -> u64 {
    match place {
        Place::Line(number) | Place::Byte(number) => number,
        Place::Row(row) => row as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(dim: usize, line: &str) -> Result<(String, Vec<f32>), Error> {
        let mut row = vec![0.0; dim];
        let word = Text::new(dim, 1).parse(line.as_bytes(), &mut row, Place::Line(3))?;
        Ok((String::from_utf8(word.to_vec()).unwrap(), row))
    }

    #[test]
    fn words_with_spaces_end_where_the_numbers_start() {
        assert_eq!(parse(2, "king 1 -2.5").unwrap(), ("king".into(), vec![1.0, -2.5]));
        assert_eq!(parse(2, ". . . 1 -2.5e-3").unwrap(), (". . .".into(), vec![1.0, -2.5e-3]));
        assert_eq!(parse(2, "1 1 2").unwrap(), ("1".into(), vec![1.0, 2.0]));
        assert_eq!(parse(1, "at nan 2").unwrap(), ("at nan".into(), vec![2.0]));
        assert_eq!(parse(2, "a\u{A0}b 1 2 \r").unwrap(), ("a\u{A0}b".into(), vec![1.0, 2.0]));
        assert_eq!(parse(2, "a\t1  2").unwrap(), ("a".into(), vec![1.0, 2.0]));
        assert_eq!(parse(2, " 1 2").unwrap(), ("".into(), vec![1.0, 2.0]));
    }

    #[test]
    fn wrong_columns_are_counted() {
        for (line, count) in [("king 1", 1), ("king 1 2 3", 3), ("king", 0), ("", 0), ("1 2", 1), ("a b 1 2 3", 3)] {
            match parse(2, line) {
                Err(Error::Columns { line: 3, found, expected: 2, .. }) => assert_eq!(found, count, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_bad_number_is_shown() {
        match parse(3, "king 1 x2 3") {
            Err(Error::BadNumber { line: 3, word, column: 1, text }) => assert_eq!((&*word, &*text), ("king", "x2")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn numbers_are_correctly_rounded() {
        // Half-way cases of f32 that rounding by way of f64, or digit by digit, gets wrong.
        let texts = ["1.00000005960464477540", "7.038531e-26", "16777217.0000000001", "1e-45", "3.4028236e38"];
        for text in texts {
            let (_, row) = parse(1, &format!("w {text}")).unwrap();
            assert_eq!(row[0].to_bits(), text.parse::<f32>().unwrap().to_bits(), "{text}");
        }
    }

    #[test]
    fn short_numbers_are_the_same_as_by_the_general_way() {
        let mut taken = 0;
        for digits in (0..40_000_000u32).step_by(9_973).chain(16_777_200..16_777_230) {
            for decimals in 0..14 {
                let digits = format!("{digits:015}");
                let (whole, fraction) = digits.split_at(15 - decimals);
                let trimmed = whole.trim_start_matches('0');
                for text in [format!("-{whole}.{fraction}"), format!("{trimmed}.{fraction}")] {
                    let Some((number, length)) = parse_short(text.as_bytes()) else { continue };
                    taken += 1;
                    assert_eq!(length, text.len());
                    assert_eq!(number.to_bits(), text.parse::<f32>().unwrap().to_bits(), "{text}");
                }
            }
        }
        assert!(taken > 10_000, "{taken}");
        assert_eq!(parse_short(b"-12 3"), Some((-12.0, 3)));
        assert!(parse_short(b"-0.0").is_some_and(|(zero, _)| zero.is_sign_negative()));
        for text in ["", "-", ".", "-.", "1e5", "1.2.3", "x", "--1", "+1", "nan", "16777216", "0.00000000001"] {
            assert_eq!(parse_short(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn dimensions_are_inferred_from_a_line() {
        assert_eq!(infer_dim(b"the 1 2 3"), Some(3));
        assert_eq!(infer_dim(b"1 2 3"), Some(2));
        assert_eq!(infer_dim(b" 2 3"), Some(2));
        assert_eq!(infer_dim(b". . 2 3"), Some(2));
        assert_eq!(infer_dim(b"7"), None);
        assert_eq!(infer_dim(b"no numbers"), None);
        assert_eq!(infer_dim(b""), None);
    }
}
