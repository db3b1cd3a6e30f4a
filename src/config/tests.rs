//! Files with mistakes and what is said of them, hostile files, and the examples of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use boon::{Compiler, Schemas};
use probes::credential::{SecretKey, Source};
use proptest::prelude::*;

use super::*;

const STARTER: &str = include_str!("../commands/init.yaml");

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn fixture(name: &str) -> String {
    fs::read_to_string(repository("tests/fixtures/config").join(name)).unwrap()
}

/// The fixtures whose names begin with `invalid-`.
fn invalid() -> Vec<PathBuf> {
    let folder = fs::read_dir(repository("tests/fixtures/config")).unwrap();
    let mut files: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("invalid-"));
    files.sort();
    assert!(files.len() > 100);
    files
}

/// What is said of a file, as its own lines that begin with `# expect: ` say it.
fn said(path: &Path) -> Vec<String> {
    let base = format!("{}/", path.parent().unwrap().display());
    match verify(path) {
        Ok(_) => Vec::new(),
        Err((mistakes, _)) => mistakes.all().iter().map(|mistake| mistake.to_string().replace(&base, "")).collect(),
    }
}

fn messages(text: &str) -> Vec<String> {
    let mut findings = Findings::default();
    parse(text, Path::new("/nonexistent"), &mut findings);
    let Findings { mistakes, warnings, unreadable } = findings;
    mistakes.into_iter().chain(warnings).chain(unreadable).map(|mistake| mistake.to_string()).collect()
}

#[test]
fn every_wrong_file_gets_exactly_the_messages_that_it_expects() {
    let mut wrong = String::new();
    for path in invalid() {
        let text = fs::read_to_string(&path).unwrap();
        let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# expect: ")).collect();
        let said = said(&path);
        if said.is_empty() {
            wrong.push_str("is taken: ");
        }
        if said != expected {
            wrong.push_str(&format!("{}\n", path.file_name().unwrap().display()));
            said.iter().for_each(|line| wrong.push_str(&format!("# expect: {line}\n")));
        }
    }
    assert!(wrong.is_empty(), "other messages than expected:\n{wrong}");
}

#[test]
fn ten_mistakes_come_at_once() {
    let (_, findings) = read(&repository("tests/fixtures/config/invalid-ten-mistakes.yaml"));
    assert_eq!(findings.mistakes.len(), 10);
}

