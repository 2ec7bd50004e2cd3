//! What the columns, keys and tags of logs mean: the table of accepted names.

use crate::curve::Measure;

/// A number that a log may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Quantity {
    Step,
    Epoch,
    Loss,
    Accuracy,
    GradientNorm,
    UpdateNorm,
    LearningRate,
    TestLoss,
    TestAccuracy,
}

/// Number of quantities.
pub(crate) const QUANTITIES: usize = Quantity::TestAccuracy as usize + 1;

/// A name's meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) quantity: Quantity,
    /// How far the name is from the plain one; of several with the same meaning, the lowest is used.
    pub(crate) rank: u32,
    /// Whether the name says that it is a figure of an epoch.
    pub(crate) of_epoch: bool,
    /// What a loss of this name measures.
    pub(crate) measure: Measure,
}

impl Meaning {
    /// Whether it is a loss or an accuracy.
    pub(crate) fn is_judged(self) -> bool {
        use Quantity::{Accuracy, Loss, TestAccuracy, TestLoss};
        matches!(self.quantity, Loss | Accuracy | TestLoss | TestAccuracy)
    }
}

/// What a row says of the data that its figures were measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Train,
    Test,
}

/// A value of a line of text, with the name before it and what the line says of its data.
pub(crate) type Pair = (String, Option<Scope>, f64);

/// Ranks of a tier: a figure of a lower tier is used before one of a higher, however plain their names are.
pub(crate) const TIER: u32 = 100;
/// Losses by the name of their function.
const FUNCTION: u32 = TIER;
const PERPLEXITY: u32 = 2 * TIER;
/// A loss with a word that is not known: a part of the loss, perhaps.
const PART: u32 = 3 * TIER;
const ERROR: u32 = 4 * TIER;
/// What TensorBoard's "download as CSV" calls its only column.
const VALUE: u32 = 5 * TIER;

/// Words that say that a figure is of test data.
const TEST: [&str; 18] = [
    "val",
    "vld",
    "tst",
    "te",
    "valid",
    "validation",
    "validate",
    "validating",
    "test",
    "testing",
    "eval",
    "evaluation",
    "evaluate",
    "dev",
    "heldout",
    "holdout",
    "crossval",
    "cv",
];
/// Words that say that it is of training data, as one without any is.
const TRAIN: [&str; 5] = ["train", "training", "trainer", "tr", "trn"];
/// Words that say nothing.
const FILLERS: [&str; 20] = [
    "batch",
    "minibatch",
    "iter",
    "iterations",
    "metrics",
    "scalars",
    "mean",
    "avg",
    "average",
    "total",
    "vs",
    "history",
    "results",
    "result",
    "logs",
    "running",
    "smoothed",
    "s",
    "set",
    "overall",
];
/// Words beside which `loss`, `acc` or `lr` means something else: a best value so far, a weight, a message.
const OTHER: [&str; 34] = [
    "best",
    "worst",
    "min",
    "max",
    "minimum",
    "maximum",
    "scale",
    "scaler",
    "scaling",
    "weight",
    "weights",
    "coef",
    "coefficient",
    "lambda",
    "factor",
    "improved",
    "improve",
    "improvement",
    "did",
    "not",
    "from",
    "std",
    "var",
    "target",
    "threshold",
    "delta",
    "patience",
    "desired",
    "goal",
    "tolerance",
    "tol",
    "time",
    "count",
    "num",
];

