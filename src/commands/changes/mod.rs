//! `authprobe changes`: records a change by hand or from a pipeline, lists what is recorded, and follows it.

pub(in crate::commands) mod add;
mod list;
pub(in crate::commands) mod post;
mod shown;
mod watch;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::exit::Exit;

/// Record, list or follow what was altered: deploys, rotations, maintenance
#[derive(Debug, clap::Args)]
pub(crate) struct Changes {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Add(Box<add::Add>),
    List(list::List),
    Watch(watch::Watch),
}

pub(crate) fn run(args: Changes) -> anyhow::Result<Exit> {
    match args.what {
        What::Add(args) => add::run(*args),
        What::List(args) => list::run(args),
        What::Watch(args) => watch::run(args),
    }
}

/// Takes the words of a closed list, and shows them where another is given.
fn words<W: Copy + Send + Sync + 'static>(
    all: &'static [W],
    word: fn(W) -> &'static str,
) -> impl TypedValueParser<Value = W> {
    let names = all.iter().map(move |one| word(*one));
    PossibleValuesParser::new(names)
        .try_map(move |given| all.iter().copied().find(|one| word(*one) == given).ok_or("it is not in the list"))
}
