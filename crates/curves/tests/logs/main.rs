//! Logs of other programs: real files, every known variety of text, and files that are not what they should be.

#[path = "../common/event_file.rs"]
mod event_file;
mod generated;

use std::path::{Path, PathBuf};

use flameout_curves::{Curve, Error, Format, Names, Unit, loggers, logs};

use event_file::events;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn read(path: &Path) -> Result<Curve, Error> {
    logs::read(path, &Names::default()).map(|mut runs| runs.remove(0))
}

fn read_bytes(content: &[u8]) -> Result<Curve, Error> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    std::fs::write(&path, content).unwrap();
    read(&path)
}

fn losses(curve: &Curve) -> Vec<(u64, f64)> {
    curve.points.iter().map(|point| (point.step, point.loss)).collect()
}

#[test]
fn keras_csv_logger() {
    let curve = read(&fixture("keras-csv-logger.csv")).unwrap();
    assert_eq!((curve.source.format, curve.unit, curve.steps_per_epoch), (Format::Csv, Unit::Epoch, Some(1)));
    assert_eq!((curve.points.len(), curve.epochs.len()), (6, 6));
    assert_eq!((curve.points[0].step, curve.points[0].loss), (0, 0.423_177_927_732_467_65));
    assert_eq!(curve.points[0].accuracy, Some(0.854_166_686_534_881_6));
    assert_eq!((curve.epochs[0].step, curve.epochs[0].test_loss), (Some(0), Some(0.327_300_548_553_466_8)));
    assert_eq!(curve.epochs[0].test_accuracy, Some(0.875));
    assert!(curve.notes.is_empty(), "{:?}", curve.notes);

    let semicolons = read(&fixture("keras-csv-logger-semicolon.csv")).unwrap();
    assert_eq!((semicolons.points.len(), semicolons.points[0].loss), (3, 0.741_777_002_811_431_9));
}

#[test]
fn tensorboard_of_pytorch() {
    for path in ["tensorboard-pytorch", "tensorboard-pytorch/events.out.tfevents"] {
        let curve = read(&fixture(path)).unwrap();
        assert_eq!((curve.source.format, curve.unit), (Format::TensorBoard, Unit::Step));
        assert_eq!(curve.points.len(), 31);
        // (2·3 − 1)², and its gradient 6·(2·3 − 1).
        assert_eq!((curve.points[0].step, curve.points[0].loss), (1, 25.0));
        assert_eq!(curve.points[0].gradient_norm, Some(30.0));
        assert_eq!(curve.points[0].learning_rate, Some(f64::from(0.01_f32)));
        assert!(curve.points[30].loss.is_nan() && !curve.points[30].is_finite());
        let tested: Vec<_> = curve.epochs.iter().map(|test| test.step).collect();
        assert_eq!(tested, [Some(10), Some(20), Some(30)]);
    }
}

#[test]
fn tensorboard_of_tensorflow_2() {
    let curve = read(&fixture("tensorboard-keras")).unwrap();
    assert_eq!((curve.source.format, curve.unit), (Format::TensorBoard, Unit::Epoch));
    let halving: Vec<(u64, f64)> = (0..8).map(|epoch| (epoch, 0.5_f64.powi(epoch as i32))).collect();
    assert_eq!(losses(&curve), halving);
    assert_eq!(curve.epochs.len(), 8);
    assert_eq!((curve.epochs[2].test_loss, curve.epochs[2].step), (Some(0.3125), Some(2)));
    assert!(curve.points[3].accuracy.is_some() && curve.epochs[3].test_accuracy.is_some());
}

#[test]
fn the_step_log_of_keras() {
    let curve = read(&fixture("keras-step-log.jsonl")).unwrap();
    assert_eq!((curve.source.format, curve.unit, curve.points.len()), (Format::JsonLines, Unit::Step, 12));
    let first = curve.points[0];
    assert_eq!((first.step, first.loss, first.accuracy), (1, 0.443_536_043_167_114_26, Some(0.875)));
    assert_eq!((first.update_norm, first.gradient_norm), (Some(0.063_987_850_193_006_33), None));
    assert_eq!(first.learning_rate, Some(f64::from(0.01_f32)));
    let tested: Vec<_> = curve.epochs.iter().map(|test| test.step).collect();
    assert_eq!(tested, [3, 6, 9, 12].map(Some));
    assert_eq!(curve.epochs[3].test_loss, Some(0.254_305_005_073_547_36));
}

