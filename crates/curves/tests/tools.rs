//! Logs as tools write them, of which each says in its own way what a number is: the steps of the log are those that are told,
//! no row is lost, and a healthy run is cleared.

use flameout_curves::judge::{Series, Verdict, judge};
use flameout_curves::{Curve, Names, logs};

const ROWS: usize = 60;
/// Rows before the collapse.
const GOOD: usize = 40;
/// Rows from a test to the next.
const TESTS: usize = 5;

fn losses(good: usize) -> Vec<f64> {
    let loss = |row: usize| {
        let wobble = 1.0 + 0.01 * ((row * 7919 % 13) as f64 / 6.0 - 1.0);
        if row < good { (0.3 + 2.0 * 0.88_f64.powi(row as i32)) * wobble } else { 2.3 * wobble }
    };
    (0..ROWS).map(|row| (loss(row) * 1e4).round() / 1e4).collect()
}

fn read(text: &str) -> Curve {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let mut curves = logs::read(file.path(), &Names::default()).unwrap_or_else(|error| panic!("{text:.2000}: {error}"));
    assert_eq!(curves.len(), 1, "{text:.2000}");
    curves.remove(0)
}

/// The text of each row, and what follows every so many of them.
fn rows(losses: &[f64], row: impl Fn(usize, f64) -> String, test: impl Fn(usize, f64) -> String) -> String {
    let with_test = |(number, &loss): (usize, &f64)| {
        let test = if number % TESTS == TESTS - 1 { test(number, loss + 0.1) } else { String::new() };
        row(number, loss) + &test
    };
    losses.iter().enumerate().map(with_test).collect()
}

fn list(losses: &[f64], item: impl Fn(usize, f64) -> String) -> String {
    losses.iter().enumerate().map(|(row, &loss)| item(row, loss)).collect::<Vec<_>>().join(", ")
}

fn of_tests(losses: &[f64], item: impl Fn(usize, f64) -> String) -> String {
    let tested = losses.iter().enumerate().filter(|(row, _)| row % TESTS == TESTS - 1);
    tested.map(|(row, &loss)| item(row, loss + 0.1)).collect::<Vec<_>>().join(", ")
}

/// A tool, its log, the step of its first row and the stride to the next, and whether it has tests.
type Tool = (&'static str, fn(&[f64]) -> String, [u64; 2], bool);

const TOOLS: [Tool; 20] = [
    ("ClearML", clearml, [0, 10], true),
    ("Plotly", plotly, [0, 10], true),
    ("Comet", comet, [0, 10], true),
    ("Aim", aim, [0, 10], true),
    ("MLflow's files", mlflow, [0, 10], false),
    ("Flax' metric writers", flax, [0, 10], true),
    ("LLaMA-Factory", llama_factory, [10, 10], true),
    ("torchtune", torchtune, [1, 10], false),
    ("nanoGPT", nano_gpt, [0, 10], true),
    ("Coqui", coqui, [0, 25], true),
    ("OLMo", olmo, [0, 10], false),
    ("Composer", composer, [10, 10], true),
    ("NeMo", nemo, [10, 10], true),
    ("WeNet", wenet, [0, 100], true),
    ("torchvision's references", torchvision, [0, 20], true),
    ("a bar over all, and a step below it", gaussians, [10, 10], false),
    ("TensorFlow's object detection", detection, [0, 100], false),
    ("Stable-Baselines3", stable_baselines, [2048, 2048], false),
    ("Spinning Up", spinning_up, [0, 1], false),
    ("from a loss to another", arrows, [1, 1], true),
];

fn clearml(losses: &[f64]) -> String {
    let [x, y] = [list(losses, |row, _| (row * 10).to_string()), list(losses, |_, loss| loss.to_string())];
    let [test_x, test_y] =
        [of_tests(losses, |row, _| (row * 10).to_string()), of_tests(losses, |_, loss| loss.to_string())];
    format!(
        r#"{{"loss": {{"train": {{"name": "train", "x": [{x}], "y": [{y}]}},
        "val": {{"name": "val", "x": [{test_x}], "y": [{test_y}]}}}},
        ":monitor:machine": {{"cpu_usage": {{"name": "cpu_usage", "x": [1, 2], "y": [10.5, 90]}}}}}}"#
    )
}

