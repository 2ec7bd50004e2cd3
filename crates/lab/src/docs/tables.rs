//! Tables of the documentation, filled from the rows of finished runs.

mod cost;
mod line;
mod plans;
mod test_hits;
mod test_loss;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use flameout_files::{TOML, read_text};
use serde::Deserialize;

use super::pages::Page;
use crate::hunt::results::Results;
use crate::measured::Listing;
use crate::second_moment;
use crate::stretch::{self, close_up, score};
use line::{Column, Line};

const SPECIFICATIONS: &str = "docs/hunt/tables.toml";
const MARK: &str = "<!-- table: ";

/// What a table shows, as `docs/hunt/tables.toml` has it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Specification {
    /// Titles of the columns whose cells are written by hand.
    labels: Vec<String>,
    /// What is computed from the rows.
    columns: Vec<Column>,
    /// Plans of the lines that name none.
    #[serde(default)]
    plans: Vec<String>,
    lines: Vec<Line>,
}

/// Reads all tables and fills them: the Markdown of each, by its name.
pub fn read(root: &Path) -> Result<BTreeMap<String, String>> {
    let path = root.join(SPECIFICATIONS);
    let text = read_text(&path, TOML).with_context(|| format!("reading {}", path.display()))?;
    let specifications: BTreeMap<String, Specification> = toml::from_str(&text).context(SPECIFICATIONS)?;
    let hunt = root.join("docs/hunt");
    let results = Results::open(&hunt)?;
    let close_ups = stretch::read_close_ups(&hunt.join("close-up.jsonl"))?;
    let measured = stretch::read(&hunt.join("stretch.jsonl"))?;
    let moments = second_moment::read(&hunt.join("second-moment.jsonl"))?;
    let rows = results.rows();
    let plans = plans::read(root)?;
    let mut tables = BTreeMap::from([
        ("plans".into(), plans::costs(&plans, &rows)),
        ("unfinished-plans".into(), plans::unfinished(&plans, &rows)),
        ("test-losses".into(), test_loss::table(&results)?),
        ("test-hits".into(), test_hits::table(&results)?),
        ("first-outliers".into(), listed(&close_up::triggers(&close_ups))),
        ("decided".into(), listed(&close_up::decided(&close_ups))),
        ("second-moments".into(), listed(&second_moment::listing(&moments))),
        ("stretch-groups".into(), listed(&score::groups(&measured))),
        ("stretch-areas".into(), listed(&score::quantities(&measured))),
    ]);
    for (name, specification) in specifications {
        let table = filled_table(&specification, &plans, &rows).with_context(|| format!("table {name}"))?;
        ensure!(tables.insert(name.clone(), table).is_none(), "{SPECIFICATIONS}: {name} is a table of all plans");
    }
    Ok(tables)
}

fn filled_table(
    specification: &Specification,
    plans: &[plans::Planned],
    rows: &[crate::hunt::results::Row],
) -> Result<String> {
    let titles = specification.labels.iter().map(String::as_str);
    let titles: Vec<&str> = titles.chain(specification.columns.iter().map(|column| column.title())).collect();
    let mut lines = Vec::new();
    for line in &specification.lines {
        ensure!(line.label.len() == specification.labels.len(), "{:?}: as many labels as titles", line.label);
        let names = if line.plans.is_empty() { &specification.plans } else { &line.plans };
        lines.push(line.cells(&specification.columns, &line.rows(names, plans, rows)?));
    }
    let numbers = |index: usize| {
        index >= specification.labels.len() && specification.columns[index - specification.labels.len()].is_number()
    };
    Ok(markdown(&titles, numbers, &lines))
}

fn listed(listing: &Listing) -> String {
    markdown(&listing.titles, |index| index >= listing.texts, &listing.rows)
}

