//! Runs a writer as a process whose calls on files are recorded, or fail.

pub(crate) mod event;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use storage::error::Error;
use tempfile::TempDir;

use self::event::{Event, parse};
use crate::dice::Dice;
use crate::life::{FIRST_FORMAT, Said, write};
use crate::model::Model;
use crate::verdict::{Acknowledged, compare, of_the_first_format};

/// Set where there is no C compiler: what needs the recorder is then left out, and says so.
const WITHOUT_COMPILER: &str = "STORE_WITHOUT_CC";

/// Calls of the recorded process go into the directory named by this variable.
const DIRECTORY: &str = "DIRECTORY_OF_THE_WRITER_THAT_IS_RECORDED";

/// What it finds, its first batch, and the number after that of its last one.
const BATCHES: &str = "BATCHES_OF_THE_WRITER_THAT_IS_RECORDED";

/// The only error that it survives, and how.
const SURVIVES: &str = "ERROR_THAT_THE_WRITER_SURVIVES";

/// What the process says of itself goes into the file of this name, beside the store.
const SAID: &str = "said";

/// What fails under a writer, and what it does then.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// From that write on no space is left. The writer makes room, and tries again.
    NoSpace(usize),
    /// The same, after half of that write.
    HalfWritten(usize),
    /// That sync fails. The writer tries again.
    Sync(usize),
    /// That sync fails. The writer ends.
    LastSync(usize),
}

/// What a writer finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// No store.
    Nothing,
    /// A store of the first format.
    FirstFormat,
}

impl Found {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Nothing, Self::FirstFormat];

    /// What must be there before the first batch.
    fn model(self) -> Model {
        match self {
            Self::Nothing => Model::default(),
            Self::FirstFormat => of_the_first_format(),
        }
    }

    /// The files that were there before the writer.
    pub(crate) fn files(self) -> BTreeMap<String, Vec<u8>> {
        match self {
            Self::Nothing => BTreeMap::new(),
            Self::FirstFormat => [("a.db".to_owned(), FIRST_FORMAT.to_owned())].into(),
        }
    }
}

/// A writer that has ended.
pub(crate) struct Recording {
    /// What it found.
    pub(crate) found: Found,
    /// Its first batch.
    pub(crate) first: i64,
    /// What it left.
    pub(crate) directory: TempDir,
    /// Its calls.
    pub(crate) events: Vec<Event>,
}

impl Recording {
    /// The store that it wrote.
    pub(crate) fn store(&self) -> PathBuf {
        self.directory.path().join("a.db")
    }

    /// What must be there before the first batch.
    pub(crate) fn nothing_acknowledged(&self) -> Acknowledged {
        Acknowledged::nothing(self.found.model(), self.first)
    }

    /// What must be there at the end.
    pub(crate) fn acknowledged(&self) -> Acknowledged {
        let mut acknowledged = self.nothing_acknowledged();
        for event in &self.events {
            if matches!(event, Event::Said(said) if said.starts_with("ack ")) {
                acknowledged.add();
            }
        }
        acknowledged
    }

    /// Whether the writer met the fault.
    pub(crate) fn met_the_fault(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Said(said) if said == "met\n"))
    }
}

