//! Posts a report to a URL.

use std::time::Duration;

use anyhow::Context;
use jiff::Timestamp;
use probes::credential::{Text, Unusable};
use reports::formats::Format;
use reqwest::{Client, Url, header, redirect};

use crate::output::printable;
use crate::source;

/// Longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Posts a page. The key of the request is the same at each attempt, so that a receiver can drop a second copy.
///
/// # Errors
/// When it was not taken; the URL is not told, for it may be a secret.
pub(super) async fn post(
    url: &Text,
    report: &str,
    slot: Timestamp,
    format: Format,
    page: String,
) -> anyhow::Result<()> {
    let url = match url {
        Text::Plain(url) => url.clone(),
        Text::From(source) => {
            let read = source::read(source).map_err(|Unusable(why)| anyhow::anyhow!("the URL in {source}: {why}"))?;
            read.expose().to_owned()
        }
    };
    let url: Url = url.parse().context("what `webhook` refers to is no URL")?;
    // Only the first call of the process installs it.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = Client::builder().timeout(ANSWER_WITHIN).redirect(redirect::Policy::none()).build();
    let request = client
        .context("no request can be made")?
        .post(url)
        .header(header::CONTENT_TYPE, format.media_type())
        .header(header::USER_AGENT, concat!("authprobe/", env!("CARGO_PKG_VERSION")))
        .header(
            "Idempotency-Key",
            format!("{:016x}", xxhash_rust::xxh3::xxh3_64(format!("{report}/{slot}").as_bytes())),
        )
        .body(page);
    let answer = request.send().await.map_err(|error| {
        let error = anyhow::Error::new(error.without_url());
        anyhow::anyhow!("the webhook was not reached: {}", printable(&format!("{error:#}")))
    })?;
    anyhow::ensure!(answer.status().is_success(), "the webhook answered {}", answer.status());
    Ok(())
}
