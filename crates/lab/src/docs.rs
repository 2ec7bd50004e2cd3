//! `cargo xtask docs`: fills the tables of the documentation from the kept rows, and checks what people read.

mod glossary;
mod links;
mod pages;
mod prose;
mod tables;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use flameout_files::write_atomically;

use crate::root;

/// Fills the tables of the documentation from the kept rows, and checks what people read.
///
/// A table that follows `<!-- table: NAME -->` is described in docs/hunt/tables.toml, and filled from
/// docs/hunt/results.jsonl. Then these rules are checked:
///
/// - a link leads to a file or a heading that exists; so does a path `docs/…` in a source file;
/// - docs/SUMMARY.md lists each page of docs/ once; README.md has at most 100 lines;
/// - a line has at most 120 characters, but for tables, code and addresses;
/// - a sentence has at most 25 words, but for tables and code;
/// - a word of the list in docs/dev/style.md is not used;
/// - a page that uses a term of this project links to the glossary.
///
/// Examples:
///
///   cargo xtask docs
///   cargo xtask docs --check
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Change no file: a table that does not fit its rows is a fault.
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<ExitCode> {
    let root = root();
    if !args.check {
        fill(&root)?;
    }
    let faults = faults(&root)?;
    for fault in &faults {
        say!("{fault}");
    }
    if faults.is_empty() {
        say!("No fault found.");
        return Ok(ExitCode::SUCCESS);
    }
    tell!("error: {} faults in the documentation; each line above names a file and its line", faults.len());
    Ok(ExitCode::FAILURE)
}

/// Writes the pages whose tables have changed.
fn fill(root: &Path) -> Result<()> {
    let tables = tables::read(root)?;
    for page in pages::prose(root)? {
        let text = tables::filled(&page, &tables)?;
        if text != page.text {
            let path = root.join(&page.path);
            write_atomically(&path, &[text.as_bytes()]).with_context(|| format!("writing {}", path.display()))?;
            say!("{}: tables filled", page.path.display());
        }
    }
    Ok(())
}

/// Everything that is wrong, a line each, in the order of the rules.
fn faults(root: &Path) -> Result<Vec<String>> {
    let pages = pages::prose(root)?;
    let mut faults = links::faults(root)?;
    faults.extend(pages::faults(root, &pages)?);
    for page in &pages {
        faults.extend(prose::faults(page));
    }
    faults.extend(glossary::faults(&pages)?);
    faults.extend(tables::faults(root, &pages)?);
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_no_fault() {
        let faults = faults(&root()).unwrap();
        assert!(faults.is_empty(), "{}\n`cargo xtask docs` fills tables", faults.join("\n"));
    }
}
