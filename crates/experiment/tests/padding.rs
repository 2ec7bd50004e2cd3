//! What the padding changes, and what it does not once it is masked.

use std::path::Path;

use flameout_experiment::{Case, Dataset, Settings, Trainer};

/// The loss on the test words after a few epochs, and the weights' hash.
fn trained(case: Case, changes: &[(&str, &str)]) -> (f64, String) {
    let mut settings = Settings::for_case(case);
    let common =
        [("model.units", "16"), ("data.words", "100"), ("training.epochs", "3"), ("model.precision", "\"f64\"")];
    for &(key, value) in common.iter().chain(changes) {
        settings.set(key, value).unwrap();
    }
    let dataset = Dataset::open(&settings, &Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    let mut last = f64::NAN;
    while !trainer.finished() {
        trainer.step(&dataset).unwrap();
        if trainer.at_end_of_epoch() {
            last = trainer.end_epoch(&dataset, 0.0).test_loss;
        }
    }
    (last, trainer.weights_blake3())
}

#[test]
fn a_network_that_does_not_read_the_padding_learns_the_same_whatever_there_is_of_it() {
    for case in [Case::GruSingle, Case::LstmSingle, Case::LstmDouble] {
        let masked = ("data.padding", "\"masked\"");
        let (short, _) = trained(case, &[masked, ("data.length", "14")]);
        let (long, _) = trained(case, &[masked, ("data.length", "30")]);
        assert!((short - long).abs() < 1e-12, "{short} {long}");
        let (read_short, _) = trained(case, &[("data.length", "14")]);
        let (read_long, _) = trained(case, &[("data.length", "30")]);
        assert!((read_short - read_long).abs() > 1e-9, "{read_short} {read_long}");
    }
}

#[test]
fn where_the_padding_goes_makes_another_training() {
    let hash = |padding| trained(Case::GruSingle, &[("data.padding", padding)]).1;
    let (after, before, masked) = (hash("\"after\""), hash("\"before\""), hash("\"masked\""));
    assert_eq!(after, trained(Case::GruSingle, &[]).1);
    assert!(after != before && before != masked && after != masked);
    assert_eq!(masked, hash("\"masked\""));
}