/// Accepted names, once the words above and `epoch`, `step` are taken away: (words, quantity, added rank).
const NAMES: [(&str, Quantity, u32); 87] = [
    ("loss", Quantity::Loss, 0),
    ("value", Quantity::Loss, VALUE),
    ("cost", Quantity::Loss, FUNCTION),
    ("objective", Quantity::Loss, FUNCTION),
    ("criterion", Quantity::Loss, FUNCTION),
    ("nll", Quantity::Loss, FUNCTION + 1),
    ("nll_loss", Quantity::Loss, FUNCTION + 1),
    ("ce", Quantity::Loss, FUNCTION),
    ("ce_loss", Quantity::Loss, FUNCTION),
    ("cross_entropy", Quantity::Loss, FUNCTION),
    ("cross_entropy_loss", Quantity::Loss, FUNCTION),
    ("crossentropy", Quantity::Loss, FUNCTION),
    ("xent", Quantity::Loss, FUNCTION),
    ("xent_loss", Quantity::Loss, FUNCTION),
    ("categorical_crossentropy", Quantity::Loss, FUNCTION),
    ("sparse_categorical_crossentropy", Quantity::Loss, FUNCTION),
    ("binary_crossentropy", Quantity::Loss, FUNCTION),
    ("bce", Quantity::Loss, FUNCTION),
    ("bce_loss", Quantity::Loss, FUNCTION),
    ("logloss", Quantity::Loss, FUNCTION),
    ("mlogloss", Quantity::Loss, FUNCTION),
    ("binary_logloss", Quantity::Loss, FUNCTION),
    ("multi_logloss", Quantity::Loss, FUNCTION),
    ("log_loss", Quantity::Loss, FUNCTION),
    ("mse", Quantity::Loss, FUNCTION),
    ("mse_loss", Quantity::Loss, FUNCTION),
    ("squared_error", Quantity::Loss, FUNCTION),
    ("rmse", Quantity::Loss, FUNCTION + 1),
    ("root_squared_error", Quantity::Loss, FUNCTION + 1),
    ("mae", Quantity::Loss, FUNCTION + 2),
    ("absolute_error", Quantity::Loss, FUNCTION + 2),
    ("l1", Quantity::Loss, FUNCTION + 2),
    ("l1_loss", Quantity::Loss, FUNCTION + 2),
    ("l2", Quantity::Loss, FUNCTION + 2),
    ("l2_loss", Quantity::Loss, FUNCTION + 2),
    ("huber", Quantity::Loss, FUNCTION + 2),
    ("elbo", Quantity::Loss, FUNCTION),
    ("neg_elbo", Quantity::Loss, FUNCTION),
    ("nelbo", Quantity::Loss, FUNCTION),
    ("bpc", Quantity::Loss, FUNCTION + 3),
    ("bits_per_char", Quantity::Loss, FUNCTION + 3),
    ("bits_per_byte", Quantity::Loss, FUNCTION + 3),
    ("language_cross_entropy", Quantity::Loss, FUNCTION),
    ("language_perplexity", Quantity::Loss, PERPLEXITY),
    ("ppl", Quantity::Loss, PERPLEXITY),
    ("perplexity", Quantity::Loss, PERPLEXITY),
    ("error", Quantity::Loss, ERROR),
    ("err", Quantity::Loss, ERROR),
    ("error_rate", Quantity::Loss, ERROR),
    ("cer", Quantity::Loss, ERROR),
    ("wer", Quantity::Loss, ERROR + 1),
    ("top1_err", Quantity::Loss, ERROR),
    ("top1_error", Quantity::Loss, ERROR),
    ("acc", Quantity::Accuracy, 0),
    ("accuracy", Quantity::Accuracy, 0),
    ("categorical_accuracy", Quantity::Accuracy, 1),
    ("sparse_categorical_accuracy", Quantity::Accuracy, 1),
    ("binary_accuracy", Quantity::Accuracy, 1),
    ("acc1", Quantity::Accuracy, 2),
    ("acc_1", Quantity::Accuracy, 2),
    ("prec1", Quantity::Accuracy, 2),
    ("prec_1", Quantity::Accuracy, 2),
    ("top1", Quantity::Accuracy, 2),
    ("top_1", Quantity::Accuracy, 2),
    ("top1_acc", Quantity::Accuracy, 2),
    ("top1_accuracy", Quantity::Accuracy, 2),
    ("top_1_accuracy", Quantity::Accuracy, 2),
    ("accuracy_top1", Quantity::Accuracy, 2),
    // Shares of 1, like an accuracy: of use where there is none.
    ("auc", Quantity::Accuracy, TIER),
    ("auroc", Quantity::Accuracy, TIER),
    ("roc_auc", Quantity::Accuracy, TIER),
    ("f1", Quantity::Accuracy, TIER + 1),
    ("f1_score", Quantity::Accuracy, TIER + 1),
    ("f1_macro", Quantity::Accuracy, TIER + 1),
    ("macro_f1", Quantity::Accuracy, TIER + 1),
    ("micro_f1", Quantity::Accuracy, TIER + 1),
    ("grad_norm", Quantity::GradientNorm, 0),
    ("gradient_norm", Quantity::GradientNorm, 0),
    ("gradnorm", Quantity::GradientNorm, 0),
    ("gnorm", Quantity::GradientNorm, 0),
    ("update_norm", Quantity::UpdateNorm, 0),
    ("lr", Quantity::LearningRate, 0),
    ("learning_rate", Quantity::LearningRate, 0),
    ("lrate", Quantity::LearningRate, 1),
    ("lr_0", Quantity::LearningRate, 1),
    ("lr_pg0", Quantity::LearningRate, 1),
    ("lr_group0", Quantity::LearningRate, 1),
];