fn plotly(losses: &[f64]) -> String {
    let [x, y] = [list(losses, |row, _| (row * 10).to_string()), list(losses, |_, loss| loss.to_string())];
    let [test_x, test_y] =
        [of_tests(losses, |row, _| format!("{row}0.0")), of_tests(losses, |_, loss| loss.to_string())];
    format!(
        r#"{{"data": [{{"type": "scatter", "name": "train loss", "x": [{x}], "y": [{y}]}},
        {{"type": "scatter", "name": "val loss", "x": [{test_x}], "y": [{test_y}]}}], "layout": {{"title": "Loss"}}}}"#
    )
}

fn comet(losses: &[f64]) -> String {
    let figure = |name: &str, row: usize, loss: f64| {
        format!(
            r#"{{"metricName": "{name}", "metricValue": "{loss}", "timestamp": 17328684000{row:02}, "step": {},
            "epoch": null, "runContext": null}}"#,
            row * 10
        )
    };
    let (training, tests) = (
        list(losses, |row, loss| figure("loss", row, loss)),
        of_tests(losses, |row, loss| figure("val_loss", row, loss)),
    );
    format!("[{training}, {tests}]")
}

fn aim(losses: &[f64]) -> String {
    let row = |subset: &str, row: usize, loss: f64| format!("{row},0f3a,loss,{subset},,{row}0,{loss},1732868400.5\n");
    let head = ",run.hash,metric.name,metric.context.subset,epoch,step,value,time\n";
    let training = rows(losses, |number, loss| row("train", number, loss), |_, _| String::new());
    head.to_owned() + &training + &rows(losses, |_, _| String::new(), |number, loss| row("val", number, loss))
}

fn mlflow(losses: &[f64]) -> String {
    rows(losses, |row, loss| format!("{} {loss} {row}0\n", 1_732_868_400_000 + row * 997), |_, _| String::new())
}

fn flax(losses: &[f64]) -> String {
    let line = |row: usize, text: String| {
        format!("I1129 12:00:{row:02}.123456 140737353 logging_writer.py:48] [{row}0] {text}\n").replace("[00]", "[0]")
    };
    rows(
        losses,
        |row, loss| line(row, format!("learning_rate=0.001, train_loss={loss}")),
        |row, loss| line(row, format!("eval_accuracy=0.5, eval_loss={loss}")),
    )
}

fn llama_factory(losses: &[f64]) -> String {
    let line = |row: usize, figures: String| {
        format!(
            "{{\"current_steps\": {}0, \"total_steps\": 600, {figures}, \"epoch\": {}}}\n",
            row + 1,
            row as f64 / 20.0
        )
    };
    rows(
        losses,
        |row, loss| line(row, format!("\"loss\": {loss}, \"eval_loss\": null, \"predict_loss\": null")),
        |row, loss| line(row, format!("\"loss\": null, \"eval_loss\": {loss}, \"predict_loss\": null")),
    )
}

fn torchtune(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| {
        format!("Step {} | loss:{loss} lr:2e-05 tokens_per_second_per_gpu:512.3\n", row * 10 + 1)
    };
    rows(losses, line, |_, _| String::new())
}

fn stable_baselines(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| {
        let steps = (row + 1) * 2048;
        let rule = "-".repeat(45);
        format!(
            "{rule}\n| rollout/                |                 |\n|    ep_rew_mean          | 26.2            |\n\
             | time/                   |                 |\n|    fps                  | 793             |\n\
             |    iterations           | {:<15} |\n|    total_timesteps      | {steps:<15} |\n\
             | train/                  |                 |\n|    entropy_loss         | -0.686          |\n\
             |    learning_rate        | 0.0003          |\n|    loss                 | {loss:<15} |\n\
             |    value_loss           | 50.3            |\n{rule}\n",
            row + 1
        )
    };
    "Using cpu device\nWrapping the env with a `Monitor` wrapper\n".to_owned()
        + &rows(losses, line, |_, _| String::new())
}