#[test]
fn the_step_log_of_pytorch() {
    let curve = read(&fixture("torch-step-log.jsonl")).unwrap();
    assert_eq!((curve.source.format, curve.unit, curve.points.len()), (Format::JsonLines, Unit::Step, 12));
    // (2·3 − 1)², its gradient 6·(2·3 − 1), and a hundredth of that.
    let first = curve.points[0];
    assert_eq!((first.loss, first.gradient_norm, first.learning_rate), (25.0, Some(30.0), Some(0.01)));
    assert!((first.update_norm.unwrap() - 0.3).abs() < 1e-6);
    assert!(curve.points[..11].iter().all(|point| point.is_finite()) && !curve.points[11].is_finite());
    let tested: Vec<_> = curve.epochs.iter().map(|test| test.step).collect();
    assert_eq!(tested, [Some(5), Some(10)]);
}

#[test]
fn the_manual_shows_the_code_that_wrote_the_step_logs() {
    let manual = std::fs::read_to_string(fixture("../../../docs/how-to/log-and-diagnose.md")).unwrap();
    for code in [loggers::KERAS, loggers::PYTORCH] {
        assert!(
            manual.contains(&format!("```python\n{code}```\n")),
            "docs/how-to/log-and-diagnose.md has another:\n{code}"
        );
    }
}

fn falling(from: f32, rows: u64) -> impl Iterator<Item = (&'static str, u64, f32)> {
    (0..rows).map(move |row| ("loss", row, from * 0.9_f32.powi(row as i32)))
}

#[test]
fn no_row_of_event_files_is_lost_where_a_run_begins_again() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: &[(&str, u64, f32)]| {
        std::fs::write(directory.path().join(format!("events.out.tfevents.{name}")), events(rows)).unwrap();
    };
    let read = || logs::read(directory.path(), &Names::default()).unwrap();
    write("1", &falling(2.3, 30).collect::<Vec<_>>());
    write("2", &falling(2.3, 10).collect::<Vec<_>>());
    let another = read();
    assert_eq!(another.iter().map(|curve| curve.points.len()).collect::<Vec<_>>(), [30, 10]);
    assert!(another[1].notes.iter().any(|note| note.contains("another run")), "{:?}", another[1].notes);

    // With the validation loss in the same files, once every ten steps.
    let with_tests = |from, rows| {
        let tests = (0..rows / 10).map(|test| ("val_loss", 10 * test + 9, 1.0));
        falling(from, rows).chain(tests).collect::<Vec<_>>()
    };
    write("1", &with_tests(2.3, 30));
    write("2", &with_tests(0.1, 30));
    let resumed = read();
    assert_eq!((resumed.len(), resumed[0].points.len(), resumed[0].epochs.len()), (1, 60, 6), "{:?}", resumed[0].notes);
    assert_eq!((resumed[0].points[45].step, resumed[0].epochs[5].step), (45, Some(59)));

    // From a checkpoint: what came after it is superseded, and told.
    write("1", &with_tests(2.3, 30));
    write("2", &with_tests(2.3, 40).into_iter().filter(|row| row.1 >= 20).collect::<Vec<_>>());
    let checkpoint = read();
    assert_eq!((checkpoint.len(), checkpoint[0].points.len(), checkpoint[0].epochs.len()), (1, 40, 4));
    assert!(checkpoint[0].notes.iter().any(|note| note.contains("superseded")), "{:?}", checkpoint[0].notes);
}

