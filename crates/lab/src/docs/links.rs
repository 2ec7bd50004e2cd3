//! Links of the repository's Markdown, and paths of `docs/` in its sources. No network is used.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::pages::files;

/// Links to the repository's own files as packages on crates.io write them; checked like relative ones.
const OWN: &str = "https://github.com/flameout-rs/flameout/blob/main/";

/// What a page links to, and what in it can be linked to.
struct Page {
    links: Vec<String>,
    anchors: BTreeSet<String>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let (mut links, mut titles) = (Vec::new(), Vec::new());
        let mut title: Option<String> = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    links.push(dest_url.to_string())
                }
                Event::Start(Tag::Heading { .. }) => title = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => titles.extend(title.take()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(title) = &mut title {
                        title.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        Self { links, anchors: anchors(&titles) }
    }
}

/// The anchors that GitHub gives to headings: in lower case, spaces as hyphens, no other punctuation; repeated ones are
/// numbered.
fn anchors(titles: &[String]) -> BTreeSet<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let slug = |title: &String| -> String {
        let lower = title.to_lowercase();
        let kept = lower.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    let numbered = titles.iter().map(slug).map(|slug| {
        let count = seen.entry(slug.clone()).or_default();
        *count += 1;
        if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
    });
    numbered.collect()
}

/// Takes `.` and `..` out of a path; `None` if it leads out of the repository.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                if !normal.pop() {
                    return None;
                }
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    Some(normal)
}

/// What is wrong with a link on `page` of the repository at `root`, if anything is.
fn fault(root: &Path, pages: &HashMap<PathBuf, Page>, page: &Path, link: &str) -> Option<String> {
    let (link, base) = match link.strip_prefix(OWN) {
        Some(rest) => (rest, Path::new("")),
        None if link.contains("://") || link.starts_with("mailto:") => return None,
        None => (link, page.parent().unwrap_or(Path::new(""))),
    };
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { Some(page.to_path_buf()) } else { normal(&base.join(path)) };
    let Some(target) = target.filter(|target| root.join(target).exists()) else {
        return Some(format!("no such file: {path}"));
    };
    match (anchor, pages.get(&target)) {
        (Some(anchor), Some(page)) if !page.anchors.contains(anchor) => {
            Some(format!("no heading #{anchor} in {}", target.display()))
        }
        (Some(_), None) => Some(format!("{} is no Markdown page and has no headings", target.display())),
        _ => None,
    }
}

/// Links and paths that lead nowhere.
pub fn faults(root: &Path) -> Result<Vec<String>> {
    let mut faults = of_links(root)?;
    faults.extend(of_paths(root)?);
    Ok(faults)
}

/// Every fault of every page's links.
fn of_links(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    files(root, root, &["md"], &mut found)?;
    found.sort();
    let mut pages = HashMap::new();
    for file in &found {
        let text = std::fs::read_to_string(root.join(file)).with_context(|| format!("reading {}", file.display()))?;
        pages.insert(file.clone(), Page::parse(&text));
    }
    let links = found.iter().flat_map(|file| pages[file].links.iter().map(move |link| (file, link)));
    let faults = links.filter_map(|(file, link)| {
        fault(root, &pages, file, link).map(|fault| format!("{}: [{link}]: {fault}", file.display()))
    });
    Ok(faults.collect())
}

/// Kinds of files that name pages: sources, settings, scripts.
const SOURCES: [&str; 7] = ["rs", "py", "toml", "yml", "sh", "run", "md"];

/// Every path `docs/….md` and `docs/….toml` in a source file that does not exist.
fn of_paths(root: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    files(root, root, &SOURCES, &mut found)?;
    found.sort();
    let mut faults = Vec::new();
    // This file's tests name files that do not exist; the changelog names those of its time.
    let own = [Path::new("crates/lab/src/docs/links.rs"), Path::new("CHANGELOG.md")];
    for file in found.iter().filter(|file| !own.contains(&file.as_path())) {
        let text = std::fs::read_to_string(root.join(file)).with_context(|| format!("reading {}", file.display()))?;
        for (index, line) in text.lines().enumerate() {
            let gone = paths(line).filter(|path| !root.join(path).exists());
            faults.extend(gone.map(|path| format!("{}:{}: no such file: {path}", file.display(), index + 1)));
        }
    }
    Ok(faults)
}

/// The paths of pages and plans in a line.
fn paths(line: &str) -> impl Iterator<Item = &str> {
    let part_of_path = |c: char| c.is_ascii_alphanumeric() || "/-_.".contains(c);
    line.match_indices("docs/").filter_map(move |(at, _)| {
        let before = line[..at].chars().next_back();
        let own = before.is_none_or(|c| !part_of_path(c)) || line[..at].ends_with("../");
        let length = line[at..].find(|c| !part_of_path(c)).unwrap_or(line.len() - at);
        let path = line[at..at + length].trim_end_matches('.');
        // Names in capitals stand for any name.
        let named = path.ends_with(".md") || path.ends_with(".toml");
        (own && named && !path.contains(|c: char| c.is_ascii_uppercase())).then_some(path)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_pages_are_found_in_sources() {
        let line =
            "docs/a.md, `docs/b/c.toml`; ../../docs/d.md. x/docs/e.md docs/PLAN.toml docs/f.svg https://a.b/docs/g.md";
        assert_eq!(paths(line).collect::<Vec<_>>(), ["docs/a.md", "docs/b/c.toml", "docs/d.md"]);
    }

    #[test]
    fn faults_are_found() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("docs")).unwrap();
        std::fs::write(root.path().join("LICENCE"), "free").unwrap();
        std::fs::write(
            root.path().join("README.md"),
            "# A `b` c: d_e\n## Twice\n## Twice\n[1](#a-b-c-d_e) [2](#twice-1) [3](#twice-2) [4](docs/page.md#title) \
             [5](docs/page.md#other) [6](docs/none.md) ![7](none.svg) [8](LICENCE) [9](LICENCE#top) [10](https://example.org/none) \
             [11](https://github.com/flameout-rs/flameout/blob/main/docs/gone.md) [12](../outside.md) [13](docs)\n\
             `[14](none)`\n\n| a |\n| --- |\n| [15](in-a-table) |\n",
        )
        .unwrap();
        std::fs::write(
            root.path().join("docs/page.md"),
            "Title\n=====\n[1](../README.md#twice) [2](page.md) [3](README.md)",
        )
        .unwrap();
        let faults = of_links(root.path()).unwrap();
        let found: Vec<&str> =
            faults.iter().map(|fault| &fault[fault.find('[').unwrap()..fault.find("]:").unwrap()]).collect();
        let expected = [
            "[#twice-2",
            "[docs/page.md#other",
            "[docs/none.md",
            "[none.svg",
            "[LICENCE#top",
            "[https://github.com/flameout-rs/flameout/blob/main/docs/gone.md",
            "[../outside.md",
            "[in-a-table",
            "[README.md",
        ];
        assert_eq!(found, expected, "{faults:#?}");
    }
}
