//! The data: monthly temperatures of a sea.

use ndarray::{Array2, Array3};

/// Monthly means in °C, a line a year, 1950 to 2010: see fixtures/README.md.
const TEMPERATURES: &str = include_str!("../../fixtures/nino-1-2.csv");

/// Months that a forecast is made from, and how far it looks ahead.
pub const PAST: usize = 24;
pub const AHEAD: usize = 3;
/// Of each month, the network sees the temperature and the month's place in the year.
pub const FEATURES: usize = 3;
/// Months at the end that no method sees before it is judged on them, and those before by which a network is chosen.
const HELD_OUT: usize = 120;
const VALIDATION: usize = 60;

/// The series, standardised by the mean and deviation of the months that may be seen.
pub struct Series {
    pub values: Vec<f32>,
    pub deviation: f64,
}

/// Months to forecast, as places in the series.
pub struct Months {
    pub train: Vec<usize>,
    pub validation: Vec<usize>,
    pub held_out: Vec<usize>,
}

impl Series {
    pub fn sea_surface() -> Self {
        let fields = TEMPERATURES.lines().skip(1).flat_map(|line| line.split(',').skip(1));
        let celsius: Vec<f64> = fields.map(|field| field.parse().expect("a temperature")).collect();
        let seen = &celsius[..celsius.len() - HELD_OUT];
        let mean = seen.iter().sum::<f64>() / seen.len() as f64;
        let deviation = (seen.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / seen.len() as f64).sqrt();
        Self { values: celsius.iter().map(|x| ((x - mean) / deviation) as f32).collect(), deviation }
    }

    /// All months that have enough past, in order.
    pub fn months(&self) -> Months {
        let (first, end) = (PAST + AHEAD - 1, self.values.len());
        let (validation, held_out) = (end - HELD_OUT - VALIDATION, end - HELD_OUT);
        Months {
            train: (first..validation).collect(),
            validation: (validation..held_out).collect(),
            held_out: (held_out..end).collect(),
        }
    }

    /// The months that a forecast for `month` is made from.
    pub fn past(month: usize) -> std::ops::Range<usize> {
        let end = month + 1 - AHEAD;
        end - PAST..end
    }

    /// What a network sees for each of `months`, `(batch, PAST, FEATURES)`.
    pub fn inputs(&self, months: &[usize]) -> Array3<f32> {
        Array3::from_shape_fn((months.len(), PAST, FEATURES), |(row, t, feature)| {
            let seen = Self::past(months[row]).start + t;
            let [cosine, sine] = season(seen);
            [self.values[seen], cosine as f32, sine as f32][feature]
        })
    }

    /// What it is to forecast, for each of `months`: one column.
    pub fn targets(&self, months: &[usize]) -> Array2<f32> {
        Array2::from_shape_fn((months.len(), 1), |(row, _)| self.values[months[row]])
    }

    /// The root of the mean squared error of standardised forecasts, in °C.
    pub fn error(&self, months: &[usize], forecasts: &[f32]) -> f64 {
        let squares = months.iter().zip(forecasts).map(|(month, forecast)| {
            let error = f64::from(*forecast) - f64::from(self.values[*month]);
            error * error
        });
        self.deviation * (squares.sum::<f64>() / months.len() as f64).sqrt()
    }
}

/// The place of a month in the year, as cosine and sine.
pub fn season(month: usize) -> [f64; 2] {
    let angle = std::f64::consts::TAU * (month % 12) as f64 / 12.0;
    [libm::cos(angle), libm::sin(angle)]
}
