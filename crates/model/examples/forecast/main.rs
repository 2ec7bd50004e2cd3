//! Forecasts the temperature of a sea three months ahead, and shows a training that goes well and then loses most of it.
//!
//! Nothing here knows of words: `flameout-model` makes a network for any sequence of numbers.
//! `cargo run --release -p flameout-model --example forecast`
//!
//! 1. A GRU is compared on the last ten years with two baselines: the same month of the year before, and a linear
//!    autoregression.
//! 2. The same network, trained on at a large constant learning rate, fits the months of its training ever better (0.12 °C),
//!    loses that within some hundred steps (1.4 °C; a constant forecast has 2.2), and does not recover. Its forecasts for
//!    months never seen are worse for it too. With a third of the rate none of this happens.

mod autoregression;
mod network;
mod series;

use autoregression::Autoregression;
use network::Training;
use series::{AHEAD, Months, PAST, Series};

const UNITS: usize = 32;
const LARGE_RATE: f64 = 0.02;
/// Of the seeds 0 to 7, all lose most of what they had learnt at the large rate and none at a third of it; with this one
/// the fall is the deepest for the number of steps.
const SEED: u64 = 3;

fn main() {
    let series = Series::sea_surface();
    let months = series.months();
    println!("Temperature of the eastern equatorial Pacific, {AHEAD} months ahead, from {PAST} months.");
    println!("\nError on the last ten years, in °C:");
    let year_before: Vec<f32> = months.held_out.iter().map(|month| series.values[month - 12]).collect();
    println!("  the same month a year before  {:.2}", series.error(&months.held_out, &year_before));
    let linear = Autoregression::fit(&series, &months.train).forecast(&series, &months.held_out);
    println!("  linear autoregression         {:.2}", series.error(&months.held_out, &linear));
    let (step, error) = chosen_by_validation(&series, &months, 3000);
    println!("  GRU({UNITS}), rate 0.001            {error:.2}  (step {step}, the best on five years before those)");

    println!("\nThe same network at large rates, error in °C on the months of training, and on the last ten years:");
    println!("   step    rate {LARGE_RATE}             a third of it");
    let [large, third] = [LARGE_RATE, LARGE_RATE / 3.0].map(|rate| course(&series, &months, rate, 8000));
    for (large, third) in large.measured.iter().zip(&third.measured).step_by(5) {
        let Measured { step, train, held_out } = large;
        println!("  {step:5}   {train:6.3}  {held_out:6.3}      {:6.3}  {:6.3}", third.train, third.held_out);
    }
    println!("\nRate {LARGE_RATE}: {}\nA third of it: {}", large.summary(), third.summary());
}

/// Trains at a small rate; the step with the least error on the validation months, and the error on the held-out months
/// there.
fn chosen_by_validation(series: &Series, months: &Months, steps: u64) -> (u64, f64) {
    let mut training = Training::new(series, UNITS, 0.001, SEED);
    let (mut least, mut chosen) = (f64::INFINITY, (0, f64::INFINITY));
    for step in 0..=steps {
        if step % 50 == 0 {
            let error = training.error(&months.validation);
            if error < least {
                (least, chosen) = (error, (step, training.error(&months.held_out)));
            }
        }
        training.step(&months.train);
    }
    chosen
}

/// Errors in °C after so many steps.
#[derive(Clone, Copy)]
struct Measured {
    step: u64,
    train: f64,
    held_out: f64,
}

/// What a training did.
struct Course {
    measured: Vec<Measured>,
    weights: String,
}

/// Trains at one rate, and measures every 100 steps.
fn course(series: &Series, months: &Months, learning_rate: f64, steps: u64) -> Course {
    let mut training = Training::new(series, UNITS, learning_rate, SEED);
    let mut measured = Vec::new();
    for step in 0..=steps {
        if step % 100 == 0 {
            let (train, held_out) = (training.error(&months.train), training.error(&months.held_out));
            measured.push(Measured { step, train, held_out });
        }
        if step < steps {
            training.step(&months.train);
        }
    }
    Course { measured, weights: training.weights_hash() }
}

impl Course {
    fn summary(&self) -> String {
        let least =
            |measured: &[Measured]| measured.iter().copied().reduce(|a, b| if b.train < a.train { b } else { a });
        let (all, last_fifth) = (&self.measured[..], &self.measured[self.measured.len() * 4 / 5..]);
        let (Some(best), Some(end)) = (least(all), least(last_fifth)) else { return "nothing measured".into() };
        let verdict = if end.train > 5.0 * best.train { "collapsed" } else { "healthy" };
        format!(
            "{verdict}; best {:.3} at step {}, best of the last fifth {:.3}; weights {}",
            best.train, best.step, end.train, self.weights
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_beats_the_year_before_within_some_hundred_steps() {
        let series = Series::sea_surface();
        let months = series.months();
        let year_before: Vec<f32> = months.held_out.iter().map(|month| series.values[month - 12]).collect();
        let (_, error) = chosen_by_validation(&series, &months, 300);
        assert!(error < 0.9 * series.error(&months.held_out, &year_before), "{error}");
    }

    #[test]
    fn an_autoregression_finds_the_month_that_a_series_depends_on() {
        let mut values = vec![0.0_f32; 3000];
        let mut state = 1_u32;
        for month in AHEAD..values.len() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            values[month] = 0.8 * values[month - AHEAD] + (state >> 8) as f32 / (1 << 24) as f32 - 0.5;
        }
        let series = Series { values, ..Series::sea_surface() };
        let coefficients = Autoregression::fit(&series, &series.months().train).coefficients;
        for (place, coefficient) in coefficients.iter().enumerate() {
            let expected = if place == PAST - 1 { 0.8 } else { 0.0 };
            assert!((coefficient - expected).abs() < 0.08, "{place}: {coefficient}");
        }
    }

    #[test]
    fn thirty_steps_end_with_the_pinned_weights() {
        let series = Series::sea_surface();
        let course = course(&series, &series.months(), LARGE_RATE, 30);
        assert_eq!(course.weights, "fbedf95bf6a92a39539378ceb69fdd8052de3149e3c8fa9958090df2c987f446");
    }
}