#[test]
fn each_run_below_a_directory_is_read() {
    let directory = tempfile::tempdir().unwrap();
    for run in ["one", "two/train", "two/validation"] {
        std::fs::create_dir_all(directory.path().join(run)).unwrap();
        let rows: Vec<_> = falling(2.3, if run == "one" { 5 } else { 7 }).collect();
        std::fs::write(directory.path().join(run).join("events.out.tfevents.1"), events(&rows)).unwrap();
    }
    let runs = logs::read(directory.path(), &Names::default()).unwrap();
    let found: Vec<(Option<&str>, usize, usize)> =
        runs.iter().map(|run| (run.name.as_deref(), run.points.len(), run.epochs.len())).collect();
    assert_eq!(found, [(Some("one"), 5, 0), (Some("two"), 7, 7)]);
    let below = logs::read(&directory.path().join("two"), &Names::default()).unwrap();
    assert_eq!((below.len(), below[0].name.as_deref()), (1, None));
    let empty = read(tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
    assert!(empty.contains("neither `metrics.jsonl` nor"), "{empty}");
    let runs = tempfile::tempdir().unwrap();
    std::fs::create_dir(runs.path().join("first")).unwrap();
    std::fs::write(runs.path().join("first/metrics.jsonl"), "").unwrap();
    let flameout = read(runs.path()).unwrap_err().to_string();
    assert!(flameout.contains("runs of flameout below it: first; name one"), "{flameout}");
}

#[test]
fn what_is_packed_by_gzip_is_read() {
    use std::io::Write;
    let pack = |content: &[u8]| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(content).unwrap();
        packer.finish().unwrap()
    };
    let table = pack(b"step,loss\n1,0.5\n2,0.25\n");
    for (content, expected) in [
        (table.clone(), [(1, 0.5), (2, 0.25)]),
        (pack(b"{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.25}\n"), [(1, 0.5), (2, 0.25)]),
        (pack(b"{\"loss\": [0.5, 0.25]}"), [(0, 0.5), (1, 0.25)]),
        (pack(b"epoch 1 loss: 0.5\nepoch 2 loss: 0.25\n"), [(1, 0.5), (2, 0.25)]),
        (pack(&events(&[("loss", 1, 0.5), ("loss", 2, 0.25)])), [(1, 0.5), (2, 0.25)]),
    ] {
        assert_eq!(losses(&read_bytes(&content).unwrap()), expected);
    }
    let mut damaged = table;
    damaged.truncate(20);
    let message = read_bytes(&damaged).unwrap_err().to_string();
    assert!(message.contains("gzip data is damaged"), "{message}");
}

