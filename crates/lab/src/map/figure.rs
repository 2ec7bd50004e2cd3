//! A figure of panels as SVG: a title, one legend for all panels, then the panels. Nothing lies over the data.

use std::fmt::Write;

use flameout::report::whole;

const WIDTH: f64 = 860.0;
/// Room for the numbers and the name of a y axis, and of an x axis.
const LEFT: f64 = 76.0;
const BELOW: f64 = 46.0;
/// Room for the half of the last number that lies beyond the axis.
const RIGHT: f64 = 28.0;
const LINE: f64 = 22.0;
/// The mean width of a letter of the legend.
const LETTER: f64 = 7.2;
const MOST_TICKS: usize = 7;

/// Panels in rows of so many columns.
pub struct Figure {
    pub title: String,
    pub columns: usize,
    pub panels: Vec<Panel>,
}

pub struct Panel {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// Of what is drawn, without axes.
    pub height: f64,
    pub series: Vec<Series>,
}

pub struct Axis {
    pub name: String,
    pub from: f64,
    pub to: f64,
    pub logarithmic: bool,
}

/// Series of the same name share an entry of the legend; one without a name has none.
pub struct Series {
    pub name: String,
    pub colour: &'static str,
    pub shape: Shape,
}

/// What is not finite interrupts a line. What is beyond an axis is cut off.
pub enum Shape {
    Line(Vec<(f64, f64)>),
    Dashes(Vec<(f64, f64)>),
    Dots(Vec<(f64, f64)>),
    /// A value with its interval: lowest, value, highest.
    Intervals(Vec<(f64, [f64; 3])>),
}

impl Axis {
    /// From the smallest to the largest value, with some room.
    pub fn around(name: &str, values: impl Iterator<Item = f64>, logarithmic: bool) -> Self {
        let values = values.filter(|&value| value.is_finite() && (value > 0.0 || !logarithmic));
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let (from, to) = match logarithmic {
            _ if low > high => (if logarithmic { 0.1 } else { 0.0 }, 1.0),
            true => (low / 1.15, high * 1.15),
            false => (low - 0.04 * (high - low), high + 0.04 * (high - low).max(f64::MIN_POSITIVE)),
        };
        Self { name: name.into(), from, to, logarithmic }
    }

    /// Round numbers on the axis: 1, 2 or 5 times a power of ten apart, or powers of ten.
    fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let (first, last) = (self.from.log10().floor() as i32, self.to.log10().ceil() as i32);
            for mantissas in [&[1.0, 2.0, 5.0][..], &[1.0]] {
                let all = (first..=last).flat_map(|power| mantissas.iter().map(move |m| m * 10_f64.powi(power)));
                let ticks: Vec<f64> = all.filter(|tick| (self.from..=self.to).contains(tick)).collect();
                if (3..=MOST_TICKS).contains(&ticks.len()) {
                    return ticks;
                }
            }
            if self.to / self.from > 1e3 {
                let every = (last - first) as usize / MOST_TICKS + 1;
                let powers = (first..=last).step_by(every).map(|power| 10_f64.powi(power));
                return powers.filter(|tick| (self.from..=self.to).contains(tick)).collect();
            }
        }
        let rough = (self.to - self.from) / 6.0;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|step| *step >= rough).unwrap_or(rough);
        let first = (self.from / step).ceil() as i64;
        (first..).map(|number| number as f64 * step).take_while(|tick| *tick <= self.to).collect()
    }

    /// Where a value lies, from 0 to 1.
    fn place(&self, value: f64) -> f64 {
        if self.logarithmic {
            (value / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        }
    }
}

