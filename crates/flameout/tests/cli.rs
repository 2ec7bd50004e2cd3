//! The command line as a user meets it: what works, and what each mistake says.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use flameout_experiment::{Observer, RunOptions, Settings, StepRecord, Trainer, train};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/glove-100d-4k.bin");

fn flameout(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flameout")).args(arguments).env("NO_COLOR", "1").output().unwrap()
}

/// Standard output of a command that succeeds.
fn ok(arguments: &[&str]) -> String {
    let output = flameout(arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line on standard error of a command that fails with this code.
fn fails(arguments: &[&str], code: i32) -> String {
    let output = flameout(arguments);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {error}");
    assert!(!error.contains("panicked"), "{error}");
    assert!(error.matches("(os error").count() <= 1, "said twice: {error}");
    error
}

/// A small run that all tests share.
fn run() -> &'static str {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    let path = RUN.get_or_init(|| {
        let path = tempfile::tempdir().unwrap().keep().join("run");
        ok(&[
            "train",
            "--vectors",
            VECTORS,
            "--words",
            "300",
            "--units",
            "8",
            "--epochs",
            "2",
            "--quiet",
            "--out",
            path.to_str().unwrap(),
        ]);
        path
    });
    path.to_str().unwrap()
}

#[test]
fn without_arguments_it_says_what_to_do_first() {
    let text = ok(&[]);
    assert!(text.contains("flameout train") && text.contains("flameout embed") && text.contains("flameout diagnose"));
}

