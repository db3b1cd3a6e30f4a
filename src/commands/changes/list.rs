//! `authprobe changes list`: shows what is recorded as a table, newest last, or as NDJSON.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use globset::GlobMatcher;
use jiff::Timestamp;
use storage::interchange;
use storage::locator::Locator;
use storage::record::{Change, ChangeKind, Record};
use storage::sqlite::reader::Reader;

use crate::commands::changes::{shown, words};
use crate::commands::{export, report, store_locator};
use crate::exit::Exit;
use crate::output::{self, printable};

/// List what is recorded
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe changes list --last 24h
  authprobe changes list --kind secret --kind rollout --object 'Secret/prod/*'
  authprobe changes list --json | jq .object

Times are in UTC; 12:03:04–12:04:04 says that it was between the two. The newest is last.")]
pub(super) struct List {
    #[command(flatten)]
    wanted: Wanted,

    /// Only changes going on at or after this moment (RFC 3339, or a date in UTC)
    #[arg(long, value_name = "T", value_parser = report::moment)]
    from: Option<Timestamp>,

    /// Only changes that began before this moment
    #[arg(long, value_name = "T", value_parser = report::moment)]
    until: Option<Timestamp>,

    /// Only changes of the last while, as in 24h
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration, conflicts_with_all = ["from", "until"])]
    last: Option<Duration>,

    /// One JSON object a line, as in an export
    #[arg(long)]
    json: bool,

    /// Store to read
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

/// Which changes are shown.
#[derive(Debug, clap::Args)]
pub(super) struct Wanted {
    /// Only changes of this kind; may be given again
    #[arg(long = "kind", value_name = "KIND", value_parser = words(ChangeKind::ALL, ChangeKind::as_str))]
    kinds: Vec<ChangeKind>,

    /// Only changes of these objects, as in 'Secret/prod/*'; `*` does not cross the slash
    #[arg(long, value_name = "GLOB", value_parser = export::glob)]
    object: Option<GlobMatcher>,

    /// Only changes that name such a target, or none
    #[arg(long, value_name = "GLOB", value_parser = export::glob)]
    target: Option<GlobMatcher>,
}

impl Wanted {
    /// Whether a change is one of them.
    pub(super) fn has(&self, change: &Change) -> bool {
        let Self { kinds, object, target } = self;
        let kind = kinds.is_empty() || kinds.contains(&change.kind);
        let object = object.as_ref().is_none_or(|glob| glob.is_match(&change.object));
        let of_target = |glob: &GlobMatcher| change.targets.iter().any(|name| glob.is_match(name));
        let target = target.as_ref().is_none_or(|glob| change.targets.is_empty() || of_target(glob));
        kind && object && target
    }
}

pub(super) fn run(args: List) -> anyhow::Result<Exit> {
    let List { wanted, from, until, last, json, store } = args;
    let window = match export::window(from, until, last) {
        Ok(window) => window,
        Err(error) => {
            eprintln!("authprobe changes list: {error}");
            return Ok(Exit::Usage);
        }
    };
    let Locator::Sqlite(path) = store_locator(store)?;
    let mut changes = Reader::open(&path)?.changes(window)?;
    changes.retain(|change| wanted.has(change));
    let mut out = output::stdout();
    if json {
        for change in changes {
            interchange::write(&Record::Change(change), &mut out)?;
        }
    } else if changes.is_empty() {
        if io::stderr().is_terminal() {
            eprintln!("no such changes are recorded");
        }
    } else {
        let width = terminal_size::terminal_size().map(|(terminal_size::Width(columns), _)| columns);
        // A line that a program reads stays one line.
        let width = width.filter(|_| io::stdout().is_terminal());
        writeln!(out, "{}", table(&changes, Timestamp::now(), width))?;
    }
    Ok(Exit::Fine)
}

