//! The page in a real browser: `cargo test -p flameout-report --test browser -- --ignored`.

mod common;

use std::path::Path;
use std::process::Command;

use common::{records, write_collapsed, write_unfinished};
use flameout_report::{Run, compare, html};

/// Lets the page load, runs `script` in it, and returns its DOM. Fails if the console was told anything.
fn dom(page: &str, script: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("page.html");
    let driven = page.replace("</body>", &format!("<script>{{{script}}}</script></body>"));
    std::fs::write(&file, driven).unwrap();
    let profile = format!("--user-data-dir={}", directory.path().join("profile").display());
    let address = format!("file://{}", file.display());
    let browser = std::env::var("CHROMIUM").unwrap_or_else(|_| "chromium".into());
    let fixed = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--window-size=1000,800"];
    let output = Command::new(browser)
        .args(fixed)
        .args(["--virtual-time-budget=5000", "--dump-dom", &profile, &address])
        .output()
        .expect("chromium starts (the variable CHROMIUM may name it)");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    assert!(!log.contains("CONSOLE"), "the console was told something:\n{log}");
    String::from_utf8(output.stdout).unwrap()
}

/// The text of the element that tells which steps are shown.
fn view(dom: &str) -> &str {
    let (_, rest) = dom.split_once(r#"<span id="view" role="status">"#).expect("the element");
    rest.split_once('<').unwrap().0
}

fn collapsed(directory: &Path) -> Run {
    write_collapsed(directory, 3000, 2500);
    Run::read(directory).unwrap()
}

const PICTURE: &str =
    "const picture = document.querySelector('#loss .picture'); const box = picture.getBoundingClientRect();
    const point = (type, share) => picture.dispatchEvent(new PointerEvent(type,
        { clientX: box.left + share * box.width, clientY: box.top + 50, bubbles: true }));
    const key = (key) => picture.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));";

#[test]
#[ignore = "needs chromium"]
fn nothing_lies_outside_a_telephones_screen() {
    // A window has a least width, a frame has none.
    const WIDTHS: &str = "document.querySelectorAll('details').forEach((details) => { details.open = true; });
        const outside = [...document.querySelectorAll('main *')].filter((element) =>
            !element.closest('pre, svg, thead') && element.getBoundingClientRect().right > innerWidth + 1);
        parent.postMessage(outside.map((element) => element.outerHTML.slice(0, 80)).join() + ' of ' + innerWidth, '*');";
    let directory = tempfile::tempdir().unwrap();
    let (run, file) = (collapsed(&directory.path().join("run")), directory.path().join("page.html"));
    for page in [html(&run), compare(&[run.clone(), run.clone()])] {
        std::fs::write(&file, page.replace("</body>", &format!("<script>{{{WIDTHS}}}</script></body>"))).unwrap();
        let frame = format!(
            "<!DOCTYPE html><html><head><title></title></head><body><script>addEventListener('message', (event) => {{
            document.title = 'outside: ' + event.data; }});</script>
            <iframe src='file://{}' width='390' height='800'></iframe></body></html>",
            file.display()
        );
        let dom = dom(&frame, "");
        let (_, title) = dom.split_once("<title>").unwrap();
        assert!(title.starts_with("outside:  of 390<"), "{}", title.split_once("</title>").unwrap().0);
    }
}

#[test]
#[ignore = "needs chromium"]
fn every_plot_is_drawn() {
    let directory = tempfile::tempdir().unwrap();
    let dom = dom(&html(&collapsed(directory.path())), "");
    assert_eq!(dom.matches("<svg").count(), 6);
    assert!(dom.matches("class=\"curve").count() == 8 && !dom.contains("NaN"));
    assert!(dom.contains(">collapse at 2,500</text>") && view(&dom).is_empty());
}

#[test]
#[ignore = "needs chromium"]
fn dragging_zooms_every_plot() {
    let directory = tempfile::tempdir().unwrap();
    let script = format!("{PICTURE} point('pointerdown', 0.5); point('pointermove', 0.6); point('pointerup', 0.75);");
    let dom = dom(&html(&collapsed(directory.path())), &script);
    let numbers: Vec<u64> = view(&dom).split(' ').filter_map(|word| word.replace(',', "").parse().ok()).collect();
    let [from, to] = numbers[..] else { panic!("{}", view(&dom)) };
    assert!((1200..1500).contains(&from) && (2000..2350).contains(&to), "{}", view(&dom));
    assert!(!dom.contains(">1,000</text>"), "the other plots follow");
    assert!(dom.contains(r#"<p class="readout">step 1,"#), "the values below the pointer are told");
}

#[test]
#[ignore = "needs chromium"]
fn the_keyboard_does_all_the_mouse_does() {
    let directory = tempfile::tempdir().unwrap();
    let page = html(&collapsed(directory.path()));
    let zoomed = dom(&page, &format!("{PICTURE} key('ArrowRight'); key('+'); key('End');"));
    assert!(view(&zoomed).starts_with("steps ") && zoomed.contains("aria-live=\"polite\""));
    let back = dom(&page, &format!("{PICTURE} key('+'); key('+'); key('Escape');"));
    assert_eq!(view(&back), "");
    let onset = dom(&page, "document.querySelector('[data-show=onset]').click();");
    assert_eq!(view(&onset), "steps 2,350 to 2,650");
}

#[test]
#[ignore = "needs chromium"]
fn hostile_names_and_gaps_are_drawn_too() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("<img src=x onerror=console.log(1)>.csv");
    std::fs::write(&log, "epoch,loss,val_loss\n0,0.5,0.6\n1,nan,inf\n2,0.4,0.5\n").unwrap();
    let going_on = directory.path().join("going-on");
    write_unfinished(&going_on, &records(40, None));
    let runs = [Run::read(&log).unwrap(), Run::read(&going_on).unwrap()];
    for page in [html(&runs[0]), compare(&runs)] {
        let dom = dom(&page, PICTURE);
        assert!(dom.contains("<svg") && !dom.contains("<img") && !dom.contains("NaN"));
    }
    assert!(dom(&compare(&[]), "").contains("There is no run to show."));
}
