//! A training step allocates nothing, once the first has made room.

use flameout_experiment::{Case, Dataset, Settings, Trainer};

#[test]
fn a_step_after_the_first_allocates_nothing() {
    // One thread, this one, so that the counter sees everything.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().unwrap();
    for case in Case::ALL {
        let mut settings = Settings::for_case(case);
        settings.set("model.units", "70").unwrap();
        settings.set("data.words", "400").unwrap();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let dataset = Dataset::open(&settings, &root).unwrap();
        let mut trainer = Trainer::new(&settings, &dataset).unwrap();
        trainer.step(&dataset).unwrap();
        let counted = allocation_counter::measure(|| {
            for _ in 0..3 {
                trainer.step(&dataset).unwrap();
            }
        });
        assert_eq!(counted.count_total, 0, "{}", case.name());
    }
}
