//! What is wrong with a configuration, with its place in the file.

use std::fmt;
use std::path::{Path, PathBuf};

/// A place in the file. Lines and columns begin at 1 and count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) line: u64,
    pub(crate) column: u64,
}

impl Place {
    /// The first character of the file.
    pub(crate) const START: Place = Place { line: 1, column: 1 };
}

/// One thing that is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mistake {
    pub(crate) place: Place,
    /// The setting, as in `targets[0].every`; empty where the message names it.
    pub(crate) path: String,
    pub(crate) message: String,
}

impl fmt::Display for Mistake {
    /// Control characters of the file are not passed on to the terminal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        let separator = if self.path.is_empty() { "" } else { ": " };
        let text = format!("{line}:{column}: {}{separator}{}", self.path, self.message);
        for character in text.chars() {
            if character.is_control() {
                write!(f, "{}", character.escape_default())?;
            } else {
                write!(f, "{character}")?;
            }
        }
        Ok(())
    }
}

/// What the checks of a file found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What must be put right.
    pub(super) mistakes: Vec<Mistake>,
    /// What works, and may not be what was meant.
    pub(super) warnings: Vec<Mistake>,
    /// Secrets and files that cannot be read now, and may be there later.
    pub(super) unreadable: Vec<Mistake>,
}

/// Everything that is wrong with a file, in the order of the file.
#[derive(Debug)]
pub(crate) struct Mistakes {
    file: PathBuf,
    all: Vec<Mistake>,
}

impl Mistakes {
    /// Sorts the mistakes by place. What is said twice at one place is said once.
    pub(crate) fn new(file: &Path, mut all: Vec<Mistake>) -> Self {
        all.sort();
        all.dedup();
        Self { file: file.to_owned(), all }
    }

    /// The mistakes, by place.
    pub(crate) fn all(&self) -> &[Mistake] {
        &self.all
    }

    /// Writes a line for each, beginning with `word`.
    ///
    /// # Errors
    /// When the writer fails.
    pub(crate) fn lines(&self, word: &str, to: &mut dyn fmt::Write) -> fmt::Result {
        self.all.iter().try_for_each(|mistake| writeln!(to, "{word} {}:{mistake}", self.file.display()))
    }
}

impl fmt::Display for Mistakes {
    /// A line for each, and their number at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines("config", f)?;
        match self.all.len() {
            1 => write!(f, "1 mistake in {}", self.file.display()),
            count => write!(f, "{count} mistakes in {}", self.file.display()),
        }
    }
}

impl std::error::Error for Mistakes {}