/// A table, with its numbers to the right.
fn markdown(titles: &[&str], number: impl Fn(usize) -> bool, lines: &[Vec<String>]) -> String {
    let row = |cells: Vec<&str>| {
        let cells: String = cells.into_iter().map(|cell| format!(" {cell} |")).collect();
        format!("|{cells}\n").replace("  |", " |")
    };
    let rule = (0..titles.len()).map(|index| if number(index) { "---:" } else { "---" }).collect();
    let mut table = row(titles.to_vec()) + &row(rule);
    for line in lines {
        table += &row(line.iter().map(String::as_str).collect());
    }
    table
}

/// The page with each marked table as its rows have it.
pub fn filled(page: &Page, tables: &BTreeMap<String, String>) -> Result<String> {
    let (mut text, mut lines) = (String::new(), page.text.split_inclusive('\n').enumerate().peekable());
    while let Some((index, line)) = lines.next() {
        text.push_str(line);
        let Some(name) = line.strip_prefix(MARK).and_then(|rest| rest.trim_end().strip_suffix(" -->")) else {
            continue;
        };
        let Some(table) = tables.get(name) else {
            bail!("{}", page.fault(index + 1, format!("{SPECIFICATIONS} has no table `{name}`")));
        };
        while lines.next_if(|(_, line)| line.starts_with('|') || line.trim().is_empty()).is_some() {}
        text.push('\n');
        text.push_str(table);
        if lines.peek().is_some() {
            text.push('\n');
        }
    }
    Ok(text)
}

/// Tables that do not fit their rows, and tables that no page shows.
pub fn faults(root: &Path, pages: &[Page]) -> Result<Vec<String>> {
    let tables = read(root)?;
    let mut faults = Vec::new();
    for page in pages {
        let right = filled(page, &tables)?;
        if right == page.text {
            continue;
        }
        let differs = right.lines().zip(page.text.lines()).position(|(right, is)| right != is).unwrap_or_default();
        let right = right.lines().nth(differs).unwrap_or_default();
        faults.push(page.fault(differs + 1, format!("the rows say: {right}")));
    }
    for name in tables.keys() {
        let marks = pages.iter().map(|page| page.text.matches(&format!("{MARK}{name} -->")).count()).sum::<usize>();
        if marks != 1 {
            faults.push(format!("{SPECIFICATIONS}: {marks} pages show the table `{name}`, not one"));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_put_after_its_mark() {
        let tables = BTreeMap::from([(
            "a".to_owned(),
            markdown(&["x", "y"], |index| index == 1, &[vec!["1".into(), "2".into()]]),
        )]);
        let page = |text: &str| Page { path: "p.md".into(), text: text.into() };
        let right = "Before.\n\n<!-- table: a -->\n\n| x | y |\n| --- | ---: |\n| 1 | 2 |\n\nAfter.\n";
        for text in
            [right, "Before.\n\n<!-- table: a -->\nAfter.\n", "Before.\n\n<!-- table: a -->\n| x |\n| - |\n\nAfter.\n"]
        {
            assert_eq!(filled(&page(text), &tables).unwrap(), right);
        }
        assert!(filled(&page("<!-- table: b -->\n"), &tables).unwrap_err().to_string().contains("p.md:1:"));
    }

    /// Four of five trained well, by the rows in the repository.
    #[test]
    fn rows_of_the_repository_fill_a_table() {
        let root = crate::root();
        let plans = plans::read(&root).unwrap();
        let rows = Results::open(&root.join("docs/hunt")).unwrap().rows();
        let table = |set: &str| {
            let text = format!(
                "labels = ['rate']\ncolumns = ['trained', 'collapsed', 'interval', 'onsets']\nplans = ['gru-learning-rate']\n\
                 lines = [{{ label = ['0.0175'], set = ['schedule.learning-rate={set}'] }}]"
            );
            filled_table(&toml::from_str(&text).unwrap(), &plans, &rows)
        };
        let last = |table: String| table.lines().last().unwrap().to_owned();
        assert_eq!(
            last(table("0.0175").unwrap()),
            "| 0.0175 | 4 of 5 | 4 of 4 | 51–100 % | 2,599, 4,842, 5,447, 5,575 |"
        );
        assert!(table("0.5").unwrap_err().to_string().contains("no row"));
    }
}