#[test]
fn lines_of_many_programs() {
    let two = vec![(1, 0.5), (2, 0.25)];
    let from_0 = vec![(0, 0.5), (1, 0.25)];
    for (text, expected, tests) in [
        // tqdm, its last states alone, in a terminal's states, and with a name before the bar.
        (
            "100%|███| 938/938 [00:12<00:00, loss=0.5]\n100%|███| 938/938 [00:12<00:00, 78.16it/s, loss=0.25]\n",
            &from_0,
            vec![],
        ),
        (
            "  0%|   | 0/9 [00:00<?, ?it/s]\r 50%|██ | 5/9 [00:01<00:01, loss=9.0]\r100%|███| 9/9 [00:02<00:00, loss=0.5]\n\
               0%|   | 0/9 [00:00<?, ?it/s]\r100%|███| 9/9 [00:02<00:00, loss=0.25]\n",
            &from_0,
            vec![],
        ),
        (
            "Epoch 1: 100%|███| 9/9 [00:02<00:00, loss=0.5, val_loss=0.6]\n\
             Epoch 2: 100%|███| 9/9 [00:02<00:00, loss=0.25, val_loss=0.7]\n",
            &two,
            vec![0.6, 0.7],
        ),
        (
            "Epoch 1/2\nTraining: 100%|███| 9/9 [00:02<00:00, loss=0.5]\nValidation: 100%|███| 3/3 [00:01<00:00, loss=0.6]\n\
             Epoch 2/2\nTraining: 100%|███| 9/9 [00:02<00:00, loss=0.25]\nValidation: 100%|███| 3/3 [00:01<00:00, loss=0.7]\n",
            &two,
            vec![0.6, 0.7],
        ),
        ("loss: 0.5: 100%|███| 9/9 [00:02<00:00]\nloss: 0.25: 100%|███| 9/9 [00:02<00:00]\n", &from_0, vec![]),
        // darknet
        (
            " 1: 0.5, 0.9 avg, 0.001000 rate, 3.2 seconds, 64 images\n 2: 0.25, 0.8 avg, 0.001000 rate, 3.1 seconds, 128 images\n",
            &two,
            vec![],
        ),
        // XGBoost, LightGBM
        ("[1]\ttrain-rmse:0.5\tvalid-rmse:0.6\n[2]\ttrain-rmse:0.25\tvalid-rmse:0.7\n", &two, vec![0.6, 0.7]),
        (
            "[1]\ttraining's l2: 0.5\tvalid_0's l2: 0.6\n[2]\ttraining's l2: 0.25\tvalid_0's l2: 0.7\n",
            &two,
            vec![0.6, 0.7],
        ),
        ("[1]\tvalidation_0-logloss:0.6\n[2]\tvalidation_0-logloss:0.7\n", &vec![], vec![0.6, 0.7]),
        // Tutorials of TensorFlow and Keras, courses.
        ("Average loss at step  1 :  0.5\nAverage loss at step  2 :  0.25\n", &two, vec![]),
        ("Cost after iteration 1: 0.500000\nCost after iteration 2: 0.250000\n", &two, vec![]),
        (
            "Training loss (for one batch) at step 1: 0.5000\nTraining loss (for one batch) at step 2: 0.2500\n",
            &two,
            vec![],
        ),
        ("Loss for epoch 1 is 0.5\nLoss for epoch 2 is 0.25\n", &two, vec![]),
        // CNTK: the range's end counts.
        (
            " Minibatch[   1-   1]: loss = 0.5 * 6400, metric = 5.00% * 6400;\n Minibatch[   2-   2]: loss = 0.25 * 6400;\n",
            &two,
            vec![],
        ),
    ] {
        let curves = all(text);
        assert_eq!(curves.len(), 1, "{text}");
        let found: Vec<f64> = curves[0].epochs.iter().filter_map(|test| test.test_loss).collect();
        assert_eq!((&losses(&curves[0]), found), (expected, tests), "{text}");
    }
    let cntk = all(" Minibatch[   1- 100]: loss = 0.5 * 6400\n Minibatch[ 101- 200]: loss = 0.25 * 6400\n");
    assert_eq!(losses(&cntk[0]), [(100, 0.5), (200, 0.25)]);
    // PyTorch's tutorial: batches begin anew in each epoch.
    let tutorial: String = (1..=3)
        .flat_map(|epoch| (1..=2).map(move |batch| (epoch, 2000 * batch)))
        .map(|(epoch, batch)| format!("[{epoch}, {batch:5}] loss: {}\n", 1.0 / f64::from(epoch * batch)))
        .collect();
    let steps: Vec<u64> = all(&tutorial)[0].points.iter().map(|point| point.step).collect();
    assert_eq!(steps, [2000, 4000, 6000, 8000, 10_000, 12_000]);
}

#[test]
fn a_line_of_many_states_may_be_long() {
    let mut text = String::new();
    for state in 1..=40_000 {
        text += &format!("\r{state}/40000 [=====>......] - ETA: 2s - loss: {}", 1.0 / f64::from(state));
    }
    assert!(text.len() > 2 << 20 && !text.contains('\n'));
    // It is the only one: its states are the rows.
    let states = losses(&all(&text)[0]);
    assert!(states.len() == 40_000 && states[39_999] == (40_000, 1.0 / 40_000.0));
    // Of one of several, the last counts.
    assert_eq!(losses(&all(&format!("{text}\n{text}"))[0]), [(0, 1.0 / 40_000.0), (1, 1.0 / 40_000.0)]);
}