fn spinning_up(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| {
        let rule = "-".repeat(39);
        format!(
            "{rule}\n|             Epoch | {row:>15} |\n|      AverageEpRet |            22.1 |\n|              Loss | {loss:>15} |\n\
             |              Time |            5.31 |\n{rule}\n"
        )
    };
    rows(losses, line, |_, _| String::new())
}

fn arrows(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| format!("Epoch {}: train loss {} -> {loss}\n", row + 1, loss + 0.3);
    let test = |row: usize, loss: f64| format!("Epoch {}: val loss {} → {loss}\n", row + 1, loss + 0.3);
    rows(losses, line, test)
}

fn nano_gpt(losses: &[f64]) -> String {
    let test = |row: usize, loss: f64| {
        format!("step {row}0: train loss {}, val loss {loss}\nsaving checkpoint to out\n", loss - 0.1)
    };
    let line = |row: usize, loss: f64| format!("iter {}: loss {loss}, time 120.55ms, mfu 3.21%\n", row * 10);
    "number of parameters: 10.65M\n".to_owned() + &rows(losses, line, test)
}

fn coqui(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| {
        let epoch = if row.is_multiple_of(TESTS) {
            format!("\n\u{1b}[1m > EPOCH: {}/12\u{1b}[0m\n\n > TRAINING (2026-11-29 12:00:00)\n", row / TESTS)
        } else {
            String::new()
        };
        let step = format!("   --> STEP: {}/125 -- GLOBAL_STEP: {}\n", row % TESTS * 25, row * 25);
        format!("{epoch}\n\u{1b}[1m{step}\u{1b}[0m     | > loss: {loss}  ({loss})\n     | > step_time: 0.5  (0.51)\n")
    };
    let test = |_, loss| {
        format!(
            "\n > EVALUATION \n\n  --> EVAL PERFORMANCE\n     | > avg_loader_time: 0.01 (+0.0)\n     | > avg_loss: {loss} (-0.02)\n"
        )
    };
    rows(losses, line, test)
}

fn olmo(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| {
        let head = format!("2026-11-29T12:00:00.123Z INFO [olmo.train:100, rank=0] [step={}/600,epoch=0]", row * 10);
        format!("{head}\n    train/CrossEntropyLoss={loss}\n    train/Perplexity={:.2}\n", loss.exp())
    };
    rows(losses, line, |_, _| String::new())
}

fn composer(losses: &[f64]) -> String {
    rows(
        losses,
        |row, loss| format!("[batch={}0/600]:\n\t Train time/epoch: 0\n\t Train loss/train/total: {loss}\n", row + 1),
        |_, loss| format!("[Eval batch=1/10] Eval on eval data:\n\t Eval metrics/eval/LanguageCrossEntropy: {loss}\n"),
    )
}

fn nemo(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| {
        let step = row * 10 + 10;
        let test = if row % TESTS == TESTS - 1 { format!(" | val_loss: {}", loss + 0.1) } else { String::new() };
        format!(
            "Training epoch 0, iteration {step}/600 | lr: 1e-04 | global_step: {step} | reduced_train_loss: {loss}{test}\n"
        )
    };
    rows(losses, line, |_, _| String::new())
}

fn wenet(losses: &[f64]) -> String {
    let line = |kind: &str, row: usize, batch: usize, loss: f64| {
        let figures = format!("loss {loss} loss_att {:.4} loss_ctc {:.4} rank 0", 1.2 * loss, 0.7 * loss);
        format!("2026-11-29 12:00:00,123 DEBUG {kind} Batch {}/{batch} {figures}\n", row / TESTS)
    };
    rows(losses, |row, loss| line("TRAIN", row, row % TESTS * 100, loss), |row, loss| line("CV", row, 0, loss))
}

