//! Decodes a document into settings and gathers every mistake on the way.
//!
//! Serde stops at the first value that fails. So the failing node is noted and left out, and decoding begins again
//! without it, until it succeeds: each round takes at least one node out of the document, which ends it.

use std::collections::HashSet;

use schemars::{JsonSchema, Schema, schema_for};
use serde::de::DeserializeOwned;

use crate::config::deserializer::Decoder;
use crate::config::document::Node;
use crate::config::fault::{Fault, FaultSpot, Kind, listed, nearest};
use crate::config::mistake::Mistake;

/// Most mistakes that are told at once.
const MOST_MISTAKES: usize = 100;

/// What came of a document.
pub(super) struct Decoded<T> {
    /// The settings without the nodes that failed; `None` when nothing is left.
    pub(super) settings: Option<T>,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) lost: Lost,
}

/// What did not arrive in the settings.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Numbers of the nodes that were left out.
    pub(super) nodes: HashSet<usize>,
    /// Keys that were meant by mistyped ones, each with the number of its map.
    pub(super) meant: HashSet<(usize, &'static str)>,
}

/// Decodes everything below `root`.
pub(super) fn decode<T: DeserializeOwned + JsonSchema>(root: &Node) -> Decoded<T> {
    let mut lost = Lost::default();
    let mut mistakes = Vec::new();
    loop {
        let fault = match T::deserialize(Decoder { node: root, lost: &lost.nodes }) {
            Ok(settings) => return Decoded { settings: Some(settings), mistakes, lost },
            Err(fault) => fault.at(root),
        };
        let Some(FaultSpot { node, place }) = fault.spot else { return Decoded { settings: None, mistakes, lost } };
        if let Kind::UnknownKey { map, key, known } = &fault.kind {
            lost.meant.extend(nearest(key, known.iter().copied()).map(|near| (*map, near)));
        }
        if !follows(&fault, node, root, &lost) {
            let unknown = matches!(fault.kind, Kind::UnknownKey { .. });
            let path = if unknown { String::new() } else { fault.path() };
            let absent = absent(&fault, node, root, &lost, || schema_for!(T));
            let keys: Vec<&str> = absent.iter().map(String::as_str).collect();
            let message = match keys.as_slice() {
                [] | [_] => fault.message(),
                keys => format!("the keys {} are missing", listed(keys, "and")),
            };
            mistakes.push(Mistake { place, path, message });
        }
        if node == root.id || !lost.nodes.insert(node) {
            return Decoded { settings: None, mistakes, lost };
        }
        if mistakes.len() >= MOST_MISTAKES {
            let message = "the file was read up to here only: put the mistakes before this right first".to_owned();
            mistakes.push(Mistake { place, path: String::new(), message });
            return Decoded { settings: None, mistakes, lost };
        }
    }
}

/// Whether the fault only follows from an earlier one: from a node that was left out, or from a key that was mistyped.
fn follows(fault: &Fault, node: usize, root: &Node, lost: &Lost) -> bool {
    match &fault.kind {
        Kind::Missing { key, .. } => {
            let entry = find(root, node).and_then(|map| map.entry(key));
            entry.is_some_and(|entry| lost.nodes.contains(&entry.node.id)) || lost.meant.contains(&(node, *key))
        }
        Kind::Shape(_) => {
            find(root, node).is_some_and(|map| map.children().any(|child| lost.nodes.contains(&child.id)))
        }
        Kind::UnknownKey { .. } | Kind::Said(_) => false,
    }
}

/// All keys that are missing beside the one that serde stopped at, as the JSON Schema knows them.
fn absent(fault: &Fault, node: usize, root: &Node, lost: &Lost, schema: impl Fn() -> Schema) -> Vec<String> {
    let (Kind::Missing { of: Some(settings), .. }, Some(map)) = (&fault.kind, find(root, node)) else {
        return Vec::new();
    };
    let schema = schema();
    let required = schema.pointer(&format!("/$defs/{settings}/required")).and_then(|required| required.as_array());
    let keys = required.into_iter().flatten().filter_map(|key| key.as_str());
    keys.filter(|key| map.entry(key).is_none() && !lost.meant.iter().any(|meant| *meant == (node, *key)))
        .map(str::to_owned)
        .collect()
}