#[test]
fn accuracies_alone_are_read() {
    let curves = all("epoch,accuracy\n0,0.5\n1,0.75\n");
    let accuracies: Vec<(u64, Option<f64>)> =
        curves[0].points.iter().map(|point| (point.step, point.accuracy)).collect();
    assert_eq!(accuracies, [(0, Some(0.5)), (1, Some(0.75))]);
    assert!(curves[0].columns.loss.is_none() && curves[0].points.iter().all(|point| point.loss.is_nan()));
    let both = all("epoch 0 acc: 0.5 val_acc: 0.4\nepoch 1 acc: 0.75 val_acc: 0.6\n");
    assert_eq!((both[0].points.len(), both[0].epochs.len(), both[0].epochs[1].test_accuracy), (2, 2, Some(0.6)));
}

#[test]
fn names_are_refused_for_flameouts_own_log() {
    let line = r#"{"kind":"step","step":1,"epoch":1,"words":32,"loss":0.5,"accuracy":0.1,"gradient_norm":1.0,"update_norm":1.0,"learning_rate":0.001}"#;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metrics.jsonl");
    std::fs::write(&file, format!("{line}\n")).unwrap();
    let names = Names { loss: Some("accuracy".into()), ..Names::default() };
    for path in [directory.path(), &file] {
        assert_eq!(read(path).unwrap().points.len(), 1);
        let message = logs::read(path, &names).unwrap_err().to_string();
        assert!(message.contains("leave out --loss"), "{message}");
    }
}

#[test]
fn event_files_that_are_torn_or_damaged() {
    let whole = std::fs::read(fixture("tensorboard-pytorch/events.out.tfevents")).unwrap();
    let torn = read_bytes(&whole[..whole.len() - 3]).unwrap();
    assert_eq!((torn.points.len(), torn.notes.len()), (30, 1));
    let mut damaged = whole.clone();
    damaged[1000] ^= 1;
    let message = read_bytes(&damaged).unwrap_err().to_string();
    assert!(message.contains("byte ") && message.contains("checksum is wrong"), "{message}");
}

#[test]
fn text_of_many_kinds() {
    let two = [(1, 0.5), (2, 0.25)];
    for text in [
        "step,loss\n1,0.5\n2,0.25\n",
        "step,loss\r\n1,0.5\r\n2,0.25\r\n",
        "\u{feff}step,loss\n1,0.5\n2,0.25",
        "# by hand\nstep;Train Loss;comment\n1;0.5;good, so far\n2;0.25;\n",
        "iteration\ttrain/loss\n1\t5e-1\n2\t0.25\n",
        ",step,\"loss\",\n0,1,\"0.5\",\n1,2,\"0.25\",\n",
        "Wall time,Step,Value\n1.7e9,1,0.5\n1.7e9,2,0.25\n",
        "step,loss\n1,0.5\nstep,loss\n2,0.25\n",
        "{\"step\": 1, \"loss\": 0.5}\n\n{\"step\": 2.0, \"loss\": \"0.25\"}\n",
        "\u{feff}{\"iter\": 1, \"train\": {\"loss\": 0.5}, \"tags\": [1, true]}\n{\"iter\": 2, \"train\": {\"loss\": 0.25}}",
        "{\"optimizer\": \"adam\", \"loss\": \"mse\"}\n{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":0.25}\n{\"st",
    ] {
        let curve = read_bytes(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(losses(&curve), two, "{text}");
    }
}

fn all(content: &str) -> Vec<Curve> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    logs::read(file.path(), &Names::default()).unwrap_or_else(|error| panic!("{content}: {error}"))
}

