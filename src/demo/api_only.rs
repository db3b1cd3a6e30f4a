//! Serves only the demo API, for trying a configuration by hand and for tests that run the program.

use std::future::Future;
use std::io::Write;

use anyhow::Context;
use serde::Serialize;

use crate::demo::api::Api;
use crate::demo::directory::Credentials;
use crate::demo::state::Settings;
use crate::demo::tokens::ISSUER;

/// The one line that is printed once the API answers.
#[derive(Serialize)]
struct Ready<'a> {
    url: &'a str,
    control: &'a str,
    issuer: &'a str,
    signing_secret: Option<String>,
    #[serde(flatten)]
    credentials: &'a Credentials,
}

/// Starts the API and its control, writes one line of JSON about them to `out`, and serves until `end`.
pub(crate) async fn serve(
    settings: Settings,
    out: &mut impl Write,
    end: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let api = Api::start(settings, None).await?;
    let control = api.open_control().await?;
    let ready = Ready {
        url: api.url(),
        control: &control,
        issuer: ISSUER,
        signing_secret: api.signing_secret(),
        credentials: api.credentials(),
    };
    let line = serde_json::to_string(&ready)?;
    writeln!(out, "{line}").and_then(|()| out.flush()).context("writing where the demo API listens")?;
    end.await;
    api.stop().await;
    Ok(())
}