/// The node of a number. Numbers grow in the order of the tree, so only one branch is followed.
fn find(root: &Node, id: usize) -> Option<&Node> {
    let mut node = root;
    while node.id != id {
        node = node.children().take_while(|child| child.id <= id).last()?;
    }
    Some(node)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        inner: Vec<Inner>,
        source: Option<Source>,
        #[serde(default)]
        word: Word,
    }

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        name: String,
        #[serde(with = "humantime_serde")]
        #[schemars(with = "String")]
        every: Duration,
        count: Option<u8>,
    }

    #[derive(Debug, Deserialize, JsonSchema, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Source {
        Env(String),
        File(PathBuf),
    }

    #[derive(Debug, Default, Deserialize, JsonSchema, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        #[default]
        First,
        Second,
        #[serde(rename = "1.1")]
        Version,
    }

    fn mistakes(text: &str) -> Vec<String> {
        let root = Node::parse(text).unwrap();
        let Decoded { mistakes, .. } = decode::<Outer>(&root);
        mistakes.iter().map(Mistake::to_string).collect()
    }

    #[test]
    fn what_is_right_decodes() {
        let root = Node::parse("inner: [{name: a, every: 30s, count: 3}]\nsource: {env: A}\nword: 1.1\n").unwrap();
        let decoded = decode::<Outer>(&root);
        let inner = vec![Inner { name: "a".into(), every: Duration::from_secs(30), count: Some(3) }];
        let outer = Outer { inner, source: Some(Source::Env("A".into())), word: Word::Version };
        assert_eq!(decoded.settings, Some(outer));
        assert!(decoded.mistakes.is_empty());
    }

    #[test]
    fn all_mistakes_come_at_once_each_with_its_place() {
        let text = "inner:\n  - {name: 7, every: 30}\n  - {name: b, evry: 5m}\n  - {count: 300}\nsource: {evn: A}\nword: secnd\n";
        assert_eq!(
            mistakes(text),
            [
                "2:12: inner[0].name: expected a text, found a number: put it in quotes",
                "2:22: inner[0].every: expected a duration such as `30s`, found `30`: add the unit, as in `30s`",
                "3:15: unknown key `evry`, did you mean `every`?",
                "4:13: inner[2].count: expected a whole number from 0 to 255, found 300",
                "4:5: inner[2]: the keys `name` and `every` are missing",
                "5:10: source: unknown word `evn`, did you mean `env`?",
                "6:7: word: unknown word `secnd`, did you mean `second`?",
            ]
        );
    }

    #[test]
    fn a_mistake_does_not_bring_others_with_it() {
        assert_eq!(mistakes("source: {env: [a]}\n"), ["1:15: source.env: expected a text, found a list"]);
        assert_eq!(mistakes("inner: [{nam: a, every: 1s}]\n"), ["1:10: unknown key `nam`, did you mean `name`?"]);
    }

    #[test]
    fn a_choice_takes_exactly_one_key() {
        assert_eq!(
            mistakes("source: {env: A, file: b}\n"),
            ["1:18: source: only one key is taken here: remove this one"]
        );
        assert_eq!(mistakes("source: {}\n"), ["1:9: source: expected a map with one key, found a map"]);
    }

    #[test]
    fn a_key_without_a_value_is_told() {
        assert_eq!(mistakes("source:\n").len(), 1);
    }

    #[test]
    fn the_number_of_mistakes_is_bounded() {
        let text: String = (0..1000).map(|key| format!("unknown{key}: 1\n")).collect();
        let told = mistakes(&text);
        assert_eq!(told.len(), MOST_MISTAKES + 1);
        assert!(told.last().unwrap().contains("up to here"));
    }
}
