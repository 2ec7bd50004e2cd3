//! Logs in the forms in which programs print them and people paste them: the same collapse must be told in each.

use flameout_curves::judge::{Judgement, Series, Verdict, judge};
use flameout_curves::{Curve, Error, Names, logs};

/// Rows before the collapse, of thirty.
const GOOD: usize = 18;

/// Training and validation loss of a row, from 0.
fn row(row: usize) -> (f64, f64) {
    let loss = if row < GOOD { 0.3 + 2.0 * 0.8_f64.powi(row as i32) } else { 2.3 + 0.01 * (row % 3) as f64 };
    ((loss * 1e4).round() / 1e4, (loss * 1.1e4).round() / 1e4)
}

/// The text of each row.
fn rows(text: impl Fn(usize, f64, f64) -> String) -> String {
    (0..30).map(|number| text(number, row(number).0, row(number).1)).collect()
}

fn list(of: impl Fn((f64, f64)) -> f64, item: impl Fn(f64) -> String) -> String {
    (0..30).map(|number| item(of(row(number)))).collect::<Vec<_>>().join(", ")
}

fn read(text: &str) -> Result<Vec<Curve>, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    logs::read(file.path(), &Names::default())
}

fn judged(text: &str) -> (Curve, Judgement) {
    let mut curves = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(curves.len(), 1, "{text}");
    let curve = curves.remove(0);
    let judgement = judge(&curve);
    (curve, judgement)
}

/// The rows at which training and validation loss collapse.
fn onsets(judgement: &Judgement) -> [Option<u64>; 2] {
    [Series::Loss, Series::ValidationLoss].map(|series| {
        let mut of_series = judgement.events.iter().filter(|event| event.series == series);
        of_series.next().map(|event| event.event.onset)
    })
}