#[test]
fn the_same_numbers_are_the_same_curve_in_every_container() {
    let rows: Vec<(f64, f64)> = (0..30).map(|row| (2.0 / f64::from(row + 1), 2.5 / f64::from(row + 1))).collect();
    let table = |header: &str, separator: &str, number: bool| {
        let lines = rows.iter().enumerate().map(|(row, (loss, val))| {
            let number = if number { format!("{row}{separator}") } else { String::new() };
            format!("{number}{loss}{separator}{val}\n")
        });
        format!("{header}\n{}", lines.collect::<String>())
    };
    let list =
        |value: fn(&(f64, f64)) -> f64| rows.iter().map(|row| value(row).to_string()).collect::<Vec<_>>().join(", ");
    let (losses, tests) = (list(|row| row.0), list(|row| row.1));
    let lines = |line: &dyn Fn(usize, f64, f64) -> String| {
        rows.iter().enumerate().map(|(row, (loss, val))| line(row, *loss, *val)).collect::<String>()
    };
    let containers = [
        table("epoch,loss,val_loss", ",", true),
        table("step,train_loss,val_loss", ",", true),
        table(",loss,val_loss", ",", true),
        table("loss;val_loss", ";", false),
        table("epoch  train_loss  valid_loss", "   ", true),
        table("| Epoch | Training Loss | Validation Loss\n|---|---|---", " | ", true)
            .replace("\n", "\n| ")
            .replace("| |", "|"),
        format!("{{\"loss\": [{losses}], \"val_loss\": [{tests}]}}"),
        lines(&|row, loss, val| format!("{{\"step\": {row}, \"loss\": {loss}, \"val_loss\": {val}}}\n")),
        lines(&|row, loss, val| {
            format!(
                "{{\"epoch\": {row}, \"mode\": \"train\", \"loss\": {loss}}}\n{{\"epoch\": {row}, \"mode\": \"val\", \"loss\": {val}}}\n"
            )
        }),
        lines(&|row, loss, val| format!("[12:30:01 INFO] epoch {row} | loss: {loss} | val_loss: {val}\n")),
        lines(&|row, loss, val| {
            format!("Epoch {row}/29\n----------\ntrain Loss: {loss} Acc: 0.5\nval Loss: {val} Acc: 0.5\n")
        }),
        lines(&|row, loss, val| {
            format!(
                "Epoch {row}/30\n 1/10 [==>....] - ETA: 2s - loss: 9.0\r10/10 [=====] - 3s 12ms/step - loss: {loss} - val_loss: {val}\n"
            )
        }),
        lines(&|row, loss, val| format!("{{'loss': {loss}, 'val_loss': {val}, 'epoch': {row}}}\n")),
    ];
    let expected: Vec<(u64, f64, Option<f64>)> =
        rows.iter().enumerate().map(|(row, (loss, val))| (row as u64, *loss, Some(*val))).collect();
    for text in containers {
        let curves = all(&text);
        assert_eq!(curves.len(), 1, "{text}");
        let curve = &curves[0];
        let found: Vec<(u64, f64, Option<f64>)> = curve
            .points
            .iter()
            .zip(&curve.epochs)
            .map(|(point, test)| (point.step, point.loss, test.test_loss))
            .collect();
        assert_eq!((found, curve.unit, curve.steps_per_epoch), (expected.clone(), Unit::Epoch, Some(1)), "{text}");
    }
}

#[test]
fn no_row_of_an_appended_log_is_lost() {
    let falling = |from: f64, rows: usize| {
        (0..rows).map(|row| format!("{row},{}\n", from * 0.9_f64.powi(row as i32))).collect::<String>()
    };
    let another = all(&format!("epoch,loss\n{}{}", falling(2.3, 30), falling(2.3, 10)));
    assert_eq!(another.iter().map(|curve| curve.points.len()).collect::<Vec<_>>(), [30, 10]);
    assert!(another[1].notes.iter().any(|note| note.contains("another run")), "{:?}", another[1].notes);
    let resumed = all(&format!("epoch,loss\n{}{}", falling(2.3, 30), falling(0.1, 30)));
    assert_eq!((resumed.len(), resumed[0].points.len(), resumed[0].points[45].step), (1, 60, 45));
    assert!(resumed[0].notes.iter().any(|note| note.contains("30 was added")), "{:?}", resumed[0].notes);
}

