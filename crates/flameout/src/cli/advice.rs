//! What to do next after a log's verdict, as lines of Keras and PyTorch.

use flameout_curves::Curve;
use flameout_curves::judge::Verdict;

/// Something to do.
pub struct Step {
    /// What, in a sentence.
    pub what: String,
    /// A line of Keras 3.
    pub keras: String,
    /// A line of PyTorch.
    pub pytorch: String,
}

fn step(what: impl Into<String>, keras: impl Into<String>, pytorch: impl Into<String>) -> Step {
    Step { what: what.into(), keras: keras.into(), pytorch: pytorch.into() }
}

/// Three steps that fit a verdict; none where nothing is wrong.
pub fn next_steps(verdict: Verdict, curve: &Curve) -> Vec<Step> {
    match verdict {
        Verdict::Collapse
        | Verdict::PartLost
        | Verdict::CollapseOfTraining
        | Verdict::LastingRise
        | Verdict::RoseAtTheEnd
        | Verdict::Spikes => {
            // What helped small networks most, in the order of docs/how-to/fix-a-collapse.md.
            vec![keep_the_best(), falling_rate(curve), whole_batches()]
        }
        Verdict::Diverged => vec![lower_rate(curve, 10.0), clip(curve), one_batch()],
        Verdict::GradientsExploded => vec![clip(curve), lower_rate(curve, 3.0), keep_the_best()],
        Verdict::NotFinite => vec![stop_at_nan(), full_precision(), clip(curve)],
        Verdict::ValidationNotFinite => vec![look_at_validation(), by_batch(), full_precision()],
        Verdict::CollapseOfValidation => vec![by_batch(), look_at_validation(), keep_the_best()],
        Verdict::Overfitting => vec![keep_the_best(), drop_out(), weight_decay()],
        Verdict::AccuracyLost => vec![check_labels(), by_batch(), keep_the_best()],
        Verdict::NeverLearnt => vec![one_batch(), other_rates(curve), check_labels()],
        // There is nothing to judge, or nothing is wrong.
        _ => Vec::new(),
    }
}

fn keep_the_best() -> Step {
    step(
        "Keep the best state and stop soon after it; go on from there.",
        "callbacks=[keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)]",
        "if val_loss < best: best = val_loss; torch.save(model.state_dict(), \"best.pt\")",
    )
}

/// The learning rate at the end of the log.
fn rate(curve: &Curve) -> Option<f64> {
    curve.points.iter().rev().find_map(|point| point.learning_rate).filter(|rate| *rate > 0.0)
}

fn lower_rate(curve: &Curve, by: f64) -> Step {
    step(
        format!("Lower the learning rate to a {} of what it is.", if by > 5.0 { "tenth" } else { "third" }),
        keras_rate(curve, 1.0 / by),
        pytorch_rate(curve, 1.0 / by),
    )
}

fn falling_rate(curve: &Curve) -> Step {
    let rate = rate(curve).map_or("rate".into(), |rate| format!("{rate:.1e}"));
    step(
        "From the start again: let the learning rate fall to zero by the last step, or use a third of it.",
        format!("keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay({rate}, steps))"),
        "torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)  # scheduler.step() after each",
    )
}

fn whole_batches() -> Step {
    step(
        "Leave out the smaller batch at the end of an epoch: each of its rows weighs more than the others.",
        "dataset.batch(32, drop_remainder=True)",
        "torch.utils.data.DataLoader(data, batch_size=32, shuffle=True, drop_last=True)",
    )
}

fn other_rates(curve: &Curve) -> Step {
    step(
        "Try a tenth of the learning rate, and ten times it, for a few hundred steps each.",
        format!("{}  # and ten times it", keras_rate(curve, 0.1)),
        format!("{}  # and ten times it", pytorch_rate(curve, 0.1)),
    )
}

/// The rate in Keras, so many times what it is; two digits are enough.
fn keras_rate(curve: &Curve, times: f64) -> String {
    match rate(curve) {
        Some(rate) => format!("model.optimizer.learning_rate = {:.1e}", rate * times),
        None => format!("model.optimizer.learning_rate = float(model.optimizer.learning_rate) / {:.0}", 1.0 / times),
    }
}

/// The same in PyTorch.
fn pytorch_rate(curve: &Curve, times: f64) -> String {
    match rate(curve) {
        Some(rate) => format!("for group in optimizer.param_groups: group[\"lr\"] = {:.1e}", rate * times),
        None => format!("for group in optimizer.param_groups: group[\"lr\"] /= {:.0}", 1.0 / times),
    }
}

