//! `authprobe changes add`: records a change in a store, or tells a running daemon of it.

use std::io::Write;

use jiff::Timestamp;
use storage::locator::Locator;
use storage::record::{Change, ChangeKind, Known, Record};
use storage::sqlite::writer::{Writer, derived_id};

use crate::commands::changes::post::Post;
use crate::commands::changes::words;
use crate::commands::store_locator;
use crate::exit::Exit;
use crate::output;

/// Record a change
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe changes add --kind deploy --object Deployment/llm-orchestrator/orchestrator \\
      --target orchestrator --revision \"$GIT_SHA\" \"image v0.2.0\"
  authprobe changes add --kind maintenance --object db --until 2026-11-01T03:00:00Z \"db upgrade\"
  authprobe changes add --server https://authprobe.example.com --token-env AUTHPROBE_TOKEN \\
      --kind deploy --object Deployment/prod/api --id \"$CI_PIPELINE_ID\" \"release $CI_COMMIT_TAG\"

The id is printed. Posting the same change again, with the same --at or --id, adds nothing.")]
pub(super) struct Add {
    /// What kind of change
    #[arg(long, value_name = "KIND", value_parser = words(ChangeKind::ALL, ChangeKind::as_str))]
    kind: ChangeKind,

    /// What was altered, as in Secret/NAMESPACE/NAME
    #[arg(long, value_name = "OBJECT")]
    object: String,

    /// Target that depends on it; may be given again
    #[arg(long = "target", value_name = "TARGET")]
    targets: Vec<String>,

    /// When it happened; now where absent
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,

    /// When it ended
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,

    /// Identifies the change; derived from its content where absent
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// Whether the content changed, or its metadata only
    #[arg(long, value_name = "WORD", value_parser = words(Known::ALL, Known::as_str))]
    data_changed: Option<Known>,

    /// Revision that it brought
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,

    /// Id of the change that it undoes
    #[arg(long, value_name = "ID")]
    reverts: Option<String>,

    /// Who did it: a pipeline, a role
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,

    /// The feed that reports it
    #[arg(long, value_name = "SOURCE", default_value = "manual")]
    source: String,

    /// Store to write to
    #[arg(long, value_name = "URL", conflicts_with = "server")]
    store: Option<String>,

    #[command(flatten)]
    post: Post,

    /// One sentence for people
    summary: Option<String>,
}

pub(super) fn run(args: Add) -> anyhow::Result<Exit> {
    let (store, post) = (args.store.clone(), args.post.clone());
    let change = change(args, Timestamp::now());
    if let Err(refusal) = storage::check::check(&Record::Change(change.clone())) {
        eprintln!("authprobe changes add: {refusal}");
        return Ok(Exit::Usage);
    }
    let exit = if post.is_wanted() { post.send(&change, "authprobe changes add")? } else { keep(&change, store)? };
    if exit == Exit::Fine {
        writeln!(output::stdout(), "{}", change.id)?;
    }
    Ok(exit)
}

fn change(args: Add, now: Timestamp) -> Change {
    let Add { kind, object, targets, at, until, id, data_changed, revision, reverts, actor, source, summary, .. } =
        args;
    let mut change = Change {
        id: id.unwrap_or_default(),
        time: Some(at.unwrap_or(now)),
        until,
        kind,
        object,
        targets,
        data_changed,
        revision,
        reverts,
        actor,
        source,
        summary: summary.unwrap_or_default(),
        known_at: Some(now),
        ..Change::default()
    };
    if change.id.is_empty() {
        change.id = derived_id(&change);
    }
    change
}

/// Writes the change to a store.
///
/// # Errors
/// When the store cannot be written.
pub(in crate::commands) fn keep(change: &Change, store: Option<String>) -> anyhow::Result<Exit> {
    let Locator::Sqlite(path) = store_locator(store)?;
    let mut writer = Writer::open(&path)?;
    writer.append(&[Record::Change(change.clone())])?;
    writer.close()?;
    Ok(Exit::Fine)
}
