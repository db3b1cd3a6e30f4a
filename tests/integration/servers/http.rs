//! A plain HTTP client for loopback, as an administrator's script would use one.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use std::time::Duration;
use url::form_urlencoded;

/// Longest wait for one answer.
const LIMIT: Duration = Duration::from_secs(5);

/// Sends requests and reads the whole answer.
#[derive(Clone)]
pub(crate) struct Http(Client);

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `WWW-Authenticate`, empty where absent.
    pub(crate) challenge: String,
    /// Name and value of the first cookie that was set, empty where absent.
    pub(crate) cookie: String,
    /// `Content-Security-Policy`, empty where absent.
    pub(crate) policy: String,
    pub(crate) body: String,
}

/// Name and value of a header.
pub(crate) type Header<'a> = (&'a str, &'a str);

impl Http {
    /// A client that follows no redirect and uses no proxy.
    pub(crate) fn new() -> Result<Self> {
        Self::with(LIMIT)
    }

    /// The same, for a server that may take a minute.
    pub(crate) fn patient() -> Result<Self> {
        Self::with(Duration::from_secs(60))
    }

    fn with(limit: Duration) -> Result<Self> {
        // Only the first call can install it; the others find it there.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(limit)
            // A kept connection to a server that was stopped would fail once for no reason of its own.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self(client))
    }

    /// `GET url`.
    pub(crate) async fn get(&self, url: &str, headers: &[Header<'_>]) -> Result<Answer> {
        send(self.0.get(url), headers).await
    }

    /// `POST url` with a body that the headers tell of.
    pub(crate) async fn post(&self, url: &str, headers: &[Header<'_>], body: &str) -> Result<Answer> {
        send(self.0.post(url).body(body.to_owned()), headers).await
    }

    /// Any method, with a JSON body.
    pub(crate) async fn json(&self, method: Method, url: &str, headers: &[Header<'_>], body: &Value) -> Result<Answer> {
        let request = self.0.request(method, url).header("Content-Type", "application/json").body(body.to_string());
        send(request, headers).await
    }

    /// `POST url` with a form.
    pub(crate) async fn form(&self, url: &str, headers: &[Header<'_>], fields: &[(&str, &str)]) -> Result<Answer> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.0.post(url).header("Content-Type", "application/x-www-form-urlencoded").body(body);
        send(request, headers).await
    }
}

impl Answer {
    /// The body as JSON; an error unless the status is 200.
    pub(crate) fn ok(self) -> Result<Value> {
        if self.status != 200 {
            bail!("status {}: {} {}", self.status, self.challenge, self.body);
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&self.body).with_context(|| format!("not JSON: {}", self.body))
    }
}

/// The text at a JSON pointer; an error where there is none.
pub(crate) fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no text at {pointer} in {value}"))?.to_owned())
}

/// Base64 with padding, as JSON gateways carry bytes.
pub(crate) fn base64(bytes: &str) -> String {
    STANDARD.encode(bytes)
}

async fn send(mut request: RequestBuilder, headers: &[Header<'_>]) -> Result<Answer> {
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await?;
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let cookie = header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    let challenge = header("www-authenticate").to_owned();
    let policy = header("content-security-policy").to_owned();
    Ok(Answer { status: answer.status().as_u16(), challenge, cookie, policy, body: answer.text().await? })
}