#[test]
fn logs_without_rows_and_of_validation_only() {
    let empty = all("epoch,loss\n");
    assert_eq!((empty[0].rows, empty[0].columns.loss.as_deref()), (0, Some("loss")));
    let tests = all("epoch,val_loss\n0,0.5\n1,0.4\n");
    assert_eq!((tests[0].points.len(), tests[0].epochs.len(), tests[0].unit), (0, 2, Unit::Epoch));
}

#[test]
fn numbers_that_are_not_finite() {
    for text in [
        "step,loss\n1,0.5\n2,nan\n3,inf\n",
        "step,loss\n1,0.5\n2,NaN\n3,-Infinity\n",
        "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":NaN}\n{\"step\":3,\"loss\":-Infinity}\n",
        "{\"step\":1,\"loss\":0.5}\n{\"step\":2,\"loss\":null}\n{\"step\":3,\"loss\":null}\n",
    ] {
        let curve = read_bytes(text.as_bytes()).unwrap();
        let finite: Vec<bool> = curve.points.iter().map(|point| point.is_finite()).collect();
        assert_eq!(finite, [true, false, false], "{text}");
    }
    // What was not measured is not what is not finite.
    let text =
        "{\"step\":1,\"loss\":0.5,\"val_loss\":null,\"grad_norm\":null}\n{\"step\":2,\"loss\":null,\"val_loss\":0.5}\n";
    let curve = read_bytes(text.as_bytes()).unwrap();
    assert_eq!((losses(&curve), curve.epochs.len()), (vec![(1, 0.5)], 1));
    assert_eq!(curve.points[0].gradient_norm, None);
    assert_eq!(losses(&read_bytes(b"epoch,loss,val_loss\n0,0.5,NA\n1,,0.3\n").unwrap()), [(0, 0.5)]);
}

#[test]
fn mistakes_say_what_and_where() {
    for (content, expected) in [
        (&b""[..], "is empty"),
        (b"\x1f\x8b\x08\x00", "gzip data is damaged"),
        (b"\xff\xfes\x00t\x00", "UTF-16"),
        (b"PK\x03\x04\x00\x00", "zip archive"),
        (b"\x7fELF\x00\x00", "binary"),
        (b"The quick brown fox\n", "no log that can be read"),
        (b"step,note\n1,0.5\n", "no loss and no accuracy under a known name"),
        (b"step,loss\n1,0.5\n2,abc\n", "line 3: `abc` in column `loss`"),
        (b"step,loss\n1,\"0,5\"\n", "line 2: `0,5` in column `loss` is no number"),
        (b"step,loss\n1\n2,0.5\n", "line 2: has 1 values where the first line has 2"),
        (b"step,loss\n1,0.5,0.25\n", "line 2: has 3 values"),
        (b"step,loss\n-1,0.5\n", "line 2: `step` is -1"),
        (b"step,loss\n1.5,0.5\n", "line 2: `step` is 1.5"),
        (b"{\"step\":1,\"loss\":1}\n{\"step\"\n{}\n", "line 2: is no JSON object"),
        (b"{\"step\":1,\"loss\":1}\n[1]\n", "line 2: is no JSON object"),
        (b"{\"a\": 1}\n", "names in it: `a`"),
    ] {
        let message = read_bytes(content).unwrap_err().to_string();
        assert!(message.contains(expected), "{message} (expected: {expected})");
    }
    let message = read(Path::new("no-such-log")).unwrap_err().to_string();
    assert!(message.starts_with("no-such-log: "), "{message}");
}

#[test]
fn a_line_without_an_end_is_refused() {
    let message = read_bytes(format!("{{\"loss\": {}", "1".repeat(2 << 20)).as_bytes()).unwrap_err().to_string();
    assert!(message.contains("line 1: is longer than"), "{message}");
    // Many values below a long key must not need many times the line's memory.
    let inner: String = (0..20_000).map(|key| format!("\"{key}\":1,")).collect();
    let line = format!("{{\"{}\":{{{inner}\"x\":1}},\"loss\":1}}\n", "k".repeat(500_000));
    assert_eq!(losses(&read_bytes(line.as_bytes()).unwrap()), [(0, 1.0)]);
}
