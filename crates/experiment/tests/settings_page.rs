//! `docs/reference/settings.md` says what the code does: its examples are read, its tables compared with the settings they make.

use std::collections::BTreeMap;

use flameout_experiment::Settings;
use toml::{Table, Value};

const PAGE: &str = include_str!("../../../docs/reference/settings.md");

/// A TOML example and the rows of the tables that follow it: section, key, and default if the page names one.
#[derive(Default)]
struct Example {
    toml: String,
    rows: Vec<(String, String, Option<Value>)>,
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut section = String::new();
    let mut in_example = false;
    for line in PAGE.lines() {
        if line == "```toml" {
            in_example = true;
            examples.push(Example::default());
        } else if line == "```" {
            in_example = false;
        } else if let Some(heading) = line.strip_prefix("## ") {
            section = heading.trim_matches('`').to_owned();
        } else if let Some(example) = examples.last_mut() {
            if in_example {
                example.toml += &format!("{line}\n");
            } else if line.starts_with("| `") {
                let cells: Vec<&str> = line.split('|').map(str::trim).collect();
                let code = |cell: &str| Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned());
                let section = if section == "Top level" { String::new() } else { section.clone() };
                example.rows.push((section, code(cells[1]).unwrap(), code(cells[2]).map(|text| value(&text))));
            }
        }
    }
    examples
}

fn value(text: &str) -> Value {
    toml::from_str::<Table>(&format!("value = {text}")).unwrap_or_else(|error| panic!("{text}: {error}"))["value"]
        .clone()
}

/// (section, key) of every setting that has a value; the top level has the empty name.
fn flat(settings: &Settings) -> BTreeMap<(String, String), Value> {
    let mut flat = BTreeMap::new();
    for (name, value) in toml::from_str::<Table>(&settings.to_toml()).unwrap() {
        match value {
            Value::Table(section) => flat.extend(section.into_iter().map(|(key, value)| ((name.clone(), key), value))),
            other => drop(flat.insert((String::new(), name), other)),
        }
    }
    flat
}

/// The file with the settings in comments given, too.
fn with_comments(file: &str) -> String {
    file.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_complete_file_is_the_question() {
    let file = &examples()[0].toml;
    let settings = Settings::from_toml(file).unwrap();
    assert_eq!(settings, Settings::for_case(settings.case));
    // Complete: nothing is left to a default.
    let given: Table = toml::from_str(file).unwrap();
    assert_eq!(given, toml::from_str::<Table>(&settings.to_toml()).unwrap());
}

#[test]
fn tables_hold_every_setting_with_its_default() {
    for (number, Example { toml, rows }) in examples().into_iter().enumerate() {
        let file = if number == 0 { with_comments(&toml) } else { format!("case = \"gru-single\"\n{toml}") };
        let example = flat(&Settings::from_toml(&file).unwrap_or_else(|error| panic!("{file}{error}")));
        let documented: BTreeMap<_, _> =
            rows.into_iter().map(|(section, key, default)| ((section, key), default)).collect();
        for (name, default) in &documented {
            let actual = example.get(name).unwrap_or_else(|| panic!("{name:?} is no setting of\n{file}"));
            if let Some(default) = default {
                assert_eq!(default, actual, "{name:?} in\n{file}");
            }
        }
        let sections: Vec<String> = documented.keys().map(|(section, _)| section.clone()).collect();
        for name in example.keys().filter(|(section, _)| sections.contains(section)) {
            let told = documented.contains_key(name) || (number > 0 && name.1 == "kind");
            assert!(told, "{name:?} is missing from the table that belongs to\n{file}");
        }
        assert!(!documented.is_empty(), "no table belongs to\n{file}");
    }
}

#[test]
fn every_setting_has_a_table_and_every_kind_an_example() {
    let examples = examples();
    let documented: Vec<_> = examples.iter().flat_map(|example| &example.rows).map(|(s, k, _)| (s, k)).collect();
    for (section, key) in flat(&Settings::from_toml(&with_comments(&examples[0].toml)).unwrap()).keys() {
        assert!(documented.contains(&(section, key)), "{section}.{key}");
    }
    let tables = PAGE.lines().filter(|line| line.starts_with("| `kind`"));
    for kind in tables.flat_map(|line| line.split('|').nth(4).unwrap().split(',')) {
        let line = format!("kind = \"{}\"", kind.trim().trim_matches('`'));
        assert!(examples.iter().any(|example| example.toml.lines().any(|other| other == line)), "{line}");
    }
}
