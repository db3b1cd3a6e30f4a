//! The forms in which a report can be written.

use std::fmt;
use std::str::FromStr;

use crate::report::Report;

pub mod json;
pub mod text;

/// A form of report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For a terminal.
    Text,
    /// For other programs.
    Json,
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
pub enum UnknownFormat {
    /// It is planned.
    #[error("the format `{0}` comes with a later version: use `text` or `json`")]
    Later(String),
    /// Nobody has heard of it.
    #[error("unknown format `{0}`: use `text` or `json`")]
    Unknown(String),
}

/// Writes a report in a form. Ends with a line break.
#[must_use]
pub fn render(report: &Report, format: Format, layout: Layout) -> String {
    match format {
        Format::Text => text::render(report, layout),
        Format::Json => json::render(report),
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
            "md" => "markdown".parse(),
            "htm" => "html".parse(),
            word => word.parse(),
        }
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Format, UnknownFormat> {
        match word {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            "markdown" | "html" | "csv" => Err(UnknownFormat::Later(word.to_owned())),
            _ => Err(UnknownFormat::Unknown(word.chars().take(40).collect())),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Format::Text => "text",
            Format::Json => "json",
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
    fn a_known_but_missing_format_is_told_from_an_unknown_one() {
        assert_eq!("json".parse(), Ok(Format::Json));
        assert_eq!(Format::of_ending("TXT"), Ok(Format::Text));
        let message = Format::of_ending("md").unwrap_err().to_string();
        assert_eq!(message, "the format `markdown` comes with a later version: use `text` or `json`");
        assert!("yaml".parse::<Format>().unwrap_err().to_string().starts_with("unknown format `yaml`"));
    }
}
