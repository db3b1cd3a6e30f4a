//! Fetches a key set, by its own URL or by its issuer's metadata, and only when it changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{ACCEPT, ETAG, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use probes::credential::Unusable;
use probes::protocol::http::{Answer, Transport};
use probes::protocol::tls::{Files, Profile};
use probes::target::Connection;
use serde::Deserialize;
use url::Url;

use crate::changes::jwks::Settings;
use crate::changes::jwks::keys::Keys;
use crate::source;

/// Longest document that is read, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Most redirects that are followed.
const REDIRECTS: u8 = 3;

/// Limit of each request.
const LIMIT: Duration = Duration::from_secs(10);

/// An issuer's metadata is asked for again after this long, or when its key set does not answer.
const METADATA_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// Where a key set is.
pub(super) struct Place {
    named: Named,
    ca: Option<PathBuf>,
    /// The way there, made anew after a failure: the file with its authorities may have changed.
    way: Option<Transport>,
    validators: Validators,
}

enum Named {
    Url(String),
    Issuer { issuer: String, found: Option<(Url, Timestamp)> },
}

/// What the last answer said of its edition, to be asked for a later one only.
#[derive(Debug, Default, Clone)]
struct Validators {
    etag: Option<HeaderValue>,
    modified: Option<HeaderValue>,
}

impl Place {
    /// The place that the settings name.
    pub(super) fn new(settings: &Settings) -> Self {
        let named = match (&settings.url, &settings.issuer) {
            (Some(url), _) => Named::Url(url.clone()),
            (None, issuer) => Named::Issuer { issuer: issuer.clone().unwrap_or_default(), found: None },
        };
        Self { named, ca: settings.tls.ca.clone(), way: None, validators: Validators::default() }
    }

    /// The keys now; nothing where the server says that they are the same as at the last fetch that succeeded.
    ///
    /// # Errors
    /// Why there is no key set to be seen.
    pub(super) async fn fetch(&mut self, now: Timestamp) -> Result<Option<Keys>, String> {
        let fetched = self.attempt(now).await;
        if fetched.is_err() {
            self.way = None;
            if let Named::Issuer { found, .. } = &mut self.named {
                *found = None;
            }
        }
        fetched
    }

    async fn attempt(&mut self, now: Timestamp) -> Result<Option<Keys>, String> {
        let way = match self.way.take() {
            Some(way) => way,
            None => way(self.ca.as_deref())?,
        };
        let way = self.way.insert(way);
        let url = match &mut self.named {
            Named::Url(url) => url.parse().map_err(|error| format!("this is no URL: {error}"))?,
            Named::Issuer { found: Some((url, at)), .. } if now.duration_since(*at) < METADATA_LASTS => url.clone(),
            Named::Issuer { issuer, found } => {
                let url = discover(way, issuer).await?;
                if found.as_ref().is_some_and(|(before, _)| *before != url) {
                    self.validators = Validators::default();
                }
                found.insert((url, now)).0.clone()
            }
        };
        let answer = way.fetch(url, self.validators.headers(), LIMIT).await?;
        if answer.status == 304 && self.validators.any() {
            return Ok(None);
        }
        let keys = Keys::read(&complete(&answer)?.body)?;
        self.validators = Validators::of(&answer.headers);
        Ok(Some(keys))
    }
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        Self { etag: headers.get(ETAG).cloned(), modified: headers.get(LAST_MODIFIED).cloned() }
    }

    fn any(&self) -> bool {
        self.etag.is_some() || self.modified.is_some()
    }

    /// The headers of the next request.
    fn headers(&self) -> HeaderMap {
        let asked: [(HeaderName, &Option<HeaderValue>); 2] =
            [(IF_NONE_MATCH, &self.etag), (IF_MODIFIED_SINCE, &self.modified)];
        let mut headers: HeaderMap =
            asked.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect();
        headers.insert(ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        headers
    }
}

/// The way to a key set; the authorities of a PEM file are trusted in place of the system's.
fn way(ca: Option<&Path>) -> Result<Transport, String> {
    let read = |path: &Path| {
        let bytes = source::file(path, source::LONGEST_PEM);
        bytes.map(|bytes| bytes.to_vec()).map_err(|Unusable(why)| format!("file {}: {why}", path.display()))
    };
    let profile = Profile::new(&Files { ca: ca.map(read).transpose()?, client: None });
    let connection = Connection { redirects: REDIRECTS, body_limit: LONGEST, ..Connection::default() };
    // Only with another TLS name does the way depend on the URL.
    let anywhere = Url::parse("https://localhost").map_err(|error| error.to_string())?;
    Transport::new(profile.map_err(|error| error.to_string())?, connection, &anywhere)
}

/// Where an issuer's metadata says that its key set is (OpenID Connect Discovery 1.0, section 4).
async fn discover(way: &Transport, issuer: &str) -> Result<Url, String> {
    #[derive(Deserialize)]
    struct Metadata {
        jwks_uri: Url,
    }
    let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
    let url = url.parse().map_err(|error| format!("this is no URL: {error}"))?;
    let read = async {
        let answer = way.fetch(url, Validators::default().headers(), LIMIT).await?;
        let metadata: Metadata = serde_json::from_slice(&complete(&answer)?.body)
            .map_err(|_| "the answer is no JSON object with a URL `jwks_uri`".to_owned())?;
        match metadata.jwks_uri.scheme() {
            "http" | "https" => Ok(metadata.jwks_uri),
            _ => Err("`jwks_uri` begins with neither `https://` nor `http://`".to_owned()),
        }
    };
    read.await.map_err(|why| format!("metadata: {why}"))
}

/// An answer that is a whole document.
fn complete(answer: &Answer) -> Result<&Answer, String> {
    match answer.status {
        200..=299 if answer.truncated => Err(format!("the answer is longer than {LONGEST} bytes")),
        200..=299 => Ok(answer),
        status @ 300..=399 => Err(format!("HTTP {status} after {REDIRECTS} redirects")),
        status => Err(format!("HTTP {status}")),
    }
}