#[test]
fn a_collapse_of_both_losses_is_told_in_every_form() {
    let plain = |value: f64| value.to_string();
    let numpy = |value: f64| format!("np.float32({value})");
    let (losses, tests) = (list(|row| row.0, plain), list(|row| row.1, plain));
    let epochs_from_0 = [
        format!("{{'loss': [{losses}], 'val_loss': [{tests}]}}\n"),
        format!("{{'loss': [{}], 'val_loss': [{}]}}", list(|row| row.0, numpy), list(|row| row.1, numpy)),
        format!("train_losses = [{losses}]\nval_losses = [{tests}]\n"),
        format!(">>> history.history\n{{'loss': [{losses}], 'val_loss': [{tests}]}}"),
        format!(
            "{{{}}}",
            rows(|row, loss, val| {
                format!("{}\"{row}\": {{\"loss\": {loss}, \"val_loss\": {val}}}", if row > 0 { ", " } else { "" })
            })
        ),
        format!(
            "{{\"epoch\": 3, \"log_history\": [{}]}}",
            rows(|row, loss, val| {
                format!(
                    "{}{{\"loss\": {loss}, \"eval_loss\": {val}, \"epoch\": {row}}}",
                    if row > 0 { ", " } else { "" }
                )
            })
        ),
        // print(pandas.DataFrame(history))
        format!("        loss  val_loss\n{}", rows(|row, loss, val| format!("{row:<3} {loss:.6} {val:.6}\n"))),
        // AllenNLP: the bar stands behind its figures.
        rows(|row, loss, val| {
            let bar =
                |loss: f64, steps: u32| format!("loss: {loss} ||: 100%|####| {steps}/{steps} [00:03<00:00, 40it/s]");
            let said = |text: &str| format!("2019-05-05 10:00:00,123 - INFO - allennlp.training.trainer - {text}\n");
            format!(
                "{}{}loss: 9.0 ||:  10%|#   | 10/100 [00:01<00:02, 40it/s]\r{}\n{}{}\n",
                said(&format!("Epoch {row}/29")),
                said("Training"),
                bar(loss, 100),
                said("Validating"),
                bar(val, 10)
            )
        }),
        // Sockeye: every line of batches is of the same batch, and figures of tests have no epoch.
        rows(|row, loss, val| {
            let [of_train, of_test] = [loss.exp(), val.exp()];
            format!(
                "[INFO:sockeye] Epoch[{row}] Batch [50]\tSpeed: 9.5 samples/sec\tperplexity={of_train}\n\
                 [INFO:sockeye] Checkpoint [{row}]\tValidation-perplexity={of_test}\n"
            )
        }),
    ];
    let epochs_from_1 = [
        rows(|row, loss, val| {
            format!(
                "{}/30 * Epoch {} (train): loss={loss}\n{}/30 * Epoch {} (valid): loss={val}\n",
                row + 1,
                row + 1,
                row + 1,
                row + 1
            )
        }),
        // PaddlePaddle
        rows(|row, loss, val| {
            format!(
                "Epoch {}/30\nstep  600/938 - loss: 9.0 - 12ms/step\nstep  938/938 - loss: {loss} - 12ms/step\nEval \
                 begin...\nstep 157/157 - loss: {val} - 9ms/step\n",
                row + 1
            )
        }),
        rows(|row, loss, val| format!("epoch {}: train: loss {loss} acc 0.8 | val: loss {val} acc 0.7\n", row + 1)),
        rows(|row, loss, val| format!("(epoch = {}, train_loss = {loss}f0, test_loss = {val}f0)\n", row + 1)),
        // R's data frame of a history: a row for each figure.
        "\"\",\"epoch\",\"value\",\"metric\",\"data\"\n".to_owned()
            + &rows(|row, loss, _| format!("\"{row}\",{},{loss},\"loss\",\"training\"\n", row + 1))
            + &rows(|row, _, _| format!("\"{row}\",{},0.5,\"accuracy\",\"training\"\n", row + 1))
            + &rows(|row, _, val| format!("\"{row}\",{},{val},\"loss\",\"validation\"\n", row + 1)),
        // A model card: text before and after the table.
        "### Training results\n\n| Training Loss | Epoch | Validation Loss |\n|:---:|:---:|:---:|\n".to_owned()
            + &rows(|row, loss, val| format!("| {loss} | {}.0 | {val} |\n", row + 1))
            + "\n### Framework versions\n\n- Transformers 4.30.0\n",
        "epoch,loss,val_loss\n".to_owned()
            + &rows(|row, loss, val| format!("{},{loss},{val}\n", row + 1))
            + "Training is over\n",
        // skorch and Chainer colour their tables.
        "  epoch    train_loss    valid_loss\n-------  ------------  ------------\n".to_owned()
            + &rows(|row, loss, val| {
                format!("      {}        \x1b[36m{loss}\x1b[0m        \x1b[35m{val}\x1b[0m\n", row + 1)
            }),
        "epoch       main/loss   validation/main/loss\n".to_owned()
            + &rows(|row, loss, val| format!("\x1b[J{}           {loss}     {val}\n", row + 1)),
        // By numpy.savetxt.
        "# epoch loss val_loss\n".to_owned() + &rows(|row, loss, val| format!("{} {loss:e} {val:e}\n", row + 1)),
    ];
    for (first, texts) in [(0, &epochs_from_0[..]), (1, &epochs_from_1[..])] {
        for text in texts {
            let (_, judgement) = judged(text);
            assert_eq!(judgement.verdict, Verdict::Collapse, "{text}");
            assert_eq!(onsets(&judgement), [Some(GOOD as u64 + first); 2], "{text}");
        }
    }
}

