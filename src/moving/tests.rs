//! Files of other tools, what becomes of them, and what never leaves them.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use crate::config;
use crate::moving::starter::Imported;
use crate::moving::{blackbox, gatus};

/// A fixture of another tool.
fn fixture(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/moving").join(name)).unwrap()
}

/// What is wrong with a configuration; that a secret is not there yet is not.
fn wrong(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authprobe.yaml");
    fs::write(&file, text).unwrap();
    config::load(&file).err().map_or_else(Vec::new, |mistakes| mistakes.all().iter().map(ToString::to_string).collect())
}

fn both() -> [(&'static str, Imported); 2] {
    [
        ("blackbox", blackbox::import(&fixture("blackbox.yml")).unwrap().unwrap()),
        ("gatus", gatus::import(&fixture("gatus.yaml")).unwrap().unwrap()),
    ]
}

#[test]
fn a_starter_configuration_is_right_and_the_rest_is_told() {
    for (name, imported) in both() {
        assert_eq!(wrong(&imported.text), Vec::<String>::new(), "{name}");
        insta::assert_snapshot!(name, format!("{}---\n{}", imported.text, imported.notes));
    }
}

#[test]
fn no_secret_leaves_the_file() {
    for (name, imported) in both() {
        assert!(fixture(if name == "gatus" { "gatus.yaml" } else { "blackbox.yml" }).contains("canary-"));
        assert!(!imported.text.contains("canary"), "{}", imported.text);
        assert!(!imported.notes.to_string().contains("canary"), "{}", imported.notes);
    }
}

#[test]
fn a_file_of_something_else_yields_nothing_and_says_so() {
    let imported = gatus::import("modules: {}").unwrap().unwrap();
    assert_eq!(imported.count, 0);
    assert!(imported.notes.to_string().contains("is it a configuration of gatus?"), "{}", imported.notes);
    assert!(blackbox::import("modules: [").is_err());
}

#[test]
fn a_header_whose_value_lies_in_a_file_or_a_list_is_carried_over() {
    let text = "modules: {keyed: {prober: http, http: {http_headers: {X-API-Key: {files: [/run/key]}, \
        Accept: {values: [text/html, canary-second]}, '(': {values: [a]}}}}}";
    let imported = blackbox::import(text).unwrap().unwrap();
    assert_eq!(wrong(&imported.text), Vec::<String>::new());
    assert!(imported.text.contains("header: X-API-Key\n      key:\n        file: /run/key"), "{}", imported.text);
    assert!(imported.text.contains("Accept: text/html") && !imported.text.contains("canary"), "{}", imported.text);
    let notes = imported.notes.to_string();
    assert!(notes.contains("only the first is carried over") && notes.contains("no name of a header"), "{notes}");
}

proptest! {
    #[test]
    fn hostile_names_and_values_make_a_configuration_that_is_read_again(name in "\\PC{1,40}", value in "\\PC{0,40}") {
        let quoted = |text: &str| serde_json::to_string(text).unwrap();
        let text = format!(
            "modules: {{{}: {{prober: http, http: {{headers: {{Accept: {}}}, basic_auth: {{username: a, password: {}}}}}}}}}",
            quoted(&name), quoted(&value), quoted(&value)
        );
        if let Ok(imported) = blackbox::import(&text) {
            prop_assert_eq!(wrong(&imported.unwrap().text), Vec::<String>::new());
        }
    }
}
