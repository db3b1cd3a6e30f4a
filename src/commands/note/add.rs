//! `authprobe note add`: records a remark in a store, or tells a running daemon of it.

use std::io::Write;

use jiff::Timestamp;
use storage::record::{Change, ChangeKind};
use storage::sqlite::writer::derived_id;

use crate::commands::changes::add::keep;
use crate::commands::changes::post::Post;
use crate::commands::text;
use crate::exit::Exit;
use crate::output;

/// The `source` of what people remark.
const PEOPLE: &str = "people";

/// Record a remark: what was seen, tried or decided
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe note add --at 2026-11-01T00:12:00Z \"called the provider\"
  authprobe note add --at 2026-11-01T00:12:00Z --target orchestrator --author sre \"traffic moved to the other region\"

The id is printed. Adding the same note again adds nothing. A note is never a cause.")]
pub(super) struct Add {
    /// Moment that it is about
    #[arg(long, value_name = "TIME")]
    at: Timestamp,

    /// The remark, one line
    #[arg(value_name = "TEXT", value_parser = text)]
    text: String,

    /// Target that it is about; may be given again
    #[arg(long = "target", value_name = "TARGET", value_parser = text)]
    targets: Vec<String>,

    /// Who remarks it: a role or a team
    #[arg(long, value_name = "NAME", value_parser = text)]
    author: Option<String>,

    /// Store to write to
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    store: Option<String>,

    #[command(flatten)]
    post: Post,
}

pub(super) fn run(args: Add) -> anyhow::Result<Exit> {
    let Add { at, text, targets, author, store, post } = args;
    let mut change = Change {
        time: Some(at),
        kind: ChangeKind::Note,
        targets,
        actor: author,
        summary: text,
        source: PEOPLE.into(),
        known_at: Some(Timestamp::now()),
        ..Change::default()
    };
    change.id = derived_id(&change);
    let exit = if post.is_wanted() { post.send(&change, "authprobe note add")? } else { keep(&change, store)? };
    if exit == Exit::Fine {
        writeln!(output::stdout(), "{}", change.id)?;
    }
    Ok(exit)
}
