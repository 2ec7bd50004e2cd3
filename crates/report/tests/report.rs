//! Run directories, made by hand, as pages, pictures and text.

mod common;

use std::fs;

use common::{SPIKE, records, write_collapsed, write_unfinished};
use flameout_doctor::{Cause, Change, Condition, Diagnosis, End, Finding, Trial, Trials};
use flameout_doctor::{Check, Grade};
use flameout_report::{Colour, Error, MarkKind, Plot, Run, Status, compare, html, png, svg, terminal, write};
use serde_json::Value;

/// A page's numbers, as its script reads them.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once(r#"<script type="application/json" id="data">"#).expect("the data's element");
    serde_json::from_str(rest.split_once("</script>").expect("its end").0).expect("JSON")
}

fn diagnosis() -> Diagnosis {
    let trial = Trial {
        order: None,
        end: End::Rose { onset: 900 },
        steps: 50,
        loss: 0.02,
        highest: 0.03,
        weights_blake3: "ab".into(),
    };
    let evidence = "the word \"<img src=x onerror=alert(2)>\" is odd".to_owned();
    Diagnosis {
        condition: Condition::Rose { onset: 900 },
        checks: vec![Check {
            number: 4,
            question: "Would a lower learning rate have prevented it?".into(),
            grade: Grade::Fail,
            evidence: vec![evidence.clone()],
        }],
        control_is_exact: Some(true),
        control: Some(Trials { change: Change::Nothing, trials: vec![trial] }),
        findings: vec![Finding::direct(
            Cause::LearningRate,
            evidence,
            Some(Change::setting("schedule.learning-rate", 1)),
        )],
        run_steps: 1000,
        cost: 50,
    }
}

#[test]
fn a_page_has_every_part_in_order() {
    let directory = tempfile::tempdir().unwrap();
    write_collapsed(directory.path(), 1000, 900);
    fs::write(directory.path().join("diagnosis.json"), serde_json::to_vec(&diagnosis()).unwrap()).unwrap();
    let run = Run::read(directory.path()).unwrap();
    let page = html(&run);
    let mut rest = page.as_str();
    for part in [
        "<!DOCTYPE html>",
        "default-src 'none'",
        "Collapsed at step 900, to the same output for every word.",
        "<h2>Outcome</h2>",
        r#"<figure id="loss">"#,
        "Loss in numbers",
        r#"<figure id="identical">"#,
        "<h2>Doctor</h2>",
        "updates are too large: the learning rate is too high",
        "schedule.learning-rate = 1",
        r#"<span class="grade bad">fail</span>"#,
        "bit for bit",
        "1 of 1",
        "<h2>Settings</h2>",
        "<mark>64</mark>",
        "<h2>Make it again</h2>",
        r"flameout train '&lt;/script&gt;&lt;b&gt;it'\''s&lt;/b&gt;'",
        "2026-11-23T17:52:07Z",
    ] {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("`{part}` is missing, or not in its place")).1;
    }
    for forbidden in ["http://", "https://", "src=\"", "@import", "url("] {
        let own = page.replace("http://www.w3.org/2000/svg", "").replace("url(#${", "");
        assert!(!own.contains(forbidden), "the page must fetch nothing: {forbidden}");
    }
}

#[test]
fn what_a_guard_did_is_told() {
    let directory = tempfile::tempdir().unwrap();
    write_collapsed(directory.path(), 1000, 900);
    let file = directory.path().join("summary.json");
    let told = |acted: Option<&[u64]>| {
        let mut summary: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        match acted {
            Some(acted) => summary["guarded"] = acted.into(),
            None => drop(summary.as_object_mut().unwrap().remove("guarded")),
        }
        fs::write(&file, summary.to_string()).unwrap();
        let run = Run::read(directory.path()).unwrap();
        [terminal(&run, 80, Colour::None), html(&run)]
    };
    for text in told(Some(&[450, 460, 700])) {
        assert!(text.contains("The guard acted 3 times, at step 450 first and at step 700 last."), "{text}");
    }
    assert!(told(Some(&[450])).iter().all(|text| text.contains("The guard acted once, at step 450.")));
    assert!(told(Some(&[])).iter().all(|text| text.contains("The guard never acted.")));
    assert!(told(None).iter().all(|text| !text.contains("guard")));
}

