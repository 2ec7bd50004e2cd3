//! A line for each word: the word and its numbers, separated by spaces (word2vec text, GloVe, fastText).

use fast_float2::parse_partial;

use super::block::Block;
use super::records::{Located, Records, Span, Split};
use crate::error::{Place, excerpt};
use crate::{Error, MAX_WORD_BYTES};

/// Longest text of a number that is allowed for: the exact decimal expansion of the smallest `f64` takes some 1,080.
const MAX_NUMBER_BYTES: usize = 1100;
/// Longest line of many numbers, unless they are of [`USUAL_NUMBER_BYTES`] each.
const MAX_LINE_BYTES: usize = 16 << 20;
const USUAL_NUMBER_BYTES: usize = 64;

/// Reads lines of a word and `dim` numbers.
///
/// The last `dim` fields are the numbers and what stands before them is the word, so a word may contain spaces, as
/// `. . .` in GloVe's 840B file. It may end in a number after a space only where a header says how many numbers the vector
/// has: else that is a line with too many numbers.
pub(crate) struct Text {
    dim: usize,
    /// Number of the line of the first record.
    first_line: u64,
    /// Records that the header claims.
    claimed: Option<u64>,
}

impl Text {
    /// Records from line number 1 on, or 2 if the first is a header that claims so many.
    pub(crate) fn new(dim: usize, claimed: Option<u64>) -> Self {
        Text { dim, first_line: if claimed.is_some() { 2 } else { 1 }, claimed }
    }

    fn longest_line(&self) -> usize {
        let usual = self.dim.saturating_mul(USUAL_NUMBER_BYTES).max(MAX_LINE_BYTES);
        self.dim.saturating_mul(MAX_NUMBER_BYTES).min(usual).saturating_add(MAX_WORD_BYTES)
    }

    /// A row is set aside for each line, so a line too short for its numbers must not get that far.
    fn check_length(&self, line: &[u8], number: u64) -> Result<(), Error> {
        if line.len() / 2 < self.dim {
            return Err(self.columns(line, number));
        }
        Ok(())
    }

    /// The length of the line at the start of `rest`, without its line feed; `None` if it is not all there.
    ///
    /// The last line that a header claims may lack its line feed. Any other may be cut off within its last number.
    fn line_length(&self, rest: &[u8], earlier: u64, block: &Block) -> Result<Option<usize>, Error> {
        let line = self.first_line + earlier;
        match memchr::memchr(b'\n', rest) {
            Some(length) => Ok(Some(length)),
            None if rest.len() > self.longest_line() => Err(Error::LineTooLong { line, limit: self.longest_line() }),
            None if rest.is_empty() || !block.is_end() => Ok(None),
            None if self.claimed.is_none() => Err(Error::Unterminated { line }),
            None => Ok((self.claimed == Some(earlier + 1)).then_some(rest.len())),
        }
    }

    fn columns(&self, line: &[u8], number: u64) -> Error {
        let found = numeric_tail(line);
        let word = fields(line).next().unwrap_or_default();
        let all = fields(line).count();
        let only_numbers = found == all && !starts_with_separator(line);
        if only_numbers && found == self.dim && found > 1 {
            return Error::NoWord { line: number, numbers: found };
        }
        // With fewer fields than numbers expected, the first is still the word.
        let found = if only_numbers { found.saturating_sub(1) } else { found };
        let by_header = self.claimed.is_some();
        Error::Columns { line: number, word: excerpt(word), found, expected: self.dim, by_header }
    }
}

impl Records for Text {
    fn split(&self, block: &Block, earlier: u64, wanted: u64) -> Split {
        let bytes = block.bytes();
        let mut split = Split::default();
        while (split.spans.len() as u64) < wanted {
            let earlier = earlier + split.spans.len() as u64;
            let number = self.first_line + earlier;
            let rest = &bytes[split.consumed..];
            let length = self.line_length(rest, earlier, block).and_then(|length| match length {
                Some(length) => self.check_length(&rest[..length], number).map(|()| Some(length)),
                None => Ok(None),
            });
            match length {
                Ok(Some(length)) => {
                    let (start, end) = (split.consumed, split.consumed + length);
                    split.spans.push(Span { start, end, place: Place::Line(number) });
                    split.consumed = bytes.len().min(end + 1);
                }
                Ok(None) => break,
                Err(error) => {
                    split.error = Some(error);
                    break;
                }
            }
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
        if self.claimed.is_none() && ends_in_number(word) {
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

/// Whether a line that starts with `word`, written before its numbers, gives that word; under a header, or without one.
pub(crate) fn reads_back(word: &str, has_header: bool) -> bool {
    let line = format!("{word} 0");
    let text = Text::new(1, has_header.then_some(1));
    text.locate(line.as_bytes(), Place::Line(1)).is_ok_and(|located| located.word == word.as_bytes())
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

/// Whether a word has a number after a space at its end.
pub(crate) fn ends_in_number(word: &[u8]) -> bool {
    let last = word.iter().rposition(|&b| is_separator(b));
    last.is_some_and(|at| is_plain_number(&word[at + 1..]))
}

/// A number written in digits, unlike the words `nan` and `infinity`, which parse as numbers too.
pub(crate) fn is_plain_number(field: &[u8]) -> bool {
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

/// The bytes before the first line feed, all if there is none.
pub(crate) fn first_line(bytes: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', bytes).map_or(bytes, |end| &bytes[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(dim: usize, line: &str) -> Result<(String, Vec<f32>), Error> {
        let mut row = vec![0.0; dim];
        let word = Text::new(dim, None).parse(line.as_bytes(), &mut row, Place::Line(3))?;
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
        for (line, count) in [("king 1", 1), ("king 1 2 3", 3), ("king", 0), ("", 0), ("1 2 3 4", 3), ("a b 1 2 3", 3)]
        {
            match parse(2, line) {
                Err(Error::Columns { line: 3, found, expected: 2, .. }) => assert_eq!(found, count, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn under_a_header_a_word_may_end_in_a_number() {
        let mut row = [0.0; 2];
        let line = b"channel 4 0.5 1";
        assert_eq!(Text::new(2, Some(9)).parse(line, &mut row, Place::Line(3)).unwrap(), b"channel 4");
        assert_eq!(row, [0.5, 1.0]);
        assert!(ends_in_number(b"channel 4") && !ends_in_number(b"channel4") && !ends_in_number(b"at nan"));
        let without = Text::new(2, None).parse(line, &mut row, Place::Line(3));
        assert!(matches!(without, Err(Error::Columns { found: 3, by_header: false, .. })));
    }

    #[test]
    fn a_line_of_numbers_alone_has_no_word() {
        for claimed in [None, Some(9)] {
            let found = Text::new(2, claimed).parse(b"1 2", &mut [0.0; 2], Place::Line(3));
            assert!(matches!(found, Err(Error::NoWord { line: 3, numbers: 2 })), "{found:?}");
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
