//! Why a value could not be taken, in words that never repeat what may be a secret.

use std::fmt;

use serde::de::{Error, Expected, Unexpected};

use crate::config::document::{Entry, Node, Value};
use crate::config::mistake::Place;

/// Longest text of the file that a message repeats, in characters. A longer one may be a pasted token.
const LONGEST_ECHO: usize = 40;
/// How alike two words are when one is a typing error of the other, from 0 to 1.
const ALIKE: f64 = 0.75;

/// Why decoding stopped, and at which node.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) spot: Option<FaultSpot>,
    /// Steps from the root to the node, the last one first.
    pub(super) steps: Vec<String>,
}

/// Where a fault lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultSpot {
    /// Number of the node that is at fault, and left out when decoding is tried again.
    pub(super) node: usize,
    pub(super) place: Place,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Kind {
    /// A key that is not known, in the map of this number.
    UnknownKey { map: usize, key: String, known: &'static [&'static str] },
    /// A key that is needed and not there, and the name of the settings that need it, where it is known.
    Missing { key: &'static str, of: Option<&'static str> },
    /// A value of another shape than expected.
    Shape(String),
    /// A value of the right shape that will not do.
    Said(String),
}

impl Fault {
    /// Puts the fault at the innermost node that it passes.
    pub(super) fn at(mut self, node: &Node) -> Self {
        if self.spot.is_none() {
            self.spot = Some(FaultSpot { node: node.id, place: node.place });
            if let Value::Text(text) = &node.value {
                self.cut(text);
            }
        }
        self
    }

    /// Puts the fault at a key of a map; its value is at fault with it.
    pub(super) fn at_key(mut self, map: &Node, entry: &Entry) -> Self {
        if self.spot.is_none() {
            self.spot = Some(FaultSpot { node: entry.node.id, place: entry.place });
            if let Kind::UnknownKey { map: number, .. } = &mut self.kind {
                *number = map.id;
            }
            self.cut(&entry.key);
        }
        self
    }

    /// Names the settings that the innermost missing key belongs to.
    pub(super) fn of(mut self, settings: &'static str) -> Self {
        match &mut self.kind {
            Kind::Missing { of, .. } if self.spot.is_none() => *of = Some(settings),
            Kind::Missing { .. } | Kind::UnknownKey { .. } | Kind::Shape(_) | Kind::Said(_) => (),
        }
        self
    }

    /// Adds the step that leads to the node from the one above it.
    pub(super) fn below(mut self, step: String) -> Self {
        self.steps.push(step);
        self
    }

    /// The path to the node, as in `targets[0].every`.
    pub(super) fn path(&self) -> String {
        let mut path = String::new();
        for step in self.steps.iter().rev() {
            if !path.is_empty() && !step.starts_with('[') {
                path.push('.');
            }
            path.push_str(step);
        }
        path
    }

    /// The message for a person.
    pub(super) fn message(&self) -> String {
        match &self.kind {
            Kind::UnknownKey { key, known, .. } => match nearest(key, known.iter().copied()) {
                Some(near) => format!("unknown key `{key}`, did you mean `{near}`?"),
                None => format!("unknown key `{key}`; known here: {}", listed(known, "or")),
            },
            Kind::Missing { key, .. } => format!("the key `{key}` is missing"),
            Kind::Shape(message) | Kind::Said(message) => message.clone(),
        }
    }

    fn new(kind: Kind) -> Self {
        Self { kind, spot: None, steps: Vec::new() }
    }