#[test]
fn words_get_vectors_in_every_format() {
    let text = ok(&["embed", "--model", run(), "the", "THE", "unseeable"]);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    assert!(lines.iter().all(|line| line.len() == 101) && lines.len() == 3);
    assert_eq!(lines[0][1..], lines[1][1..], "capital letters are tried in lower case");

    let json = ok(&["embed", "--model", run(), "--format", "json", "unseeable"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let of_text: Vec<f64> = lines[2][1..].iter().map(|number| f64::from(number.parse::<f32>().unwrap())).collect();
    let of_json = json["vector"].as_array().unwrap().iter().map(|x| f64::from(x.as_f64().unwrap() as f32));
    assert_eq!(of_json.collect::<Vec<f64>>(), of_text);

    let directory = tempfile::tempdir().unwrap();
    let words = directory.path().join("words.txt");
    std::fs::write(&words, "unseeable\r\n\nthe\n").unwrap();
    for format in ["word2vec", "npy", "safetensors", "text", "json"] {
        let out = directory.path().join(format);
        let (words, out_text) = (words.to_str().unwrap(), out.to_str().unwrap());
        ok(&["embed", "--model", run(), "--words", words, "--format", format, "--out", out_text]);
        assert!(std::fs::metadata(&out).unwrap().len() > 800, "{format}");
    }
    let (vectors, _) = flameout::word2vec::WordVectors::open_with(
        directory.path().join("word2vec"),
        &flameout::word2vec::ReadOptions::default(),
    )
    .unwrap();
    assert_eq!(vectors.words(), ["unseeable", "the"]);
    let row: Vec<f64> = vectors.row(0).iter().map(|x| f64::from(*x)).collect();
    assert_eq!(row, of_text);
    let array: ndarray::Array2<f32> = ndarray_npy::read_npy(directory.path().join("npy")).unwrap();
    assert_eq!(array, *vectors.matrix());
    let bytes = std::fs::read(directory.path().join("safetensors")).unwrap();
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("vectors").unwrap().shape(), [2, 100]);
}

#[test]
fn known_words_can_keep_their_own_vectors_and_words_come_from_standard_input() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flameout"))
        .args(["embed", "--model", run(), "--known", "original", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"the\nn\xc3\xb6!\nunseeable\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    let length: f64 = lines[0].split(' ').skip(1).map(|x| x.parse::<f64>().unwrap().powi(2)).sum();
    assert!((length - 1.0).abs() < 1e-5, "an original vector has unit length");
    assert!(String::from_utf8(output.stderr).unwrap().contains("nö!"), "what has no vector is named");
}

#[test]
fn of_many_words_without_a_vector_some_are_named_and_all_counted() {
    let directory = tempfile::tempdir().unwrap();
    let list = directory.path().join("words.txt");
    let words: Vec<String> = (100..150).flat_map(|number| [format!("☃{number}"), "the".into()]).collect();
    std::fs::write(&list, words.join("\n")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_flameout"))
        .args(["embed", "--model", run(), "--words", list.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 50);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.matches("no vector for \"☃").count(), 20, "{error}");
    assert!(error.ends_with("No vector for 50 words. The first 20 are named above.\n"), "{error}");
}

#[test]
fn neighbours_analogies_and_evaluation() {
    let json = ok(&["neighbours", "--model", run(), "the", "-k", "3", "--json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["neighbours"].as_array().unwrap().len(), 3);
    assert!(ok(&["analogy", "--model", run(), "he", "his", "unseeable"]).contains("cosine"));
    let directory = tempfile::tempdir().unwrap();
    let pairs = directory.path().join("pairs.txt");
    std::fs::write(&pairs, "The\this\t3.5\nyear\tday\t7\nzzz!\tday\t1\nweek\tday\t6\n").unwrap();
    let text = ok(&["evaluate", "--model", run(), "--pairs", pairs.to_str().unwrap(), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["held_out"]["words"], 30);
    assert_eq!((&json["sets"][0]["pairs"], &json["sets"][0]["predicted_pairs"]), (&4.into(), &3.into()));
    assert!(ok(&["evaluate", "--model", run(), "--pairs", pairs.to_str().unwrap()]).contains("hit@10"));
}

#[test]
fn a_run_is_diagnosed_replayed_and_shown() {
    assert!(ok(&["diagnose", run()]).contains("verdict:"));
    assert!(Path::new(run()).join("diagnosis.json").is_file());
    let text =
        ok(&["replay", run(), "--at", "3", "--set", "schedule.then.learning-rate=0.1", "--steps", "4", "--json"]);
    let both: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(both[0]["trials"].as_array().unwrap().len(), 3);
    assert!(!ok(&["report", run()]).is_empty());
    let page = std::fs::read_to_string(Path::new(run()).join("report.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("verdict"));
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("both.html");
    ok(&["compare", run(), run(), "--out", out.to_str().unwrap()]);
    assert!(out.is_file());
}

/// From the checkpoint of a run that was stopped it comes to the same as from the start.
#[test]
fn a_run_that_is_not_over_is_replayed_from_its_checkpoint() {
    let directory = tempfile::tempdir().unwrap();
    let stopped = directory.path().join("stopped");
    let settings = Settings::read(&Path::new(run()).join("settings.toml")).unwrap();
    let options = RunOptions { directory: stopped.clone(), resume: false, base: "".into() };
    let stop = Arc::new(AtomicBool::new(false));
    train(&settings, &options, &stop, |_| vec![Box::new(StopAfter(7, stop.clone()))]).unwrap();
    assert!(std::fs::read_dir(stopped.join("checkpoints")).unwrap().next().is_some());
    let replayed = |run: &Path| {
        ok(&["replay", run.to_str().unwrap(), "--at", "9", "--set", "optimizer.beta2=0.99", "--steps", "4", "--json"])
    };
    let from_the_start = replayed(&stopped.join("settings.toml"));
    assert_eq!(replayed(&stopped), from_the_start);
    // A line that was cut short, as when the run was killed: then from the start.
    let metrics = stopped.join("metrics.jsonl");
    let whole = std::fs::read(&metrics).unwrap();
    std::fs::write(&metrics, &whole[..whole.len() - 9]).unwrap();
    assert_eq!(replayed(&stopped), from_the_start);
}

struct StopAfter(u64, Arc<AtomicBool>);

impl Observer for StopAfter {
    fn step(&mut self, record: &StepRecord, _: &Trainer) {
        self.1.store(record.step >= self.0, Ordering::Relaxed);
    }
}

/// Thirty rows that fall from 2.3 to 0.37 and are at 2.3 from row 18 on; and the same with a sound end.
fn log_rows(collapses: bool) -> Vec<f64> {
    let falling = |row: i32| 0.25 + 2.05 * 0.86_f64.powi(row);
    (0..30).map(|row| if collapses && row >= 18 { 2.3 } else { falling(row) }).collect()
}

#[test]
fn a_log_of_another_program_is_diagnosed() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("training.log");
    let path = log.to_str().unwrap();
    let write = |collapses, head: &str| {
        let lines = log_rows(collapses).into_iter().enumerate();
        let lines: String = lines.map(|(epoch, loss)| format!("{epoch},{loss}\n")).collect();
        std::fs::write(&log, format!("{head}\n{lines}")).unwrap();
    };
    write(true, "epoch,loss");
    let text = ok(&["diagnose", path]);
    for said in ["COLLAPSE at epoch 18", "What to do next", "Keras", "PyTorch", "COLLAPSE: it did not come back"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!text.contains("docs/"), "{text}");
    let table = text.lines().filter(|line| line.contains('─') || line.contains('═'));
    assert!(table.clone().count() > 0 && table.into_iter().all(|line| line.chars().count() <= 80), "{text}");
    let json: serde_json::Value = serde_json::from_str(&ok(&["diagnose", path, "--json"])).unwrap();
    let event = &json["events"][0];
    assert_eq!((&event["kind"], &event["series"]), (&"collapse".into(), &"loss".into()));
    assert_eq!((&event["onset"], &event["first_sign"], &event["run"]), (&18.into(), &18.into(), &1.into()));
    assert_eq!((&json["verdict"], &json["unit"], &json["rows"]), (&"collapse".into(), &"epoch".into(), &30.into()));
    assert_eq!(json["runs"][0]["judged"][0]["rows"], 30);
    write(false, "epoch,loss");
    let text = ok(&["diagnose", path]);
    assert!(text.contains("nothing went wrong in what was judged: 30 rows: "), "{text}");
    assert!(!text.contains("What to do next"), "{text}");
}

/// The lines that begin with the curve's title, and its first mark.
#[test]
fn a_curve_with_its_onset_marked_fits_every_width() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("training.log");
    let lines: String = log_rows(true).iter().enumerate().map(|(epoch, loss)| format!("{epoch},{loss}\n")).collect();
    std::fs::write(&log, format!("epoch,loss\n{lines}")).unwrap();
    for width in [40, 80, 120] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_flameout"));
        let output = command.arg("diagnose").arg(&log).env("COLUMNS", width.to_string()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let shown: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.contains("what"))
            .take_while(|line| !line.contains("What to do"))
            .collect();
        let (chart, above): (Vec<&str>, Vec<&str>) = shown.iter().partition(|line| line.contains(['█', '▲']));
        assert!(above.contains(&"  training loss"), "{text}");
        let columns = |line: &&str| line.chars().count() <= width;
        assert!(chart.iter().all(columns) && chart.len() >= 5, "{width}: {text}");
        let bars: Vec<char> = chart.iter().rev().find(|line| line.contains('█')).unwrap().chars().collect();
        let arrow = chart.iter().find(|line| line.contains('▲')).unwrap().chars().position(|c| c == '▲').unwrap();
        assert!(bars[arrow] == '█' && bars[arrow - 2] != '█', "the rise is above the mark\n{text}");
        assert!(text.contains("COLLAPSE from epoch 18 on"), "{text}");
        assert!(!text.contains('\u{1b}'), "plain without a terminal");
        let table = |line: &&str| line.contains("COLLAPSE  ") || line.contains('═');
        assert!(above.iter().filter(|line| table(line)).all(columns), "{width}: {text}");
        assert_eq!(text.contains("what: COLLAPSE"), width == 40, "{text}");
    }
}

#[test]
fn a_spike_that_came_back_ends_where_it_was_back() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log.csv");
    let loss = |epoch: i32| if (20..23).contains(&epoch) { 2.0 } else { 0.3 + 2.0 * 0.7_f64.powi(epoch) };
    let lines: String = (0..40).map(|epoch| format!("{epoch},{:.4}\n", loss(epoch))).collect();
    std::fs::write(&log, format!("epoch,loss\n{lines}")).unwrap();
    let text = ok(&["diagnose", log.to_str().unwrap()]);
    assert!(text.contains("spike from epoch 20 to 23") && !text.contains("20 on"), "{text}");
}

#[test]
fn a_logger_for_another_program_is_printed() {
    for (program, code) in
        [("keras", flameout::curves::loggers::KERAS), ("pytorch", flameout::curves::loggers::PYTORCH)]
    {
        let printed = ok(&["logger", program]);
        assert_eq!(printed, code);
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("steplog.py"), &printed).unwrap();
        match Command::new("python3").args(["-m", "py_compile", "steplog.py"]).current_dir(directory.path()).status() {
            Ok(status) => assert!(status.success(), "{program}"),
            Err(_) => eprintln!("SKIPPED: there is no python3 to compile it with"),
        }
    }
    fails(&["logger", "caffe"], 2);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notes.txt");
    std::fs::write(&path, "The quick brown fox\n").unwrap();
    let message = fails(&["diagnose", path.to_str().unwrap()], 1);
    assert!(message.contains("`flameout logger keras`") && message.contains("CSV"), "{message}");
    assert!(ok(&["diagnose", "--help"]).contains("flameout logger pytorch"));
}

/// An installed program does not have the repository's pages.
#[test]
fn help_names_no_file_of_the_repository() {
    let commands = ok(&["--help"]);
    let names = commands.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let names: Vec<&str> =
        names.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"diagnose") && names.contains(&"logger"), "{names:?}");
    for name in names {
        let help = ok(&[name, "--help"]);
        assert!(!help.contains("docs/") && !help.contains("crates/"), "{name}: {help}");
    }
}

#[test]
fn columns_are_named_for_a_log_and_refused_for_a_run() {
    for option in ["--loss", "--validation-loss", "--accuracy", "--step"] {
        let message = fails(&["diagnose", run(), option, "objective"], 1);
        assert!(message.contains("is a run of flameout") && message.contains(option), "{message}");
    }
}

#[test]
fn a_word_given_twice_is_in_a_word2vec_file_once() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("a.bin");
    let words = ["unseeable", "the", "unseeable", "unseeable"];
    let command = ["embed", "--model", run(), "--format", "word2vec", "--out", out.to_str().unwrap()];
    let output = flameout(&[&command[..], &words].concat());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && error.contains("2 repetitions"), "{error}");
    let (vectors, _) = flameout::word2vec::WordVectors::open_with(&out, &Default::default()).unwrap();
    assert_eq!(vectors.words(), ["unseeable", "the"]);
}

