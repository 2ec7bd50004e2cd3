//! The pictures.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::{CoordTranslate, Shift};
use plotters::prelude::*;

use flameout_doctor::Proportion;

use super::{Rate, Series};
use crate::growth::Sample;
use crate::hunt::curve::Point;
use crate::hunt::results::Row;

const SIZE: (u32, u32) = (860, 440);
const FONT: (&str, u32) = ("sans-serif", 15);
const TITLE: (&str, u32) = ("sans-serif", 18);

/// At more, they overlap.
const RATE_LABELS: usize = 6;
/// Room for the half of an axis' last label that lies beyond it.
const LAST_LABEL: u32 = 30;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn area(path: &Path) -> Result<Area<'_>> {
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE).map_err(drawing)?;
    Ok(area)
}

/// plotters' errors borrow from what is drawn.
fn drawing<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow!("drawing: {error}")
}

/// A rate as one would write it: the ticks of a logarithmic axis are sums.
fn rounded(rate: &f64) -> String {
    format!("{}", (rate * 1e6).round() / 1e6)
}

/// A step.
fn whole(step: &f64) -> String {
    format!("{step:.0}")
}

/// The names of what has been drawn.
fn legend<'a, D: DrawingBackend + 'a, C: CoordTranslate>(
    chart: &mut ChartContext<'a, D, C>,
    place: SeriesLabelPosition,
) -> Result<()> {
    let mut labels = chart.configure_series_labels();
    labels.position(place);
    labels.background_style(WHITE.mix(0.8)).border_style(BLACK).label_font(FONT).draw().map_err(drawing)
}

fn rates(series: &[Series]) -> std::ops::Range<f64> {
    let rates = || series.iter().flat_map(|series| series.rates.iter().map(|rate| rate.rate));
    // With room for the names on the right.
    rates().fold(f64::INFINITY, f64::min) / 1.2..rates().fold(0.0, f64::max) * 7.0
}

/// A share of the runs with its interval, over the learning rate.
pub fn shares(path: &Path, title: &str, series: &[Series], share: impl Fn(&Rate) -> Proportion) -> Result<()> {
    let area = area(path)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, TITLE)
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(55)
        .build_cartesian_2d(rates(series).log_scale(), 0.0..1.02)
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .x_desc("learning rate (the question's: 0.001)")
        .x_labels(RATE_LABELS)
        .x_label_formatter(&rounded)
        .label_style(FONT)
        .draw()
        .map_err(drawing)?;
    for (index, of) in series.iter().enumerate() {
        let color = Palette99::pick(index).to_rgba();
        let seen = || of.rates.iter().map(|rate| (rate.rate, share(rate))).filter(|(_, share)| share.of > 0);
        chart
            .draw_series(LineSeries::new(seen().map(|(rate, share)| (rate, share.share())), color.stroke_width(2)))
            .map_err(drawing)?
            .label(of.name.clone())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        chart
            .draw_series(seen().map(|(rate, share)| {
                let (low, high) = share.wilson();
                ErrorBar::new_vertical(rate, low, share.share(), high, color.filled(), 7)
            }))
            .map_err(drawing)?;
    }
    legend(&mut chart, SeriesLabelPosition::MiddleRight)?;
    area.present().map_err(drawing)
}

/// When they did, over the learning rate.
pub fn onsets(path: &Path, series: &[Series]) -> Result<()> {
    let steps =
        || series.iter().flat_map(|of| of.rates.iter().flat_map(|rate| rate.onsets.iter().map(|&step| step as f64)));
    let (first, last) = (steps().fold(f64::INFINITY, f64::min), steps().fold(0.0, f64::max));
    if !first.is_finite() {
        return Ok(());
    }
    let area = area(path)?;
    let mut chart = ChartBuilder::on(&area)
        .caption("When they collapsed", TITLE)
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(75)
        .build_cartesian_2d(rates(series).log_scale(), (first / 1.5..last * 1.5).log_scale())
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .x_desc("learning rate")
        .x_labels(RATE_LABELS)
        .x_label_formatter(&rounded)
        .y_desc("step of the onset")
        .label_style(FONT)
        .draw()
        .map_err(drawing)?;
    for (index, of) in series.iter().enumerate().filter(|(_, of)| of.rates.iter().any(|rate| !rate.onsets.is_empty())) {
        let color = Palette99::pick(index).to_rgba();
        let points = of.rates.iter().flat_map(|rate| rate.onsets.iter().map(|&step| (rate.rate, step as f64)));
        chart
            .draw_series(points.map(|point| Circle::new(point, 4, color.filled())))
            .map_err(drawing)?
            .label(of.name.clone())
            .legend(move |(x, y)| Circle::new((x + 9, y), 4, color.filled()));
    }
    legend(&mut chart, SeriesLabelPosition::MiddleRight)?;
    area.present().map_err(drawing)
}

