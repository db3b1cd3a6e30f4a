//! Reads the file of numbers that a configuration names.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use reports::cause::model::Model;
use reports::cause::overlay::{self, Fault};

use crate::config::mistake::Findings;
use crate::config::spot::Spot;

/// Longest file that is read, in bytes; the built-in one has a hundredth of it.
const LONGEST: u64 = 1 << 20;

/// The built-in numbers, with what the file at `given` changes in them; says everything that is wrong with that.
pub(in crate::config) fn check(given: Option<PathBuf>, spot: &Spot<'_>, base: &Path, findings: &mut Findings) -> Model {
    let Some(given) = given else { return Model::default() };
    let text = match text(&base.join(&given)) {
        Ok(text) => text,
        Err(message) => {
            findings.mistakes.push(spot.mistake(format!("{}: {message}", given.display())));
            return Model::default();
        }
    };
    overlay::read(&text).unwrap_or_else(|faults| {
        let told = faults.into_iter().map(|Fault { line, column, message }| {
            spot.mistake(format!("{}:{line}:{column}: {message}", given.display()))
        });
        findings.mistakes.extend(told);
        Model::default()
    })
}

fn text(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_string(&mut text));
    read.map_err(|error: io::Error| match error.kind() {
        ErrorKind::NotFound => "there is no such file: `authprobe config model` prints one to begin with".to_owned(),
        ErrorKind::InvalidData => "the file is no UTF-8 text".to_owned(),
        _ => format!("the file cannot be read: {error}"),
    })?;
    if text.len() as u64 > LONGEST {
        return Err(format!("the file is longer than {LONGEST} bytes"));
    }
    Ok(text)
}
