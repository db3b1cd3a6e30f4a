//! The forms in which a report can be written.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::full::FullReport;

pub mod csv;
mod facts;
pub mod html;
pub mod json;
pub mod markdown;
mod telling;
pub mod text;
mod words;

/// Rows of a table of one incident that a page shows.
const MOST_ROWS: usize = 100;
/// Lines of the table of all incidents that a page shows.
const MOST_LINES: usize = 500;
/// Names that a page shows in a row.
const MOST_NAMES: usize = 60;

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ReportFormat")]
pub enum Format {
    /// For a terminal.
    Text,
    /// For a wiki, a ticket or a repository.
    Markdown,
    /// For a browser or paper: one file.
    Html,
    /// For other programs.
    Json,
    /// For spreadsheets.
    Csv,
}

/// How text is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Whether colours may be used.
    pub colour: bool,
    /// Columns of the terminal.
    pub width: u16,
}

/// A form that is not there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown format `{0}`: use `text`, `markdown`, `html`, `json` or `csv`")]
pub struct UnknownFormat(String);

/// Writes a report in a form. Ends with a line break.
#[must_use]
pub fn render(full: &FullReport, format: Format, layout: Layout) -> String {
    match format {
        Format::Text => text::render(full, layout),
        Format::Markdown => markdown::render(full),
        Format::Html => html::render(full),
        Format::Json => json::render(&full.report),
        Format::Csv => csv::render(full),
    }
}

impl Format {
    /// The form that a file's ending stands for.
    ///
    /// # Errors
    /// When the ending stands for a form that is not there.
    pub fn of_ending(ending: &str) -> Result<Format, UnknownFormat> {
        match ending.to_ascii_lowercase().as_str() {
            "txt" | "log" => Ok(Format::Text),
            "md" => Ok(Format::Markdown),
            "htm" => Ok(Format::Html),
            word => word.parse(),
        }
    }

    /// The ending of a file in this form.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Format::Text => "txt",
            Format::Markdown => "md",
            Format::Html => "html",
            Format::Json => "json",
            Format::Csv => "csv",
        }
    }

    /// The media type of a body in this form.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain; charset=utf-8",
            Format::Markdown => "text/markdown; charset=utf-8",
            Format::Html => "text/html; charset=utf-8",
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Format, UnknownFormat> {
        match word {
            "text" => Ok(Format::Text),
            "markdown" => Ok(Format::Markdown),
            "html" => Ok(Format::Html),
            "json" => Ok(Format::Json),
            "csv" => Ok(Format::Csv),
            _ => Err(UnknownFormat(word.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Text => "text",
            Format::Markdown => "markdown",
            Format::Html => "html",
            Format::Json => "json",
            Format::Csv => "csv",
        })
    }
}

impl Default for Layout {
    /// No colours, 100 columns: what a file gets.
    fn default() -> Layout {
        Layout { colour: false, width: 100 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_name_and_by_the_endings_of_files() {
        for format in [Format::Text, Format::Markdown, Format::Html, Format::Json, Format::Csv] {
            assert_eq!(format.to_string().parse(), Ok(format));
        }
        assert_eq!(Format::of_ending("TXT"), Ok(Format::Text));
        assert_eq!(Format::of_ending("md"), Ok(Format::Markdown));
        assert_eq!(Format::of_ending("htm"), Ok(Format::Html));
        assert_eq!(Format::of_ending("csv"), Ok(Format::Csv));
        assert!("yaml".parse::<Format>().unwrap_err().to_string().starts_with("unknown format `yaml`"));
    }
}
