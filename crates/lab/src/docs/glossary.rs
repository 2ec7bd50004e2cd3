//! The terms of this project, and the words that have a better one.

use std::path::Path;

use anyhow::{Result, ensure};

use super::pages::Page;
use super::prose;

const GLOSSARY: &str = "docs/reference/glossary.md";
const STYLE: &str = "docs/dev/style.md";
/// Terms that mean something else, or nothing, outside of this project. A page that uses one leads to the glossary.
const TERMS: [&str; 9] =
    ["collapse", "spike", "dip", "onset", "control", "snapshot", "zoo", "hunt", "the question’s settings"];

/// Pages that use a term without a link to the glossary, terms that the glossary lacks, and words to avoid.
pub fn faults(pages: &[Page]) -> Result<Vec<String>> {
    let page = |path: &str| pages.iter().find(|page| page.path == Path::new(path));
    let (Some(glossary), Some(style)) = (page(GLOSSARY), page(STYLE)) else {
        return Ok(vec![format!("{GLOSSARY} or {STYLE} is missing")]);
    };
    let avoided: Vec<String> = avoided(&style.text)?;
    let defined = defined(&glossary.text);
    let mut faults = Vec::new();
    for term in TERMS.map(plain) {
        if !defined.contains(&term) {
            faults.push(glossary.fault(1, format!("no entry `{term}`")));
        }
    }
    for page in pages {
        let text = plain(&prose::blocks(&page.text).into_iter().map(|(_, text)| text + "\n").collect::<String>());
        let used = TERMS.map(plain).into_iter().find(|term| has(&text, term));
        let led = page.text.contains("glossary.md") || page.path == Path::new(GLOSSARY);
        if let (Some(term), false) = (used, led) {
            faults.push(page.fault(1, format!("it uses “{term}” and has no link to {GLOSSARY}")));
        }
        // The page of style names them.
        let words = avoided.iter().filter(|word| page.path != Path::new(STYLE) && has(&text, word));
        for word in words {
            faults.push(page.fault(line(page, word), format!("“{word}”: {STYLE} has a plainer word")));
        }
    }
    Ok(faults)
}

/// In lower case, with straight apostrophes. Characters that control a terminal are no control of an experiment.
fn plain(text: &str) -> String {
    let text = text.to_lowercase().replace('’', "'").replace("control character", "character");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether these words occur, as whole words; an ending `s` may follow.
fn has(text: &str, words: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(words).any(|(at, _)| {
        let rest = &text[at + words.len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        !letter(text[..at].chars().next_back()) && !letter(rest.chars().next())
    })
}

/// The first line that has the words, or 1 where they are spread over two.
fn line(page: &Page, words: &str) -> usize {
    page.text.lines().position(|line| has(&plain(line), words)).map_or(1, |index| index + 1)
}

/// The words in bold that open a row of a table.
fn defined(text: &str) -> Vec<String> {
    let cell = |line: &str| line.strip_prefix("| **")?.split_once("**").map(|(term, _)| plain(term));
    text.lines().filter_map(cell).collect()
}

/// The left column of the table under "Words to avoid".
fn avoided(text: &str) -> Result<Vec<String>> {
    let rows = text.split("## Words to avoid").nth(1).unwrap_or_default().lines();
    let cells = rows.skip_while(|line| !line.starts_with("| ---")).skip(1).take_while(|line| line.starts_with('|'));
    let words: Vec<String> =
        cells.filter_map(|line| line.split('|').nth(1)).flat_map(|cell| cell.split(',').map(plain)).collect();
    ensure!(!words.is_empty(), "{STYLE}: no table under `## Words to avoid`");
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str, text: &str) -> Page {
        Page { path: path.into(), text: text.into() }
    }

    #[test]
    fn terms_need_a_link_and_avoided_words_are_found() {
        let entries: String = TERMS.map(|term| format!("| **{term}** | … |\n")).concat();
        let pages = [
            page(GLOSSARY, &format!("| word | meaning |\n| --- | --- |\n{entries}")),
            page(STYLE, "## Words to avoid\n\n| avoid | write |\n| --- | --- |\n| foretold, push | predicted |\n\nfoo"),
            page("a.md", "Two dips.\n\nIt was\nforetold; a pushing crowd, a `push`."),
            page("b.md", "A [dip](glossary.md), a dipper."),
            page("c.md", "A dipper."),
        ];
        let faults = faults(&pages).unwrap();
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].starts_with("a.md:1: it uses “dip”") && faults[1].starts_with("a.md:4: “foretold”"));
    }
}