fn clip(curve: &Curve) -> Step {
    let mut norms: Vec<f64> = curve
        .points
        .iter()
        .filter_map(|point| point.gradient_norm)
        .filter(|norm| norm.is_finite() && *norm > 0.0)
        .collect();
    norms.sort_by(f64::total_cmp);
    let usual = norms.get(norms.len() / 2).copied();
    let (what, norm) = match usual {
        Some(norm) => ("Clip gradients at their usual length in this log.", format!("{norm:.2}")),
        None => ("Clip gradients, and record their norm: the log then shows whether they explode.", "1.0".into()),
    };
    step(
        what,
        format!("keras.optimizers.Adam(global_clipnorm={norm})"),
        format!("norm = torch.nn.utils.clip_grad_norm_(model.parameters(), {norm})  # log it"),
    )
}

fn one_batch() -> Step {
    step(
        "See whether the network can learn one batch by heart: if not, data, targets or loss are at fault.",
        "x, y = next(iter(data)); model.fit(x, y, epochs=200)",
        "x, y = next(iter(loader))  # 200 steps on these alone",
    )
}

fn stop_at_nan() -> Step {
    step(
        "Stop at the first number that is not finite, and find where it comes from.",
        "callbacks=[keras.callbacks.TerminateOnNaN()]",
        "torch.autograd.set_detect_anomaly(True)",
    )
}

fn full_precision() -> Step {
    step(
        "Compute in 32 bits, or in bfloat16 instead of float16.",
        "keras.mixed_precision.set_global_policy(\"float32\")",
        "with torch.autocast(\"cuda\", dtype=torch.bfloat16): ...  # instead of float16",
    )
}

fn look_at_validation() -> Step {
    step(
        "Look through the validation data: not-finite inputs, empty examples, another scale than in training.",
        "numpy.isfinite(x_val).all(), x_val.mean(), x_val.std(), x_train.mean(), x_train.std()",
        "torch.isfinite(x_val).all(), x_val.mean(), x_val.std(), x_train.mean(), x_train.std()",
    )
}

fn by_batch() -> Step {
    step(
        "Find the batch whose loss is wrong, in evaluation mode.",
        "[model.evaluate(x, y, verbose=0) for x, y in validation]",
        "model.eval(); losses = [loss(model(x), y).item() for x, y in validation]",
    )
}

fn drop_out() -> Step {
    step("Let the network drop units while it trains.", "keras.layers.Dropout(0.3)", "torch.nn.Dropout(0.3)")
}

fn weight_decay() -> Step {
    step(
        "Let weights decay, or add data.",
        "keras.optimizers.AdamW(weight_decay=0.01)",
        "torch.optim.AdamW(model.parameters(), weight_decay=0.01)",
    )
}

fn check_labels() -> Step {
    step(
        "Check that labels and loss fit each other: their classes, their order, the output's activation.",
        "numpy.unique(y_train, return_counts=True); model.predict(x_train[:5]), y_train[:5]",
        "y.unique(return_counts=True); model(x[:5]), y[:5]",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use flameout_curves::Unit;

    use super::*;

    #[test]
    fn each_fault_has_three_steps_whose_lines_are_python() {
        let mut with_rate = Curve::from_losses(Unit::Epoch, [0.5, 0.4]);
        with_rate.points[1].learning_rate = Some(0.001);
        let mut lines = String::new();
        for curve in [Curve::from_losses(Unit::Epoch, [0.5, 0.4]), with_rate] {
            for verdict in [
                Verdict::NotFinite,
                Verdict::Diverged,
                Verdict::Collapse,
                Verdict::CollapseOfTraining,
                Verdict::CollapseOfValidation,
                Verdict::ValidationNotFinite,
                Verdict::GradientsExploded,
                Verdict::AccuracyLost,
                Verdict::LastingRise,
                Verdict::RoseAtTheEnd,
                Verdict::Overfitting,
                Verdict::NeverLearnt,
                Verdict::Spikes,
            ] {
                let steps = next_steps(verdict, &curve);
                assert_eq!(steps.len(), 3, "{verdict:?}");
                lines
                    .extend(steps.iter().flat_map(|step| [&step.keras, &step.pytorch]).map(|line| format!("{line}\n")));
            }
        }
        assert!(lines.contains("learning_rate = 3.3e-4") && lines.contains("[\"lr\"] /= 3"), "{lines}");
        let check = "import ast, sys; [ast.parse(line) for line in sys.stdin]";
        let python = Command::new("python3").args(["-c", check]).stdin(Stdio::piped()).spawn();
        let Ok(mut python) = python else { return tell!("SKIPPED: there is no python3 to read the lines with") };
        python.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(python.wait().unwrap().success(), "{lines}");
    }
}
