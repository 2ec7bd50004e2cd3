//! What a snapshot says of itself.

use flameout_experiment::{Case, Dataset, Settings, Trainer};

#[test]
fn the_memory_of_a_snapshot_is_that_of_parameters_and_moments() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for (optimizer, buffers) in
        [("{ kind = \"adam\" }", 3), ("{ kind = \"adam\", amsgrad = true }", 4), ("{ kind = \"sgd\" }", 1)]
    {
        let mut settings = Settings::for_case(Case::GruSingle);
        settings.set("model.units", "20").unwrap();
        settings.set("data.words", "100").unwrap();
        settings.set("model.precision", "f64").unwrap();
        settings.set("optimizer", optimizer).unwrap();
        let dataset = Dataset::open(&settings, &root).unwrap();
        let mut trainer = Trainer::new(&settings, &dataset).unwrap();
        trainer.step(&dataset).unwrap();
        let expected = buffers * 8 * trainer.parameters().len() + 4096;
        assert_eq!(trainer.snapshot().bytes(), expected, "{optimizer}");
    }
}
