//! Settings, program and machine of a run, and how to make it again.

use std::borrow::Cow;

use flameout_experiment::Settings;
use flameout_experiment::run_directory::Environment;
use maud::{Markup, html};

use super::{strings, table, text};
use crate::differences::{Row, from_question};
use crate::figures::counted;
use crate::run::Run;

/// The section about settings.
pub(super) fn section(settings: &Settings) -> Markup {
    let mut rows = from_question(settings);
    rows.sort_by_key(|row| !row.differs());
    let differing = rows.iter().filter(|row| row.differs()).count();
    html! {
        section #settings {
            h2 { "Settings" }
            p {
                @if differing == 0 { "All are as in the question of 2016." }
                @else { (differing) " of " (rows.len()) " are unlike the question's of 2016; they are marked." }
            }
            (table("Settings", &strings(["setting", "this run", "the question"]), rows.iter().map(row)))
        }
    }
}

fn row(row: &Row) -> Vec<Markup> {
    let given = |value: &Option<String>| value.clone().unwrap_or_else(|| "–".into());
    let own = given(&row.values[0]);
    vec![
        html! { code { (row.key) } },
        if row.differs() {
            html! { mark { (own) } }
        } else {
            text(&own)
        },
        text(&given(&row.values[1])),
    ]
}

/// The section about program and machine.
pub(super) fn repeat(run: &Run) -> Markup {
    html! {
        section #repeat {
            h2 { "Make it again" }
            p {
                "Equal settings and data give equal weights, to the bit, on any machine. The settings are in "
                code { (run.path.join("settings.toml").display()) } "."
            }
            @if let Some(environment) = &run.environment {
                p { "The command that made this run:" }
                pre tabindex="0" { code { (command(environment)) } }
            }
            @if let Some(settings) = &run.settings {
                details { summary { "settings.toml" } pre tabindex="0" { code { (settings.to_toml()) } } }
            }
            (facts(run))
        }
    }
}

fn facts(run: &Run) -> Markup {
    html! {
        dl {
            @if let Some(environment) = &run.environment {
                dt { "began" } dd { (began(environment)) }
                dt { "program" } dd { "flameout " (environment.flameout) }
                dt { "machine" }
                dd {
                    (environment.os) ", " (environment.architecture) ", " (environment.kernels) " on "
                    (counted(environment.threads as u64, "thread")) " (their number does not change the numbers)"
                }
            }
            @if let Some(settings) = &run.settings { dt { "settings, BLAKE3" } dd { code { (settings.hash()) } } }
            @if let Some(summary) = &run.summary { dt { "weights, BLAKE3" } dd { code { (summary.weights_blake3) } } }
        }
    }
}

fn began(environment: &Environment) -> String {
    let seconds = i64::try_from(environment.started_unix_seconds).ok();
    let time = seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    time.map_or("unknown".into(), |time| time.to_string())
}

fn command(environment: &Environment) -> String {
    environment.command.iter().map(|argument| quoted(argument)).collect::<Vec<_>>().join(" ")
}

/// As a POSIX shell takes it.
fn quoted(argument: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.into();
    }
    format!("'{}'", argument.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_quoted_where_a_shell_needs_it() {
        for (argument, text) in
            [("--set", "--set"), ("a=b", "a=b"), ("", "''"), ("it's", r"'it'\''s'"), ("a b;c", "'a b;c'")]
        {
            assert_eq!(quoted(argument), text);
        }
    }
}
