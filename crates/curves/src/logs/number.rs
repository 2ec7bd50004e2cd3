//! Numbers as programs and people write them.

use super::names::is_cost;

/// What stands for "no value".
const MISSING: [&str; 12] = ["", "na", "n/a", "<na>", "none", "null", "nil", "-", "--", "—", "no log", "missing"];
/// What a number may be wrapped in.
const WRAPPERS: [&str; 7] = ["tensor(", "np.float64(", "np.float32(", "array(", "(", "[", "'"];
/// Letters that multiply the number: `5k` is not 5.
const MULTIPLIERS: [&str; 6] = ["k", "m", "g", "b", "t", "bn"];
/// Units of time.
const TIMES: [&str; 16] = [
    "s", "sec", "secs", "second", "seconds", "ms", "msec", "us", "min", "mins", "minute", "minutes", "h", "hr", "hour",
    "hours",
];
/// Characters in a unit.
const LONGEST_UNIT: usize = 12;

/// A cell; `Ok(None)`: it holds no value.
///
/// # Errors
/// If it holds something else.
pub(super) fn cell(text: &str) -> Result<Option<f64>, ()> {
    Ok(value_and_unit(text)?.map(|(value, _)| value))
}

/// Reads a cell below a name, as [`cell`] does. A cost in seconds is no value: it would be taken for a loss.
///
/// # Errors
/// As [`cell`].
pub(super) fn cell_of(name: &str, text: &str) -> Result<Option<f64>, ()> {
    let found = value_and_unit(text)?.filter(|(_, unit)| !(is_time(unit) && is_cost(name)));
    Ok(found.map(|(value, _)| value))
}

/// Reads a cell's number and what follows it.
fn value_and_unit(text: &str) -> Result<Option<(f64, &str)>, ()> {
    let mut text = text.trim();
    if MISSING.contains(&text.to_lowercase().as_str()) {
        return Ok(None);
    }
    let mut wrapped = false;
    while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| text.strip_prefix(wrapper)) {
        (text, wrapped) = (inner.trim_start(), true);
    }
    let (value, length) = prefix(text).ok_or(())?;
    let rest = text[length..].trim_start();
    if wrapped || is_unit(rest) { Ok(Some((value, rest))) } else { Err(()) }
}

/// Tells whether what follows a number makes it a time: `12.3s`, `12.3 sec`, `3 min 20 s`.
pub(super) fn is_time(after: &str) -> bool {
    let Some((unit, rest)) = unit_of_time(after) else { return false };
    if after.starts_with(unit) {
        return true;
    }
    // Apart from the number, it may be the name of the next one: `0.5 min 0.3`, `0.5 min loss 0.3`, `0.5 s=3`.
    match prefix(rest) {
        Some((_, length)) => unit_of_time(&rest[length..]).is_some(),
        None => {
            let is_lowest = unit.eq_ignore_ascii_case("min") && rest.starts_with(char::is_alphabetic);
            !is_lowest && !rest.starts_with([':', '='])
        }
    }
}

/// Finds the unit of time that a text begins with, and what follows it.
fn unit_of_time(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let (unit, rest) = text.split_at(text.find(|next: char| !next.is_alphabetic()).unwrap_or(text.len()));
    TIMES.iter().any(|time| time.eq_ignore_ascii_case(unit)).then(|| (unit, rest.trim_start()))
}

/// Whether this, after a number, leaves the number what it is.
pub(super) fn is_unit(text: &str) -> bool {
    let unit = |character: char| character.is_alphabetic() || "%/°²µ".contains(character);
    text.chars().all(unit)
        && text.chars().count() <= LONGEST_UNIT
        && !MULTIPLIERS.contains(&text.to_lowercase().as_str())
}

