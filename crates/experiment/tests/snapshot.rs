//! What a snapshot says of itself.

use flameout_experiment::{Case, Dataset, Settings, Snapshot, Trainer};

#[test]
fn the_memory_of_a_snapshot_is_that_of_parameters_and_moments() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (optimizer, buffers) in
        [("{ kind = \"adam\" }", 3), ("{ kind = \"adam\", amsgrad = true }", 4), ("{ kind = \"sgd\" }", 1)]
    {
        let mut settings = Settings::for_case(Case::GruSingle);
        settings.set("model.units", "20").unwrap();
        settings.set("data.words", "100").unwrap();
        settings.set("optimizer", optimizer).unwrap();
        let dataset = Dataset::<f64>::open(&settings, &root).unwrap();
        let mut trainer = Trainer::new(&settings, &dataset).unwrap();
        trainer.step(&dataset).unwrap();
        let expected = buffers * 8 * trainer.model().parameters().len() + 4096;
        assert_eq!(trainer.snapshot().bytes(), expected, "{optimizer}");
    }
}

#[test]
fn a_snapshot_that_claims_more_steps_than_can_be_counted_is_refused() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut settings = Settings::for_case(Case::LstmSingle);
    settings.set("model.units", "2").unwrap();
    settings.set("data.words", "100").unwrap();
    let dataset = Dataset::<f64>::open(&settings, &root).unwrap();
    let mut trainer = Trainer::new(&settings, &dataset).unwrap();
    let sound = serde_json::to_value(trainer.snapshot()).unwrap();
    for place in ["/state/step", "/state/epoch", "/state/optimizer/adam/steps"] {
        let mut claims = sound.clone();
        *claims.pointer_mut(place).unwrap() = u64::MAX.into();
        let snapshot: Snapshot<f64> = serde_json::from_value(claims).unwrap();
        let message = trainer.restore(&dataset, snapshot).unwrap_err().to_string();
        assert!(message.contains("18446744073709551615 steps"), "{place}: {message}");
    }
    trainer.restore(&dataset, serde_json::from_value(sound).unwrap()).unwrap();
}