#[test]
fn steps_are_those_that_rows_with_a_loss_have() {
    let step = |row: usize| 100 * row;
    for text in [
        // Caffe says a loss twice, the second time without its iteration.
        rows(|row, loss, _| {
            let step = step(row);
            format!(
                "solver.cpp:228] Iteration {step}, loss = {loss}\nsolver.cpp:244]     Train net output #0: loss = {loss} (* 1 = {loss} loss)\nsgd_solver.cpp:106] Iteration {step}, lr = 0.01\n"
            )
        }),
        // fairseq counts batches in each epoch, and updates.
        rows(|row, loss, val| {
            let inner = format!(
                "| train_inner | epoch 001:   {} / 3002 loss={loss}, num_updates={}, lr=0.5\n",
                step(row) % 1000,
                step(row)
            );
            let tested =
                format!("| valid | epoch 001 | valid on 'valid' subset | loss {val} | num_updates {}\n", step(row));
            if row % 10 == 9 { inner + &tested } else { inner }
        }),
        rows(|row, loss, _| {
            format!("| train | epoch 001 | loss {loss:.3} | nll_loss 1.5 | num_updates {} | lr 0.5\n", step(row))
        }),
        // DeepSpeed
        rows(|row, loss, _| {
            format!(
                "[INFO] [Rank 0] step={}, skipped=0, lr=[0.1, 0.1]\nsteps: {} loss: {loss} iter time (s): 0.3\n",
                step(row),
                step(row)
            )
        }),
        // Marian
        rows(|row, loss, _| {
            format!("Ep. 1 : Up. {} : Sen. 32,000 : Cost {loss} * 1,200,345 @ 12,034 : Time 60.12s\n", step(row))
        }),
        // spaCy
        "E    #       LOSS TOK2VEC\n---  ------  ------------\n".to_owned()
            + &rows(|row, loss, _| format!("  0  {:>6}    {loss}\n", step(row))),
        // char-rnn
        rows(|row, loss, _| {
            format!("{}/21150 (epoch 0.{row:02}), train_loss = {loss}, time/batch = 0.52s\n", step(row))
        }),
        // One bar over all of the training.
        rows(|row, loss, _| {
            format!("\rSteps:  1%|#  | {}/3000 [10:00<22:33,  1.20it/s, lr=1e-5, step_loss={loss}]", step(row))
        }),
        rows(|row, loss, _| {
            format!("step {} loss tensor({loss}, device='cuda:0', grad_fn=<NllLossBackward0>)\n", step(row))
        }),
        // Thousands apart.
        rows(|row, loss, _| {
            format!(
                "Step {}: loss = 1,{:.2}\n",
                if row < 10 { step(row).to_string() } else { format!("{},{:03}", step(row) / 1000, step(row) % 1000) },
                200.0 * loss
            )
        }),
        rows(|row, loss, _| format!("step {}: loss {}\n", step(row), loss.to_string().replace('.', ","))),
        // A warning between the rows.
        rows(|row, loss, _| format!("step {} loss {loss}\nUserWarning: loss 3 4 5 is odd\n", step(row))),
        // Newest first.
        "step,loss\n".to_owned()
            + &(0..30).rev().map(|number| format!("{},{}\n", step(number), row(number).0)).collect::<String>(),
    ] {
        let (curve, judgement) = judged(&text);
        let steps: Vec<u64> = curve.points.iter().map(|point| point.step).collect();
        assert_eq!(steps, (0..30).map(|row| step(row) as u64).collect::<Vec<_>>(), "{text}");
        assert!(matches!(judgement.verdict, Verdict::Collapse | Verdict::CollapseOfTraining), "{judgement:?} {text}");
        assert_eq!(onsets(&judgement)[0], Some(step(GOOD) as u64), "{text}");
    }
}

