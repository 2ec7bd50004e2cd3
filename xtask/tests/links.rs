//! Every relative link and anchor in the repository's Markdown points at something that exists. No network is used.

use std::collections::{BTreeSet, HashMap};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

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

/// The Markdown files below `folder`, as paths relative to `root`.
fn markdown_files(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !path.is_symlink() && !matches!(name.as_str(), "target" | ".git" | "runs") {
            markdown_files(root, &path, found);
        } else if name.ends_with(".md") {
            found.push(path.strip_prefix(root).unwrap().to_path_buf());
        }
    }
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

/// Every fault of every page, and how many links were looked at.
fn faults(root: &Path) -> (Vec<String>, usize) {
    let mut files = Vec::new();
    markdown_files(root, root, &mut files);
    files.sort();
    let read = |file: &PathBuf| Page::parse(&std::fs::read_to_string(root.join(file)).unwrap());
    let pages: HashMap<PathBuf, Page> = files.iter().map(|file| (file.clone(), read(file))).collect();
    let links = || files.iter().flat_map(|file| pages[file].links.iter().map(move |link| (file, link)));
    let faults = links()
        .filter_map(|(file, link)| {
            fault(root, &pages, file, link).map(|fault| format!("{}: [{link}]: {fault}", file.display()))
        })
        .collect();
    (faults, links().count())
}

#[test]
fn every_link_in_the_repository_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let (faults, links) = faults(root);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(links > 100, "only {links} links: are the pages found?");
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
    let (faults, _) = faults(root.path());
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