#[test]
fn what_files_say_is_harmless() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("<script>alert(0)<");
    write_collapsed(&path, 300, 200);
    fs::write(path.join("diagnosis.json"), serde_json::to_vec(&diagnosis()).unwrap()).unwrap();
    let run = Run::read(&path).unwrap();
    for page in [html(&run), compare(&[run.clone(), run.clone()])] {
        assert!(!page.contains("<script>alert") && !page.contains("<img") && !page.contains("<b>it"));
        assert_eq!(page.matches("</script>").count(), 2, "the page's data and its program");
        assert!(data(&page)["plots"][0]["lines"][0]["name"].is_string());
    }
    assert!(
        data(&compare(&[run.clone(), run.clone()]))["plots"][0]["lines"][0]["name"].as_str().unwrap().contains("<")
    );
    let picture = svg(&run, Plot::Loss).unwrap();
    assert!(picture.contains("&lt;script&gt;alert") && !picture.contains("<script"));
}

#[test]
fn a_picture_in_dots_is_as_large_as_said_and_not_empty() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("training.log");
    std::fs::write(&log, "epoch,loss\n0,0.7\n1,0.2\n2,0.1\n").unwrap();
    // Where no font is installed there is no picture, but a reason.
    match png(&Run::read(&log).unwrap(), Plot::Loss) {
        Ok(bytes) => {
            assert!(bytes.starts_with(b"\x89PNG\r\n\x1a\n") && bytes.len() > 5_000, "{} bytes", bytes.len());
            let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!((number(16), number(20)), (1720, 760));
        }
        Err(error) => assert!(error.to_string().contains("no font"), "{error}"),
    }
}

#[test]
fn a_spike_of_one_step_survives_the_thinning() {
    let directory = tempfile::tempdir().unwrap();
    write_collapsed(directory.path(), 100_000, 90_000);
    let page = html(&Run::read(directory.path()).unwrap());
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
    let loss = &data(&page)["plots"][0]["lines"][0];
    let (steps, highs) = (loss["step"].as_array().unwrap(), loss["high"].as_array().unwrap());
    assert!(steps.len() <= 1500 && steps.len() == highs.len());
    let at = highs.iter().position(|high| high == 0.5).expect("the spike");
    assert!((SPIKE..SPIKE + 100).contains(&steps[at].as_u64().unwrap()));
    let onset = steps.iter().position(|step| step == 90_000).expect("the onset's step");
    assert_eq!(steps[onset - 1], 89_999, "around the onset, every step is there");
    assert_eq!(data(&page)["marks"].as_array().unwrap().last().unwrap()["step"], 90_000);
}

#[test]
fn a_run_that_is_going_on_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    write_unfinished(directory.path(), &records(200, None));
    let metrics = directory.path().join("metrics.jsonl");
    let whole = fs::read(&metrics).unwrap();
    fs::write(&metrics, &whole[..whole.len() - 20]).unwrap();
    let run = Run::read(directory.path()).unwrap();
    assert!(run.is_unfinished());
    assert_eq!((run.last_step(), run.notes.len(), Status::of(&run)), (199, 1, Status::Quiet));
    let page = html(&run);
    assert!(page.contains("The run has not ended") && page.contains("is torn and was left out"));
    assert!(page.contains("flameout diagnose ") && !page.contains("<h2>Outcome</h2>"));
    assert!(terminal(&run, 80, Colour::None).contains("199 steps, not ended yet"));
}

#[test]
fn without_a_summary_a_collapse_is_seen_in_the_curve() {
    let directory = tempfile::tempdir().unwrap();
    write_unfinished(directory.path(), &records(5000, Some(2500)));
    let run = Run::read(directory.path()).unwrap();
    let rise = run.marks.iter().find(|mark| mark.kind != MarkKind::Spike).expect("a rise");
    assert!((2450..=2600).contains(&rise.step), "{rise:?}");
}

