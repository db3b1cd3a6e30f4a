//! `authprobe changes watch`: shows each change, and each time more becomes known of one, as it is recorded.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use jiff::{SignedDuration, Timestamp};
use storage::error::Error;
use storage::interchange;
use storage::locator::Locator;
use storage::record::{Change, Record};
use storage::sqlite::reader::Reader;
use storage::window::Window;

use crate::commands::changes::list::Wanted;
use crate::commands::changes::shown;
use crate::commands::export::is_broken_pipe;
use crate::commands::store_locator;
use crate::exit::Exit;
use crate::output::printable;

/// Pause between two looks at the store.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What is told later than this after it happened is not shown, so that memory is bounded.
const LATE: SignedDuration = SignedDuration::from_hours(24);

/// Follow what is recorded, until interrupted
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe changes watch
  authprobe changes watch --last 1h --kind secret --kind rollout
  authprobe changes watch --json | jq .object

A change is shown again each time more becomes known of it, as a rollout's progress. Times are in UTC.")]
pub(super) struct Watch {
    #[command(flatten)]
    wanted: Wanted,

    /// Begin with the changes of the last while, as in 1h; without it, with what is recorded from now on
    #[arg(long, value_name = "D", value_parser = humantime::parse_duration)]
    last: Option<Duration>,

    /// One JSON object a line, as in an export
    #[arg(long)]
    json: bool,

    /// Store to read
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

pub(super) fn run(args: Watch) -> anyhow::Result<Exit> {
    let Watch { wanted, last, json, store } = args;
    let Locator::Sqlite(path) = store_locator(store)?;
    let last = SignedDuration::try_from(last.unwrap_or_default()).context("`--last` goes back too far")?;
    let from = Timestamp::now().checked_sub(last).context("`--last` goes back too far")?;
    let mut seen = Seen { reach: last.max(LATE), from, known: None };
    let mut absent = false;
    loop {
        if let Some(reader) = open(&path, &mut absent)? {
            let news = seen.news(&reader, Timestamp::now())?;
            let told = news.into_iter().filter(|change| wanted.has(change)).try_for_each(|change| tell(change, json));
            match told.map_err(anyhow::Error::from) {
                // Whoever read has read enough.
                Err(error) if is_broken_pipe(&error) => return Ok(Exit::Fine),
                told => told?,
            }
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// What was there at the last look, so that only what is new, or more, is shown.
struct Seen {
    /// How far back a look goes.
    reach: SignedDuration,
    /// At the first look, what began before is taken as shown.
    from: Timestamp,
    known: Option<HashMap<String, Change>>,
}

impl Seen {
    /// The changes that are new since the last look, or of which more is known.
    fn news(&mut self, reader: &Reader, now: Timestamp) -> anyhow::Result<Vec<Change>> {
        let since = now.checked_sub(self.reach)?;
        let changes = reader.changes(Some(Window::new(since, Timestamp::MAX)?))?;
        let news = |change: &&Change| match &self.known {
            None => change.lo() >= Some(self.from),
            Some(known) => known.get(&change.id).is_none_or(|before| differ(before, change)),
        };
        let news = changes.iter().filter(news).cloned().collect();
        self.known = Some(changes.into_iter().map(|change| (change.id.clone(), change)).collect());
        Ok(news)
    }
}

/// Whether they tell of different things; when they became known is none.
fn differ(one: &Change, other: &Change) -> bool {
    Change { known_at: other.known_at, ..one.clone() } != *other
}

/// Opens the store; none where it cannot be read now, which is told once.
fn open(path: &Path, absent: &mut bool) -> Result<Option<Reader>, Error> {
    match Reader::open(path) {
        Ok(reader) => {
            if std::mem::take(absent) {
                eprintln!("the store {} is there", path.display());
            }
            Ok(Some(reader))
        }
        Err(why @ (Error::CannotOpen { .. } | Error::Empty { .. } | Error::Busy { .. })) => {
            if !std::mem::replace(absent, true) {
                eprintln!("waiting for the store: {why}");
            }
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

fn tell(change: Change, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        return interchange::write(&Record::Change(change), &mut out);
    }
    let (moment, facts) = (shown::moment(&change), shown::facts(&change));
    let Change { id, kind, object, targets, .. } = change;
    let targets = if targets.is_empty() { String::new() } else { format!(" ({})", targets.join(", ")) };
    let what = if facts.is_empty() { facts } else { format!(": {facts}") };
    writeln!(out, "{moment}  {kind} {}{what}  [{}]", printable(&format!("{object}{targets}")), printable(&id))
}

#[cfg(test)]
mod tests {
    use storage::record::ChangeKind;
    use storage::sqlite::writer::Writer;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn rollout(id: &str, second: i64, share: f64) -> Record {
        Record::Change(Change {
            id: id.into(),
            time: Some(at(second)),
            kind: ChangeKind::Rollout,
            object: "Deployment/prod/api".into(),
            progress: vec![(at(second), share)],
            known_at: Some(at(second)),
            ..Change::default()
        })
    }

    #[test]
    fn a_change_is_news_once_and_again_when_more_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("authprobe.db");
        let mut writer = Writer::open(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        let mut seen = Seen { reach: LATE, from: at(100), known: None };
        let mut news =
            |now| -> Vec<String> { seen.news(&reader, at(now)).unwrap().into_iter().map(|change| change.id).collect() };
        writer.append(&[rollout("before", 50, 0.0), rollout("after", 100, 0.0)]).unwrap();
        assert_eq!(news(100), ["after"]);
        assert_eq!(news(101), Vec::<String>::new());
        writer.append(&[rollout("after", 100, 0.5), rollout("late", 20, 1.0)]).unwrap();
        assert_eq!(news(102), ["late", "after"]);
        assert_eq!(news(103), Vec::<String>::new());
    }

    #[test]
    fn a_store_that_is_not_there_yet_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("authprobe.db");
        let mut absent = false;
        assert!(open(&path, &mut absent).unwrap().is_none() && absent);
        drop(Writer::open(&path).unwrap());
        assert!(open(&path, &mut absent).unwrap().is_some() && !absent);
    }
}