/// The changes as a table, in lines of at most so many columns.
fn table(changes: &[Change], now: Timestamp, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["TIME (UTC)", "AGE", "KIND", "OBJECT", "TARGETS", "WHAT", "ID"]);
    if let Some(width) = width {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for change in changes {
        table.add_row([
            shown::moment(change),
            shown::age(change, now),
            change.kind.to_string(),
            printable(&change.object),
            printable(&change.targets.join(", ")),
            shown::facts(change),
            printable(&change.id),
        ]);
    }
    table.lines().map(|line| format!("{}\n", line.trim_end())).collect::<String>().trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use storage::interchange;

    use super::*;

    /// One change of every sort that is shown in its own way.
    const CHANGES: &str = r#"{"type":"change","id":"c-17","time":"2026-11-01T00:03:07Z","kind":"secret","object":"Secret/prod/jwt","targets":["orchestrator"],"data_changed":"yes","keys":["secret"],"mounts":[{"workload":"Deployment/prod/api","how":"env"}],"operation":"updated","actor":"external-secrets","summary":"key secret changed","source":"kubernetes"}
{"type":"change","id":"c-18","time":"2026-11-01T00:05:00Z","kind":"rollout","object":"Deployment/prod/api","targets":["orchestrator","billing"],"progress":[["2026-11-01T00:05:20Z",0.33],["2026-11-01T00:05:50Z",0.67]],"revision":"42","secret_refs":["Secret/prod/jwt-2"],"summary":"image v0.2.0","source":"kubernetes"}
{"type":"change","id":"c-19","time_lo":"2026-11-01T12:03:04Z","time_hi":"2026-11-01T12:04:04Z","kind":"jwks_add","object":"https://idp.example.com/jwks","summary":"key 2026-11 added","source":"jwks"}
{"type":"change","id":"c-20","time":"2026-11-01T13:00:00Z","until":"2026-11-01T15:00:00Z","kind":"maintenance","object":"db","reverts":"c-3","data_changed":"unknown","source":"manual"}"#;

    fn changes() -> Vec<Change> {
        let change = |line: &str| match interchange::parse(line).unwrap().0 {
            Record::Change(change) => change,
            other => panic!("{other:?}"),
        };
        CHANGES.lines().map(change).collect()
    }

    fn now() -> Timestamp {
        "2026-11-01T14:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_file_gets_a_line_for_each_change() {
        insta::assert_snapshot!(table(&changes(), now(), None), @r#"
        TIME (UTC)                    AGE      KIND         OBJECT                        TARGETS                WHAT                                                                                                ID
        2026-11-01 00:03:07           13h ago  secret       Secret/prod/jwt               orchestrator           key secret changed; updated; data changed: secret; env of Deployment/prod/api; by external-secrets  c-17
        2026-11-01 00:05:00           13h ago  rollout      Deployment/prod/api           orchestrator, billing  image v0.2.0; 2/3 ready; now uses Secret/prod/jwt-2; revision 42                                    c-18
        2026-11-01 12:03:04–12:04:04  1h ago   jwks_add     https://idp.example.com/jwks                         key 2026-11 added                                                                                   c-19
        2026-11-01 13:00:00           1h ago   maintenance  db                                                   data changed: unknown; undoes c-3; until 2026-11-01 15:00:00                                        c-20
        "#);
    }

    #[test]
    fn a_terminal_gets_lines_that_fit() {
        let table = table(&changes(), now(), Some(100));
        assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
        insta::assert_snapshot!(table, @r#"
        TIME (UTC)         AGE      KIND         OBJECT             TARGETS        WHAT               ID
        2026-11-01         13h ago  secret       Secret/prod/jwt    orchestrator   key secret         c-17
        00:03:07                                                                   changed; updated;
                                                                                   data changed:
                                                                                   secret; env of
                                                                                   Deployment/prod/a
                                                                                   pi; by
                                                                                   external-secrets
        2026-11-01         13h ago  rollout      Deployment/prod/a  orchestrator,  image v0.2.0; 2/3  c-18
        00:05:00                                 pi                 billing        ready; now uses
                                                                                   Secret/prod/jwt-2
                                                                                   ; revision 42
        2026-11-01         1h ago   jwks_add     https://idp.examp                 key 2026-11 added  c-19
        12:03:04–12:04:04                        le.com/jwks
        2026-11-01         1h ago   maintenance  db                                data changed:      c-20
        13:00:00                                                                   unknown; undoes
                                                                                   c-3; until
                                                                                   2026-11-01
                                                                                   15:00:00
        "#);
    }

    #[test]
    fn changes_are_chosen_by_kind_object_and_target() {
        let chosen = |kinds: &[ChangeKind], object: Option<&str>, target: Option<&str>| {
            let glob = |text: Option<&str>| text.map(|text| export::glob(text).unwrap());
            let wanted = Wanted { kinds: kinds.to_vec(), object: glob(object), target: glob(target) };
            changes().into_iter().filter(|change| wanted.has(change)).map(|change| change.id).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&[ChangeKind::Secret, ChangeKind::JwksAdd], None, None), ["c-17", "c-19"]);
        assert_eq!(chosen(&[], Some("*/prod/*"), None), ["c-17", "c-18"]);
        assert_eq!(chosen(&[], Some("*"), None), ["c-20"]);
        assert_eq!(chosen(&[], None, Some("bill*")), ["c-18", "c-19", "c-20"]);
    }
}
