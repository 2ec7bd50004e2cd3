//! A plot as an SVG file, for papers: on white, in the order of colours of the page.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{AsRangedCoord, ValueFormatter};
use plotters::prelude::*;

use crate::error::Error;
use crate::figures::{short, whole};
use crate::mark::MarkKind;
use crate::plot::{Plot, Scale, Series, Words};
use crate::run::Run;
use crate::thin::{Stretch, thin};

const SIZE: (u32, u32) = (860, 380);
const FONT: (&str, u32) = ("sans-serif", 15);
const TITLE: (&str, u32) = ("sans-serif", 18);
/// Stretches of a curve: nearly as many as the picture has points.
const STRETCHES: usize = 600;
/// The largest value that is told from larger ones; on a logarithmic axis, the smallest is its reciprocal.
const LARGEST: f64 = 1e150;
/// Okabe and Ito's colours, which people with colour-blindness can tell apart.
const TRAINING: RGBColor = RGBColor(0, 114, 178);
const TEST: RGBColor = RGBColor(213, 94, 0);
const GREY: RGBColor = RGBColor(110, 110, 110);
const RED: RGBColor = RGBColor(190, 30, 45);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws a plot of a run. Without a value to draw, the picture says so.
///
/// # Errors
/// [`Error::Drawing`] if plotters cannot draw it.
pub fn svg(run: &Run, plot: Plot) -> Result<String, Error> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        draw(&area, run, plot).map_err(|problem| Error::Drawing { plot: plot.name(), problem })?;
    }
    Ok(text)
}

fn draw(area: &Area<'_>, run: &Run, plot: Plot) -> Result<(), String> {
    area.fill(&WHITE).map_err(problem)?;
    let lines: Vec<Line> = plot.series(run).iter().map(Line::of).collect();
    let Some(range) = value_range(&lines, plot.level(run).map(|level| level.value), plot.scale()) else {
        let title = format!("{}, {}: no values", run.name, plot.title().to_lowercase());
        area.titled(&title, TITLE).map_err(problem)?;
        return area.present().map_err(problem);
    };
    match plot.scale() {
        Scale::Linear => draw_on(area, run, plot, &lines, range.clone(), &range)?,
        Scale::Logarithmic => draw_on(area, run, plot, &lines, range.clone().log_scale(), &range)?,
    }
    area.present().map_err(problem)
}

/// plotters' errors borrow from what is drawn.
fn problem<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> String {
    error.to_string()
}

/// A series, thinned.
struct Line {
    words: Words,
    stretches: Vec<Stretch>,
}

impl Line {
    fn of(series: &Series) -> Self {
        Self { words: series.words, stretches: thin(&series.values, STRETCHES, &(0..0)) }
    }

    fn color(&self) -> RGBColor {
        match self.words {
            Words::Training => TRAINING,
            Words::Test => TEST,
        }
    }

    /// Stretches without a gap between them.
    fn unbroken(&self, range: &Range<f64>) -> impl Iterator<Item = &[Stretch]> {
        let drawn = |stretch: &Stretch| [stretch.low, stretch.mean, stretch.high].iter().all(|x| x.is_finite());
        let start = range.start;
        self.stretches
            .chunk_by(move |a, b| drawn(a) == drawn(b))
            .filter(move |part| drawn(&part[0]) && part.iter().any(|stretch| stretch.high >= start))
    }
}

/// From a little below the smallest to a little above the largest value; `None` if there is none.
fn value_range(lines: &[Line], level: Option<f64>, scale: Scale) -> Option<Range<f64>> {
    let values = lines.iter().flat_map(|line| &line.stretches).flat_map(|stretch| [stretch.low, stretch.high]);
    let values: Vec<f64> = values
        .chain(level.filter(|_| !lines.is_empty()))
        .filter(|&value| value.is_finite() && (value > 0.0 || scale == Scale::Linear))
        // Beyond these, the quotient of an axis' ends is no finite number, and plotters never ends.
        .map(|value| {
            if scale == Scale::Logarithmic {
                value.clamp(1.0 / LARGEST, LARGEST)
            } else {
                value.clamp(-LARGEST, LARGEST)
            }
        })
        .collect();
    let low = values.iter().copied().reduce(f64::min)?;
    let high = values.iter().copied().reduce(f64::max)?;
    Some(match scale {
        Scale::Logarithmic => low / 1.15..high * 1.15,
        Scale::Linear => {
            let margin = 0.05 * if high > low { high - low } else { high.abs().max(1.0) };
            (if low >= 0.0 { 0.0 } else { low - margin })..high + margin
        }
    })
}

fn draw_on<Y>(area: &Area<'_>, run: &Run, plot: Plot, lines: &[Line], y: Y, range: &Range<f64>) -> Result<(), String>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let last = run.last_step().max(1) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}: {}", run.name, plot.title().to_lowercase()), TITLE)
        .margin(12)
        .margin_right(30)
        .x_label_area_size(42)
        .y_label_area_size(75)
        .build_cartesian_2d(0.0..last, y)
        .map_err(problem)?;
    chart
        .configure_mesh()
        .x_desc(run.unit())
        .x_label_formatter(&|step| whole(*step as u64))
        .y_label_formatter(&|value| short(*value))
        .label_style(FONT)
        .light_line_style(TRANSPARENT)
        .bold_line_style(GREY.mix(0.3))
        .draw()
        .map_err(problem)?;
    let inside = |value: f64| value.clamp(range.start, range.end);
    for line in lines {
        let color = line.color();
        for part in line.unbroken(range) {
            let high = part.iter().map(|stretch| (stretch.step as f64, inside(stretch.high)));
            let low = part.iter().rev().map(|stretch| (stretch.step as f64, inside(stretch.low)));
            chart.draw_series([Polygon::new(high.chain(low).collect::<Vec<_>>(), color.mix(0.25))]).map_err(problem)?;
        }
    }
    for line in lines {
        let color = line.color();
        for (index, part) in line.unbroken(range).enumerate() {
            let means = part.iter().map(|stretch| (stretch.step as f64, inside(stretch.mean)));
            let drawn = chart.draw_series(LineSeries::new(means, color.stroke_width(2))).map_err(problem)?;
            if index == 0 {
                drawn.label(line.words.name()).legend(move |(x, y)| key(x, y, color));
            }
        }
    }
    if let Some(level) = plot.level(run).filter(|level| level.value.is_finite()) {
        let ends = [(0.0, inside(level.value)), (last, inside(level.value))];
        let drawn = chart.draw_series(LineSeries::new(ends, GREY.stroke_width(1))).map_err(problem)?;
        drawn.label(level.name).legend(|(x, y)| key(x, y, GREY));
    }
    if let Some(mark) = run.marks.iter().find(|mark| matches!(mark.kind, MarkKind::Collapse | MarkKind::Rise)) {
        let ends = [(mark.step as f64, range.start), (mark.step as f64, range.end)];
        let drawn = chart.draw_series(LineSeries::new(ends, RED.stroke_width(1))).map_err(problem)?;
        let name = format!("{} at {}", mark.kind.name(), whole(mark.step));
        drawn.label(name).legend(|(x, y)| key(x, y, RED));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(GREY)
        .label_font(FONT)
        .draw()
        .map_err(problem)
}

fn key(x: i32, y: i32, color: RGBColor) -> PathElement<(i32, i32)> {
    PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
}