/// Records a writer that writes `batches` into what it found. None where the environment says that nothing can be
/// recorded.
pub(crate) fn record(found: Found, batches: (i64, i64), fault: Option<Fault>) -> Option<Recording> {
    let elsewhere = tempfile::tempdir().unwrap();
    let library = build(elsewhere.path())?;
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in found.files() {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let log = elsewhere.path().join("recording");
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["recorder::writer_that_is_recorded", "--exact", "--ignored", "--nocapture"])
        .env("LD_PRELOAD", library)
        .env("RECORDER_DIRECTORY", directory.path().canonicalize().unwrap())
        .env("RECORDER_LOG", &log)
        .env(DIRECTORY, directory.path())
        .env(BATCHES, format!("{found:?} {} {}", batches.0, batches.1));
    if let Some(fault) = fault {
        let (survives, fail) = match fault {
            Fault::NoSpace(call) => ("full", format!("write:{call}")),
            Fault::HalfWritten(call) => ("full", format!("short:{call}")),
            Fault::Sync(call) => ("io", format!("sync:{call}")),
            Fault::LastSync(call) => ("last io", format!("sync:{call}")),
        };
        command.env("RECORDER_FAIL", fail).env(SURVIVES, survives);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{found:?} {fault:?}: {}", String::from_utf8_lossy(&output.stderr));
    Some(Recording { found, first: batches.0, directory, events: parse(&std::fs::read(&log).unwrap()) })
}

/// Draws `count` positions in the recording, as many in each phase of the writer, and tells how often each was drawn.
pub(crate) fn moments(events: &[Event], count: u64, dice: &mut Dice) -> BTreeMap<usize, u64> {
    let mut phases: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut phase = "start";
    for (position, event) in events.iter().enumerate() {
        if let Event::Said(said) = event
            && let Some(name) = said.strip_prefix("phase ")
        {
            phase = name;
        }
        if event.file().is_some() {
            phases.entry(phase).or_default().push(position);
        }
    }
    let mut moments = BTreeMap::new();
    for positions in phases.values().cycle().take(count as usize) {
        let position = positions[dice.below(positions.len() as u64) as usize];
        *moments.entry(position).or_default() += 1;
    }
    moments
}

/// The recorder, built in `directory`.
fn build(directory: &Path) -> Option<PathBuf> {
    if std::env::var_os(WITHOUT_COMPILER).is_some() {
        eprintln!("left out, because {WITHOUT_COMPILER} is set");
        return None;
    }
    let library = directory.join("recorder.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/store/recorder/recorder.c");
    let status = Command::new("cc")
        .args(["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status();
    match status {
        Ok(status) => assert!(status.success(), "cc cannot build {}", source.display()),
        Err(error) => panic!("no C compiler `cc`: {error}; install one, or set {WITHOUT_COMPILER}=1"),
    }
    Some(library)
}

#[test]
#[ignore = "the process that `record` runs"]
fn writer_that_is_recorded() {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let directory = Path::new(&directory).canonicalize().unwrap();
    let path = directory.join("a.db");
    let batches = std::env::var(BATCHES).unwrap();
    let [found, first, end] = batches.split(' ').collect::<Vec<_>>()[..] else { panic!("not three words") };
    let found = Found::ALL.into_iter().find(|known| format!("{known:?}") == found).unwrap();
    let (first, end): (i64, i64) = (first.parse().unwrap(), end.parse().unwrap());
    let survives = std::env::var(SURVIVES).unwrap_or_default();

    let mut file = File::create(directory.join(SAID)).unwrap();
    let mut acknowledged = Acknowledged::nothing(found.model(), first);
    let mut is_open = false;
    let mut say = |line: &str| file.write_all(line.as_bytes()).unwrap();
    write(&path, first..end, |said| match said {
        Said::Phase(name) => {
            say(&format!("phase {name}\n"));
            is_open = !["create", "migrate", "open", "close"].contains(&name);
        }
        Said::Written(number) => {
            say(&format!("ack {number}\n"));
            acknowledged.add();
        }
        Said::Failed(error) => {
            match survives.as_str() {
                "full" => assert!(matches!(error, Error::Full { .. }), "{error:?}"),
                "io" | "last io" => assert!(matches!(error, Error::Io { .. }), "{error:?}"),
                _ => panic!("{error:?}"),
            }
            assert!(error.is_transient(), "{error:?}");
            say("met\n");
            if survives == "last io" {
                std::process::exit(0);
            }
            // Where no writer has it open, a reader needs room itself, for the files beside the store.
            if is_open {
                assert_eq!(compare(&path, &acknowledged), Ok(()), "{error:?}");
            }
            say("room\n");
        }
    });
}