#[test]
fn n_grams_are_fitted_used_and_evaluated() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ngrams");
    let model = path.to_str().unwrap();
    let train = ["train", "--vectors", VECTORS, "--words", "600", "--model", "ngrams", "--quiet", "--out", model];
    assert!(ok(&train).contains("penalty"));
    let text = ok(&["embed", "--model", model, "Walking", "walking", "qqqq"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "`qqqq` has no known n-gram");
    assert_eq!(lines[0].split_once(' ').unwrap().1, lines[1].split_once(' ').unwrap().1);
    assert!(ok(&["neighbours", "--model", model, "presidents"]).contains("cosine"));
    let json: serde_json::Value = serde_json::from_str(&ok(&["evaluate", "--model", model, "--json"])).unwrap();
    assert_eq!(json["held_out"]["words"], 60);
    assert!(fails(&train, 1).contains("holds `ngrams.flameout` already"));
    let foreign = directory.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("ngrams.toml"), "mine = true").unwrap();
    let into = [&train[..train.len() - 1], &[foreign.to_str().unwrap()]].concat();
    assert!(fails(&into, 1).contains("holds `ngrams.toml` already"));
    assert_eq!(std::fs::read(foreign.join("ngrams.toml")).unwrap(), b"mine = true");
    for command in [&["diagnose", model][..], &["report", model]] {
        assert!(fails(command, 1).contains("model of n-grams"), "{command:?}");
    }
    let onnx = directory.path().join("a.onnx");
    let export = ["export", "--model", model, "--to", "onnx", "--out", onnx.to_str().unwrap()];
    assert!(fails(&export, 1).contains("is no network"));
}