/// The length of the recurrent kernel's columns over the steps of each run of a network, with a point where it collapsed.
/// Steps are above 0.
pub fn growth(path: &Path, samples: &[Sample]) -> Result<()> {
    let steps = || samples.iter().map(|sample| sample.step);
    let (first, last) = (steps().min().unwrap_or(1), steps().max().unwrap_or(1));
    let longest = samples.iter().map(|sample| sample.length).fold(0.0, f64::max);
    let area = area(path)?;
    let title = format!("{} units: the recurrent kernel, and where networks collapsed", samples[0].network);
    let mut chart = ChartBuilder::on(&area)
        .caption(title, TITLE)
        .margin(12)
        .x_label_area_size(45)
        .y_label_area_size(55)
        .build_cartesian_2d((first as f64..last as f64 * 1.2).log_scale(), 0.0..longest * 1.05)
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .x_desc("step")
        .x_label_formatter(&whole)
        .y_desc("mean length of a column")
        .label_style(FONT)
        .draw()
        .map_err(drawing)?;
    for (index, of_rate) in samples.chunk_by(|a, b| a.rate == b.rate).enumerate() {
        let color = Palette99::pick(index).to_rgba();
        for (number, run) in of_rate.chunk_by(|a, b| a.seed == b.seed).enumerate() {
            let points: Vec<_> = run.iter().map(|sample| (sample.step as f64, sample.length)).collect();
            let end = points.last().copied().filter(|_| run[0].onset.is_some());
            let line = chart.draw_series(LineSeries::new(points, color.stroke_width(1))).map_err(drawing)?;
            if number == 0 {
                line.label(format!("rate {}", rounded(&run[0].rate)))
                    .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
            }
            chart.draw_series(end.map(|end| Circle::new(end, 5, color.filled()))).map_err(drawing)?;
        }
    }
    legend(&mut chart, SeriesLabelPosition::UpperLeft)?;
    area.present().map_err(drawing)
}

/// Loss and accuracy of a run.
pub fn curve(path: &Path, row: &Row, points: &[Point]) -> Result<()> {
    let area = area(path)?;
    let (upper, lower) = area.split_vertically(SIZE.1 * 3 / 5);
    let last = points.last().map_or(1, |point| point.step) as f64;
    let baseline = row.summary.baseline.train_loss;
    let settings = &row.settings;
    let end = match row.summary.onset_step {
        Some(step) => format!("collapsed at step {step}"),
        None => format!("{} steps", row.summary.steps),
    };
    let title = format!(
        "{}, {} units, learning rate {}, seed {}: {end}",
        settings.case.name(),
        settings.model.units.unwrap_or(settings.case.units()),
        settings.entries()["schedule.learning-rate"],
        settings.seed,
    );
    let finite = |value: f64| value.is_finite().then_some(value);
    let train = || points.iter().filter_map(|point| Some((point.step as f64, finite(point.loss_mean)?)));
    let test = || points.iter().filter_map(|point| Some((point.step as f64, finite(point.test_loss?)?)));
    let values = || train().chain(test()).map(|(_, loss)| loss);
    let range = values().fold(f64::INFINITY, f64::min) / 1.1..values().fold(0.0, f64::max) * 1.1;

    let mut chart = ChartBuilder::on(&upper)
        .caption(title, TITLE)
        .margin(12)
        .margin_right(LAST_LABEL)
        .x_label_area_size(25)
        .y_label_area_size(65)
        .build_cartesian_2d(0.0..last, range.log_scale())
        .map_err(drawing)?;
    chart.configure_mesh().y_desc("loss").x_label_formatter(&whole).label_style(FONT).draw().map_err(drawing)?;
    let mut line = |points: Vec<(f64, f64)>, name: &str, color: RGBColor| -> Result<()> {
        chart
            .draw_series(LineSeries::new(points, color.stroke_width(2)))
            .map_err(drawing)?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2)));
        Ok(())
    };
    line(test().collect(), "test words", RGBColor(230, 120, 20))?;
    line(train().collect(), "training words", RGBColor(30, 90, 180))?;
    line(vec![(0.0, baseline), (last, baseline)], "predicting the mean", RGBColor(130, 130, 130))?;
    legend(&mut chart, SeriesLabelPosition::LowerLeft)?;

    let accuracy = points.iter().map(|point| (point.step as f64, point.accuracy_mean));
    let highest = accuracy.clone().fold(0.05, |highest: f64, (_, value)| highest.max(value));
    let mut chart = ChartBuilder::on(&lower)
        .margin(12)
        .margin_right(LAST_LABEL)
        .x_label_area_size(40)
        .y_label_area_size(65)
        .build_cartesian_2d(0.0..last, 0.0..highest * 1.1)
        .map_err(drawing)?;
    chart
        .configure_mesh()
        .x_desc("step")
        .x_label_formatter(&whole)
        .y_desc("accuracy")
        .y_labels(4)
        .label_style(FONT)
        .draw()
        .map_err(drawing)?;
    chart.draw_series(LineSeries::new(accuracy, RGBColor(30, 90, 180).stroke_width(2))).map_err(drawing)?;
    area.present().map_err(drawing)
}