/// Names of the index, as a whole.
const INDICES: [(&str, Quantity, u32); 35] = [
    ("step", Quantity::Step, 0),
    ("global_step", Quantity::Step, 0),
    ("steps", Quantity::Step, 1),
    ("train_step", Quantity::Step, 1),
    ("training_step", Quantity::Step, 1),
    ("train_global_step", Quantity::Step, 1),
    ("trainer_global_step", Quantity::Step, 1),
    ("current_step", Quantity::Step, 1),
    ("current_steps", Quantity::Step, 1),
    ("total_timesteps", Quantity::Step, 1),
    ("current_iteration", Quantity::Step, 2),
    ("train_iteration", Quantity::Step, 2),
    ("training_iteration", Quantity::Step, 2),
    ("iteration", Quantity::Step, 2),
    ("iterations", Quantity::Step, 2),
    ("iter", Quantity::Step, 2),
    ("iters", Quantity::Step, 2),
    ("it", Quantity::Step, 2),
    ("num_updates", Quantity::Step, 2),
    ("updates", Quantity::Step, 2),
    ("up", Quantity::Step, 2),
    ("n_iter", Quantity::Step, 2),
    ("batch", Quantity::Step, 3),
    ("batches", Quantity::Step, 3),
    ("minibatch", Quantity::Step, 3),
    ("batch_idx", Quantity::Step, 3),
    ("batch_index", Quantity::Step, 3),
    ("epoch", Quantity::Epoch, 0),
    ("epochs", Quantity::Epoch, 1),
    ("train_epoch", Quantity::Epoch, 1),
    ("training_epoch", Quantity::Epoch, 1),
    ("epoch_num", Quantity::Epoch, 1),
    ("n_epoch", Quantity::Epoch, 1),
    ("current_epoch", Quantity::Epoch, 1),
    ("ep", Quantity::Epoch, 2),
];

/// What a column, key or tag means, if it is a name that the table knows.
pub(crate) fn meaning(name: &str) -> Option<Meaning> {
    let words = words(name);
    let whole = words.join("_");
    if let Some(&(_, quantity, rank)) = INDICES.iter().find(|(index, ..)| *index == whole) {
        return Some(Meaning { quantity, rank, of_epoch: false, measure: Measure::Loss });
    }
    // PaddlePaddle's seconds.
    if whole.ends_with("batch_cost") || whole.ends_with("reader_cost") {
        return None;
    }
    // Tesseract's share of wrong characters.
    if matches!(whole.as_str(), "char_train" | "bcer_train") {
        return Some(Meaning { quantity: Quantity::Loss, rank: ERROR, of_epoch: false, measure: Measure::ErrorRate });
    }
    let (mut of_test, mut of_epoch, mut of_step) = (false, false, false);
    let mut rest: Vec<&str> = Vec::new();
    let mut after_data = false;
    for word in &words {
        let is_data = TEST.contains(&word.as_str()) || TRAIN.contains(&word.as_str());
        match word.as_str() {
            "epoch" => of_epoch = true,
            "step" => of_step = true,
            word if TEST.contains(&word) => of_test = true,
            word if TRAIN.contains(&word) || FILLERS.contains(&word) => {}
            // `valid_0`, `validation_1`: which of the data sets.
            word if after_data && word.bytes().all(|byte| byte.is_ascii_digit()) => {}
            word => rest.push(word),
        }
        after_data = is_data;
    }
    // `Loss/total_loss` says it twice.
    if rest.iter().filter(|word| **word == "loss").count() > 1 {
        rest.remove(rest.iter().position(|word| *word == "loss").unwrap_or(0));
    }
    let joined = rest.join("_");
    let listed = NAMES.iter().find(|(known, ..)| *known == joined).map(|&(_, quantity, added)| (quantity, added));
    let (quantity, added) = listed.or_else(|| nearly(&rest))?;
    let quantity = match (quantity, of_test) {
        (quantity, false) => quantity,
        (Quantity::Loss, true) => Quantity::TestLoss,
        (Quantity::Accuracy, true) => Quantity::TestAccuracy,
        _ => return None,
    };
    let measure = match added / TIER * TIER {
        PERPLEXITY => Measure::Perplexity,
        ERROR => Measure::ErrorRate,
        _ => Measure::Loss,
    };
    // Figures of a step say more than an epoch's mean.
    let rank = added + if of_epoch { 10 } else { u32::from(!of_step && words.len() > 1) };
    Some(Meaning { quantity, rank, of_epoch, measure })
}

/// The meaning in a row that says which data it was measured on.
pub(crate) fn meaning_in(name: &str, scope: Option<Scope>) -> Option<Meaning> {
    let mut found = meaning(name)?;
    if scope == Some(Scope::Test) {
        found.quantity = match found.quantity {
            Quantity::Loss => Quantity::TestLoss,
            Quantity::Accuracy => Quantity::TestAccuracy,
            other => other,
        };
    }
    Some(found)
}

