//! The length of lines and sentences.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::pages::Page;

/// The longest line, in characters.
const LINE: usize = 120;
/// The longest sentence, in words.
const SENTENCE: usize = 25;
/// Stands for a piece of code in a sentence: one word, which may begin it.
const CODE: char = '\u{1}';

/// The lines and sentences of a page that are too long.
pub fn faults(page: &Page) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in lines(&page.text) {
        let length = line.chars().count();
        if length > LINE {
            faults.push(page.fault(number, format!("{length} characters; a line has at most {LINE}")));
        }
    }
    for (byte, text) in blocks(&page.text) {
        for sentence in sentences(&text) {
            let words = words(sentence);
            if words > SENTENCE {
                let shown: String = sentence.replace(CODE, "`…`").chars().take(60).collect();
                let what = format!("{words} words; a sentence has at most {SENTENCE}: {shown}…");
                faults.push(page.fault(page.line_of(byte), what));
            }
        }
    }
    faults
}

/// The lines that can be broken, with their numbers: not those of code and tables, nor those with an address.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        let free = code || fence || line.starts_with('|') || line.starts_with("<!--") || line.contains("](");
        (!free).then_some((index + 1, line))
    })
}

/// The paragraphs and items of lists, each with the byte where it begins.
pub fn blocks(text: &str) -> Vec<(usize, String)> {
    let (mut blocks, mut block, mut begin) = (Vec::new(), String::new(), 0);
    // Within code, tables, headings and the descriptions of pictures.
    let mut left_out = 0;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES).into_offset_iter() {
        match event {
            Event::Start(Tag::CodeBlock(_) | Tag::Table(_) | Tag::Heading { .. } | Tag::Image { .. }) => left_out += 1,
            Event::End(TagEnd::CodeBlock | TagEnd::Table | TagEnd::Heading(_) | TagEnd::Image) => left_out -= 1,
            Event::Start(Tag::Paragraph | Tag::Item | Tag::List(_)) | Event::End(TagEnd::Paragraph | TagEnd::Item) => {
                if !block.trim().is_empty() {
                    blocks.push((begin, std::mem::take(&mut block)));
                }
                block.clear();
            }
            _ if left_out > 0 => {}
            Event::Text(piece) => {
                if block.is_empty() {
                    begin = range.start;
                }
                block.push_str(&piece);
            }
            Event::Code(_) => {
                if block.is_empty() {
                    begin = range.start;
                }
                block.push(CODE);
            }
            Event::SoftBreak | Event::HardBreak => block.push(' '),
            _ => {}
        }
    }
    blocks
}

/// Cuts a text where a full stop, an exclamation or a question mark ends a sentence.
fn sentences(text: &str) -> Vec<&str> {
    let (mut sentences, mut begin) = (Vec::new(), 0);
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    for (index, &(_, mark)) in chars.iter().enumerate() {
        if !matches!(mark, '.' | '!' | '?') {
            continue;
        }
        let mut next = index + 1;
        while chars.get(next).is_some_and(|(_, c)| matches!(c, '"' | '”' | ')' | '’')) {
            next += 1;
        }
        let spaces = chars[next..].iter().take_while(|(_, c)| c.is_whitespace()).count();
        let starts =
            |c: char| c.is_uppercase() || c.is_ascii_digit() || matches!(c, CODE | '"' | '“' | '(' | '†' | '…');
        let Some(&(byte, first)) = chars.get(next + spaces) else { continue };
        if spaces > 0 && starts(first) {
            sentences.push(&text[begin..byte]);
            begin = byte;
        }
    }
    sentences.push(&text[begin..]);
    sentences
}

fn words(sentence: &str) -> usize {
    sentence.split_whitespace().filter(|word| word.chars().any(|c| c.is_alphanumeric() || c == CODE)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        faults(&Page { path: "p.md".into(), text: text.into() })
    }

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        let ends = |text: &str| sentences(text).iter().map(|sentence| sentence.trim().to_owned()).collect::<Vec<_>>();
        assert_eq!(ends("One. Two (three.) \u{1} four? 5 of 5."), ["One.", "Two (three.)", "\u{1} four?", "5 of 5."]);
        assert_eq!(ends("Keras 1.0.7 is old, e.g. here."), ["Keras 1.0.7 is old, e.g. here."]);
    }

    #[test]
    fn long_sentences_and_lines_are_found() {
        let long = "word ".repeat(26);
        assert_eq!(found(&format!("Short.\n\n{long}\n")).len(), 2, "a sentence, and its line");
        let sentence = found(&format!("- `a b c` {}\n", "word\n  ".repeat(25)));
        assert!(sentence.len() == 1 && sentence[0].starts_with("p.md:1: 26 words;"), "{sentence:?}");
        assert!(found(&format!("```\n{long}\n```\n\n| a |\n| - |\n| {long} |\n")).is_empty());
        assert!(found(&format!("# {long}\n").replace(' ', "\n# ")).is_empty());
        assert!(found(&format!("{}.\n{}.\n", "word ".repeat(20), "Word ".repeat(20))).is_empty());
    }
}