#[test]
fn a_model_goes_to_other_programs_and_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let train = ["train", "--vectors", VECTORS, "--words", "200", "--units", "5", "--epochs", "1", "--quiet"];
    ok(&[&train[..], &["--model", "lstm-single", "--out", &path("run")]].concat());
    let words = ["unseeable", "the"];
    let expected = ok(&[&["embed", "--model", &path("run")], &words[..]].concat());
    for (to, name) in [("safetensors", "a.safetensors"), ("keras", "a.keras")] {
        ok(&["export", "--model", &path("run"), "--to", to, "--out", &path(name)]);
        ok(&["import", &path(name), "--out", &path(to)]);
        assert_eq!(ok(&[&["embed", "--model", &path(to)], &words[..]].concat()), expected, "{to}");
    }
    ok(&["export", "--model", &path("run"), "--to", "onnx", "--out", &path("a.onnx")]);
    ok(&["export", "--model", &path("run"), "--to", "word2vec", "--out", &path("a.bin")]);
    let info = ok(&["vectors", "info", &path("a.bin"), "--json"]);
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!(info["words"], 200);
}

#[test]
fn an_exported_model_has_a_card() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let train = ["train", "--vectors", VECTORS, "--words", "200", "--units", "5", "--epochs", "1", "--quiet"];
    ok(&[&train[..], &["--model", "lstm-single", "--out", &path("run")]].concat());
    let run = path("run");
    ok(&["export", "--model", &run, "--to", "keras", "--out", &path("a.keras"), "--licence", "PDDL <1.0> | none"]);
    let card = std::fs::read_to_string(path("a.keras.md")).unwrap();
    let scores: serde_json::Value = serde_json::from_str(&ok(&["evaluate", "--model", &run, "--json"])).unwrap();
    let scores = &scores["held_out"];
    let row = format!(
        "| {} | {} | {:.1} % | {:.1} % | {:.3} |",
        scores["words"],
        scores["left_out"],
        100.0 * scores["hit_at_1"].as_f64().unwrap(),
        100.0 * scores["hit_at_10"].as_f64().unwrap(),
        scores["cosine"].as_f64().unwrap()
    );
    for told in
        ["# a.keras\n", "LSTM(5)", "180 words trained on, 20 kept for testing; seed 0", "PDDL &lt;1.0> \\| none", &row]
    {
        assert!(card.contains(told), "{told} in\n{card}");
    }
    // Of an imported model nothing is known, and nothing is said.
    ok(&["import", &path("a.keras"), "--out", &path("theirs")]);
    ok(&["export", "--model", &path("theirs"), "--to", "safetensors", "--out", &path("b.safetensors")]);
    let card = std::fs::read_to_string(path("b.safetensors.md")).unwrap();
    assert!(card.contains("not known: the model was imported") && card.contains("No score: the model was imported."));
    assert!(card.contains("--licence TEXT"), "{card}");
}

