//! What a user gets for input that is wrong: an exit code and words that help.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::harness::program::{Program, authprobe};

/// A configuration without mistakes.
const GOOD: &str = "\
store: authprobe.db
targets:
  - name: api
    url: http://127.0.0.1:1
    every: 30s
    probes:
      api_key: { header: X-API-Key, key: { file: key }, request: GET / }
";

#[tokio::test]
async fn each_mistake_of_a_configuration_is_told_with_its_place_and_ends_with_2() -> Result<()> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/config");
    let mut count = 0;
    for entry in fs::read_dir(&fixtures)? {
        let name = entry?.file_name().into_string().ok().context("a plain name")?;
        if !name.starts_with("invalid-") {
            continue;
        }
        count += 1;
        let told = authprobe(&fixtures, &["config", "check", "-c", &name]).await?;
        ensure!(told.code == Some(2) && told.out.is_empty(), "{name}: {told:?}");
        let expected = fs::read_to_string(fixtures.join(&name))?;
        for line in expected.lines().filter_map(|line| line.strip_prefix("# expect: ")) {
            ensure!(told.err.contains(&format!("config {name}:{line}")), "{name}: expected `{line}`, got {}", told.err);
        }
    }
    ensure!(count > 50, "{count} files");
    Ok(())
}

#[tokio::test]
async fn every_command_that_reads_the_configuration_refuses_a_wrong_one() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-bad-")?;
    for (mistake, word) in [
        ("targets: [", "YAML"),
        ("store: a: b", "YAML"),
        ("", "targets"),
        (&GOOD.replace("every", "evry"), "did you mean `every`?"),
        (&GOOD.replace("http://127.0.0.1:1", "not a url"), "url"),
        (&GOOD.replace("http:", "ftp:"), "http"),
        (&GOOD.replace("every: 30s", "every: 30"), "30s"),
        (&GOOD.replace("{ file: key }", "hunter2-hunter2"), "never written in the file"),
    ] {
        fs::write(dir.path().join("authprobe.yaml"), mistake)?;
        for arguments in [&["config", "check"][..], &["run"], &["check"], &["report", "slo"]] {
            let ended = authprobe(dir.path(), arguments).await?;
            ensure!(ended.code == Some(2) && ended.err.contains(word), "{arguments:?} of `{mistake}`: {ended:?}");
            ensure!(!ended.err.contains("hunter2"), "{}", ended.err);
        }
        ensure!(!dir.path().join("authprobe.db").exists(), "nothing is made of a wrong configuration");
    }
    Ok(())
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_told_with_its_name() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-bad-")?;
    fs::create_dir(dir.path().join("a-directory"))?;
    fs::write(dir.path().join("latin"), b"store: \xe9\n")?;
    for name in ["nowhere.yaml", "a-directory", "latin"] {
        for command in [&["config", "check"][..], &["run"], &["check"]] {
            let told = authprobe(dir.path(), &[command, &["-c", name]].concat()).await?.told(2);
            ensure!(told.contains(name), "{command:?}: {told}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn secrets_that_cannot_be_read_are_mistakes_of_the_check_alone() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-bad-")?;
    fs::write(dir.path().join("authprobe.yaml"), GOOD.replace("{ file: key }", "{ env: PROBE_NOT_SET }"))?;
    let told = authprobe(dir.path(), &["config", "check"]).await?.told(2);
    ensure!(told.contains("PROBE_NOT_SET") && told.contains("authprobe.yaml:7:"), "{told}");
    Program::new(dir.path(), &["config", "check"]).env("PROBE_NOT_SET", "long-enough").end().await?.with(0);
    fs::write(dir.path().join("authprobe.yaml"), GOOD)?;
    for (content, word) in [(None, "no such file"), (Some(""), "empty"), (Some("short"), "5 bytes")] {
        if let Some(content) = content {
            fs::write(dir.path().join("key"), content)?;
        }
        let told = authprobe(dir.path(), &["config", "check"]).await?.told(2);
        ensure!(told.contains(word), "{word}: {told}");
        // The probe is run all the same, and is invalid: the others may be fine.
        let table = authprobe(dir.path(), &["check"]).await?.with(3);
        ensure!(table.contains("credential_unavailable"), "{table}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_interchange_is_refused_line_by_line() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-bad-")?;
    let good = r#"{"type":"change","id":"c-1","time":"2026-11-01T00:00:00Z","kind":"note","object":"x","summary":"s","new_field":1}"#;
    let lines = [
        good,
        "hunter2 is not JSON",
        r#"{"type":"result"}"#,
        r#"{"type":"change","id":"c-2","kind":"sorcery","object":"x","time":"2026-11-01T00:00:00Z"}"#,
        r#"{"type":"gap","feed":"x","from":"2026-11-01T02:00:00Z","until":"2026-11-01T01:00:00Z","why":"backwards"}"#,
        "",
        "[1, 2]",
    ];
    let file = dir.path().join("mixed.ndjson");
    fs::write(&file, lines.join("\n"))?;
    let told = authprobe(dir.path(), &["import", "mixed.ndjson"]).await?.told(1);
    for number in [2, 3, 4, 5, 7] {
        ensure!(told.contains(&format!("line {number}")), "line {number} is not told: {told}");
    }
    ensure!(told.contains("1 new") && told.contains("lines refused: 5, unknown fields left out: 1"), "{told}");
    ensure!(!told.contains("hunter2"), "what a line holds is not repeated: {told}");
    let listed = authprobe(dir.path(), &["changes", "list", "--json"]).await?.with(0);
    ensure!(listed.lines().count() == 1 && listed.contains("c-1"), "{listed}");

    let noise: Vec<u8> = (0..200_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(dir.path().join("noise"), noise)?;
    authprobe(dir.path(), &["import", "noise"]).await?.told(1);
    let from_input = Program::new(dir.path(), &["import", "-"]).input(&file).end().await?.told(1);
    ensure!(from_input.contains("1 duplicate"), "{from_input}");
    for missing in ["nowhere.ndjson", "."] {
        ensure!(authprobe(dir.path(), &["import", missing]).await?.told(2).contains(missing), "{missing}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_missing_or_no_place_for_one_is_told() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-bad-")?;
    for arguments in
        [&["report", "slo"][..], &["report", "incidents"], &["report", "timeline"], &["export"], &["changes", "list"]]
    {
        let all = [arguments, &["--store", "nowhere.db"]].concat();
        let told = authprobe(dir.path(), &all).await?.told(3);
        ensure!(told.contains("nowhere.db"), "{arguments:?}: {told}");
        let told = authprobe(dir.path(), &[arguments, &["--store", "clickhouse://db/x"]].concat()).await?.told(2);
        ensure!(told.contains("SQLite"), "{arguments:?}: {told}");
    }
    ensure!(!dir.path().join("nowhere.db").exists(), "reading makes no store");
    let told =
        authprobe(dir.path(), &["changes", "add", "--kind", "note", "--object", "x", "--store", "no/such/dir/a.db"]);
    ensure!(told.await?.told(3).contains("no/such/dir"), "the directory is named");
    Ok(())
}

#[tokio::test]
async fn arguments_that_are_wrong_end_with_2_and_say_what_is_right() -> Result<()> {
    let dir = TempDir::with_prefix("authprobe-bad-")?;
    for (arguments, word) in [
        (&["chek"][..], "check"),
        (&["check", "--format", "xml"], "junit"),
        (&["report", "sloo"], "slo"),
        (&["report", "slo", "--last", "soon"], "--last"),
        (&["report", "slo", "--from", "yesterday"], "2026-11-01"),
        (&["report", "slo", "--format", "pdf"], "text"),
        (&["report", "slo", "-o", "a.odt"], "--format"),
        (&["report", "slo", "--last", "1d", "--from", "2026-11-01"], "--from"),
        (&["report", "incidents", "--from", "2026-11-02", "--until", "2026-11-01"], "2026-11-02"),
        (&["export", "--from", "2026-11-02T00:00:00Z", "--until", "2026-11-01T00:00:00Z"], "2026-11-02"),
        (&["changes", "add", "--kind", "sorcery", "--object", "x"], "sorcery"),
        (&["import"], "FILE"),
        (&["run", "--log", "loud"], "trace"),
        (&[], "Usage"),
    ] {
        let told = authprobe(dir.path(), arguments).await?.told(2);
        ensure!(told.contains(word), "{arguments:?} does not say `{word}`: {told}");
    }
    Ok(())
}

/// What a store without something holds, and what each report has to say of it.
#[tokio::test]
async fn a_store_that_lacks_something_gets_a_clear_answer_and_no_silent_page() -> Result<()> {
    let result = |time: &str, rest: &str| {
        format!(
            r#"{{"type":"result","time":"{time}","target":"api","probe":"api_key","kind":"api_key","outcome":"success","took_us":900{rest}}}"#
        )
    };
    let change = |kind: &str| {
        format!(
            r#"{{"type":"change","id":"c-1","time":"2026-11-01T00:00:00Z","kind":"{kind}","object":"Secret/prod/jwt","targets":["api"],"source":"kubernetes"}}"#
        )
    };
    let failing = |every: &str| -> String {
        let lines = (0..120).map(|slot| {
            let line =
                result(&format!("2026-11-01T{:02}:{:02}:{:02}Z", slot / 120, slot % 120 / 2, slot % 2 * 30), every);
            let failure = r#""outcome":"failure","reason":"api_key_rejected""#;
            if slot < 60 { line } else { line.replace(r#""outcome":"success""#, failure) }
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let every = r#","every_s":30"#;
    let jumped =
        [failing(every), result("2014-03-01T00:00:00Z", every), result("2052-03-01T00:00:00Z", every)].join("\n");
    let newer = [
        failing(every),
        change("firmware"),
        result("2026-11-01T01:00:00Z", r#","variant":"future""#),
        result("2026-11-01T01:00:30Z", "").replace("\"success\"", "\"failure\",\"reason\":\"quantum\""),
    ]
    .join("\n");
    let november = ["--from", "2026-11-01T00:00:00Z", "--until", "2026-11-01T01:00:00Z"];
    let (future, past) =
        (["--from", "2037-01-01", "--until", "2037-01-02"], ["--from", "2011-01-01", "--until", "2011-01-02"]);
    let nothing = Some("no result is stored: nothing was probed");
    let ahead = Some("which lies in the future: a clock is or was wrong");
    let (unborn, unseen) =
        ("no result is stored of this window, which lies in the future", "no result is stored of this window;");
    /// Name, records, status of the import, window, what the report must warn of.
    type Case<'a> = (&'a str, String, i32, &'a [&'a str], Option<&'a str>);
    let all: [Case<'_>; 9] = [
        ("nothing", String::new(), 0, &[], nothing),
        ("changes", change("secret"), 0, &[], nothing),
        ("no-changes", failing(every), 0, &november, None),
        ("no-interval", failing(""), 0, &november, None),
        ("jumped", jumped.clone(), 0, &[], ahead),
        ("jumped-seen", jumped, 0, &november, ahead),
        ("newer", newer, 1, &november, None),
        ("future", failing(every), 0, &future, Some(unborn)),
        ("past", failing(every), 0, &past, Some(unseen)),
    ];
    let dir = TempDir::with_prefix("authprobe-bad-")?;
    let config = format!("{GOOD}slos:\n  - {{ name: auth, probes: [\"api/*\"], objective: 99, window: 1d }}\n");
    fs::write(dir.path().join("authprobe.yaml"), config)?;
    for (name, lines, code, window, doubt) in all {
        fs::write(dir.path().join("lines"), lines)?;
        let store = format!("{name}.db");
        let told = authprobe(dir.path(), &["import", "--store", &store, "lines"]).await?;
        ensure!(told.code == Some(code), "{name}: {told:?}");
        for (kind, clear) in [("slo", "60 bad"), ("incidents", "api_key_rejected"), ("timeline", "begins to fail")] {
            let words = [&["report", kind, "--store", &store], window].concat();
            let page = authprobe(dir.path(), &words).await?;
            ensure!(matches!((kind, page.code), (_, Some(0)) | ("slo", Some(1))), "{name} {kind}: {page:?}");
            let text = page.out.split_whitespace().collect::<Vec<_>>().join(" ");
            ensure!(text.contains(doubt.unwrap_or(clear)), "{name} {kind}: {}", page.out);
            ensure!(name != "jumped-seen" || text.contains(clear), "{name} {kind}: {}", page.out);
            let json = authprobe(dir.path(), &[&words[..], &["--format", "json"]].concat()).await?;
            let read: serde_json::Value = serde_json::from_str(&json.out).with_context(|| json.out.clone())?;
            ensure!(read["warnings"].as_array().is_some_and(|all| all.is_empty() == doubt.is_none()), "{name}: {read}");
            for page in [&page.out, &json.out] {
                ensure!(!page.contains("NaN") && !page.contains("inf "), "{name} {kind}: {page}");
            }
        }
    }
    for window in [["--from", "2026-11-01", "--until", "2026-11-01"], ["--from", "2026-11-02", "--until", "2026-11-01"]]
    {
        let words = [&["report", "timeline", "--store", "no-changes.db"][..], &window].concat();
        let told = authprobe(dir.path(), &words).await?.told(2);
        ensure!(told.contains("a window must begin before it ends"), "{told}");
    }
    Ok(())
}
