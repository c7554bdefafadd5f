use std::collections::HashMap;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};

use super::film::{Film, Row, Run};
use super::palette::{BAR, BUTTONS, EDGE, TEXT, TITLE, WINDOW};
use super::recording::{COLUMNS, COMMAND, ROWS};

/// A cell: of most monospaced fonts, a character is 0.6 as wide as the font is high.
const CELL: u16 = 9;
const FONT: u16 = 15;
const LINE: u16 = 20;
const MARGIN: u16 = 18;
const BAR_HEIGHT: u16 = 40;
const WIDTH: u16 = COLUMNS * CELL + 2 * MARGIN;
const HEIGHT: u16 = BAR_HEIGHT + ROWS * LINE + 2 * MARGIN;
/// Rows that are drawn once for all frames in which they stand together.
const BLOCK: u16 = 4;
/// Browsers load it with the page.
pub const LARGEST: usize = 400 * 1024;
const SHORTEST: usize = 1024;

/// The film as one file that moves by itself: no scripts, no fonts of its own. The frames are a strip behind a window.
pub fn draw(film: &Film) -> Result<String> {
    let mut drawn = Drawn::default();
    let mut strip = String::new();
    for (index, frame) in (0..).zip(&film.frames) {
        write!(strip, "<g transform=\"translate(0 {})\">", top(index))?;
        for (nth, rows) in (0..).zip(frame.rows.chunks(usize::from(BLOCK))) {
            if let Some(block) = drawn.block(rows)? {
                write!(strip, "<use href=\"#b{block}\"{}/>", place("y", nth * BLOCK * LINE))?;
            }
        }
        strip.push_str("</g>\n");
    }
    let (style, window, Drawn { definitions, .. }) = (style(film)?, window(film)?, drawn);
    let name = COMMAND.join(" ");
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         role=\"img\" aria-label=\"A terminal: {name} asks a few questions, shows its plan and sets up runvoy\">\n\
         {style}<defs>\n{definitions}</defs>\n{window}\
         <svg x=\"{MARGIN}\" y=\"{}\" width=\"{}\" height=\"{}\">\n<g class=\"film\" fill=\"{TEXT}\">\n{strip}</g>\n</svg>\n</svg>\n",
        BAR_HEIGHT + MARGIN,
        COLUMNS * CELL,
        ROWS * LINE,
    ))
}

/// Whether a file is such a drawing, whatever it shows.
pub fn check(text: &str) -> Result<()> {
    let document = roxmltree::Document::parse(text).context("it is no XML")?;
    let is = |name| move |node: roxmltree::Node<'_, '_>| node.has_tag_name(("http://www.w3.org/2000/svg", name));
    ensure!(is("svg")(document.root_element()), "it is no SVG");
    ensure!(document.descendants().any(is("text")), "it shows nothing");
    ensure!(!document.descendants().any(is("script")), "it holds a script");
    ensure!((SHORTEST..LARGEST).contains(&text.len()), "{} KB is no sensible size for it", text.len() / 1024);
    Ok(())
}

/// Where a frame begins on the strip.
fn top(frame: u32) -> u32 {
    frame * u32::from(ROWS * LINE)
}

/// An attribute of a place, left out where it says nothing.
fn place(name: &str, place: u16) -> String {
    if place == 0 { String::new() } else { format!(" {name}=\"{place}\"") }
}

/// What has been drawn, and its numbers.
#[derive(Default)]
struct Drawn {
    definitions: String,
    words: HashMap<String, usize>,
    rows: HashMap<Row, usize>,
    blocks: HashMap<Vec<Row>, usize>,
}

impl Drawn {
    /// None if there is nothing to see.
    fn block(&mut self, rows: &[Row]) -> Result<Option<usize>> {
        if rows.iter().all(Vec::is_empty) {
            return Ok(None);
        }
        if let Some(block) = self.blocks.get(rows) {
            return Ok(Some(*block));
        }
        let mut uses = String::new();
        for (nth, row) in (0..).zip(rows).filter(|(_, row)| !row.is_empty()) {
            write!(uses, "<use href=\"#r{}\"{}/>", self.row(row)?, place("y", nth * LINE))?;
        }
        let block = self.blocks.len();
        writeln!(self.definitions, "<g id=\"b{block}\">{uses}</g>")?;
        self.blocks.insert(rows.to_vec(), block);
        Ok(Some(block))
    }

    fn row(&mut self, row: &Row) -> Result<usize> {
        if let Some(number) = self.rows.get(row) {
            return Ok(*number);
        }
        let number = self.rows.len();
        let mut cells = String::new();
        for run in row {
            let x = run.column * CELL;
            if let Some(background) = &run.look.background {
                let width = run.width * CELL;
                write!(cells, "<rect x=\"{x}\" width=\"{width}\" height=\"{LINE}\" fill=\"{background}\"/>")?;
            }
            if run.look.underline || !run.text.trim().is_empty() {
                write!(cells, "<use href=\"#w{}\"{}/>", self.word(run)?, place("x", x))?;
            }
        }
        writeln!(self.definitions, "<g id=\"r{number}\">{cells}</g>")?;
        self.rows.insert(row.clone(), number);
        Ok(number)
    }

    /// The same wherever it stands.
    fn word(&mut self, run: &Run) -> Result<usize> {
        let word = word(run)?;
        let next = self.words.len();
        if let Some(number) = self.words.get(&word) {
            return Ok(*number);
        }
        writeln!(self.definitions, "<text id=\"w{next}\" {word}")?;
        self.words.insert(word, next);
        Ok(next)
    }
}