#[test]
fn files_of_vectors_are_converted_and_described() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    ok(&["vectors", "convert", VECTORS, &path("a.txt.gz"), "--format", "fast-text", "--words", "50"]);
    ok(&["vectors", "normalize", &path("a.txt.gz"), &path("b.txt"), "--to", "unit"]);
    let json: serde_json::Value = serde_json::from_str(&ok(&["vectors", "info", &path("b.txt"), "--json"])).unwrap();
    assert_eq!((&json["words"], &json["dim"], &json["format"]), (&50.into(), &100.into(), &"fast-text".into()));
    assert!((json["longest_vector"].as_f64().unwrap() - 1.0).abs() < 1e-6);
    assert!(ok(&["vectors", "info", VECTORS]).contains("4000"));
}

#[test]
fn settings_layers_and_resuming() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let layer = "{ gru = { units = 5, gate_activation = 'sigmoid', reset = 'after', return_sequences = false } }";
    std::fs::write(path("layers.toml"), format!("layers = [{layer}]")).unwrap();
    let begin = ["train", "--vectors", VECTORS, "--words", "200", "--epochs", "1", "--quiet"];
    ok(&[&begin[..], &["--model", &path("layers.toml"), "--out", &path("own")]].concat());
    let settings = std::fs::read_to_string(Path::new(&path("own")).join("settings.toml")).unwrap();
    assert!(settings.contains("units = 5"), "{settings}");
    // A finished run that is gone on with says what it came to.
    let json = ok(&["train", "--out", &path("own"), "--resume", "--json"]);
    assert!(json.contains("weights_blake3"));
    let again = fails(&[&begin[..], &["--units", "4", "--out", &path("own")]].concat(), 1);
    assert!(again.contains("holds a run already"), "{again}");
    ok(&["train", "--settings", &path("own/settings.toml"), "--out", &path("same"), "--quiet"]);
    let [a, b] = ["own", "same"].map(|name| std::fs::read(path(&format!("{name}/model.flameout"))).unwrap());
    assert_eq!(a, b, "the same settings give the same weights");
}