/// What a word alone says of the data.
pub(crate) fn scope(word: &str) -> Option<Scope> {
    let word = word.trim().trim_end_matches('.').to_lowercase();
    match word.as_str() {
        word if TEST.contains(&word) => Some(Scope::Test),
        word if TRAIN.contains(&word) => Some(Scope::Train),
        _ => None,
    }
}

/// Whether a name says that its figure is of training data.
pub(crate) fn of_training(name: &str) -> bool {
    words(name).iter().any(|word| TRAIN.contains(&word.as_str()))
}

/// Whether a column of this name tells what data its row was measured on.
pub(crate) fn tells_scope(name: &str) -> bool {
    let whole = words(name).join("_");
    matches!(
        whole.trim_start_matches("metric_").trim_start_matches("context_"),
        "mode" | "split" | "phase" | "stage" | "subset" | "partition" | "set" | "dataset" | "run_context"
    )
}

/// Whether a column of this name tells what the figure of its row is.
pub(crate) fn tells_name(name: &str) -> bool {
    const NAMES: [&str; 8] = ["metric", "metric_name", "variable", "tag", "measure", "quantity", "name", "key"];
    NAMES.contains(&words(name).join("_").as_str())
}

/// Whether it is the figure.
pub(crate) fn tells_value(name: &str) -> bool {
    matches!(words(name).join("_").as_str(), "value" | "metric_value")
}

/// Names that are not listed, with a word that tells enough.
fn nearly(rest: &[&str]) -> Option<(Quantity, u32)> {
    if rest.iter().any(|word| OTHER.contains(word)) {
        return None;
    }
    let has = |words: &[&str]| rest.iter().any(|word| words.contains(word));
    let numbered = |stem: &str| {
        let digits =
            |word: &&str| word.strip_prefix(stem).is_some_and(|tail| tail.bytes().all(|byte| byte.is_ascii_digit()));
        rest.iter().any(digits)
    };
    if (has(&["grad", "gradient", "gradients"]) && has(&["norm"])) || has(&["gnorm"]) {
        return Some((Quantity::GradientNorm, 5));
    }
    if numbered("lr") || (has(&["learning"]) && has(&["rate"])) {
        return Some((Quantity::LearningRate, 5));
    }
    if has(&["loss", "logloss", "crossentropy", "xent"]) {
        return Some((Quantity::Loss, PART));
    }
    (numbered("acc") || has(&["accuracy"])).then_some((Quantity::Accuracy, PART))
}

/// Tells whether a name is that of a loss without another word that tells which: `loss`, `train/loss`, `total_loss`.
pub(crate) fn is_plain(name: &str) -> bool {
    let is_loss = |meaning: Meaning| matches!(meaning.quantity, Quantity::Loss | Quantity::TestLoss);
    meaning(name).is_some_and(|meaning| is_loss(meaning) && meaning.rank < TIER)
}

/// Tells whether a name is that of a cost, which is a loss unless its number is a time.
pub(super) fn is_cost(name: &str) -> bool {
    words(name).iter().any(|word| word == "cost")
}

/// Lower-case words; `trainLoss`, `train/loss`, `train-loss` and `Train Loss` are the same two.
pub(crate) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut after_lower, mut after_digit) = (false, false);
    for character in name.trim().chars().take(200) {
        let part_of_word = character.is_alphanumeric() || (character == '.' && after_digit);
        let begins = !part_of_word || (character.is_uppercase() && after_lower);
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if part_of_word {
            words.last_mut().expect("at least one").extend(character.to_lowercase());
        }
        after_lower = character.is_lowercase();
        after_digit = character.is_ascii_digit();
    }
    words.into_iter().filter(|word| !word.is_empty()).flat_map(parts).collect()
}