    fn cut(&mut self, text: &str) {
        if text.chars().count() <= LONGEST_ECHO {
            return;
        }
        match &mut self.kind {
            Kind::UnknownKey { key, .. } => *key = "…".into(),
            Kind::Shape(message) | Kind::Said(message) => *message = message.replace(text, "…"),
            Kind::Missing { .. } => (),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault::new(Kind::Said(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let message = match (expected.as_str(), found) {
            ("a duration", Unexpected::Unsigned(number)) => {
                format!("expected a duration such as `30s`, found `{number}`: add the unit, as in `{number}s`")
            }
            ("a duration", other) => format!("expected a duration such as `30s`, found {}", named(other)),
            (text, other) => {
                let text_is_due = text == "a string" || text == "path string";
                let remedy = match other {
                    Unexpected::Bool(_) | Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_)
                        if text_is_due =>
                    {
                        ": put it in quotes"
                    }
                    _ => "",
                };
                format!("expected {}, found {}{remedy}", plain(text), named(other))
            }
        };
        Fault::new(Kind::Shape(message))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let message = match (expected.as_str(), found) {
            ("a duration", Unexpected::Str(text)) => duration(text),
            (expected, Unexpected::Str(text)) => format!("expected {}, found `{text}`", plain(expected)),
            (expected, Unexpected::Unsigned(number)) => format!("expected {}, found {number}", plain(expected)),
            (expected, Unexpected::Signed(number)) => format!("expected {}, found {number}", plain(expected)),
            (expected, other) => format!("expected {}, found {}", plain(expected), named(other)),
        };
        Fault::new(Kind::Said(message))
    }

    fn invalid_length(count: usize, expected: &dyn Expected) -> Self {
        Fault::new(Kind::Shape(format!("expected {}, found {count}", plain(&expected.to_string()))))
    }

    /// The word is repeated only where it is a typing error of a known one: it may stand where a secret was meant.
    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Fault::new(Kind::Said(match nearest(word, known.iter().copied()) {
            Some(near) => format!("unknown word `{word}`, did you mean `{near}`?"),
            None => format!("unknown word; known here: {}", listed(known, "or")),
        }))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Fault::new(Kind::UnknownKey { map: usize::MAX, key: key.to_owned(), known })
    }

    fn missing_field(key: &'static str) -> Self {
        Fault::new(Kind::Missing { key, of: None })
    }

    fn duplicate_field(key: &'static str) -> Self {
        Fault::new(Kind::Said(format!("the key `{key}` is given twice: keep one of them")))
    }
}

/// The word that was probably meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.chars().count() > LONGEST_ECHO {
        return None;
    }
    let lower = word.to_lowercase().replace('-', "_");
    let likeness = |known: &str| {
        let known = known.to_lowercase();
        // In a short word one slip is a typing error, though most of a three-letter word is another then.
        if known.len() > 2 && strsim::damerau_levenshtein(&lower, &known) == 1 {
            return 1.0;
        }
        strsim::normalized_damerau_levenshtein(&lower, &known).max(strsim::jaro_winkler(&lower, &known) - 0.1)
    };
    known
        .into_iter()
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, known)| known)
}

/// Words in a row, the last one after `and` or `or`: `a`, `b` or `c`.
pub(super) fn listed(words: &[&str], last_after: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [] => "nothing".into(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} {last_after} {last}", first.join(", ")),
    }
}

fn duration(text: &str) -> String {
    let bare = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if bare {
        format!("expected a duration such as `30s`, found `{text}`: add the unit, as in `{text}s`")
    } else {
        format!("`{text}` is no duration: write a number and a unit, as in `30s`, `5m`, `12h` or `28d`")
    }
}

/// What serde expects, in the words of a person who writes a file.
fn plain(expected: &str) -> String {
    match expected {
        "a string" | "string" => "a text".into(),
        "a sequence" => "a list".into(),
        "a boolean" => "`true` or `false`".into(),
        "f64" => "a number".into(),
        "u8" => "a whole number from 0 to 255".into(),
        "u16" => "a whole number from 0 to 65535".into(),
        "u32" | "u64" | "usize" => "a whole number from 0".into(),
        "a timestamp string" => "a time such as `2026-11-01T02:00:00Z`".into(),
        "path string" => "a path".into(),
        "parsable string" => "a size such as `256KiB`".into(),
        "newtype variant" => "a map with that key and its value".into(),
        "unit variant" => "the word alone, without a value".into(),
        text if text.starts_with("struct ") || text == "a map" => "a map of keys and values".into(),
        text if text.starts_with("enum ") => "one of the known words, or a map with one key".into(),
        text => text.into(),
    }
}

/// What was found, without its value.
fn named(found: Unexpected<'_>) -> &'static str {
    match found {
        Unexpected::Bool(true) => "`true`",
        Unexpected::Bool(false) => "`false`",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "nothing",
        Unexpected::Seq => "a list",
        Unexpected::Map | Unexpected::NewtypeStruct => "a map",
        Unexpected::Enum
        | Unexpected::UnitVariant
        | Unexpected::NewtypeVariant
        | Unexpected::TupleVariant
        | Unexpected::StructVariant => "a word alone",
        Unexpected::Other(_) => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_the_word_that_was_meant() {
        let known = ["name", "url", "every", "timeout", "timezone", "probes", "keep_alive"];
        for (word, meant) in [
            ("evry", Some("every")),
            ("nmae", Some("name")),
            ("ur", Some("url")),
            ("Timeout", Some("timeout")),
            ("time_out", Some("timeout")),
            ("keep-alive", Some("keep_alive")),
            ("probe", Some("probes")),
            ("frobnicate", None),
            ("hunter2hunter2", None),
        ] {
            assert_eq!(nearest(word, known), meant, "{word}");
        }
    }

    #[test]
    fn a_duration_without_a_unit_gets_one() {
        assert!(duration("30").ends_with("found `30`: add the unit, as in `30s`"));
        assert!(duration("soon").starts_with("`soon` is no duration"));
    }
}
