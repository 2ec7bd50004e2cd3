//! `cargo run -p flameout-report --example report -- RUN… OUT.html`: a page of one run, or of several.

use std::path::Path;

use flameout_report::{Colour, Plot, Run, compare, html, svg, terminal, write};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((page, paths)) = arguments.split_last().filter(|(_, paths)| !paths.is_empty()) else {
        return Err("give one or more runs and the page to write".into());
    };
    let page = Path::new(page);
    let runs = paths.iter().map(|path| Run::read(Path::new(path))).collect::<Result<Vec<_>, _>>()?;
    let [run] = runs.as_slice() else {
        return Ok(write(page, compare(&runs))?);
    };
    print!("{}", terminal(run, 100, Colour::detect()));
    write(page, html(run))?;
    for plot in Plot::ALL {
        write(&page.with_extension(format!("{}.svg", plot.name())), svg(run, plot)?)?;
    }
    Ok(())
}
