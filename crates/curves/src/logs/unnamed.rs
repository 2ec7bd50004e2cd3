//! Lines whose indices have no name, and what stands before a progress bar.

use super::names::{Pair, Scope};
use super::number;

/// Indices in brackets at the beginning of a line, and what follows them: `[1,  2000] loss: 2.173`, as in PyTorch's tutorial,
/// are epoch and batch; `[10]` is an iteration where names follow as XGBoost and LightGBM write them.
pub(super) fn bracketed(text: &str) -> Option<(Vec<Pair>, &str)> {
    let mut rest = text;
    // A time may stand before it.
    for _ in 0..2 {
        let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
        let numbers: Option<Vec<f64>> = inside.split(',').map(whole).collect();
        let named = |names: &[&str], numbers: &[f64]| {
            names.iter().zip(numbers).map(|(name, number)| ((*name).to_owned(), None, *number)).collect::<Vec<Pair>>()
        };
        match numbers.as_deref() {
            Some([epoch, batch]) => return Some((named(&["epoch", "batch"], &[*epoch, *batch]), after)),
            Some([iteration]) if boosts(after) => return Some((named(&["iteration"], &[*iteration]), after)),
            _ => rest = after.trim_start(),
        }
    }
    None
}

/// Whether names follow as those of boosted trees: `train-rmse:0.5`, `validation_0-logloss:0.4`, `valid_0's l2: 0.5`; or as
/// Flax' metric writers have them: `train_loss=0.5`.
fn boosts(text: &str) -> bool {
    let name = text.trim_start().split(':').next().unwrap_or_default();
    let equation = text
        .trim_start()
        .split_once('=')
        .is_some_and(|(name, value)| !name.contains([' ', ':']) && number::prefix(value).is_some());
    name.contains('-') || name.contains("'s ") || equation
}

/// `TRAIN Batch 3/100 loss 2.5` and `CV Batch 3/100 loss 2.5` of WeNet: the first number is the epoch; batches of tests number
/// nothing. What follows, and of which data it is.
pub(super) fn batch_of_epoch(text: &str) -> Option<(Vec<Pair>, Scope, &str)> {
    let kinds = [("TRAIN Batch ", Scope::Train), ("CV Batch ", Scope::Test)];
    let (at, scope) = kinds.into_iter().find_map(|(name, scope)| Some((text.find(name)? + name.len(), scope)))?;
    let (epoch, rest) = text[at..].split_once('/')?;
    let (batch, _) = rest.split_once(' ')?;
    let mut indices = vec![("epoch".to_owned(), None, whole(epoch)?)];
    let batch = ("batch".to_owned(), None, whole(batch)?);
    indices.extend(Some(batch).filter(|_| scope == Scope::Train));
    Some((indices, scope, rest))
}

/// `1000: 2.345, 2.456 avg loss, 0.001 rate, 3.2 seconds, 64000 images`, as darknet prints it.
pub(super) fn darknet(text: &str) -> Option<Vec<Pair>> {
    let (iteration, rest) = text.split_once(':')?;
    let iteration = whole(iteration)?;
    let mut parts = rest.split(',').map(str::trim);
    let (loss, length) = number::prefix(parts.next()?)?;
    let words_after =
        |part: &str| number::prefix(part).map(|(value, length)| (value, part[length..].trim().to_owned()));
    let (mean, of_mean) = words_after(parts.next()?)?;
    let (rate, of_rate) = words_after(parts.next()?)?;
    let is_darknet = rest.trim_start()[length..].starts_with(',') && of_mean.starts_with("avg") && of_rate == "rate";
    let pair = |name: &str, value| (name.to_owned(), None, value);
    is_darknet.then(|| {
        vec![pair("iteration", iteration), pair("loss", loss), pair("avg loss", mean), pair("learning rate", rate)]
    })
}

/// The step of `2010/21150 (epoch 4.7), train_loss = 0.5`, as char-rnn prints it, and what follows.
pub(super) fn counted(text: &str) -> Option<(Pair, &str)> {
    let (position, rest) = text.split_once(" (epoch ")?;
    let (step, total) = position.split_once('/')?;
    whole(total)?;
    Some((("step".into(), None, whole(step)?), &text[text.len() - rest.len() - "epoch ".len()..]))
}

fn whole(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_whole = !text.is_empty() && text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    is_whole.then(|| text.parse().ok()).flatten()
}

/// A progress bar.
pub(super) struct Bar<'a> {
    pub(super) done: u64,
    pub(super) total: u64,
    /// What stands before the bar: `Epoch 3`.
    pub(super) before: &'a str,
    pub(super) after: &'a str,
}

