//! What the columns, keys and tags of logs mean: the table of accepted names.

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
}

/// Words that say that a figure is of test data.
const TEST: [&str; 8] = ["val", "valid", "validation", "test", "testing", "eval", "evaluation", "dev"];
/// Words that say that it is of training data, as one without any is.
const TRAIN: [&str; 4] = ["train", "training", "trainer", "tr"];
/// Words that say nothing.
const FILLERS: [&str; 9] = ["batch", "iter", "iterations", "metrics", "scalars", "mean", "avg", "total", "vs"];

/// Accepted names, once the words above and `epoch`, `step` are taken away: (words, quantity, added rank).
const NAMES: [(&str, Quantity, u32); 25] = [
    ("loss", Quantity::Loss, 0),
    // What TensorBoard's "download as CSV" calls its only column.
    ("value", Quantity::Loss, 100),
    ("acc", Quantity::Accuracy, 0),
    ("accuracy", Quantity::Accuracy, 0),
    ("categorical_accuracy", Quantity::Accuracy, 1),
    ("sparse_categorical_accuracy", Quantity::Accuracy, 1),
    ("binary_accuracy", Quantity::Accuracy, 1),
    ("grad_norm", Quantity::GradientNorm, 0),
    ("gradient_norm", Quantity::GradientNorm, 0),
    ("gradnorm", Quantity::GradientNorm, 0),
    ("gnorm", Quantity::GradientNorm, 0),
    ("grad_norm_2", Quantity::GradientNorm, 0),
    ("grad_2_norm", Quantity::GradientNorm, 0),
    ("grad_2.0_norm", Quantity::GradientNorm, 0),
    ("update_norm", Quantity::UpdateNorm, 0),
    ("lr", Quantity::LearningRate, 0),
    ("learning_rate", Quantity::LearningRate, 0),
    ("lr_adam", Quantity::LearningRate, 1),
    ("lr_adamw", Quantity::LearningRate, 1),
    ("lr_sgd", Quantity::LearningRate, 1),
    ("adam_lr", Quantity::LearningRate, 1),
    ("sgd_lr", Quantity::LearningRate, 1),
    ("lr_0", Quantity::LearningRate, 1),
    ("lr_pg0", Quantity::LearningRate, 1),
    ("lr_group0", Quantity::LearningRate, 1),
];

/// Names of the index, as a whole.
const INDICES: [(&str, Quantity, u32); 16] = [
    ("step", Quantity::Step, 0),
    ("global_step", Quantity::Step, 0),
    ("steps", Quantity::Step, 1),
    ("train_step", Quantity::Step, 1),
    ("training_step", Quantity::Step, 1),
    ("trainer_global_step", Quantity::Step, 1),
    ("iteration", Quantity::Step, 2),
    ("iterations", Quantity::Step, 2),
    ("iter", Quantity::Step, 2),
    ("num_updates", Quantity::Step, 2),
    ("n_iter", Quantity::Step, 2),
    ("batch", Quantity::Step, 3),
    ("batch_idx", Quantity::Step, 3),
    ("epoch", Quantity::Epoch, 0),
    ("epochs", Quantity::Epoch, 1),
    ("train_epoch", Quantity::Epoch, 1),
];

/// What a column, key or tag means, if it is a name that the table knows.
pub(crate) fn meaning(name: &str) -> Option<Meaning> {
    let words = words(name);
    let whole = words.join("_");
    if let Some(&(_, quantity, rank)) = INDICES.iter().find(|(index, ..)| *index == whole) {
        return Some(Meaning { quantity, rank, of_epoch: false });
    }
    let (mut of_test, mut of_epoch, mut of_step) = (false, false, false);
    let mut rest = Vec::new();
    for word in &words {
        match word.as_str() {
            "epoch" => of_epoch = true,
            "step" => of_step = true,
            word if TEST.contains(&word) => of_test = true,
            word if TRAIN.contains(&word) || FILLERS.contains(&word) => {}
            word => rest.push(word),
        }
    }
    let rest = rest.join("_");
    let &(_, quantity, added) = NAMES.iter().find(|(known, ..)| *known == rest)?;
    let quantity = match (quantity, of_test) {
        (quantity, false) => quantity,
        (Quantity::Loss, true) => Quantity::TestLoss,
        (Quantity::Accuracy, true) => Quantity::TestAccuracy,
        _ => return None,
    };
    // Figures of a step say more than an epoch's mean.
    let rank = added + if of_epoch { 10 } else { u32::from(!of_step && words.len() > 1) };
    Some(Meaning { quantity, rank, of_epoch })
}

/// Lower-case words; `trainLoss`, `train/loss`, `train-loss` and `Train Loss` are the same two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for character in name.trim().chars().take(200) {
        let part_of_word = character.is_alphanumeric() || character == '.';
        let begins = !part_of_word || (character.is_uppercase() && after_lower);
        if begins && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if part_of_word {
            words.last_mut().expect("at least one").extend(character.to_lowercase());
        }
        after_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
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
        for name in ["", "/", "weight", "val_lr", "Wall time", "loss_scale", "train", "perplexity"] {
            assert_eq!(meaning(name), None, "{name}");
        }
    }

    #[test]
    fn plain_names_and_steps_go_first() {
        let rank = |name| meaning(name).unwrap().rank;
        assert!(rank("loss") < rank("train_loss"));
        assert!(rank("train_loss_step") < rank("train_loss_epoch"));
        assert!(rank("epoch_loss") < rank("value"));
    }
}