/// `trainloss` is two words, `losses` is many of one.
fn parts(word: String) -> Vec<String> {
    match word.as_str() {
        "logloss" | "mlogloss" => return vec![word],
        "losses" => return vec!["loss".into()],
        "accs" | "accuracies" => return vec!["acc".into()],
        _ => {}
    }
    for tail in ["loss", "losses", "acc", "accuracy"] {
        if let Some(stem) = word.strip_suffix(tail).filter(|stem| stem.len() > 1)
            && (tail.starts_with("loss") || TEST.contains(&stem) || TRAIN.contains(&stem))
        {
            let tail = if tail == "losses" { "loss" } else { tail };
            return vec![stem.into(), tail.into()];
        }
    }
    vec![word]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_many_tools_are_known() {
        for (name, quantity, of_epoch) in [
            ("loss", Quantity::Loss, false),
            ("train/loss", Quantity::Loss, false),
            ("Loss/train", Quantity::Loss, false),
            ("trainLoss", Quantity::Loss, false),
            ("train_loss_step", Quantity::Loss, false),
            ("train_loss_epoch", Quantity::Loss, true),
            ("epoch_loss", Quantity::Loss, true),
            ("batch_loss", Quantity::Loss, false),
            ("Value", Quantity::Loss, false),
            ("val_loss", Quantity::TestLoss, false),
            ("epoch_val_loss", Quantity::TestLoss, true),
            ("validation/epoch_loss", Quantity::TestLoss, true),
            ("evaluation_loss_vs_iterations", Quantity::TestLoss, false),
            ("val_acc", Quantity::TestAccuracy, false),
            ("acc", Quantity::Accuracy, false),
            ("epoch_sparse_categorical_accuracy", Quantity::Accuracy, true),
            ("train/grad_norm", Quantity::GradientNorm, false),
            ("grad_2.0_norm_total", Quantity::GradientNorm, false),
            ("lr-Adam", Quantity::LearningRate, false),
            ("epoch_learning_rate", Quantity::LearningRate, true),
            ("Step", Quantity::Step, false),
            ("trainer/global_step", Quantity::Step, false),
            ("_step", Quantity::Step, false),
            ("epoch", Quantity::Epoch, false),
        ] {
            let found = meaning(name).unwrap_or_else(|| panic!("{name}"));
            assert_eq!((found.quantity, found.of_epoch), (quantity, of_epoch), "{name}");
        }
        for name in [
            "",
            "/",
            "weight",
            "val_lr",
            "Wall time",
            "Time cost",
            "loss_scale",
            "train",
            "best_val_loss",
            "val_loss improved from",
            "train_loss_weight",
            "grad_scale",
            "reward",
        ] {
            assert_eq!(meaning(name), None, "{name}");
        }
    }

    #[test]
    fn losses_have_many_names() {
        for (name, test, measure) in [
            ("mean_squared_error", false, Measure::Loss),
            ("val_mean_squared_error", true, Measure::Loss),
            ("train/ce_loss", false, Measure::Loss),
            ("BCELoss", false, Measure::Loss),
            ("Val. Loss", true, Measure::Loss),
            ("validloss", true, Measure::Loss),
            ("train_losses", false, Measure::Loss),
            ("TRAIN AVG.LOSS", false, Measure::Loss),
            ("val/box_loss", true, Measure::Loss),
            ("D loss", false, Measure::Loss),
            ("valid_nll_loss", true, Measure::Loss),
            ("Minibatch Loss", false, Measure::Loss),
            ("valid_1's binary_logloss", true, Measure::Loss),
            ("valid_0 s l2", true, Measure::Loss),
            ("validation_0-rmse", true, Measure::Loss),
            ("train-rmse", false, Measure::Loss),
            ("train-error", false, Measure::ErrorRate),
            ("valid_ppl", true, Measure::Perplexity),
            ("perplexity", false, Measure::Perplexity),
            ("error", false, Measure::ErrorRate),
        ] {
            let found = meaning(name).unwrap_or_else(|| panic!("{name}"));
            let quantity = if test { Quantity::TestLoss } else { Quantity::Loss };
            assert_eq!((found.quantity, found.measure), (quantity, measure), "{name}");
        }
        for (name, quantity) in [
            ("Prec@1", Quantity::Accuracy),
            ("valacc", Quantity::TestAccuracy),
            ("optim0_lr0", Quantity::LearningRate),
            ("lr-AdamW/pg1", Quantity::LearningRate),
            ("total_grad_norm_before_clip", Quantity::GradientNorm),
            ("Train Epoch", Quantity::Epoch),
            ("Minibatch", Quantity::Step),
        ] {
            assert_eq!(meaning(name).map(|found| found.quantity), Some(quantity), "{name}");
        }
        assert_eq!(meaning_in("loss", Some(Scope::Test)).unwrap().quantity, Quantity::TestLoss);
        assert_eq!((scope("valid"), scope("Train"), scope("devices")), (Some(Scope::Test), Some(Scope::Train), None));
    }

    #[test]
    fn plain_names_and_steps_go_first() {
        let rank = |name| meaning(name).unwrap().rank;
        assert!(rank("loss") < rank("train_loss"));
        assert!(rank("train_loss_step") < rank("train_loss_epoch"));
        assert!(rank("epoch_loss") < rank("value"));
    }
}