#[test]
fn numbers_that_are_not_finite_leave_a_gap() {
    let directory = tempfile::tempdir().unwrap();
    let lines = "epoch,loss,val_loss\n0,0.5,0.6\n1,nan,inf\n2,0.4,0.5\n";
    let log = directory.path().join("training.log");
    fs::write(&log, lines).unwrap();
    let run = Run::read(&log).unwrap();
    let page = html(&run);
    assert_eq!(data(&page)["plots"][0]["lines"][0]["mean"], serde_json::json!([0.5, null, 0.4]));
    assert!(page.contains("not finite"));
    for plot in Plot::ALL {
        assert!(svg(&run, plot).unwrap().ends_with("</svg>\n"), "{}", plot.name());
    }
    assert!(terminal(&run, 0, Colour::Ansi).contains("\x1b[1mtraining.log\x1b[0m"));
}

#[test]
fn the_smallest_and_largest_numbers_there_are_can_be_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("training.log");
    fs::write(&log, "step,loss,accuracy\n1,5e-324,-1.7e308\n2,1e308,0\n9007199254740991,1.7e308,1.7e308\n").unwrap();
    let run = Run::read(&log).unwrap();
    for plot in Plot::ALL {
        assert!(svg(&run, plot).unwrap().ends_with("</svg>\n"), "{}", plot.name());
    }
    assert!(html(&run).len() < 100_000 && terminal(&run, 80, Colour::None).contains("3 rows up to step"));
}

#[test]
fn several_runs_are_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let paths = ["a/run", "b/run"].map(|name| directory.path().join(name));
    write_collapsed(&paths[0], 600, 500);
    write_unfinished(&paths[1], &records(300, None));
    let settings = common::settings().to_toml().replace("batch = 32", "batch = 16");
    fs::write(paths[1].join("settings.toml"), settings).unwrap();
    let page = compare(&paths.map(|path| Run::read(&path).unwrap()));
    let names: Vec<Value> =
        data(&page)["plots"][0]["lines"].as_array().unwrap().iter().map(|line| line["name"].clone()).collect();
    assert!(names[0].as_str().unwrap().ends_with("a/run") && names[2].as_str().unwrap().ends_with("b/run"));
    let (_, differing) = page.split_once("Settings that differ</h2>").unwrap();
    assert!(differing.contains("training.batch") && !differing.contains("<code>model.units"));
    assert!(compare(&[]).contains("There is no run to show."));
}

#[test]
fn a_comparison_of_many_runs_stays_small() {
    let directory = tempfile::tempdir().unwrap();
    write_collapsed(directory.path(), 20_000, 9000);
    let run = Run::read(directory.path()).unwrap();
    assert!(compare(&vec![run; 20]).len() < 1_000_000);
}

#[test]
fn the_terminal_is_told_the_same() {
    let directory = tempfile::tempdir().unwrap();
    write_collapsed(directory.path(), 1000, 900);
    fs::write(directory.path().join("diagnosis.json"), serde_json::to_vec(&diagnosis()).unwrap()).unwrap();
    let run = Run::read(directory.path()).unwrap();
    let text = terminal(&run, 80, Colour::None);
    for part in
        ["collapsed at step 900", "Loss, test", "▲ collapse 900", "verdict: updates are too large", "model.units = 64"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\x1b') && text.lines().take(11).all(|line| line.chars().count() <= 80), "{text}");
    assert!(terminal(&run, 80, Colour::Ansi).contains("\x1b[31m"));
}

#[test]
fn mistakes_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::write(path.join("settings.toml"), common::settings().to_toml()).unwrap();
    assert!(matches!(Run::read(path), Err(Error::NoStep { .. })));
    write_collapsed(path, 300, 200);
    fs::write(path.join("diagnosis.json"), "{").unwrap();
    let run = Run::read(path).unwrap();
    assert!(run.diagnosis.is_none() && run.notes[0].contains("diagnosis.json"), "{:?}", run.notes);
    fs::write(path.join("summary.json"), "{\"case\":").unwrap();
    let message = Run::read(path).unwrap_err().to_string();
    assert!(message.contains("summary.json") && message.contains("line 1"), "{message}");
    assert!(matches!(Run::read(&path.join("none")), Err(Error::Curve(_))));
}

#[test]
fn a_page_takes_the_place_of_an_older_one() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("report.html");
    write(&path, "old").unwrap();
    write(&path, "new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    assert!(write(&directory.path().join("none/report.html"), "x").is_err());
}