#[test]
fn the_sample_loads_and_says_what_is_not_used_and_what_cannot_be_read() {
    let loaded = load(&repository("tests/fixtures/config/sample.yaml")).unwrap();
    let base = format!("{}/", repository("tests/fixtures/config").display());
    let warnings = loaded.warnings.all().iter().map(|warning| warning.to_string().replace(&base, ""));
    // Whether these are set is a matter of who runs the test.
    let warnings: Vec<String> = warnings.filter(|warning| !warning.contains("environment variable")).collect();
    insta::assert_snapshot!(warnings.join("\n"), @r"
    10:16: targets[0].tls.ca: file ca.pem: there is no such file
    10:37: targets[0].tls.client_cert: file c.pem: there is no such file
    10:56: targets[0].tls.client_key: file k.pem: there is no such file
    15:42: targets[0].probes.jwt.secret: file jwt.key: there is no such file
    ");
}

#[test]
fn the_settings_of_the_sample_arrive_whole() {
    let loaded = load(&repository("tests/fixtures/config/sample.yaml")).unwrap();
    let base = repository("tests/fixtures/config");
    let Config { store, retention, web, agent, targets, judging, .. } = loaded.config;
    assert_eq!(store, Locator::Sqlite(base.join("authprobe.db")));
    // A year of the file is 365.25 days.
    let (results, rollups) = (Some(Duration::from_hours(90 * 24)), Some(Duration::from_hours(365 * 48 + 12)));
    assert_eq!(retention, Retention { results, rollups, ..Retention::default() });
    assert_eq!((agent.as_str(), web.listen.as_str()), ("local", "127.0.0.1:9464"));
    let [TargetConfig { target, schedule, tls }] = targets.as_slice() else { panic!("one target") };
    assert_eq!((target.name.as_str(), target.timeout), ("orchestrator", Duration::from_secs(10)));
    assert_eq!(schedule.interval(), Duration::from_secs(30));
    assert_eq!(tls.client_key, Some(base.join("k.pem")));
    let jwt = target.probes.jwt.as_ref().unwrap();
    assert_eq!(jwt.secret, Some(Source::File(base.join("jwt.key"))));
    let names: Vec<String> = target.probes.plans().into_iter().map(|plan| plan.name).collect();
    assert_eq!(
        names,
        [
            "login",
            "jwt",
            "jwt-held",
            "jwt-tampered",
            "jwt-expired",
            "jwt-wrong_key",
            "jwt-alg_none",
            "api_key",
            "api_key-unknown",
            "can-execute",
            "cannot-admin"
        ]
    );
    assert_eq!((judging.slos.len(), judging.corrections.len()), (2, 1));
    assert_eq!(judging.every["orchestrator"], Duration::from_secs(30));
}

#[test]
fn nothing_is_dropped_or_rounded_unless_the_file_says_so() {
    let loaded = load(&repository("deploy/examples/orchestrator.yaml")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(loaded.config.retention, Retention::default());
}

#[test]
fn the_example_of_the_orchestrator_loads_and_lacks_its_secrets_only() {
    let loaded = load(&repository("deploy/examples/orchestrator.yaml")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    for warning in loaded.warnings.all() {
        let message = &warning.message;
        assert!(message.contains("is not set") || message.contains("no such file"), "{warning}");
    }
}

#[test]
fn a_mistyped_key_is_the_only_mistake_that_it_makes() {
    let right = "targets:\n  - name: a\n    url: http://a.example.com\n    every: 30s\n    probes:\n      \
                 login: {path: /l, username: me, password: {env: PATH}, token: /t}\n      jwt: {request: GET /me, \
                 deny: [tampered]}\nslos:\n  - {name: a, probes: ['a/*'], objective: 99.9}\n";
    assert_eq!(messages(right), Vec::<String>::new());
    let keys = "targets name url every probes login path username password env token jwt request deny slos objective";
    for key in keys.split(' ') {
        let wrong = right.replacen(&format!("{key}:"), &format!("{}x{}:", &key[..1], &key[1..]), 1);
        let said = messages(&wrong);
        assert!(said.len() == 1 && said[0].contains(&format!("did you mean `{key}`?")), "{key}: {said:#?}");
    }
}

#[test]
fn an_alias_and_a_merge_work_as_in_any_yaml() {
    let text = "targets:\n  - &first {name: a, url: 'http://a.example.com', every: 30s, probes: {api_key: {header: X-Key, \
                key: {env: PATH}, request: GET /me}}}\n  - {<<: *first, name: b}\n";
    assert_eq!(messages(text), Vec::<String>::new());
}

#[test]
fn a_reference_to_a_cluster_is_checked_by_its_form_alone() {
    let form = |secret: &str, key: &str| {
        secrets::form(&Source::Kubernetes(SecretKey { secret: secret.into(), key: key.into() }))
    };
    assert_eq!(form("ns/name", "key"), Ok(()));
    for (secret, key) in [("name", "key"), ("ns/", "key"), ("/name", "key"), ("ns/name", ""), ("ns/a/b", "key")] {
        assert!(form(secret, key).is_err(), "{secret} {key}");
    }
}

#[test]
fn a_secret_that_is_typed_where_a_reference_belongs_is_never_repeated() {
    const CANARY: &str = "Canary7-typed-in-plain-0123456789";
    let places = [
        "login: {path: /l, username: me, password: @, token: /t}",
        "login: {path: /l, username: me, password: {env: @}, token: /t}",
        "login: {path: /l, username: me, password: {value: @}, token: /t}",
        "login: {path: /l, username: me, password: {@: x}, token: /t}",
        "login: {path: /l, style: client_credentials, client_id: me, client_secret: @, token: /t}",
        "login: {path: /l, username: me, password: {env: PATH}, token: /t, extra: {client_secret: @}}",
        "login: {path: /l, username: me, password: {env: PATH}, token: /t, headers: {Authorization: @}}",
        "jwt: {algorithms: [HS256], secret: @}",
        "jwt: {algorithms: [RS256], public_key: @}",
        "jwt: {request: {path: /me, headers: {Cookie: @}}}",
        "api_key: {header: X-Key, key: @, request: GET /me}",
        "api_key: {header: X-Key, key: {env: PATH}, revoked_key: @, request: GET /me}",
        "permission: [{name: a, request: GET /a, expect: deny, as: {username: u, password: @}}]",
    ];
    let forms = [
        CANARY.to_owned(),
        format!("[{CANARY}]"),
        format!("{{{CANARY}}}"),
        format!("!{CANARY}"),
        format!("*{CANARY}"),
        format!("'{CANARY}"),
        format!("\"{CANARY}\\q\""),
        format!("|\n  {CANARY}"),
        format!("{CANARY}: {CANARY}"),
        format!("&{CANARY}"),
    ];
    for place in places {
        for form in &forms {
            let text = format!(
                "targets:\n  - name: a\n    url: http://a.example.com\n    every: 30s\n    probes:\n      {}\n",
                place.replace('@', form)
            );
            let said = messages(&text).join("\n");
            assert!(!said.is_empty(), "{text}");
            assert!(!said.contains(CANARY), "{text}\n{said}");
        }
    }
    for text in [
        format!(
            "targets: [{{name: a, url: 'https://h', every: 1m, probes: {{login: {{path: 'https://u:{CANARY}@h/l'}}}}}}]\n"
        ),
        format!("store: clickhouse://u:{CANARY}@h/db\n"),
        format!("targets: [{{name: a, url: 'https://u:{CANARY}@h', every: 1m}}]\n"),
        format!("targets: [{{name: a, url: 'https://h', every: 1m, proxy: 'http://u:{CANARY}@h'}}]\n"),
        format!("alerts: [{{webhook: 'https://u:{CANARY}@h'}}]\n"),
        format!("changes: {{postgres: {{url: 'postgres://u:{CANARY}@h'}}}}\n"),
    ] {
        let said = messages(&text).join("\n");
        assert!(!said.is_empty() && !said.contains(CANARY), "{text}\n{said}");
    }
}

#[test]
fn a_pasted_token_is_cut_out_of_a_message() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw";
    let text = format!(
        "targets: [{{name: a, url: 'https://h', every: 1m, probes: {{login: {{path: /l, token: {token}}}}}}}]\n"
    );
    let said = messages(&text).join("\n");
    assert!(said.contains("must begin with `/`") && !said.contains(token), "{said}");
}

/// The JSON Schema, ready to validate.
fn validator() -> (Schemas, boon::SchemaIndex) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("authprobe.json", schema().to_value()).unwrap();
    let index = compiler.compile("authprobe.json", &mut schemas).unwrap();
    (schemas, index)
}

#[test]
fn the_json_schema_takes_every_example() {
    let (schemas, index) = validator();
    let example = fs::read_to_string(repository("deploy/examples/orchestrator.yaml")).unwrap();
    for text in [STARTER.to_owned(), example, fixture("sample.yaml")] {
        let value: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
        schemas.validate(&value, index).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_json_schema_refuses_unknown_keys_and_plain_secrets() {
    let (schemas, index) = validator();
    for path in invalid() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let by_schema = name.contains("unknown-key")
            || name.contains("secret-in-file")
            || name.contains("missing-key")
            || name.contains("without-value");
        if by_schema {
            let value: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
            assert!(schemas.validate(&value, index).is_err(), "{name}");
        }
    }
}

#[test]
fn the_json_schema_is_of_draft_2020_12_and_explains_the_keys() {
    let schema = schema().to_value();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for definition in [&schema, &schema["$defs"]["Target"], &schema["$defs"]["Login"], &schema["$defs"]["Slo"]] {
        let properties = definition["properties"].as_object().unwrap();
        assert!(!properties.is_empty());
        for (key, property) in properties {
            assert!(property.get("description").is_some(), "{key}: {property}");
        }
    }
}

/// Something that a hand or a broken disk does to a file.
#[derive(Debug, Clone)]
enum Harm {
    Cut(usize),
    Insert(usize, String),
    Remove(usize, usize),
    Repeat(usize, usize),
    Swap(usize, usize),
}

fn harm() -> impl Strategy<Value = Harm> {
    let place = 0..4096usize;
    prop_oneof![
        place.clone().prop_map(Harm::Cut),
        (place.clone(), "[-a-z0-9:{}\\[\\]&*!|>'\"%@` #,?~\\n\\t]{1,8}").prop_map(|(at, text)| Harm::Insert(at, text)),
        (place.clone(), 1..40usize).prop_map(|(at, length)| Harm::Remove(at, length)),
        (place.clone(), 1..80usize).prop_map(|(at, length)| Harm::Repeat(at, length)),
        (0..40usize, 0..40usize).prop_map(|(one, other)| Harm::Swap(one, other)),
    ]
}

fn harmed(text: &str, harms: &[Harm]) -> String {
    let mut text: Vec<char> = text.chars().collect();
    for harm in harms {
        let length = text.len().max(1);
        match harm {
            Harm::Cut(at) => text.truncate(at % length),
            Harm::Insert(at, piece) => {
                let at = (at % length).min(text.len());
                text.splice(at..at, piece.chars());
            }
            Harm::Remove(at, count) => {
                let at = (at % length).min(text.len());
                text.drain(at..(at + count).min(text.len()));
            }
            Harm::Repeat(at, count) => {
                let at = (at % length).min(text.len());
                let piece: Vec<char> = text[at..(at + count).min(text.len())].to_vec();
                text.splice(at..at, piece);
            }
            Harm::Swap(one, other) => {
                let whole: String = text.iter().collect();
                let mut lines: Vec<&str> = whole.split('\n').collect();
                let count = lines.len();
                lines.swap(one % count, other % count);
                text = lines.join("\n").chars().collect();
            }
        }
    }
    text.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_damaged_file_ends_in_messages_with_places_inside_it(harms in prop::collection::vec(harm(), 1..6)) {
        let text = harmed(&fixture("sample.yaml"), &harms);
        let mut findings = Findings::default();
        let config = parse(&text, Path::new("/nonexistent"), &mut findings);
        prop_assert!(config.is_some() || !findings.mistakes.is_empty());
        let lines = text.split('\n').count() as u64;
        for mistake in findings.mistakes.iter().chain(&findings.warnings) {
            prop_assert!((1..=lines + 1).contains(&mistake.place.line), "{mistake} of {lines} lines");
            prop_assert!(mistake.place.column >= 1);
        }
    }
}
