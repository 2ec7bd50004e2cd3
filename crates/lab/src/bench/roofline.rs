//! The roofline (Williams et al. 2009): how fast a row may be at most, given how much it computes with each byte of
//! weights that it reads.

use std::path::Path;

use anyhow::{Result, anyhow, ensure};
use plotters::prelude::*;

use super::measurement::Measurement;

const SIZE: (u32, u32) = (860, 480);
const FONT: (&str, u32) = ("sans-serif", 15);

/// Times that the recurrent weights pass by in a train step apart from the time steps: packed in two layouts (each read
/// once, written once), their gradient written, and Adam's seven: four buffers read, three written.
const ONCE_A_STEP: f64 = 12.0;

/// Useful operations for each byte of recurrent weights that has to be moved; None for rows that are no single layer.
///
/// With B words, T characters and n weights: a forward pass does 2·B·n operations at each of T − 1 time steps, for 4·n
/// bytes; a train step does 6·B·n, for 8·n bytes, and moves `ONCE_A_STEP`·4·n more.
pub fn intensity(row: &Measurement, characters: usize) -> Option<f64> {
    let (batch, steps) = (row.batch? as f64, (characters - 1) as f64);
    match (row.cell?, row.bench.as_str()) {
        ("lstm" | "gru", "forward") => Some(batch / 2.0),
        ("lstm" | "gru", "train step") => Some(6.0 * batch * steps / (4.0 * (2.0 * steps + ONCE_A_STEP))),
        _ => None,
    }
}

/// Draws the rows of 1,024 units under the roofs of a machine with this FMA peak (GFLOP/s) and read bandwidth (GB/s).
pub fn draw(path: &Path, rows: &[Measurement], peak: f64, bandwidth: f64, characters: usize) -> Result<()> {
    let points: Vec<(f64, f64, String)> = rows
        .iter()
        .filter(|row| row.units == Some(1024) && row.threads > 1)
        .filter_map(|row| {
            let words = if row.batch? == 1 { "one word".into() } else { format!("{} words", row.batch?) };
            let name = format!("{} {}, {words}", row.cell?, row.bench);
            Some((intensity(row, characters)?, row.gflops?, name))
        })
        .collect();
    ensure!(!points.is_empty(), "no row of 1,024 units and several threads was measured: nothing to draw");
    paint(path, &points, peak, bandwidth).map_err(|error| anyhow!("drawing {}: {error}", path.display()))
}

type Painted = std::result::Result<(), Box<dyn std::error::Error>>;

fn paint(path: &Path, points: &[(f64, f64, String)], peak: f64, bandwidth: f64) -> Painted {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let (x, y) = (0.25..256.0, bandwidth / 8.0..peak * 1.6);
    let mut chart = ChartBuilder::on(&area)
        .caption("Layers of 1,024 units under the machine's roofs", ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(65)
        .build_cartesian_2d(x.clone().log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .x_desc("useful operations for each byte of weights moved")
        .y_desc("useful GFLOP/s")
        .x_label_formatter(&label)
        .y_label_formatter(&label)
        .max_light_lines(0)
        .label_style(FONT)
        .draw()?;
    let roof = [x.start, peak / bandwidth, x.end].map(|at| (at, (at * bandwidth).min(peak)));
    chart
        .draw_series(LineSeries::new(roof, BLACK.stroke_width(2)))?
        .label(format!("{peak:.0} GFLOP/s of fused multiply-adds; {bandwidth:.0} GB/s of weights read"))
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BLACK.stroke_width(2)));
    for (index, (at, gflops, name)) in points.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        chart
            .draw_series([Circle::new((*at, *gflops), 5, color.filled())])?
            .label(format!("{name}: {gflops:.0}"))
            .legend(move |(x, y)| Circle::new((x + 9, y), 5, color.filled()));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK)
        .label_font(FONT)
        .draw()?;
    area.present()?;
    Ok(())
}

/// The label of a tick: of 1, 2 and 5 times a power of ten alone, as others lie too close to each other.
fn label(tick: &f64) -> String {
    let digit = tick / 10_f64.powf(tick.log10().floor());
    if [1.0, 2.0, 5.0, 10.0].iter().any(|kept| (digit - kept).abs() < 1e-6) { format!("{tick}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_two_and_five_are_labelled() {
        assert_eq!(
            [0.2, 0.3, 1.0, 4.0, 50.0, 90.0, 100.0].map(|tick| label(&tick)),
            ["0.2", "", "1", "", "50", "", "100"]
        );
    }

    #[test]
    fn intensity_grows_with_the_batch() {
        let row = |bench: &str, batch| Measurement {
            bench: bench.into(),
            cell: Some("gru"),
            batch: Some(batch),
            ..Measurement::default()
        };
        assert_eq!(intensity(&row("forward", 1), 19), Some(0.5));
        assert_eq!(intensity(&row("forward", 32), 19), Some(16.0));
        assert_eq!(intensity(&row("train step", 32), 19), Some(18.0));
        assert_eq!(intensity(&Measurement { cell: Some("lstm-double"), ..row("train step", 32) }, 19), None);
    }
}
