//! What the doctor said.

use flameout_curves::argument;
use flameout_doctor::{Check, Grade};
use flameout_doctor::{Diagnosis, Finding, Trials, Verdict};
use maud::{Markup, html};

use super::{class, strings, table, text};
use crate::figures::{counted, percent, short, whole};
use crate::run::Run;
use crate::status::Gravity;

/// The section of a page.
pub(super) fn section(run: &Run) -> Markup {
    html! {
        section #doctor {
            h2 { "Doctor" }
            @match &run.diagnosis {
                Some(diagnosis) => (of(diagnosis)),
                None => p {
                    "There is no diagnosis. The doctor makes the run again, checks it, and finds the cause by experiment: "
                    code { "flameout diagnose " (argument(&run.path)) }
                },
            }
        }
    }
}

fn of(diagnosis: &Diagnosis) -> Markup {
    let replayed: Vec<&Trials> = diagnosis
        .control
        .iter()
        .chain(diagnosis.findings.iter().filter_map(|finding| finding.replay.as_ref()))
        .collect();
    html! {
        (verdict(diagnosis))
        h3 { "Checks" }
        (table("Checks", &strings(["check", "result", "measured"]), diagnosis.checks.iter().map(check)))
        @if !replayed.is_empty() {
            h3 { "Replays" }
            p { (control(diagnosis)) }
            (table(
                "Replays",
                &strings(["changed", "went wrong", "95 % interval", "highest loss", "loss at the end", "steps"]),
                replayed.into_iter().map(trials),
            ))
        }
        @if !diagnosis.findings.is_empty() {
            h3 { "Possible causes" }
            (table(
                "Possible causes",
                &strings(["cause", "borne out", "measured", "remedy"]),
                diagnosis.findings.iter().map(finding),
            ))
        }
        p.small { "The replays took " (counted(diagnosis.cost, "step")) "; the whole run is " (whole(diagnosis.run_steps)) "." }
    }
}

fn verdict(diagnosis: &Diagnosis) -> Markup {
    html! {
        p { (diagnosis.condition.describe(whole)) }
        @match diagnosis.verdict() {
            Verdict::Healthy => p.verdict.good { strong { "Verdict: " } (diagnosis.all_clear()) "." },
            Verdict::Unknown => p.verdict.doubtful {
                strong { "Verdict: " } (diagnosis.unexplained()) "."
            },
            Verdict::Cause(finding) => p.verdict.bad {
                strong { "Verdict: " (finding.cause.describe()) ". " } (finding.evidence) ". "
                strong { "Remedy: " } (remedy(finding)) "."
            },
        }
    }
}

fn remedy(finding: &Finding) -> Markup {
    match &finding.remedy {
        Some(change) => html! { code { (change) } },
        None => text("correct it where the data or the program come from"),
    }
}

fn check(check: &Check) -> Vec<Markup> {
    let (name, gravity) = match check.grade {
        Grade::Pass => ("pass", Some(Gravity::Good)),
        Grade::Suspect => ("suspect", Some(Gravity::Doubtful)),
        Grade::Fail => ("fail", Some(Gravity::Bad)),
        Grade::NotApplicable => ("not judged", None),
    };
    vec![
        html! { (check.number) ". " (check.question) },
        html! { span class={ "grade " (gravity.map_or("", class)) } { (name) } },
        html! { @for evidence in &check.evidence { div { (evidence) } } },
    ]
}

fn control(diagnosis: &Diagnosis) -> &'static str {
    match diagnosis.control_is_exact {
        Some(true) => {
            "Replayed with nothing changed, the run gives the same numbers, bit for bit: what follows is proof."
        }
        Some(false) => "Replayed with nothing changed, the run gives OTHER numbers: the replays prove nothing.",
        None => "The run was not replayed with nothing changed.",
    }
}

fn trials(trials: &Trials) -> Vec<Markup> {
    let (low, high) = trials.bad().wilson();
    vec![
        text(&trials.change.to_string()),
        text(&trials.describe()),
        html! {
            span.interval aria-hidden="true" {
                span style={ "margin-left:" (format!("{:.0}", 100.0 * low)) "%;width:" (format!("{:.0}", 100.0 * (high - low))) "%" } {}
            }
            (percent(low)) " to " (percent(high))
        },
        text(&short(trials.highest())),
        text(&short(trials.loss())),
        text(&whole(trials.cost())),
    ]
}

fn finding(finding: &Finding) -> Vec<Markup> {
    vec![
        text(finding.cause.describe()),
        text(if finding.confirmed { "yes" } else { "no" }),
        text(&finding.evidence),
        remedy(finding),
    ]
}
