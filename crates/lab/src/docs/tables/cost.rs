//! What a training step costs, as measured once.

use flameout_experiment::{Case, Settings};

/// Milliseconds of a core for a training step of 32 words: twice those of two threads in docs/quality/performance.md. The
/// deep network of 64 units was not measured there: two layers of that size and what lies between.
const STEPS: [(Case, [(usize, f64); 3]); 3] = [
    (Case::LstmSingle, [(64, 0.98), (256, 7.9), (1024, 111.0)]),
    (Case::GruSingle, [(64, 0.86), (256, 6.7), (1024, 84.0)]),
    (Case::LstmDouble, [(64, 2.3), (256, 22.0), (512, 107.0)]),
];

/// Hours of a core for one step with these settings.
pub fn hours(settings: &Settings) -> f64 {
    let units = settings.model.units.unwrap_or(settings.case.units());
    let (_, measured) = STEPS.iter().find(|(case, _)| *case == settings.case).expect("a line for each case");
    let words = settings.training.batch as f64 / 32.0;
    between(measured, units as f64) * words.max(0.5) / 3.6e6
}

/// A power law through the two measurements around the size, or the nearest two.
fn between(measured: &[(usize, f64)], units: f64) -> f64 {
    let upper = measured.iter().position(|&(size, _)| size as f64 >= units).unwrap_or(measured.len() - 1).max(1);
    let [(low, cheap), (high, dear)] = [measured[upper - 1], measured[upper]];
    let exponent = (dear / cheap).ln() / (high as f64 / low as f64).ln();
    cheap * (units / low as f64).powf(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_sizes_cost_what_was_measured() {
        let sized =
            |units| Settings::for_case(Case::GruSingle).with(|settings| settings.model.units = Some(units)).unwrap();
        for (units, milliseconds) in [(64, 0.86), (256, 6.7), (1024, 84.0)] {
            assert!((hours(&sized(units)) * 3.6e6 / milliseconds - 1.0).abs() < 1e-9, "{units}");
        }
        assert!((0.86..6.7).contains(&(hours(&sized(128)) * 3.6e6)));
    }
}