/// A tick as one would write it.
fn number(value: f64) -> String {
    let rounded = (value * 1e9).round() / 1e9;
    if rounded >= 1000.0 { whole(rounded as u64) } else { format!("{rounded}") }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

impl Figure {
    /// The figure as the text of an SVG file.
    pub fn svg(&self) -> String {
        let (legend, legend_height) = self.legend();
        let mut top = 34.0 + legend_height;
        let mut body = String::new();
        let width = WIDTH / self.columns as f64;
        for (row, panels) in self.panels.chunks(self.columns).enumerate() {
            let titles = if panels.iter().any(|panel| !panel.title.is_empty()) { LINE } else { 6.0 };
            let height = panels.iter().map(|panel| panel.height).fold(0.0, f64::max);
            for (column, panel) in panels.iter().enumerate() {
                let id = row * self.columns + column;
                panel.draw(&mut body, id, column as f64 * width, top + titles, width);
            }
            top += titles + height + BELOW;
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{top}\" viewBox=\"0 0 {WIDTH} {top}\" \
             font-family=\"sans-serif\" font-size=\"13\" fill=\"#222\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{}\" y=\"23\" font-size=\"17\" text-anchor=\"middle\">{}</text>\n{legend}{body}</svg>\n",
            WIDTH / 2.0,
            escaped(&self.title),
        )
    }

    /// Each name once, in lines below the title; with their height.
    fn legend(&self) -> (String, f64) {
        let mut entries: Vec<&Series> = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            if !series.name.is_empty() && !entries.iter().any(|entry| entry.name == series.name) {
                entries.push(series);
            }
        }
        let (mut text, mut x, mut y) = (String::new(), LEFT, 48.0);
        for series in &entries {
            let width = 30.0 + LETTER * series.name.chars().count() as f64;
            if x + width > WIDTH && x > LEFT {
                (x, y) = (LEFT, y + LINE);
            }
            let colour = series.colour;
            let _ = match series.shape {
                Shape::Dots(_) => {
                    writeln!(text, "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{colour}\"/>", x + 10.0, y - 4.0)
                }
                _ => {
                    let dashes =
                        if matches!(series.shape, Shape::Dashes(_)) { " stroke-dasharray=\"6 4\"" } else { "" };
                    let path = format!("M{x} {} h20", y - 4.0);
                    writeln!(text, "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"2.5\"{dashes}/>")
                }
            };
            let _ = writeln!(text, "<text x=\"{}\" y=\"{y}\">{}</text>", x + 25.0, escaped(&series.name));
            x += width + 14.0;
        }
        (text, if entries.is_empty() { 0.0 } else { y - 48.0 + LINE })
    }
}

impl Panel {
    fn draw(&self, out: &mut String, id: usize, left: f64, top: f64, width: f64) {
        let (left, width, height) = (left + LEFT, width - LEFT - RIGHT, self.height);
        let (right, bottom) = (left + width, top + height);
        let at = |(x, y): (f64, f64)| (left + width * self.x.place(x), bottom - height * self.y.place(y));
        let mut line = |text: String| {
            out.push_str(&text);
            out.push('\n');
        };
        line(format!(
            "<clipPath id=\"c{id}\"><rect x=\"{left}\" y=\"{top}\" width=\"{width}\" height=\"{height}\"/></clipPath>"
        ));
        if !self.title.is_empty() {
            let middle = left + width / 2.0;
            line(format!(
                "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                top - 7.0,
                escaped(&self.title)
            ));
        }
        for tick in self.y.ticks() {
            let y = bottom - height * self.y.place(tick);
            line(format!("<path d=\"M{left} {y:.1} h{width}\" stroke=\"#ddd\"/>"));
            line(format!(
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                left - 6.0,
                y + 4.5,
                number(tick)
            ));
        }
        for tick in self.x.ticks() {
            let x = left + width * self.x.place(tick);
            line(format!("<path d=\"M{x:.1} {bottom} v5\" stroke=\"#222\"/>"));
            line(format!("<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>", bottom + 19.0, number(tick)));
        }
        line(format!("<path d=\"M{left} {top} V{bottom} H{right}\" stroke=\"#222\" fill=\"none\"/>"));
        let (middle, below) = (left + width / 2.0, bottom + 37.0);
        line(format!("<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{}</text>", escaped(&self.x.name)));
        let (x, y) = (left - LEFT + 13.0, top + height / 2.0);
        let name = escaped(&self.y.name);
        line(format!("<text transform=\"translate({x} {y}) rotate(-90)\" text-anchor=\"middle\">{name}</text>"));
        line(format!("<g clip-path=\"url(#c{id})\" fill=\"none\">"));
        for series in &self.series {
            series.draw(&mut line, at);
        }
        line("</g>".into());
    }
}

