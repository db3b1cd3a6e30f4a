//! `authprobe store check`: looks whether a store holds what it should.

use std::io::{self, Write};

use indicatif::HumanCount;
use storage::locator::Locator;
use storage::sqlite::reader::Reader;
use storage::sqlite::reader::verify::{Finding, Verdict};

use super::Which;
use crate::exit::Exit;
use crate::output::{self, printable};
use crate::progress::{self, Unit};

/// What can be done about a damaged store.
const REMEDY: &str = "\
Keep a copy of the store and of its -wal file, and look at the disk. Then restore a backup, or save what can be read:
  authprobe export --store OLD | authprobe import --store NEW -";

/// Look at everything in the store, and tell what is damaged
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe store check
  authprobe store check --store /backup/authprobe.db

Only reads, also beside a running `authprobe run`.
Exit code 0 when all is well, 3 when something is damaged.")]
pub(super) struct Check {
    #[command(flatten)]
    which: Which,
}

pub(super) fn run(args: Check) -> anyhow::Result<Exit> {
    let locator = args.which.locator()?;
    let Locator::Sqlite(path) = &locator;
    let reader = Reader::open(path)?;
    let bar = progress::bar("verifying", Some(0), Unit::Pieces);
    let verdict = reader.verify(|done, of| progress::show(&bar, done, of));
    bar.finish_and_clear();
    Ok(tell(&locator, &verdict?, &mut output::stdout())?)
}

fn tell(locator: &Locator, verdict: &Verdict, out: &mut impl Write) -> io::Result<Exit> {
    let Verdict { blocks, results, rollups, findings, more } = verdict;
    for Finding { place, message } in findings {
        writeln!(out, "damaged: {}: {}", printable(place), printable(message))?;
    }
    if *more > 0 {
        writeln!(out, "damaged: {} more places", HumanCount(*more))?;
    }
    let [results, blocks, rollups] = [*results, *blocks, *rollups].map(HumanCount);
    let found = findings.len() as u64 + more;
    write!(out, "{locator}: {results} results, {blocks} blocks, {rollups} sums looked at: ")?;
    if found == 0 {
        writeln!(out, "fine")?;
        return Ok(Exit::Fine);
    }
    writeln!(out, "damaged, places: {}\n{REMEDY}", HumanCount(found))?;
    Ok(Exit::Fault)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(verdict: &Verdict) -> (Exit, String) {
        let mut out = Vec::new();
        let exit = tell(&"a.db".parse().unwrap(), verdict, &mut out).unwrap();
        (exit, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_sound_store_gets_one_line() {
        let verdict = Verdict { blocks: 20, results: 57_600, rollups: 100, findings: Vec::new(), more: 0 };
        let line = "sqlite:a.db: 57,600 results, 20 blocks, 100 sums looked at: fine\n";
        assert_eq!(told(&verdict), (Exit::Fine, line.to_owned()));
    }

    #[test]
    fn damage_is_told_with_its_place_and_what_to_do_and_gives_no_orders_to_a_terminal() {
        let finding = Finding { place: "block 7\u{1b}[2J".into(), message: "its checksum is wrong".into() };
        let verdict = Verdict { blocks: 20, results: 57_600, rollups: 100, findings: vec![finding], more: 1_204 };
        let (exit, told) = told(&verdict);
        assert_eq!(exit, Exit::Fault);
        insta::assert_snapshot!(told, @r"
        damaged: block 7�[2J: its checksum is wrong
        damaged: 1,204 more places
        sqlite:a.db: 57,600 results, 20 blocks, 100 sums looked at: damaged, places: 1,205
        Keep a copy of the store and of its -wal file, and look at the disk. Then restore a backup, or save what can be read:
          authprobe export --store OLD | authprobe import --store NEW -
        ");
    }
}
