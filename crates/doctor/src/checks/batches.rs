//! Check 6: are the batches balanced?

use flameout_experiment::{Dataset, Settings};
use ndarray::Axis;

use super::builder::{Builder, Checked};
use crate::cause::Cause;
use crate::change::Change;
use crate::check::Grade;
use crate::diagnosis::Finding;
use crate::targets::{column_means, square};

/// Batches whose means scatter so many times more than those of random batches, over all outputs, are unusual …
const UNUSUAL: f64 = 1.5;
/// … or sorted.
const SORTED: f64 = 3.0;
/// The same for the output that scatters most, in standard deviations of what a single one does by chance. (The largest of
/// some hundred outputs comes to about 4, and with few batches to 6.)
const UNUSUAL_OUTPUT: f64 = 8.0;
/// See [`UNUSUAL_OUTPUT`].
const SORTED_OUTPUT: f64 = 16.0;

/// Compares how the mean targets of the first epoch's batches scatter with how those of random batches would.
///
/// Means of random batches of n words have a variance of σ²/n (and less by (N − n)/(N − 1), drawn without replacement
/// from N words); the ratio of the two is 1 for random batches and up to n for sorted ones. Over b batches, the ratio of a
/// single output scatters by about √(2/(b − 1)).
#[must_use]
pub fn check(settings: &Settings, dataset: &Dataset) -> Checked {
    let mut check = Builder::new(6, "Are the batches balanced?");
    let order = dataset.epoch_order(&settings.training, settings.seed, 0);
    let batch = settings.training.batch;
    if let Some(evidence) = small_last_batch(settings, order.len()) {
        check.grade(Grade::Suspect, evidence);
        check.note("networks collapse sooner for such a batch than with `training.remainder = weigh`".into());
    }
    // Divided, because a batch may be any number.
    if order.len() / 4 < batch || batch < 2 {
        check.grade(Grade::NotApplicable, "there are fewer than four batches of two words an epoch".into());
        return check.done();
    }
    let Scatter { ratio, most, output } = scatter(dataset, &order, batch);
    let evidence = format!(
        "the batches' mean targets scatter {ratio:.2} times as much as those of random batches; \
         those of output {output} {most:.0} standard deviations more"
    );
    if ratio > UNUSUAL || most > UNUSUAL_OUTPUT {
        let grade = if ratio > SORTED || most > SORTED_OUTPUT { Grade::Fail } else { Grade::Suspect };
        check.suggest(grade, Finding::suspected(Cause::UnbalancedBatches, evidence, Some(Change::Shuffle)));
    } else {
        check.note(evidence);
    }
    check.done()
}

/// What is unusual about the last batch of an epoch of so many words: fewer than half of the others' words, which are given
/// more than twice the weight of theirs. It is no cause by itself, as networks collapse without it too, but later.
fn small_last_batch(settings: &Settings, words: usize) -> Option<String> {
    let (batch, left) = (settings.training.batch, words.checked_rem(settings.training.batch)?);
    let unusual = settings.training.remainder.is_none() && words > batch && left > 0 && 2 * left < batch;
    unusual.then(|| {
        let weight = batch as f64 / left as f64;
        format!("an epoch's last batch has {left} of {batch} words: each weighs {weight:.1} times as much as any other")
    })
}

struct Scatter {
    /// Over all outputs.
    ratio: f64,
    /// Of the output that scatters most, in standard deviations.
    most: f64,
    output: usize,
}

fn scatter(dataset: &Dataset, order: &[usize], batch: usize) -> Scatter {
    let all = column_means(dataset.targets.select(Axis(0), order).view());
    let (mut between, mut within) = (vec![0.0; all.len()], vec![0.0; all.len()]);
    for rows in order.chunks_exact(batch) {
        let targets = dataset.targets.select(Axis(0), rows);
        for (output, mean) in column_means(targets.view()).into_iter().enumerate() {
            between[output] += square(mean - all[output]);
        }
        for ((_, output), x) in targets.indexed_iter() {
            let share = square(f64::from(*x) - all[output]) / batch as f64;
            within[output] += if share.is_finite() { share } else { 0.0 };
        }
    }
    let finite_population = (order.len() - batch) as f64 / (order.len() - 1) as f64;
    let ratio = |between: f64, within: f64| between / (within / batch as f64 * finite_population);
    let deviation = (2.0 / ((order.len() / batch) as f64 - 1.0)).sqrt();
    let (output, most) = between
        .iter()
        .zip(&within)
        .map(|(between, within)| (ratio(*between, *within) - 1.0) / deviation)
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, 0.0));
    Scatter { ratio: ratio(between.iter().sum(), within.iter().sum()), most, output }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flameout_experiment::Case;

    #[test]
    fn fewer_than_half_a_batch_left_over_is_unusual() {
        let settings = |batch: &str, remainder: Option<&str>| {
            let mut settings = Settings::for_case(Case::GruSingle);
            settings.set("training.batch", batch).unwrap();
            remainder.into_iter().for_each(|remainder| settings.set("training.remainder", remainder).unwrap());
            settings
        };
        let found = small_last_batch(&settings("32", None), 900).unwrap();
        assert!(found.contains("4 of 32 words") && found.contains("8.0 times"), "{found}");
        for (batch, words, remainder) in
            [("32", 896, None), ("32", 3600, None), ("900", 900, None), ("1024", 900, None), ("32", 900, Some("weigh"))]
        {
            assert_eq!(small_last_batch(&settings(batch, remainder), words), None, "{words} in batches of {batch}");
        }
    }
}