/// The number that a text begins with, and its length in bytes.
pub(super) fn prefix(text: &str) -> Option<(f64, usize)> {
    // As typeset text has it.
    if let Some(positive) = text.strip_prefix('\u{2212}') {
        let (value, length) = prefix(positive).filter(|_| !positive.starts_with(['-', '+', '\u{2212}']))?;
        return Some((-value, text.len() - positive.len() + length));
    }
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let negative = bytes.first() == Some(&b'-');
    let rest = &bytes[sign..];
    if let Some((value, length)) = not_finite(rest) {
        return Some((if negative { -value } else { value }, sign + length));
    }
    let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(0);
    let mut length = whole;
    if rest.get(whole) == Some(&b'.') {
        let fraction = digits(whole + 1);
        if whole + fraction == 0 {
            return None;
        }
        length += 1 + fraction;
    }
    if length == 0 {
        return None;
    }
    let point = rest[..length].contains(&b'.');
    let exponent = match rest.get(length) {
        Some(b'e' | b'E') => true,
        // Julia's 32-bit numbers.
        Some(b'f') => point,
        _ => false,
    };
    if exponent {
        let sign = usize::from(matches!(rest.get(length + 1), Some(b'-' | b'+')));
        let exponent = if length + 1 + sign <= rest.len() { digits(length + 1 + sign) } else { 0 };
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let number = text[..sign + length].replace('f', "e");
    number.parse().ok().map(|value| (value, sign + length))
}

/// NaN and infinity, as Python, C and Microsoft's C write them, without a sign.
fn not_finite(bytes: &[u8]) -> Option<(f64, usize)> {
    const WORDS: [(&str, f64); 10] = [
        ("1.#qnan", f64::NAN),
        ("1.#snan", f64::NAN),
        ("1.#ind", f64::NAN),
        ("1.#inf", f64::INFINITY),
        ("nan(ind)", f64::NAN),
        ("nan(snan)", f64::NAN),
        ("nan", f64::NAN),
        ("infinity", f64::INFINITY),
        ("inf", f64::INFINITY),
        ("∞", f64::INFINITY),
    ];
    let matches = |word: &str| bytes.get(..word.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(word.as_bytes()));
    let &(word, value) = WORDS.iter().find(|(word, _)| matches(word))?;
    let mut length = word.len();
    if word.starts_with("1.#") {
        length += bytes[length..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    } else if bytes.get(length).is_some_and(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || *next == b'_')
    {
        // The beginning of a word, such as `info`.
        return None;
    }
    Some((value, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_many_programs() {
        for (text, value) in [
            ("0.5", 0.5),
            (" +5e-1 ", 0.5),
            (".5", 0.5),
            ("5.", 5.0),
            ("80%", 80.0),
            ("80 %", 80.0),
            ("12ms/step", 12.0),
            ("2.5f0", 2.5),
            ("2.5f-1", 0.25),
            ("0.5f", 0.5),
            ("-12.7 dB", -12.7),
            ("tensor(0.5, device='cuda:0')", 0.5),
            ("np.float64(0.5)", 0.5),
            ("[0.5]", 0.5),
            ("1e400", f64::INFINITY),
            ("-1.#INF", f64::NEG_INFINITY),
            ("-Infinity", f64::NEG_INFINITY),
            ("\u{2212}0.5", -0.5),
        ] {
            assert_eq!(cell(text), Ok(Some(value)), "{text}");
        }
        for text in ["nan", "-nan", "NaN", "-nan(ind)", "1.#QNAN", "-1.#IND", "1.#QNAN0", "tensor(nan)"] {
            assert!(cell(text).is_ok_and(|value| value.is_some_and(f64::is_nan)), "{text}");
        }
        for text in ["", "NA", "No log", "-", "None", "<NA>"] {
            assert_eq!(cell(text), Ok(None), "{text}");
        }
        for text in [
            "abc",
            "info",
            "5k",
            "1.2.3",
            "2018-01-01",
            "0,5",
            "1:30",
            "e5",
            ".",
            "+",
            "\u{2212}",
            "\u{2212}-1",
            "3 of 5",
        ] {
            assert_eq!(cell(text), Err(()), "{text}");
        }
    }

    #[test]
    fn times_are_told_by_their_unit() {
        for after in ["s", " s", "ms/step", " sec, loss 0.5", "min", " min", " min 20 s", " h 3min", " s per epoch"] {
            assert!(is_time(after), "{after}");
        }
        for after in ["", " ", " * 3", " min 0.3", " min loss 0.3", " s: 3", " s = 3", " samples", "%", " (12.3 s)"] {
            assert!(!is_time(after), "{after}");
        }
        assert_eq!((cell_of("cost", "12.3 s"), cell_of("cost", "4.5")), (Ok(None), Ok(Some(4.5))));
        assert_eq!((cell_of("loss", "12.3 s"), cell_of("cost", "abc")), (Ok(Some(12.3)), Err(())));
    }

    #[test]
    fn a_number_ends_where_it_ends() {
        assert_eq!(prefix("0.64Epoch 1"), Some((0.64, 4)));
        assert_eq!(prefix("nanEpoch").map(|(_, length)| length), Some(3));
        assert_eq!(prefix("5e"), Some((5.0, 1)));
        assert_eq!(prefix("1-767"), Some((1.0, 1)));
    }
}