/// `12/100 [=====>…] - ETA: 2s - loss: 0.5` of Keras; `Epoch 3:  12%|█▏ | 12/100 [00:02<00:15, loss=0.5]` of tqdm.
pub(super) fn bar(text: &str) -> Option<Bar<'_>> {
    let (before, position) = match text.split_once("%|") {
        // The bar itself has no `|`; what follows it may.
        Some((before, after)) => {
            let share = |character: char| character.is_ascii_digit() || character == '.' || character == ' ';
            (before.trim_end_matches(share), after.split_once('|').map_or(after, |(_, after)| after))
        }
        None => ("", text),
    };
    let is_tqdm = text.contains("%|");
    // PaddlePaddle's `step 12/100 - loss: 0.5`.
    let position = position.trim_start().trim_start_matches("step ").trim_start();
    let digits = position.bytes().take_while(u8::is_ascii_digit).count();
    let done = position[..digits].parse().ok()?;
    let after = position[digits..].strip_prefix('/')?;
    let digits = after.bytes().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let total =
        after[..digits].parse().or_else(|_| if &after[..digits] == "Unknown" { Ok(0) } else { Err(()) }).ok()?;
    let tail = after[digits..].trim_start();
    let is_keras = ["[=", "[>", "[.", "━", "- "].iter().any(|begin| tail.starts_with(begin));
    (is_tqdm || is_keras).then_some(Bar { done, total, before, after: tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indices_in_brackets() {
        let (pairs, rest) = bracketed("[1,  2000] loss: 2.173").unwrap();
        assert_eq!(pairs, [("epoch".to_owned(), None, 1.0), ("batch".to_owned(), None, 2000.0)]);
        assert_eq!(rest, " loss: 2.173");
        for (text, iteration) in [
            ("[10]\ttrain-rmse:0.5\tvalid-rmse:0.6", 10.0),
            ("[7]\tvalid_0's l2: 0.5", 7.0),
            ("[17:22:06] [3]\ttrain-logloss:0.5", 3.0),
        ] {
            assert_eq!(bracketed(text).unwrap().0, [("iteration".to_owned(), None, iteration)], "{text}");
        }
        for text in ["[10] loss: 0.5", "[12:30:01 INFO] loss: 0.5", "loss: [1, 2]", "[", "[]", "[1,2,3] loss: 1"] {
            assert!(bracketed(text).is_none(), "{text}");
        }
    }

    #[test]
    fn bars_of_keras_and_tqdm() {
        for (text, expected) in [
            ("12/100 [=====>...] - ETA: 2s - loss: 0.5", (12, 100, "", "[=====>...] - ETA: 2s - loss: 0.5")),
            ("100%|███| 938/938 [00:12<00:00, loss=0.312]", (938, 938, "", "[00:12<00:00, loss=0.312]")),
            ("Epoch 3:  45%|████▌ | 9/20 [00:01<00:02]", (9, 20, "Epoch 3:", "[00:01<00:02]")),
        ] {
            let bar = bar(text).unwrap();
            assert_eq!((bar.done, bar.total, bar.before, bar.after), expected);
        }
        assert!(bar("12/100 examples").is_none() && bar("45%|").is_none() && bar("%|1/").is_none());
    }

    #[test]
    fn lines_of_char_rnn() {
        let (step, rest) = counted("2010/21150 (epoch 4.751), train_loss = 0.5").unwrap();
        assert_eq!((step, rest), (("step".to_owned(), None, 2010.0), "epoch 4.751), train_loss = 0.5"));
        assert!(counted("a/b (epoch 4)").is_none() && counted("3/30 * Epoch 3 (train): loss=2").is_none());
    }

    #[test]
    fn lines_of_darknet() {
        let pairs = darknet("1000: 2.345, 2.456 avg, 0.001000 rate, 3.2 seconds, 64000 images").unwrap();
        let found: Vec<(&str, f64)> = pairs.iter().map(|(name, _, value)| (name.as_str(), *value)).collect();
        let expected = [("iteration", 1000.0), ("loss", 2.345), ("avg loss", 2.456), ("learning rate", 0.001)];
        assert_eq!(found, expected);
        assert!(darknet("10: 2.3, 2.4 avg loss, 0.001 rate, 3.2 seconds, 640 images").is_some());
        assert!(darknet("10: 2.3, 2.4, 0.001 rate").is_none() && darknet("a: 2.3, 2.4 avg, 1 rate").is_none());
    }
}
