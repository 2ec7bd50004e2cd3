//! The pages that people read, and the rules about which there are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The longest README.
const README_LINES: usize = 100;
/// Pages outside of `docs/` that are written for every reader.
const BESIDE: [&str; 4] = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"];
/// The table of contents of the book: no page of it.
const SUMMARY: &str = "docs/SUMMARY.md";

/// A page as it is in its file.
#[derive(Debug)]
pub struct Page {
    /// Relative to the repository.
    pub path: PathBuf,
    /// Its Markdown.
    pub text: String,
}

impl Page {
    /// Says what is wrong, and in which line, counted from 1.
    pub fn fault(&self, line: usize, what: impl std::fmt::Display) -> String {
        format!("{}:{line}: {what}", self.path.display())
    }

    /// The line, counted from 1, that has this byte.
    pub fn line_of(&self, byte: usize) -> usize {
        1 + self.text[..byte].matches('\n').count()
    }
}

/// Reads README, its companions and every page of `docs/`.
pub fn prose(root: &Path) -> Result<Vec<Page>> {
    let mut paths: Vec<PathBuf> = BESIDE.iter().map(PathBuf::from).collect();
    let mut book = Vec::new();
    files(root, &root.join("docs"), &["md"], &mut book)?;
    book.sort();
    paths.extend(book.into_iter().filter(|path| path != Path::new(SUMMARY)));
    paths.into_iter().map(|path| read(root, path)).collect()
}

fn read(root: &Path, path: PathBuf) -> Result<Page> {
    let text = std::fs::read_to_string(root.join(&path)).with_context(|| format!("reading {}", path.display()))?;
    Ok(Page { path, text })
}

/// Finds the files below `folder` with one of these endings, as paths relative to `root`. What builds and runs leave is
/// left out.
pub fn files(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            let made = matches!(name.as_str(), "target" | ".git" | "runs" | "book" | "node_modules" | "shared")
                || name.starts_with(".venv");
            if !made {
                files(root, &path, endings, found)?;
            }
        } else if endings.contains(&ending.as_str()) || endings.contains(&name.as_str()) {
            found.push(path.strip_prefix(root).unwrap_or(&path).to_path_buf());
        }
    }
    Ok(())
}

/// What is wrong with the table of contents and with README's length.
pub fn faults(root: &Path, pages: &[Page]) -> Result<Vec<String>> {
    let summary = read(root, SUMMARY.into())?;
    let mut faults = Vec::new();
    for page in pages {
        let lines = page.text.lines().count();
        if page.path == Path::new("README.md") && lines > README_LINES {
            faults.push(page.fault(lines, format!("README has at most {README_LINES} lines")));
        }
        let Ok(of_book) = page.path.strip_prefix("docs") else { continue };
        let entry = format!("]({})", of_book.display());
        match summary.text.matches(&entry).count() {
            1 => {}
            times => faults.push(summary.fault(1, format!("{} is listed {times} times, not once", of_book.display()))),
        }
    }
    Ok(faults)
}
