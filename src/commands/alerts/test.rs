//! `authprobe alerts test`: sends a harmless message to each receiver and says how each answered.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;
use jiff::Timestamp;

use crate::alerts::Receiver;
use crate::alerts::probation::trial;
use crate::alerts::{reached, settings};
use crate::commands;
use crate::config::Loaded;
use crate::exit::Exit;
use crate::output;

/// Send a harmless test message to each receiver and say how each answered
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe alerts test
  authprobe alerts test -c /etc/authprobe/authprobe.yaml --receiver pager
  authprobe alerts test --receiver 2

A heartbeat is called once. Nothing is kept: what does not arrive is not tried again.

Exit codes: 0 every receiver took it · 1 one did not · 2 usage or configuration error")]
pub(super) struct Test {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Only this one, by its name or its number in the file, from 1; may be given again
    #[arg(long = "receiver", value_name = "NAME|N")]
    receivers: Vec<String>,
}

pub(super) fn run(args: Test) -> anyhow::Result<Exit> {
    let Test { config, receivers: wanted } = args;
    let Loaded { config, .. } = commands::load(config)?;
    let settings::Settings { receivers, public_url } = config.alerts;
    let public_url = reached::url(public_url.as_deref(), &config.web.listen, None);
    let called: Vec<(String, settings::Receiver)> =
        receivers.into_iter().enumerate().map(|(index, receiver)| ((index + 1).to_string(), receiver)).collect();
    let is = |wanted: &String, (number, receiver): &(String, settings::Receiver)| {
        wanted == number || Some(wanted) == receiver.name.as_ref()
    };
    if let Some(unknown) = wanted.iter().find(|wanted| !called.iter().any(|called| is(wanted, called))) {
        eprintln!("authprobe alerts test: there is no receiver `{unknown}`; `alerts:` names {}", called.len());
        return Ok(Exit::Usage);
    }
    if called.is_empty() {
        eprintln!("authprobe alerts test: the configuration names nobody: give `alerts:`, such as `- webhook: URL`");
        return Ok(Exit::Usage);
    }
    let chosen =
        called.into_iter().filter(|called| wanted.is_empty() || wanted.iter().any(|wanted| is(wanted, called)));
    let runtime = commands::runtime().context("the runtime cannot be started")?;
    let mut out = output::stdout();
    let mut all = true;
    for (number, receiver) in chosen {
        let way = receiver.ways().first().map_or("nobody", |way| way.as_str());
        let name = receiver.name.clone().unwrap_or_else(|| number.clone());
        let told = runtime.block_on(async {
            Receiver::new(&receiver, &name)?.deliver(&trial(&name, &public_url, Timestamp::now())).await
        });
        let said = match told {
            Ok(()) => "took it".to_owned(),
            Err(why) => {
                all = false;
                format!("did not take it: {why}")
            }
        };
        writeln!(out, "{number} {way} {}{said}", receiver.name.map(|name| format!("{name} ")).unwrap_or_default())?;
    }
    Ok(if all { Exit::Fine } else { Exit::Failed })
}
