//! Progress of long work; indicatif draws it to standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::printable;

/// What progress counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes.
    Bytes,
    /// Records, or whatever else comes one by one.
    Pieces,
}

/// A bar as long as `length`; a spinner where nobody knows.
pub(crate) fn bar(what: &str, length: Option<u64>, unit: Unit) -> ProgressBar {
    let template = match (length, unit) {
        (Some(_), Unit::Bytes) => "{msg} {wide_bar} {bytes}/{total_bytes} {eta}",
        (None, Unit::Bytes) => "{msg} {spinner} {bytes} {bytes_per_sec}",
        (Some(_), Unit::Pieces) => "{msg} {wide_bar} {human_pos}/{human_len} {eta}",
        (None, Unit::Pieces) => "{msg} {spinner} {human_pos} {per_sec}",
    };
    let bar = length.map_or_else(ProgressBar::new_spinner, ProgressBar::new);
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.with_style(style).with_message(printable(what))
}

/// Tells a bar how much of how much is done.
pub(crate) fn show(bar: &ProgressBar, done: u64, of: u64) {
    bar.set_length(of);
    bar.set_position(done);
}