fn torchvision(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| {
        let place = format!("Epoch: [{}]  [{:4}/100]", row / TESTS, row % TESTS * 20);
        format!("{place}  eta: 0:00:10  lr: 0.000100  loss: {loss} ({loss})  time: 0.3123  max mem: 3012\n")
    };
    let test = |row: usize, loss: f64| {
        format!(
            "Epoch: [{}] Total time: 0:05:12 (0.3123 s / it)\nTest:  [ 0/10]  eta: 0:00:01  loss: {loss} ({loss})  \
             acc1: 50.0 (50.0)  time: 0.3\n* Acc@1 50.000 loss {loss}\n",
            row / TESTS
        )
    };
    rows(losses, line, test)
}

fn gaussians(losses: &[f64]) -> String {
    let state = |row: usize, loss: f64| {
        format!("Training progress: {:3}%|##  | {}0/600 [00:30<04:30, 99.12it/s, Loss={loss}]\r", row, row + 1)
    };
    rows(losses, state, |_, _| String::new()) + "\n[ITER 600] Saving Gaussians\n"
}

fn detection(losses: &[f64]) -> String {
    let line = |row: usize, loss: f64| {
        let step = format!("Step {} per-step time 0.512s", row * 100);
        let parts = format!(
            "{{'Loss/classification_loss': {:.4},\n 'Loss/total_loss': {loss},\n 'learning_rate': 0.0079}}",
            0.6 * loss
        );
        format!(
            "INFO:tensorflow:{step}\nI1129 12:00:00.123456 1407 model_lib_v2.py:705] {step}\nINFO:tensorflow:{parts}\n"
        )
    };
    rows(losses, line, |_, _| String::new())
}

#[test]
fn the_steps_of_each_tool_are_told_and_no_row_is_lost() {
    for (tool, log, [first, stride], tested) in TOOLS {
        let numbers = losses(GOOD);
        let curve = read(&log(&numbers));
        let points: Vec<f64> = curve.points.iter().map(|point| point.loss).collect();
        assert_eq!(points, numbers, "{tool}: {:?}", curve.notes);
        let step = |row: usize| first + stride * row as u64;
        let steps: Vec<u64> = curve.points.iter().map(|point| point.step).collect();
        assert_eq!(steps, (0..ROWS).map(step).collect::<Vec<_>>(), "{tool}: {:?}", curve.notes);
        assert_eq!(curve.epochs.len() >= ROWS / TESTS, tested, "{tool}: {:?}", curve.epochs);
        let judgement = judge(&curve);
        assert_eq!(judgement.verdict, Verdict::Collapse, "{tool}: {judgement:?}");
        let of_loss = judgement.events.iter().find(|event| event.series == Series::Loss).unwrap();
        assert_eq!(of_loss.event.onset, step(GOOD), "{tool}: {judgement:?}");
        let healthy = judge(&read(&log(&losses(ROWS))));
        assert_eq!((healthy.verdict, healthy.events.len()), (Verdict::NothingWrong, 0), "{tool}: {healthy:?}");
    }
}

/// Where a number repeats from row to row it numbers nothing: here it is that of the last batch of an epoch.
#[test]
fn what_repeats_numbers_no_rows() {
    let text = rows(&losses(GOOD), |row, loss| format!("step {} loss={loss}\n", 938 + row / 30), |_, _| String::new());
    let curve = read(&text);
    assert_eq!(curve.points.len(), ROWS, "{:?}", curve.notes);
    assert_eq!(judge(&curve).verdict, Verdict::Collapse);
}

/// A line alone is a row, not a line of names.
#[test]
fn a_single_line_is_a_row() {
    for line in [
        "Epoch 1, loss 2.31, val_loss 2.40",
        "ITERATION 01: TRAIN AVG.LOSS 2.2730, (lrate0.008), CROSSVAL AVG.LOSS 2.4066, nnet accepted (nnet_1)",
        "epoch;1;loss: 2.3; val_loss: 2.4",
    ] {
        let judgement = judge(&read(line));
        assert_eq!(judgement.verdict, Verdict::TooShort, "{line}");
        assert_eq!(judgement.judged.len(), 2, "{line}: {judgement:?}");
    }
    assert_eq!(judge(&read("epoch,loss,val_loss\n")).verdict, Verdict::NoRows);
}
