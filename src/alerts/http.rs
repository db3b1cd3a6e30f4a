//! Calls a URL that may be a secret: nothing of it, of header fields or of answers is ever told.

use std::collections::BTreeMap;

use probes::credential::{Text, Unusable};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, Method, Url, redirect};

use crate::alerts::settings;
use crate::output::printable;
use crate::source;

/// A place that is called.
#[derive(Debug)]
pub(super) struct Caller {
    client: Client,
    url: Text,
    /// Comes behind the path of the URL.
    below: &'static str,
    headers: BTreeMap<String, Text>,
}

/// What is sent.
pub(super) struct Body {
    /// Its media type.
    pub(super) content_type: String,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// The same whenever it comes again.
    pub(super) key: String,
}

impl Caller {
    /// What calls the URL of a receiver.
    ///
    /// # Errors
    /// Why it cannot be called at all.
    pub(super) fn new(receiver: &settings::Receiver, below: &'static str) -> Result<Self, String> {
        let url = receiver.url().ok_or("it has no URL")?.clone();
        // Another part of the program may have installed it.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        // An alert goes where the configuration says and nowhere else, with the header fields that may be secrets.
        let mut client = Client::builder()
            .timeout(receiver.timeout())
            .redirect(redirect::Policy::none())
            .pool_max_idle_per_host(1)
            .user_agent(concat!("authprobe/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &receiver.ca {
            let unusable = |why: &str| format!("file {}: {why}", path.display());
            let pem = source::file(path, source::LONGEST_PEM).map_err(|Unusable(why)| unusable(&why))?;
            let all = Certificate::from_pem_bundle(&pem).map_err(|_| unusable("it holds no certificate in PEM"))?;
            client = client.tls_certs_only(all);
        }
        let client = client.build().map_err(told)?;
        Ok(Self { client, url, below, headers: receiver.headers.clone() })
    }

    /// Sends a body, or nothing with a GET.
    ///
    /// # Errors
    /// Why the other side did not take it; fit for a log.
    pub(super) async fn call(&self, body: Option<Body>) -> Result<(), String> {
        let mut url = Url::parse(&text(&self.url)?).map_err(|_| "the URL cannot be read".to_owned())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the URL begins neither with `https://` nor with `http://`".into());
        }
        let path = format!("{}{}", url.path().trim_end_matches('/'), self.below);
        if !self.below.is_empty() {
            url.set_path(&path);
        }
        let mut request = self.client.request(if body.is_some() { Method::POST } else { Method::GET }, url);
        if let Some(Body { content_type, bytes, key }) = body {
            request = request.header(CONTENT_TYPE, content_type).header("Idempotency-Key", key).body(bytes);
        }
        let answer = request.headers(self.fields()?).send().await.map_err(told)?;
        let status = answer.status();
        if status.is_success() {
            Ok(())
        } else if status.is_redirection() {
            Err(format!("it answers {}: redirects are not followed, give the URL that it leads to", status.as_u16()))
        } else {
            Err(format!("it answers {}", status.as_u16()))
        }
    }

    fn fields(&self) -> Result<HeaderMap, String> {
        let mut fields = HeaderMap::new();
        for (name, value) in &self.headers {
            let unusable = || format!("header field {name}: its value holds characters that no header can");
            let field = HeaderName::try_from(name).map_err(|_| unusable())?;
            let mut value = HeaderValue::try_from(text(value)?).map_err(|_| unusable())?;
            value.set_sensitive(true);
            fields.insert(field, value);
        }
        Ok(fields)
    }
}

/// The value of a text now: a secret may have been rotated.
///
/// # Errors
/// Why it cannot be read; nothing of its value.
pub(super) fn text(text: &Text) -> Result<String, String> {
    match text {
        Text::Plain(text) => Ok(text.clone()),
        Text::From(source) => match source::read(source) {
            Ok(credential) => Ok(credential.expose().trim_end_matches(['\r', '\n']).to_owned()),
            Err(Unusable(why)) => Err(format!("{source}: {why}")),
        },
    }
}

/// What went wrong, down to its origin, without the URL.
fn told(error: reqwest::Error) -> String {
    let slow = error.is_timeout();
    let error = anyhow::Error::new(error.without_url());
    if slow { "no answer in time".into() } else { printable(&format!("{error:#}")) }
}
