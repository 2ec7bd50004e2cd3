//! A plot as a PNG file: the SVG's picture in dots, with the fonts of this machine.

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::fontdb::{Database, Family, Query};
use resvg::usvg::{Options, Tree};

use crate::error::Error;
use crate::plot::Plot;
use crate::run::Run;
use crate::svg::svg;

/// Dots a point of the SVG: 860 × 380 points become 1720 × 760 dots, 6 inches at 300 dots an inch.
const SCALE: f32 = 2.0;

/// Draws a plot of a run, as [`svg`] does, as the bytes of a PNG file. Letters look as this machine's fonts do.
///
/// # Errors
/// [`Error::Drawing`] if it cannot be drawn, or no font is installed: words would be left out in silence.
pub fn png(run: &Run, plot: Plot) -> Result<Vec<u8>, Error> {
    rasterise(&svg(run, plot)?, fonts()).map_err(|problem| Error::Drawing { plot: plot.name(), problem })
}

fn rasterise(picture: &str, fonts: Database) -> Result<Vec<u8>, String> {
    if fonts.is_empty() {
        return Err("no font is installed on this machine; take the SVG".into());
    }
    let mut options = Options::default();
    *options.fontdb_mut() = fonts;
    let tree = Tree::from_str(picture, &options).map_err(|error| error.to_string())?;
    let size = tree.size().to_int_size().scale_by(SCALE).ok_or("a picture of no size")?;
    let mut dots = Pixmap::new(size.width(), size.height()).ok_or("a picture of no size")?;
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut dots.as_mut());
    dots.encode_png().map_err(|error| error.to_string())
}

/// The machine's fonts, with one that there is for those who ask for any without serifs.
fn fonts() -> Database {
    let mut fonts = Database::new();
    fonts.load_system_fonts();
    let any = Query { families: &[Family::SansSerif], ..Query::default() };
    let is_there = fonts.query(&any).is_some();
    let first = fonts.faces().find_map(|face| Some(face.families.first()?.0.clone()));
    if let Some(family) = first.filter(|_| !is_there) {
        fonts.set_sans_serif_family(family);
    }
    fonts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_font_there_is_an_error_and_no_picture_without_words() {
        let picture = r#"<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><text y="9">loss</text></svg>"#;
        assert!(rasterise(picture, Database::new()).unwrap_err().contains("no font"));
    }
}