#[test]
fn each_mistake_gets_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("noise.bin"), [0xff, 0x00, 0x31, 0x07].repeat(9)).unwrap();
    std::fs::write(path("layers.toml"), "layer = []").unwrap();
    std::fs::write(path("pairs.txt"), "one two\n").unwrap();
    std::fs::create_dir(path("empty")).unwrap();
    let cases: [(&[&str], i32, &str); 20] = [
        (&["train", "--vectors", &path("none.bin")], 1, "none.bin"),
        (&["train", "--vectors", &path("noise.bin")], 1, "noise.bin"),
        (&["train", "--vectors", VECTORS, "--model", "lstm-triple"], 1, "lstm-triple"),
        (&["train", "--vectors", VECTORS, "--model", &path("layers.toml")], 1, "layers.toml"),
        (&["train", "--vectors", VECTORS, "--set", "training.bath=3"], 1, "bath"),
        (&["train", "--vectors", VECTORS, "--set", "training.batch"], 1, "KEY=VALUE"),
        (&["train", "--out", &path("empty"), "--resume"], 1, "no run to go on with"),
        (&["train"], 2, "--vectors"),
        (&["embed", "--model", &path("empty"), "word"], 1, "holds no model"),
        (&["embed", "--model", run(), "--words", &path("none.txt")], 1, "none.txt"),
        (&["embed", "--model", run(), "word", "--format", "npy"], 1, "--out"),
        (&["neighbours", "--model", run(), "!"], 1, "none of the words"),
        (&["evaluate", "--model", run(), "--pairs", &path("pairs.txt")], 1, "pairs.txt line 1"),
        (&["diagnose", &path("none.log")], 1, "none.log"),
        (&["replay", run(), "--at", "99999", "--set", "training.batch=3"], 1, "the run ended"),
        (&["report", &path("empty")], 1, "empty"),
        (&["vectors", "info", &path("none.bin")], 1, "none.bin"),
        (&["export", "--model", run(), "--to", "onnx", "--out", &path("no/such.onnx")], 1, "such.onnx"),
        (&["import", &path("noise.bin"), "--out", &path("model")], 1, "neither a file of Keras"),
        (&["import", &path("none.keras"), "--out", &path("model")], 1, "none.keras"),
    ];
    for (arguments, code, expected) in cases {
        let error = fails(arguments, code);
        assert!(error.contains(expected), "{arguments:?}: {error}");
        assert_eq!(error.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{arguments:?}: {error}");
    }
}

/// A directory that may not be written to, and a file that may not be read. The superuser may do both, so that there the
/// command runs as somebody else, from a place which everybody may read.
#[test]
#[cfg(unix)]
fn what_may_not_be_read_or_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;

    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let allow = |path: &str, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_flameout"), path("flameout")).unwrap();
    std::fs::copy(VECTORS, path("vectors.bin")).unwrap();
    std::fs::copy(VECTORS, path("secret.bin")).unwrap();
    std::fs::create_dir(path("closed")).unwrap();
    allow(&path("secret.bin"), 0o000);
    allow(&path("closed"), 0o555);
    allow(&path(""), 0o755);
    let (from, to) = (path("vectors.bin"), path("closed/vectors.txt"));
    let cases: [(&[&str], &str); 3] = [
        (&["train", "--vectors", &path("vectors.bin"), "--words", "200", "--out", &path("closed/run")], "closed/run"),
        (&["vectors", "convert", &from, &to, "--format", "glove"], "closed/vectors.txt"),
        (&["vectors", "info", &path("secret.bin")], "secret.bin"),
    ];
    for (arguments, expected) in cases {
        let mut command = Command::new(path("flameout"));
        if std::fs::read(path("secret.bin")).is_ok() {
            command.uid(65534).gid(65534);
        }
        let output = command.args(arguments).current_dir("/").output().unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        let denied = error.contains("ermission denied") && error.contains(expected);
        assert!(denied && error.lines().count() == 1, "{arguments:?}: {error}");
    }
    assert_eq!(std::fs::read_dir(path("closed")).unwrap().count(), 0);
}

#[test]
fn a_quiet_command_says_nothing_but_its_result() {
    let said = |arguments: &[&str]| String::from_utf8(flameout(arguments).stderr).unwrap();
    assert!(said(&["diagnose", run()]).contains("making the run again"));
    for command in ["diagnose", "report"] {
        assert_eq!(said(&[command, run(), "--quiet"]), "");
    }
}

/// What a full disk, or a reader that goes away, does to standard output.
#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_no_panic() {
    for arguments in
        [&["vectors", "info", VECTORS][..], &["embed", "--model", run(), "the"], &["evaluate", "--model", run()]]
    {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output =
            Command::new(env!("CARGO_BIN_EXE_flameout")).args(arguments).stdout(full).stderr(Stdio::piped()).output();
        let output = output.unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {error}");
        assert!(error.contains("error: ") && !error.contains("panicked"), "{arguments:?}: {error}");
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_flameout"))
        .args(["embed", "--model", run(), "--words", VECTORS])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let error = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn completions_and_manual_pages() {
    assert!(ok(&["completions", "bash"]).contains("neighbours"));
    let directory = tempfile::tempdir().unwrap();
    ok(&["man", directory.path().to_str().unwrap()]);
    assert!(directory.path().join("flameout-train.1").is_file());
}
