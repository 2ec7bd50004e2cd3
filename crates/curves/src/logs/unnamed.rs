//! Lines whose indices have no name, and what stands before a progress bar.

use super::names::{Pair, Scope, scope};
use super::number;

/// Indices in brackets at the beginning of a line, and what follows them: `[1,  2000] loss: 2.173`, as in PyTorch's tutorial,
/// are epoch and batch, and so are `[0/25][3/1583]`; `[ 3/30]` alone is a step; `[10]` is one where names follow as XGBoost
/// and LightGBM write them.
pub(super) fn bracketed(text: &str) -> Option<(Vec<Pair>, &str)> {
    let mut rest = text;
    // A time may stand before it.
    for _ in 0..2 {
        let (inside, after) = rest.strip_prefix('[')?.split_once(']')?;
        let numbers: Option<Vec<f64>> = inside.split(',').map(whole).collect();
        let named = |names: &[&str], numbers: &[f64]| {
            names.iter().zip(numbers).map(|(name, number)| ((*name).to_owned(), None, *number)).collect::<Vec<Pair>>()
        };
        if let Some(first) = of_total(inside) {
            let second = after.trim_start().strip_prefix('[').and_then(|next| next.split_once(']'));
            return Some(match second.and_then(|(next, rest)| Some((of_total(next)?, rest))) {
                Some((batch, rest)) => (named(&["epoch", "batch"], &[first, batch]), rest),
                None => (named(&["step"], &[first]), after),
            });
        }
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

/// `3/30`.
fn of_total(text: &str) -> Option<f64> {
    let (number, total) = text.split_once('/')?;
    whole(total)?;
    whole(number)
}

/// `[   64/60000]` at the beginning of a text: the number, and the length of it all.
pub(super) fn counter(text: &str) -> Option<(f64, usize)> {
    let end = text.find(']')?;
    Some((of_total(text[..end].strip_prefix('[')?)?, end + 1))
}

/// The index that a word is: `E003`, `ep3`, `epoch_3`, `step-100`.
pub(super) fn index_word(word: &str) -> Option<(&'static str, f64)> {
    const NAMES: [(&str, &str); 8] = [
        ("epoch", "epoch"),
        ("ep", "epoch"),
        ("e", "epoch"),
        ("iteration", "step"),
        ("iter", "step"),
        ("it", "step"),
        ("step", "step"),
        ("batch", "batch"),
    ];
    let lower = word.to_lowercase();
    let lower = lower.trim_end_matches(['/', '-', '.', '_']);
    let fits = |&(begin, name): &(&str, &'static str)| {
        let rest = lower.strip_prefix(begin)?;
        let rest = rest.strip_prefix(['_', '-']).unwrap_or(rest);
        Some((name, of_total(rest).or_else(|| whole(rest))?))
    };
    NAMES.iter().find_map(fits)
}

/// `Train: 3 [  50/1251 (  4%)]  Loss: 2.5` of timm, `Train: [3/300][50/1251] loss 2.5` of Swin, and their `Test: [ 0/97]`:
/// epoch and batch, or the batch of a test, which numbers nothing. What follows, and of which data it is.
fn data_and_batch(text: &str) -> Option<(Vec<Pair>, Scope, &str)> {
    let at = text.match_indices(": ").find_map(|(at, _)| {
        let word = text[..at].rsplit(' ').next()?;
        Some((at + 2, scope(word)?, word.chars().next()?.is_uppercase()))
    });
    let (at, scope, _) = at.filter(|found| found.2)?;
    let (epoch, rest) = text[at..].trim_start().split_once('[')?;
    let (inside, after) = rest.split_once(']')?;
    let first = of_total(inside.split(" (").next()?)?;
    let pair = |name: &str, value: f64| (name.to_owned(), None, value);
    let second = after.strip_prefix('[').and_then(|next| next.split_once(']'));
    let second = second.and_then(|(next, rest)| Some((of_total(next)?, rest)));
    match (epoch.trim(), second) {
        ("", Some((batch, rest))) => Some((vec![pair("epoch", first), pair("batch", batch)], scope, rest)),
        ("", None) if scope == Scope::Test => Some((Vec::new(), scope, after)),
        (epoch, None) => {
            let epoch = pair("epoch", whole(epoch)?);
            let batch = Some(pair("batch", first)).filter(|_| scope == Scope::Train);
            Some(([epoch].into_iter().chain(batch).collect(), scope, after))
        }
        _ => None,
    }
}

/// `5000 5% (0m 8s) 2.6 Smith / English` and `0m 44s (- 13m 5s) (5000 6%) 2.87`, as PyTorch's tutorials on recurrent networks
/// print iteration, share, time and loss.
pub(super) fn tutorial(text: &str) -> Option<Vec<Pair>> {
    let words: Vec<&str> = text.split_whitespace().take(12).map(|word| word.trim_matches(['(', ')'])).collect();
    let share = |word: &str| word.strip_suffix('%').and_then(whole).is_some();
    let time = |word: &&str| {
        *word == "-"
            || word.strip_suffix(['h', 'm', 's']).is_some_and(|time| whole(time.trim_start_matches('-')).is_some())
    };
    let at = words.windows(2).position(|pair| whole(pair[0]).is_some() && share(pair[1]))?;
    let rest: Vec<&&str> = words[at + 2..].iter().skip_while(|word| time(word)).collect();
    let timed = words.iter().any(&time) && words[..at].iter().all(&time);
    let (loss, length) = number::prefix(rest.first()?)?;
    (timed && length == rest[0].len() && rest[0].contains(['.', 'n', 'i']))
        .then(|| vec![("step".into(), None, whole(words[at]).unwrap_or(0.0)), ("loss".into(), None, loss)])
}

/// `Score at iteration 100 is 2.5`, the loss as Deeplearning4j prints it.
pub(super) fn score_listener(text: &str) -> Option<Vec<Pair>> {
    let (_, said) = text.split_once("Score at iteration ")?;
    let (iteration, score) = said.split_once(" is ")?;
    let (loss, _) = number::prefix(score.trim_start())?;
    Some(vec![("iteration".into(), None, whole(iteration)?), ("loss".into(), None, loss)])
}

/// `TRAIN Batch 3/100 loss 2.5` and `CV Batch 3/100 loss 2.5` of WeNet: the first number is the epoch; batches of tests number
/// nothing. What follows, and of which data it is.
pub(super) fn batch_of_epoch(text: &str) -> Option<(Vec<Pair>, Scope, &str)> {
    if let Some(found) = data_and_batch(text) {
        return Some(found);
    }
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
    fn indices_of_a_total() {
        let named = |text: &str| {
            let (pairs, rest) = bracketed(text).unwrap();
            (pairs.into_iter().map(|pair| (pair.0, pair.2)).collect::<Vec<_>>(), rest.to_owned())
        };
        let pairs =
            |pairs: &[(&str, f64)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect::<Vec<_>>();
        assert_eq!(named("[ 3/30] train_loss: 0.5"), (pairs(&[("step", 3.0)]), " train_loss: 0.5".into()));
        assert_eq!(named("[0/25][3/1583] Loss: 0.5"), (pairs(&[("epoch", 0.0), ("batch", 3.0)]), " Loss: 0.5".into()));
        for (word, index) in [("E003", ("epoch", 3.0)), ("ep-4/30", ("epoch", 4.0)), ("Iter100", ("step", 100.0))] {
            assert_eq!(index_word(word), Some(index), "{word}");
        }
        assert!(["E2E", "epoch", "step_", "e", "loss3"].iter().all(|word| index_word(word).is_none()));
        assert_eq!(counter("[   64/60000] x"), Some((64.0, 13)));
    }

    #[test]
    fn lines_of_tutorials_and_listeners() {
        for text in ["5000 5% (0m 8s) 2.6779 Smith / English", "0m 44s (- 13m 5s) (5000 5%) 2.6779"] {
            assert_eq!(
                tutorial(text).unwrap(),
                [("step".into(), None, 5000.0), ("loss".into(), None, 2.6779)],
                "{text}"
            );
        }
        for text in ["5000 5% 2.6", "loss 5000 5% (0m 8s) 2.6", "5000 5% (0m 8s) abc", "5000 5% (0m 8s) 7"] {
            assert!(tutorial(text).is_none(), "{text}");
        }
        let listened = score_listener("INFO ScoreIterationListener - Score at iteration 100 is 2.5").unwrap();
        assert_eq!(listened, [("iteration".into(), None, 100.0), ("loss".into(), None, 2.5)]);
    }

    #[test]
    fn epochs_and_batches_of_data() {
        let found = |text: &str| {
            let (pairs, scope, _) = batch_of_epoch(text)?;
            Some((pairs.into_iter().map(|pair| (pair.0, pair.2)).collect::<Vec<_>>(), scope))
        };
        let both = |epoch: f64, batch: f64| vec![("epoch".to_owned(), epoch), ("batch".to_owned(), batch)];
        assert_eq!(found("Train: 3 [  50/100 ( 50%)]  Loss: 2.5 (2.6)"), Some((both(3.0, 50.0), Scope::Train)));
        assert_eq!(found("(main.py 223): INFO Train: [3/30][50/100]\tloss 2.5"), Some((both(3.0, 50.0), Scope::Train)));
        assert_eq!(found("Test: [  10/20]  Loss: 2.5"), Some((vec![], Scope::Test)));
        assert_eq!(found("Train: loss 2.5 [3]"), None);
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
