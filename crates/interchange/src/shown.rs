//! What comes from a file, in a message.

use flameout_cells::Activation;

/// Characters of a name that a message shows.
const LONGEST_NAME: usize = 100;
/// Characters of a message.
const LONGEST_MESSAGE: usize = 1000;

/// A name in backquotes.
pub(crate) fn name(text: &str) -> String {
    format!("`{}`", capped_name(text))
}

/// A name.
pub(crate) fn capped_name(text: &str) -> String {
    capped(text, LONGEST_NAME)
}

/// What an activation is called.
pub(crate) fn activation(activation: Activation) -> &'static str {
    match activation {
        Activation::Linear => "linear",
        Activation::Sigmoid => "sigmoid",
        Activation::HardSigmoid => "hard sigmoid (0.2·x + 0.5)",
        Activation::HardSigmoidSixth => "hard sigmoid (x/6 + 0.5)",
        Activation::Tanh => "tanh",
        Activation::Relu => "relu",
        _ => "other",
    }
}

/// Some names, the rest of them counted.
pub(crate) fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 8;
    let all: Vec<&str> = all.into_iter().collect();
    let mut shown: Vec<String> = all.iter().take(MOST).map(|one| name(one)).collect();
    if all.len() > MOST {
        shown.push(format!("and {} more", all.len() - MOST));
    }
    shown.join(", ")
}

/// A whole message: no control characters, and not without end.
pub(crate) fn message(text: &str) -> String {
    capped(text, LONGEST_MESSAGE)
}

fn capped(text: &str, longest: usize) -> String {
    let mut characters = text.chars();
    let mut shown = String::new();
    for character in characters.by_ref().take(longest) {
        if is_harmless(character) {
            shown.push(character);
        } else {
            shown.extend(character.escape_unicode());
        }
    }
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// Neither a control character nor one that changes the direction of the text.
fn is_harmless(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_escaped_and_cut() {
        assert_eq!(name("lstm_1"), "`lstm_1`");
        assert_eq!(name("\u{1b}[31m\u{202e}"), "`\\u{1b}[31m\\u{202e}`");
        assert_eq!(name(&"é".repeat(1000)).chars().count(), LONGEST_NAME + 3);
        assert_eq!(names(["a"; 10]), "`a`, `a`, `a`, `a`, `a`, `a`, `a`, `a`, and 2 more");
    }
}
