//! HTML pages that need nothing but themselves.
//!
//! maud escapes every text; the curves' numbers lie in the page as JSON, in which no `<` is left.

pub(crate) mod compare;
mod data;
mod doctor;
mod figure;
pub(crate) mod run;
mod settings;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::status::Gravity;

const STYLE: &str = include_str!("../assets/page.css");
const SCRIPT: &str = include_str!("../assets/plots.js");
/// The page may run what it holds, and fetch nothing.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A whole page.
fn document(title: &str, body: &Markup, data: &str) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                script type="application/json" id="data" { (PreEscaped(data)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// A table. The first cell of a row is its heading. On a narrow screen each row is a list of its cells, named by their columns.
fn table(caption: &str, header: &[String], rows: impl IntoIterator<Item = Vec<Markup>>) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(caption) {
            table {
                thead { tr { @for cell in header { th scope="col" { (cell) } } } }
                tbody {
                    @for row in rows {
                        tr {
                            @for (index, cell) in row.iter().enumerate() {
                                @let name = header.get(index).map_or("", String::as_str);
                                @if index == 0 { th scope="row" { (cell) } }
                                @else { td data-name=(name) { div { (cell) } } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn text(text: &str) -> Markup {
    html! { (text) }
}

fn strings<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

fn class(gravity: Gravity) -> &'static str {
    match gravity {
        Gravity::Good => "good",
        Gravity::Doubtful => "doubtful",
        Gravity::Bad => "bad",
    }
}
