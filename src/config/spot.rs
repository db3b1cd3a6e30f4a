//! Finds the place of a setting after it was decoded.

use crate::config::decode::Lost;
use crate::config::document::{Entry, Node, Value};
use crate::config::mistake::{Mistake, Place};

/// A setting in the document, given or not.
#[derive(Debug, Clone)]
pub(super) struct Spot<'a> {
    /// The node, if the setting is given.
    node: Option<&'a Node>,
    /// Where it is; of a setting that is not given, where it would belong.
    place: Place,
    path: String,
    /// Whether the setting was meant by a key that is mistyped.
    mistyped: bool,
    lost: &'a Lost,
}

impl<'a> Spot<'a> {
    /// The whole document. `lost` is what decoding left out.
    pub(super) fn root(node: &'a Node, lost: &'a Lost) -> Self {
        Self { node: Some(node), place: node.place, path: String::new(), mistyped: false, lost }
    }

    /// The setting under a key.
    pub(super) fn key(&self, key: &str) -> Self {
        let entry = self.node.and_then(|node| node.entry(key));
        let separator = if self.path.is_empty() { "" } else { "." };
        Self {
            node: entry.map(|entry| &entry.node),
            place: entry.map_or(self.place, place),
            path: format!("{}{separator}{key}", self.path),
            mistyped: self.node.is_some_and(|node| self.lost.meant.iter().any(|meant| *meant == (node.id, key))),
            lost: self.lost,
        }
    }

    /// The elements of a list, without those that decoding left out: one for each that was decoded.
    pub(super) fn elements(&self) -> Vec<Self> {
        let Some(Node { value: Value::List(list), .. }) = self.node else { return Vec::new() };
        let numbered = list.iter().enumerate().filter(|(_, node)| !self.lost.nodes.contains(&node.id));
        numbered
            .map(|(index, node)| Self {
                node: Some(node),
                place: node.place,
                path: format!("{}[{index}]", self.path),
                mistyped: false,
                lost: self.lost,
            })
            .collect()
    }

    /// The element of a list that was decoded as the `index`-th.
    pub(super) fn element(&self, index: usize) -> Self {
        self.elements().into_iter().nth(index).unwrap_or_else(|| self.clone())
    }

    /// The setting at a path below this one, such as `window.timezone` or `probes[1]`.
    pub(super) fn at(&self, path: &str) -> Self {
        path.split('.').fold(self.clone(), |spot, step| {
            let (key, index) = step.split_once('[').unwrap_or((step, ""));
            match index.trim_end_matches(']').parse() {
                Ok(index) => spot.key(key).element(index),
                Err(_) => spot.key(key),
            }
        })
    }

    /// Whether the setting is given, rightly or not.
    pub(super) fn given(&self) -> bool {
        self.node.is_some() || self.mistyped
    }

    /// Whether something in it could not be decoded, so that what is absent may only be mistyped.
    pub(super) fn broken(&self) -> bool {
        fn any(node: &Node, lost: &Lost) -> bool {
            lost.nodes.contains(&node.id) || node.children().any(|child| any(child, lost))
        }
        self.mistyped || self.node.is_some_and(|node| any(node, self.lost))
    }

    /// The setting, if it is a text.
    pub(super) fn text(&self) -> Option<&'a str> {
        match &self.node?.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The line of the setting.
    pub(super) fn line(&self) -> u64 {
        self.place.line
    }

    /// Says what is wrong here.
    pub(super) fn mistake(&self, message: impl Into<String>) -> Mistake {
        Mistake { place: self.place, path: self.path.clone(), message: message.into() }
    }
}

/// A scalar is best shown where its value is, a list or a map where its key is.
fn place(entry: &Entry) -> Place {
    match &entry.node.value {
        Value::List(_) | Value::Map(_) => entry.place,
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Float(_) | Value::Text(_) => entry.node.place,
    }
}
