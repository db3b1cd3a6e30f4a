//! Reports for wikis, tickets and repositories: GitHub's Markdown, and a post-mortem's skeleton for each incident.

use super::telling;
use crate::full::FullReport;
use crate::report::{Head, Report};
use crate::wording;

mod incidents;
mod slo;
mod timeline;

/// Writes a report as Markdown.
#[must_use]
pub fn render(full: &FullReport) -> String {
    let mut page = Page::default();
    match &full.report {
        Report::Slo(report) => slo::write(report, full, &mut page),
        Report::Incidents(report) => incidents::write(report, full, &mut page),
        Report::Timeline(report) => timeline::write(report, &mut page),
    }
    page.text
}

/// What is being written. Every text that is handed in is Markdown already: see [`plain`] and [`code`].
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn heading(&mut self, level: usize, title: &str) {
        self.space();
        self.text.push_str(&format!("{} {title}\n", "#".repeat(level)));
    }

    fn paragraph(&mut self, text: &str) {
        self.space();
        self.text.push_str(&format!("{text}\n"));
    }

    fn list(&mut self, lines: impl IntoIterator<Item = String>) {
        let lines: Vec<String> = lines.into_iter().map(|line| format!("- {line}\n")).collect();
        if !lines.is_empty() {
            self.space();
            self.text.push_str(&lines.concat());
        }
    }

    fn table(&mut self, columns: &[&str], rows: impl IntoIterator<Item = Vec<String>>) {
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let rows: String =
            rows.into_iter().map(|cells| line(cells.iter().map(|cell| in_cell(cell)).collect())).collect();
        if !rows.is_empty() {
            self.space();
            self.text.push_str(&line(columns.iter().map(|column| (*column).to_owned()).collect()));
            self.text.push_str(&line(vec!["---".to_owned(); columns.len()]));
            self.text.push_str(&rows);
        }
    }

    /// Where only people know.
    fn ask(&mut self, question: &str) {
        self.paragraph(&format!("_To be filled in: {question}_"));
    }

    /// Why the report may say less than it seems to.
    fn warn(&mut self, head: &Head) {
        self.list(head.warnings.iter().map(|warning| format!("**Warning:** {}", plain(warning))));
    }

    /// What the report is made from.
    fn foot(&mut self, head: &Head) {
        self.paragraph(&format!(
            "_Written by authprobe from {}; all times in UTC. The same records give the same page._",
            code(&head.generated_from)
        ));
    }

    fn space(&mut self) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
    }
}

/// A text from outside as itself: nothing in it is markup, a link or a mention.
fn plain(text: &str) -> String {
    let marked = |c: char| {
        let special = matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '!' | '|' | '~' | '&' | '$');
        match c {
            // An escaped at sign would still mention somebody, and `://` still be a link.
            '@' => "&#64;\u{2060}".to_owned(),
            c if special => format!("\\{c}"),
            c => c.to_string(),
        }
    };
    telling::short(text).replace("://", ":\u{2060}//").replace("www.", "www\u{2060}.").chars().map(marked).collect()
}

/// A text from outside as code, with a fence that it does not hold.
fn code(text: &str) -> String {
    let text = telling::short(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    match text.trim().is_empty() {
        true => "–".to_owned(),
        false if text.starts_with('`') || text.ends_with('`') => format!("{fence} {text} {fence}"),
        false => format!("{fence}{text}{fence}"),
    }
}

/// A bar of a cell ends it, in code as well, unless it is escaped; [`plain`] text has done so.
fn in_cell(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len());
    let mut escaped = false;
    for c in cell.chars() {
        if c == '|' && !escaped {
            text.push('\\');
        }
        escaped = c == '\\' && !escaped;
        text.push(c);
    }
    text
}

/// `2026-11-01 10:00:00 to 2026-11-01 15:00:00 UTC`.
fn stretch(head: &Head) -> String {
    format!("{} to {} UTC", wording::moment(head.window.from), wording::moment(head.window.until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_from_outside_is_text() {
        assert_eq!(plain("<b>a</b> [x](y) *b* `c`"), r"\<b\>a\</b\> \[x\](y) \*b\* \`c\`");
        assert_eq!(plain("a|b\nc"), r"a\|b\\nc");
    }

    #[test]
    fn nobody_is_mentioned_and_nothing_is_linked() {
        let shown = plain("@everyone see https://evil.example and www.evil.example");
        assert!(!shown.contains('@') && !shown.contains("://") && !shown.contains("www."), "{shown}");
    }

    #[test]
    fn code_ends_where_its_text_does() {
        assert_eq!(code("a"), "`a`");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`"), "`` ` ``");
    }

    #[test]
    fn a_bar_does_not_end_a_cell() {
        assert_eq!(in_cell(&plain("a|b")), r"a\|b");
        assert_eq!(in_cell(&code("a|b")), r"`a\|b`");
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let shown = plain(&"x".repeat(100_000));
        assert!(shown.len() < 1000 && shown.contains("99400 more characters"));
    }
}
