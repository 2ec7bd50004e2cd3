//! Text from files, fit for a terminal.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;

/// Escapes what could steer a terminal in a text of one line, such as a name: control characters (escape sequences, the
/// bell, line ends, C1), and characters that turn the direction of writing.
///
/// Each becomes what JSON writes for it, such as `\u001b`: a text within JSON remains the same text.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    escaped(text, steers)
}

/// As [`printable`], for text of several lines: line ends and tabs remain.
#[must_use]
pub fn printable_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| steers(c) && !matches!(c, '\n' | '\t'))
}

/// Whether a terminal may do something else with a character than show it.
fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    c.is_control() || turns || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Writes a path or a text as an argument of a command line: quoted as shells ask for, and not to be taken for an option.
///
/// Most characters stand in single quotes. What could steer a terminal, or is no UTF-8, is written as bytes in `$'…'`, which
/// bash, zsh and ksh read.
#[must_use]
pub fn argument(text: impl AsRef<OsStr>) -> String {
    let bytes = text.as_ref().as_encoded_bytes();
    let dot = if bytes.starts_with(b"-") { "./" } else { "" };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    match str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && text.bytes().all(plain) => format!("{dot}{text}"),
        Ok(text) if !text.contains(steers) => format!("'{dot}{}'", text.replace('\'', r"'\''")),
        _ => {
            let written = bytes.iter().map(|&byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(byte)),
                b' '..=b'~' => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{dot}{}'", written.collect::<String>())
        }
    }
}

fn escaped(text: &str, must: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&must) {
        return text.into();
    }
    text.chars()
        .fold(String::new(), |mut escaped, c| {
            // Four digits do: none of these characters lies beyond U+FFFF.
            let _ = if must(c) { write!(escaped, "\\u{:04x}", u32::from(c)) } else { escaped.write_char(c) };
            escaped
        })
        .into()
}

/// Writes a number with six digits that count.
#[must_use]
pub fn six_digits(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{number:.3e}");
    }
    let decimals = (5.0 - size.log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{number:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_nothing_else() {
        let hostile = "a\x1b[31mb\x07\x7f\u{9b}2J\u{202e}c\u{2066}\r";
        assert_eq!(printable(hostile), r"a\u001b[31mb\u0007\u007f\u009b2J\u202ec\u2066\u000d");
        assert_eq!(printable_lines(hostile), printable(hostile));
        assert_eq!(printable("one\n\ttwo"), r"one\u000a\u0009two");
        for harmless in ["", "naïve 日本 é\u{301} 👩\u{200d}💻 שלום می\u{200c}خواهم \\ \u{fffd}"] {
            assert!(matches!(printable(harmless), Cow::Borrowed(text) if text == harmless));
        }
        assert_eq!(printable_lines("one\n\ttwo"), "one\n\ttwo");
    }

    #[test]
    fn paths_are_quoted_for_a_shell() {
        for (path, written) in [
            ("runs/first-1.0", "runs/first-1.0"),
            ("my runs/é", "'my runs/é'"),
            ("odd $dir 'q'", r"'odd $dir '\''q'\'''"),
            ("-x", "./-x"),
            ("-x y", "'./-x y'"),
            ("", "''"),
            ("a\nb\\'", r"$'a\x0ab\\\''"),
            ("a\u{202e}b", r"$'a\xe2\x80\xaeb'"),
            ("~/a", "'~/a'"),
        ] {
            assert_eq!(argument(Path::new(path)), written, "{path:?}");
        }
    }

    /// A shell gives back what was quoted.
    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        use std::os::unix::ffi::OsStrExt;

        let all = b"$HOME `ls` \"q\" 'q' \\ !x #y * [a] {b,c} ; & | < > ( ) ~ ?";
        for bytes in [&b"a b"[..], all, b"a\n\x1b[31m\xff'\\", "日本 ü".as_bytes(), b"-n -e"] {
            let path = Path::new(std::ffi::OsStr::from_bytes(bytes));
            let script = format!("printf %s {}", argument(path));
            let output = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
            let read = output.stdout.strip_prefix(b"./").unwrap_or(&output.stdout);
            assert_eq!(read.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        }
    }

    /// No character is left that a terminal might take for an order, and JSON stays what it was.
    #[test]
    fn every_character_is_harmless_and_the_same_in_json() {
        let all: String = ('\0'..=char::MAX).collect();
        let json = serde_json::to_string(&all).unwrap();
        let shown = printable_lines(&json);
        assert!(!shown.chars().any(char::is_control));
        assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), all);
    }
}