/// All of its element but the beginning.
fn word(run: &Run) -> Result<String> {
    let look = &run.look;
    let styles = [(look.bold, "b"), (look.dim, "d"), (look.italic, "i"), (look.underline, "u")];
    let styles: Vec<_> = styles.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
    let mut word = format!("y=\"{FONT}\"");
    if !styles.is_empty() {
        write!(word, " class=\"{}\"", styles.join(" "))?;
    }
    if let Some(color) = &look.color {
        write!(word, " fill=\"{color}\"")?;
    }
    // Whatever font there is, the cells stay where they are.
    if run.width > 1 {
        write!(word, " textLength=\"{}\"", run.width * CELL)?;
    }
    write!(word, ">{}</text>", escaped(&run.text))?;
    Ok(word)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// One animation moves the strip, frame by frame. Where nothing moves, the last frame is shown.
fn style(film: &Film) -> Result<String> {
    let mut frames = String::new();
    for (index, frame) in (0..).zip(&film.frames) {
        let share = 100.0 * frame.at.as_secs_f64() / film.length.as_secs_f64();
        write!(frames, "{share:.2}%{{transform:translateY(-{}px)}}", top(index))?;
    }
    let last = top(u32::try_from(film.frames.len().saturating_sub(1))?);
    let seconds = film.length.as_secs_f64();
    Ok(format!(
        "<style>\n\
         text{{font:{FONT}px ui-monospace,SFMono-Regular,\"SF Mono\",Menlo,Consolas,\"DejaVu Sans Mono\",\
         \"Liberation Mono\",monospace;white-space:pre}}\n\
         .b{{font-weight:700}}.d{{opacity:.6}}.i{{font-style:italic}}.u{{text-decoration:underline}}\n\
         .film{{transform:translateY(-{last}px);animation:film {seconds:.2}s steps(1,end) infinite}}\n\
         @media (prefers-reduced-motion:reduce){{.film{{animation:none}}}}\n\
         @keyframes film{{{frames}100%{{transform:translateY(-{last}px)}}}}\n\
         </style>\n"
    ))
}

fn window(film: &Film) -> Result<String> {
    let mut window = format!(
        "<rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"10\" fill=\"{WINDOW}\"/>\n\
         <path d=\"M.5 {BAR_HEIGHT}V10.5a10 10 0 0 1 10-10H{}a10 10 0 0 1 10 10V{BAR_HEIGHT}z\" fill=\"{BAR}\"/>\n",
        WIDTH - 1,
        HEIGHT - 1,
        f64::from(WIDTH) - 10.5,
    );
    for (x, color) in (22..).step_by(20).zip(BUTTONS) {
        writeln!(window, "<circle cx=\"{x}\" cy=\"20\" r=\"6\" fill=\"{color}\"/>")?;
    }
    let title = COMMAND.join(" ");
    writeln!(window, "<text x=\"{}\" y=\"25\" fill=\"{TITLE}\" text-anchor=\"middle\">{title}</text>", WIDTH / 2)?;
    if film.speed > 1.05 {
        let (x, speed) = (WIDTH - MARGIN, film.speed);
        writeln!(window, "<text x=\"{x}\" y=\"25\" fill=\"{TITLE}\" text-anchor=\"end\">{speed:.1}×</text>")?;
    }
    writeln!(
        window,
        "<rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"10\" fill=\"none\" stroke=\"{EDGE}\"/>",
        WIDTH - 1,
        HEIGHT - 1
    )?;
    Ok(window)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::film::{Frame, Look};
    use super::*;

    fn film() -> Film {
        let run = |text: &str, look| Run { column: 2, width: 5, text: text.to_owned(), look };
        let plain = run("a <b>", Look::default());
        let bold = run("& \"c\"", Look { bold: true, color: Some("#123456".into()), ..Look::default() });
        let frame = |at, row: Run| Frame { at: Duration::from_secs(at), rows: vec![vec![row]; usize::from(ROWS)] };
        Film {
            frames: vec![frame(0, plain.clone()), frame(1, bold), frame(3, plain)],
            length: Duration::from_secs(4),
            speed: 1.0,
        }
    }

    #[test]
    fn what_is_drawn_is_sound() {
        let text = draw(&film()).unwrap();
        check(&text).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        let shown = |class| {
            let of =
                |node: &roxmltree::Node<'_, '_>| node.has_attribute("textLength") && node.attribute("class") == class;
            document.descendants().filter(of).filter_map(|node| node.text()).collect::<Vec<_>>()
        };
        // Each once, however often it is seen.
        assert_eq!((shown(None), shown(Some("b"))), (vec!["a <b>"], vec!["& \"c\""]));
        assert!(text.contains("75.00%{transform:translateY(-1280px)}100%{transform:translateY(-1280px)}"));
    }

    #[test]
    fn what_is_no_drawing_is_refused() {
        let text = draw(&film()).unwrap();
        let script = text.replace("<defs>", "<defs><script>1</script>");
        for bad in ["", "<svg/>", &text[..text.len() / 2], &script] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_number_that_is_used_is_drawn() {
        let text = draw(&film()).unwrap();
        let document = roxmltree::Document::parse(&text).unwrap();
        let ids: Vec<_> = document.descendants().filter_map(|node| node.attribute("id")).collect();
        let mut uses = document.descendants().filter_map(|node| node.attribute("href")?.strip_prefix('#'));
        assert!(!ids.is_empty() && uses.all(|used| ids.contains(&used)));
    }
}
