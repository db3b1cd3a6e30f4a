//! Walks through a file of another tool and notes what is not carried over, with its place and the reason.

use std::fmt;

use crate::config::document::{Integer, Node, Value};
use crate::config::mistake::{Mistake, Place};

/// What is not carried over, in the order in which it was found.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<Mistake>);

/// A value in the file, with its path.
#[derive(Debug, Clone)]
pub(super) struct Spot<'a> {
    node: &'a Node,
    place: Place,
    path: String,
}

impl Notes {
    /// Notes something about a value. What is written there is never repeated, for it may be a secret.
    pub(super) fn add(&mut self, spot: &Spot<'_>, message: impl Into<String>) {
        self.0.push(Mistake { place: spot.place, path: spot.path.clone(), message: message.into() });
    }

    /// Notes every key of a map that is not among those that were read, with one reason.
    pub(super) fn rest(&mut self, spot: &Spot<'_>, read: &[&str], why: &str) {
        for (key, value) in spot.entries() {
            if !read.contains(&key) && !matches!(value.node.value, Value::Null) {
                self.add(&value, why);
            }
        }
    }
}

impl fmt::Display for Notes {
    /// A line for each, by place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut notes: Vec<&Mistake> = self.0.iter().collect();
        notes.sort();
        notes.dedup();
        notes.iter().try_for_each(|note| writeln!(f, "{note}"))
    }
}

impl<'a> Spot<'a> {
    /// The whole document.
    pub(super) fn root(node: &'a Node) -> Self {
        Self { node, place: node.place, path: String::new() }
    }

    /// The value under a key, unless it is absent or null.
    pub(super) fn key(&self, key: &str) -> Option<Spot<'a>> {
        self.entries()
            .into_iter()
            .find(|(name, value)| *name == key && !matches!(value.node.value, Value::Null))
            .map(|(_, value)| value)
    }

    /// The text under a key.
    pub(super) fn text_of(&self, key: &str) -> Option<String> {
        self.key(key)?.text()
    }

    /// The keys of a map and what they hold; empty where it is no map.
    pub(super) fn entries(&self) -> Vec<(&'a str, Spot<'a>)> {
        let Value::Map(entries) = &self.node.value else { return Vec::new() };
        let separator = if self.path.is_empty() { "" } else { "." };
        let spot = |key: &str, node, place| Spot { node, place, path: format!("{}{separator}{key}", self.path) };
        entries.iter().map(|entry| (entry.key.as_str(), spot(&entry.key, &entry.node, entry.place))).collect()
    }

    /// The elements of a list; a value that is no list is one element.
    pub(super) fn elements(&self) -> Vec<Spot<'a>> {
        let Value::List(list) = &self.node.value else { return vec![self.clone()] };
        let spot = |(index, node): (usize, &'a Node)| Spot {
            node,
            place: node.place,
            path: format!("{}[{index}]", self.path),
        };
        list.iter().enumerate().map(spot).collect()
    }

    /// A scalar as text.
    pub(super) fn text(&self) -> Option<String> {
        match &self.node.value {
            Value::Text(text) => Some(text.clone()),
            Value::Bool(yes) => Some(yes.to_string()),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// A number, written as one or as a text.
    pub(super) fn number(&self) -> Option<f64> {
        match &self.node.value {
            Value::Integer(Integer::Unsigned(number)) => Some(*number as f64),
            Value::Integer(Integer::Negative(number)) => Some(*number as f64),
            Value::Float(number) => Some(*number),
            Value::Text(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether it is true.
    pub(super) fn is_true(&self) -> bool {
        self.text().is_some_and(|text| text == "true")
    }
}