impl Series {
    fn draw(&self, line: &mut impl FnMut(String), at: impl Fn((f64, f64)) -> (f64, f64)) {
        let colour = self.colour;
        match &self.shape {
            Shape::Line(points) => line(path(points, at, &format!("stroke=\"{colour}\" stroke-width=\"1.6\""))),
            Shape::Dashes(points) => {
                line(path(points, at, &format!("stroke=\"{colour}\" stroke-width=\"1.6\" stroke-dasharray=\"6 4\"")));
            }
            Shape::Dots(points) => points.iter().for_each(|&point| {
                let (x, y) = at(point);
                line(format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"{colour}\"/>"));
            }),
            Shape::Intervals(values) => {
                line(path(
                    &values.iter().map(|&(x, [_, y, _])| (x, y)).collect::<Vec<_>>(),
                    &at,
                    &format!("stroke=\"{colour}\" stroke-width=\"1.6\""),
                ));
                for &(x, [low, value, high]) in values {
                    let ((x, low), (_, value), (_, high)) = (at((x, low)), at((x, value)), at((x, high)));
                    line(format!(
                        "<path d=\"M{x:.1} {low:.1} V{high:.1} M{:.1} {low:.1} h8 M{:.1} {high:.1} h8\" stroke=\"{colour}\"/>",
                        x - 4.0,
                        x - 4.0
                    ));
                    line(format!("<circle cx=\"{x:.1}\" cy=\"{value:.1}\" r=\"4\" fill=\"{colour}\"/>"));
                }
            }
        }
    }
}

/// A line through the points that are finite.
fn path(points: &[(f64, f64)], at: impl Fn((f64, f64)) -> (f64, f64), style: &str) -> String {
    let mut d = String::new();
    let mut begins = true;
    for &point in points {
        let (x, y) = at(point);
        if y.is_finite() {
            let _ = write!(d, "{}{x:.1} {y:.1}", if begins { 'M' } else { 'L' });
        }
        begins = !y.is_finite();
    }
    format!("<path d=\"{d}\" {style}/>")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(from: f64, to: f64, logarithmic: bool) -> Axis {
        Axis { name: String::new(), from, to, logarithmic }
    }

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(
            axis(0.0008, 0.03, true).ticks().iter().map(|t| number(*t)).collect::<Vec<_>>(),
            ["0.001", "0.002", "0.005", "0.01", "0.02"]
        );
        assert_eq!(
            axis(0.0, 30_015.0, false).ticks().iter().map(|t| number(*t)).collect::<Vec<_>>(),
            ["0", "10,000", "20,000", "30,000"]
        );
        for (from, to) in [(1e-6, 10.0), (0.0076, 0.0099), (0.004, 0.5), (900.0, 140_000.0), (0.5, 1e9)] {
            let ticks = axis(from, to, true).ticks();
            assert!(
                (2..=9).contains(&ticks.len()) && ticks.iter().all(|t| (from..=to).contains(t)),
                "{from} {to}: {ticks:?}"
            );
        }
    }

    #[test]
    fn the_legend_is_above_the_panels() {
        let series = (0..12).map(|index| Series {
            name: format!("a long name, number {index}"),
            colour: "red",
            shape: Shape::Line(vec![(0.0, 0.5)]),
        });
        let panel = Panel {
            title: "<".into(),
            x: axis(0.0, 1.0, false),
            y: axis(0.0, 1.0, false),
            height: 100.0,
            series: series.collect(),
        };
        let svg = Figure { title: "t".into(), columns: 1, panels: vec![panel] }.svg();
        let y = |line: &str| line.split(" y=\"").nth(1).unwrap().split('"').next().unwrap().parse::<f64>().unwrap();
        let top = y(svg.lines().find(|line| line.contains("clipPath")).unwrap());
        let entries = svg.lines().filter(|line| line.contains("a long name"));
        assert_eq!(entries.clone().count(), 12);
        assert!(entries.map(y).all(|y| y < top) && svg.contains("&lt;"));
    }
}