#[test]
fn every_loss_of_a_log_is_looked_at() {
    let table = |part: &dyn Fn(usize) -> f64| {
        let lines = (0..30).map(|row| format!("{row},{},{}\n", 2.0 * 0.9_f64.powi(row as i32) + 0.1, part(row)));
        format!("epoch,train/box_loss,train/cls_loss\n{}", lines.collect::<String>())
    };
    let (_, sound) = judged(&table(&|row| 1.0 / (row + 1) as f64));
    assert_eq!((sound.verdict, sound.judged.len()), (Verdict::NothingWrong, 2));
    for (what, part) in
        [("NaN", &(|at| if at < GOOD { 0.5 } else { f64::NAN }) as &dyn Fn(usize) -> f64), ("lost", &|at| row(at).0)]
    {
        let (_, judgement) = judged(&table(part));
        assert_eq!(judgement.verdict, Verdict::PartLost, "{what}");
        assert_eq!(
            (judgement.parts[0].column.as_str(), judgement.parts[0].event.onset),
            ("train/cls_loss", GOOD as u64)
        );
    }
    // What a generator loses its discriminator gains.
    let against = table(&|row| 0.5 + 0.1 * row as f64).replace("train/cls_loss", "train/gen_loss");
    assert_eq!(judged(&against).1.verdict, Verdict::NothingWrong);
    // XGBoost names two sets of data, of which the first is that of training.
    let boosted = rows(|row, _, val| {
        format!("[{row}]\tvalidation_0-rmse:{}\tvalidation_1-rmse:{val}\n", 2.0 * 0.9_f64.powi(row as i32))
    });
    let (curve, judgement) = judged(&boosted);
    assert_eq!(judgement.verdict, Verdict::CollapseOfValidation);
    assert!(
        curve.notes.iter().any(|note| note.contains("`validation_0-rmse` was taken as the training")),
        "{:?}",
        curve.notes
    );
    // The accuracy of a table that names both losses by their data is of validation.
    let table = "Epoch,Training Loss,Validation Loss,Accuracy\n".to_owned()
        + &(0..30)
            .map(|row| format!("{row},{},{},0.5\n", 2.0 * 0.9_f64.powi(row), 2.1 * 0.9_f64.powi(row)))
            .collect::<String>();
    assert_eq!(judged(&table).0.columns.validation_accuracy.as_deref(), Some("Accuracy"));
}

#[test]
fn no_row_is_thrown_away_without_a_look() {
    // Two processes write to one log, and one of them collapses.
    let two = rows(|row, loss, _| {
        format!("run_a step {row} loss {loss}\nrun_b step {row} loss {}\n", 2.0 * 0.9_f64.powi(row as i32))
    });
    let verdicts: Vec<Verdict> = read(&two).unwrap().iter().map(|curve| judge(curve).verdict).collect();
    assert_eq!(verdicts, [Verdict::Collapse, Verdict::NothingWrong]);
    // Somebody went back to before the collapse.
    let again = rows(|row, loss, _| format!("step {row} loss {loss}\n"))
        + &(15..40).map(|row| format!("step {row} loss {}\n", 0.3 + 2.0 * 0.8_f64.powi(row))).collect::<String>();
    let runs = read(&again).unwrap();
    let verdicts: Vec<(bool, Verdict)> = runs.iter().map(|curve| (curve.superseded, judge(curve).verdict)).collect();
    assert_eq!(verdicts, [(true, Verdict::Collapse), (false, Verdict::NothingWrong)]);
    // pandas writes NaN as nothing.
    let empty = "epoch,loss,val_loss\n".to_owned()
        + &(0..30).map(|row| format!("{row},{},0.5\n", if row < 20 { "0.4" } else { "" })).collect::<String>();
    let (curve, judgement) = judged(&empty);
    assert_eq!((judgement.verdict, onsets(&judgement)[0]), (Verdict::NotFinite, Some(20)));
    assert!(curve.notes.iter().any(|note| note.contains("line 22") && note.contains("NaN")), "{:?}", curve.notes);
}

