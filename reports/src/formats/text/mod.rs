//! Reports for a terminal.

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};

use super::{Layout, telling};
use crate::full::FullReport;
use crate::report::{Head, Report};
use crate::wording;

mod incidents;
mod slo;
mod spark;
mod timeline;

/// Writes a report for a terminal.
#[must_use]
pub fn render(full: &FullReport, layout: Layout) -> String {
    let mut page = Page { layout, text: String::new() };
    match &full.report {
        Report::Slo(report) => slo::write(report, &full.trends, &mut page),
        Report::Incidents(report) => incidents::write(report, full, &mut page),
        Report::Timeline(report) => timeline::write(report, &mut page),
    }
    page.text
}

/// What is being written, and how.
struct Page {
    layout: Layout,
    text: String,
}

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const UNSURE: Style = AnsiColor::Yellow.on_default();
const STRONG: Style = Style::new().bold();
const PALE: Style = Style::new().dimmed();

/// Fewest columns that text is laid out for; on a narrower terminal it wraps.
const NARROWEST: u16 = 40;
/// Most characters of a paragraph, which may list many names.
const LONGEST: usize = 4_000;
/// Columns that a paragraph's name takes.
const NAME: usize = 11;

impl Page {
    /// Text in a style, made harmless; bare where there are no colours.
    fn paint(&self, style: Style, text: &str) -> String {
        let text = wording::harmless(text);
        if self.layout.colour { format!("{style}{text}{style:#}") } else { text }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn head(&mut self, title: &str, head: &Head) {
        let window = head.window;
        let title = self.paint(STRONG, title);
        self.line(&format!("{title}, {} to {} UTC", wording::moment(window.from), wording::moment(window.until)));
        for warning in &head.warnings {
            self.paragraph("warning", warning);
        }
        self.line("");
    }

    /// A paragraph with its name in the margin, wrapped to the width.
    fn paragraph(&mut self, name: &str, text: &str) {
        let indent = " ".repeat(2 + NAME);
        let first = format!("  {}", self.paint(PALE, &format!("{name:<NAME$}")));
        let width = usize::from(self.layout.width.max(NARROWEST)).saturating_sub(indent.len());
        for (number, line) in textwrap::wrap(&telling::cut(text, LONGEST), whole_words(width)).into_iter().enumerate() {
            let margin = if number == 0 { &first } else { &indent };
            self.line(&format!("{margin}{line}"));
        }
    }

    /// A paragraph that begins with its title, wrapped to the width.
    fn titled(&mut self, style: Style, title: &str, text: &str) {
        let indent = " ".repeat(2 + NAME);
        let options =
            whole_words(usize::from(self.layout.width.max(NARROWEST))).initial_indent("  ").subsequent_indent(&indent);
        let text = telling::cut(&format!("{title}: {text}"), LONGEST);
        for line in textwrap::wrap(&text, options) {
            let painted = line.strip_prefix("  ").and_then(|line| line.strip_prefix(title));
            match painted {
                Some(rest) => self.line(&format!("  {}{rest}", self.paint(style, title))),
                None => self.line(&line),
            }
        }
    }

    /// Text in a style that stands in a column behind what its first line begins with, wrapped to the width.
    fn hanging(&mut self, begins: &str, column: usize, style: Style, text: &str) {
        let width =
            usize::from(self.layout.width.max(NARROWEST)).saturating_sub(column).max(usize::from(NARROWEST) / 2);
        for (number, line) in textwrap::wrap(&telling::short(text), whole_words(width)).into_iter().enumerate() {
            let begins = if number == 0 { begins } else { "" };
            let line = self.paint(style, &line);
            self.line(&format!("{begins:column$}{line}"));
        }
    }

    fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.layout.width.max(NARROWEST));
        table.set_header(header.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        table.add_rows(rows);
        let lines: Vec<String> = table.lines().collect();
        for (number, line) in lines.iter().enumerate() {
            let line = if number == 0 { self.paint(PALE, line.trim_end()) } else { line.trim_end().to_owned() };
            self.line(&line);
        }
    }
}

/// Lines break at spaces only, so that a date or a name stays in one piece.
fn whole_words<'a>(width: usize) -> textwrap::Options<'a> {
    textwrap::Options::new(width).word_splitter(textwrap::WordSplitter::NoHyphenation)
}