#[test]
fn what_is_cut_off_or_abridged_is_refused() {
    let losses = list(|row| row.0, |value| value.to_string());
    for (text, says) in [
        (format!("{{\"loss\": [{losses}"), "line 1: JSON ends before it is complete"),
        (format!("{{\"epoch\": 1,\n\"log_history\": [{{\"loss\": 0.5}},\n{{\"loss\": [{losses}"), "ends before"),
        (format!("{{'loss': [{losses}"), "lists of numbers amid other text, or such as do not end"),
        ("losses = [2.3 2.2 2.1 ... 0.5 0.4]".into(), "left out the middle"),
        ("e\0p\0o\0c\0h\0,\0l\0o\0s\0s\0\n\0".into(), "UTF-16"),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
    // A single line is a row, not a line of names.
    let (curve, judgement) = judged("Epoch 1, loss 2.31, val_loss 2.40\n");
    assert_eq!((curve.points.len(), judgement.verdict), (1, Verdict::TooShort));
}

/// A table without a line feed is refused by name, whichever way it ends.
#[test]
fn a_table_with_carriage_returns_is_told() {
    let table = format!("epoch,loss,val_loss\n{}", rows(|row, loss, val| format!("{row},{loss},{val}\n")));
    assert_eq!(onsets(&judged(&table).1), [Some(GOOD as u64); 2]);
    let error = read(&table.replace('\n', "\r")).unwrap_err().to_string();
    assert!(error.contains("carriage returns") && error.contains("tr '\\r' '\\n'"), "{error}");
}

/// PaddlePaddle's `batch_cost` is a time, and so is every cost in seconds: however it rises, no loss does.
#[test]
fn a_cost_in_seconds_is_no_loss() {
    let costs = [
        "batch_cost: {} s",
        "Time cost={}",
        "time cost per batch: {}",
        "cost {}s",
        "cost={} sec",
        "avg cost: {} seconds, 64 images",
        "Cost: {}ms",
        "cost {} h",
        "cost: 0 min {} s",
    ];
    for cost in costs {
        let text = rows(|row, _, _| {
            let (loss, seconds) = (0.3 + 2.0 * 0.8_f64.powi(row as i32), if row < 15 { "0.2" } else { "5.0" });
            let cost = cost.replace("{}", seconds);
            format!("[2021/05/05 10:00:08,123] epoch: [{row}/30], iter: {row}, loss: {loss:.4}, {cost}\n")
        });
        let (curve, judgement) = judged(&text);
        assert_eq!(curve.columns.loss.as_deref(), Some("loss"), "{cost}");
        assert_eq!((judgement.verdict, judgement.judged.len()), (Verdict::NothingWrong, 1), "{cost}: {judgement:?}");
    }
    let table = rows(|row, loss, _| format!("{row},{loss},{}s\n", if row < 15 { 0.2 } else { 5.0 }));
    let lines = rows(|row, loss, _| format!("{{\"epoch\": {row}, \"loss\": {loss}, \"cost\": \"12.3 s\"}}\n"));
    for text in [format!("epoch,loss,cost\n{table}"), lines] {
        let (curve, judgement) = judged(&text);
        assert_eq!((curve.columns.loss.as_deref(), judgement.judged.len()), (Some("loss"), 1), "{text}");
    }
}

/// A cost of which nothing says that it is a time is the loss.
#[test]
fn a_cost_without_a_unit_of_time_is_the_loss() {
    for text in [
        rows(|row, loss, _| format!("Ep. 1 : Up. {row} : Cost {loss} * 1,200,345 @ 12,034 : Time 60.12s\n")),
        rows(|row, loss, _| format!("epoch {row}, cost {loss}, time 12.3s\n")),
        rows(|row, loss, _| format!("epoch {row} cost {loss} min 0.1 max 9.0\n")),
        rows(|row, loss, _| format!("epoch {row} cost {loss} s=3\n")),
        rows(|row, loss, _| format!("epoch {row}: cost={loss} (12.3 s)\n")),
        "epoch,cost\n".to_owned() + &rows(|row, loss, _| format!("{row},{loss}\n")),
    ] {
        let (_, judgement) = judged(&text);
        assert_eq!((judgement.verdict, onsets(&judgement)[0]), (Verdict::Collapse, Some(GOOD as u64)), "{text}");
    }
}

/// MXNet's `Module.fit`: the accuracies of epochs, a cross-entropy, and the seconds that an epoch cost.
#[test]
fn logs_of_mxnet_are_read() {
    let log = |with_loss: bool| {
        rows(|row, loss, _| {
            let (accuracy, seconds) = (1.0 - 0.4 * loss, if row < 15 { 10.123 } else { 90.0 });
            let batch = format!("Batch [20]\tSpeed: 1024.50 samples/sec\taccuracy={:.6}", 0.9 * accuracy);
            let loss =
                if with_loss { format!("INFO:root:Epoch[{row}] Train-cross-entropy={loss}\n") } else { "".into() };
            format!(
                "INFO:root:Epoch[{row}] {batch}\nINFO:root:Epoch[{row}] Train-accuracy={accuracy:.6}\n{loss}INFO:root:\
                 Epoch[{row}] Time cost={seconds}\nINFO:root:Epoch[{row}] Validation-accuracy={accuracy:.6}\n"
            )
        })
    };
    for with_loss in [true, false] {
        let (curve, judgement) = judged(&log(with_loss));
        let columns = [&curve.columns.loss, &curve.columns.accuracy, &curve.columns.validation_accuracy];
        let loss = with_loss.then_some("Train-cross-entropy");
        assert_eq!(columns.map(Option::as_deref), [loss, Some("Train-accuracy"), Some("Validation-accuracy")]);
        assert_eq!((curve.epochs.len(), judgement.verdict), (30, Verdict::Collapse), "{judgement:?}");
        assert!(judgement.events.iter().all(|event| event.event.onset == GOOD as u64), "{judgement:?}");
        assert!(judgement.judged.iter().all(|judged| judged.column.as_deref() != Some("cost")), "{judgement:?}");
    }
}

/// Losses that stay where they began, by design.
#[test]
fn a_loss_that_need_not_fall_is_no_fault() {
    let flat = |row: usize| 0.7 + 0.02 * ((row * 7919 % 13) as f64 / 6.0 - 1.0);
    let table = |names: &str, loss: &dyn Fn(usize) -> f64| {
        let cells = |row: usize| vec![loss(row).to_string(); names.split(',').count()].join(",");
        format!("epoch,{names}\n{}", rows(|row, _, _| format!("{row},{}\n", cells(row))))
    };
    let says = "need not fall, so this is no fault";
    for names in ["policy_loss", "loss_D,loss_G", "train/entropy_loss", "klLoss", "generator_loss", "val_kl_loss"] {
        let (_, judgement) = judged(&table(names, &flat));
        assert_eq!(judgement.verdict, Verdict::NothingWrong, "{names}");
        let name = names.split(',').next().unwrap();
        let told =
            judgement.notes.iter().any(|note| note.contains(says) && note.contains(&format!("`{name}` did not")));
        assert!(told, "{names}: {:?}", judgement.notes);
    }
    // As Stable-Baselines3 names them: the plain loss is the sum of the others.
    let sum = "train/policy_gradient_loss,train/entropy_loss,train/value_loss,train/loss";
    let (curve, judgement) = judged(&table(sum, &flat));
    assert_eq!((curve.columns.loss.as_deref(), judgement.verdict), (Some("train/loss"), Verdict::NothingWrong));
    assert!(judgement.notes.iter().any(|note| note.contains("`train/policy_gradient_loss`")), "{:?}", judgement.notes);
    // What must fall, alone or beside a penalty.
    for names in ["loss", "loss,kl_loss", "train_cross_entropy", "clip_loss", "loss_value", "box_loss,gen_loss"] {
        let (_, judgement) = judged(&table(names, &flat));
        assert_eq!((judgement.verdict, judgement.notes.len()), (Verdict::NeverLearnt, 0), "{names}: {judgement:?}");
    }
    // A collapse, and numbers that are not finite, are told all the same.
    for (verdict, loss) in [
        (Verdict::Collapse, &(|at| row(at).0) as &dyn Fn(usize) -> f64),
        (Verdict::NotFinite, &|at| if at < GOOD { flat(at) } else { f64::NAN }),
    ] {
        let (_, judgement) = judged(&table("d_loss", loss));
        assert_eq!((judgement.verdict, onsets(&judgement)[0]), (verdict, Some(GOOD as u64)), "{judgement:?}");
        assert!(judgement.notes.iter().all(|note| !note.contains(says)), "{:?}", judgement.notes);
    }
}

/// Each form, and the number of its first row.
#[test]
fn forms_of_consoles_and_trackers_are_read() {
    let table =
        |top: &str, rule: &str, row: &dyn Fn(usize, f64, f64) -> String| format!("{top}\n{rule}\n{}", rows(row));
    let upright = |row: usize, loss: f64, val: f64| format!("│ {row:>5} │ {loss:>10} │ {val:>8} │\n");
    let forms: Vec<(u64, String)> = vec![
        // Tables of rich and tabulate.
        (
            0,
            table(
                "┏━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━━━┓\n┃ Epoch ┃ Train Loss ┃ Val Loss ┃",
                "┡━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━━━┩",
                &upright,
            ),
        ),
        (
            0,
            table(
                "╒═══════╤════════════╤══════════╕\n│ Epoch │ Train Loss │ Val Loss │",
                "╞═══════╪════════════╪══════════╡",
                &|row, loss, val| upright(row, loss, val) + "├───────┼────────────┼──────────┤\n",
            ),
        ),
        (
            0,
            table(
                "+-------+------------+----------+\n| epoch | train_loss | val_loss |",
                "+=======+============+==========+",
                &|row, loss, val| format!("| {row} | {loss} | {val} |\n+-------+------------+----------+\n"),
            ),
        ),
        // Two lines of names.
        (0, table(",loss,loss", ",train,val", &|row, loss, val| format!("{row},{loss},{val}\n"))),
        (0, table(",train,val", ",loss,loss", &|row, loss, val| format!("{row},{loss},{val}\n"))),
        // Keras prints the bar once more below what a callback says.
        (
            1,
            rows(|row, loss, val| {
                let epoch = row + 1;
                format!(
                    "Epoch {epoch}/30\n99/100 [====>.] - ETA: 0s - loss: 9.0\nEpoch {epoch}: val_loss improved from 2.5 to \
                 {val}, saving model to m.keras\n100/100 [=====] - 1s 6ms/step - loss: {loss} - val_loss: {val}\n"
                )
            }),
        ),
        (
            1,
            rows(|row, loss, val| {
                let better = if row < GOOD {
                    "Validation loss decreased (2.5 --> 2.4).  Saving model ...\n"
                } else {
                    "EarlyStopping counter: 3 out of 20\n"
                };
                format!("[{:>2}/30] train_loss: {loss} valid_loss: {val}\n{better}", row + 1)
            }),
        ),
        (0, rows(|row, loss, val| format!("E{row:03} loss {loss} val_loss {val}\n"))),
        (1, rows(|row, loss, val| format!("Epoch #{}: loss={loss}, val_loss={val}\n", row + 1))),
        (1, rows(|row, loss, val| format!("tr_loss after {} epochs: {loss}, te_loss {val}\n", row + 1))),
        (
            0,
            "Max epochs 500. Desired error: 0.001.\n".to_owned()
                + &rows(|row, loss, val| {
                    format!("Epoch {row}. train error: {loss}. test error: {val}. Best error: 0.1\n")
                }),
        ),
        (1, rows(|row, loss, val| format!("Epoch ({}/30) loss={loss}, val_loss={val}\n", row + 1))),
        // Poutyne counts steps of tests before the loss of training.
        (
            1,
            rows(|row, loss, val| {
                format!("Epoch: {:>2}/30 Train steps: 100 Val steps: 20 1.23s loss: {loss} val_loss: {val}\n", row + 1)
            }),
        ),
        // Tacotron 2: the first number is the iteration.
        (
            0,
            rows(|row, loss, val| {
                format!("Train loss {row} {loss} Grad Norm 1.5 1.23s/it\nValidation loss {row}: {val:>9}  \n")
            }),
        ),
        // ClearML's table.
        (
            0,
            "Title,Series,Iteration,Value\n".to_owned()
                + &rows(|row, loss, val| format!("loss,train,{row},{loss}\nloss,validation,{row},{val}\n")),
        ),
        // Sacred.
        (0, {
            let steps = (0..30).map(|step| step.to_string()).collect::<Vec<_>>().join(",");
            let of = |losses: String| format!("{{\"steps\": [{steps}], \"values\": [{losses}]}}");
            let (losses, tests) =
                (list(|row| row.0, |loss| loss.to_string()), list(|row| row.1, |loss| loss.to_string()));
            format!("{{\"train.loss\": {}, \"val.loss\": {}}}", of(losses), of(tests))
        }),
    ];
    for (first, text) in forms {
        let (_, judgement) = judged(&text);
        assert_eq!(judgement.verdict, Verdict::Collapse, "{text}");
        assert_eq!(onsets(&judgement), [Some(GOOD as u64 + first); 2], "{text}");
    }
}

/// Batches are counted through the epochs: the collapse begins with the 18th.
#[test]
fn forms_with_batches_of_epochs_are_read() {
    for text in [
        // PyTorch's quickstart.
        rows(|row, loss, val| {
            format!(
                "Epoch {row}\n-------\nloss: {loss}  [   64/ 1000]\nloss: {loss}  [  564/ 1000]\nTest Error: \n Accuracy: 50.9%, \
                 Avg loss: {val} \n\n"
            )
        }),
        // timm
        rows(|row, loss, val| {
            format!(
                "Train: {row} [   0/1000 (  0%)]  Loss: {loss} ({loss})  Time: 0.5s\nTrain: {row} [ 500/1000 ( 50%)]  Loss: {loss} \
                 ({loss})  Time: 0.5s\nTest: [   0/19]  Time: 0.3 (0.3)  Loss:  {val} ({val})  Acc@1: 10.0 (10.0)\n"
            )
        }),
        // Swin
        rows(|row, loss, val| {
            format!(
                "[2024-01-02 swin] (main.py 223): INFO Train: [{row}/30][0/1000]\tloss {loss} ({loss})\n[2024-01-02 swin] (main.py \
                 223): INFO Train: [{row}/30][500/1000]\tloss {loss} ({loss})\n[2024-01-02 swin] (main.py 260): INFO Test: \
                 [0/10]\tLoss {val} ({val})\n"
            )
        }),
        rows(|row, loss, val| {
            format!("[{row}/30][0/1000] loss: {loss}\n[{row}/30][500/1000] loss: {loss}\nval_loss: {val}\n")
        }),
    ] {
        let (curve, judgement) = judged(&text);
        assert_eq!((curve.points.len(), curve.epochs.len()), (60, 30), "{text}");
        assert_eq!(judgement.verdict, Verdict::Collapse, "{judgement:?} {text}");
        let onset = onsets(&judgement)[0].unwrap();
        assert_eq!(curve.epoch_starts.iter().position(|start| *start == onset), Some(GOOD), "{onset} {text}");
    }
}

/// Rows whose loss is told without its name.
#[test]
fn losses_without_a_name_are_read_where_the_form_is_known() {
    for text in [
        rows(|row, loss, _| format!("{} {}% (0m {row}s) {loss:.4} Smith / English ✗ (Scottish)\n", 1000 * row, row)),
        rows(|row, loss, _| format!("0m {row}s (- 13m 5s) ({} {row}%) {loss:.4}\n", 1000 * row)),
        rows(|row, loss, _| {
            format!("INFO o.d.o.l.ScoreIterationListener - Score at iteration {} is {loss}\n", 1000 * row)
        }),
    ] {
        let (_, judgement) = judged(&text);
        assert_eq!(onsets(&judgement)[0], Some(1000 * GOOD as u64), "{text}");
    }
    // A typeset minus, and an area under a curve.
    let (_, judgement) =
        judged(&("epoch,loss\n".to_owned() + &rows(|row, loss, _| format!("{row},\u{2212}{:.4}\n", 3.0 - loss))));
    assert_eq!((judgement.verdict, onsets(&judgement)[0]), (Verdict::Collapse, Some(GOOD as u64)));
    let (curve, judgement) = judged(&rows(|row, loss, _| format!("epoch {row} auc {:.4}\n", 1.0 - 0.2 * loss)));
    assert_eq!((curve.columns.accuracy.as_deref(), judgement.verdict), (Some("auc"), Verdict::Collapse));
}

/// What would leave one row of many, or one of two columns, is refused.
#[test]
fn names_that_tell_too_little_are_refused() {
    for (text, says) in [
        (rows(|row, loss, _| format!("fold{row}_loss: {loss}\n")), "names the loss otherwise in each row"),
        (
            "epoch,loss,loss\n".to_owned() + &rows(|row, loss, val| format!("{row},{loss},{val}\n")),
            "two columns named `loss`",
        ),
    ] {
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains(says), "{text}: {error}");
    }
}
