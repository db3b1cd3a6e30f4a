//! What a run sends: each kind plans its requests, `run` sends them.

pub(crate) mod api_key;
pub(crate) mod jwt;
pub(crate) mod login;
pub(crate) mod permission;

use jiff::Timestamp;
use storage::record::Reason;
use url::Url;

use crate::credential::{Unusable, Wallet};
use crate::kinds::request::{Body, Request};
use crate::observation::{Failure, Known, Takes};
use crate::protocol::http::Outgoing;
use crate::target::{Plan, Target};

/// A probe of this run, planned but not executed.
pub(crate) struct Planned {
    pub(crate) plan: Plan,
    pub(crate) at: Timestamp,
    pub(crate) takes: Takes,
    pub(crate) known: Known,
    pub(crate) what: What,
}

/// What there is to do for a probe.
pub(crate) enum What {
    /// Send a request.
    Send(Box<Outgoing>),
    /// Nothing: the token was verified here.
    Verified,
    /// Nothing: it cannot be executed.
    Not(Failure),
}

impl From<Result<Outgoing, Failure>> for What {
    fn from(built: Result<Outgoing, Failure>) -> Self {
        match built {
            Ok(outgoing) => What::Send(Box::new(outgoing)),
            Err(failure) => What::Not(failure),
        }
    }
}

/// A request of the configuration, built from scratch.
///
/// # Errors
/// When a header's value is not to be had, or the path makes no URL.
pub(crate) fn build(target: &Target, request: &Request, wallet: &Wallet) -> Result<Outgoing, Failure> {
    let mut outgoing = Outgoing::new(request.method.clone(), address(&target.url, &request.path)?);
    match &request.body {
        Body::None => (),
        Body::Text(text) => outgoing.body = text.clone().into_bytes(),
        Body::Json(json) => {
            outgoing.body = json.to_string().into_bytes();
            outgoing.header("content-type", "application/json")?;
        }
    }
    for (name, value) in &request.headers {
        outgoing.header(name, wallet.text(value)?)?;
    }
    Ok(outgoing)
}

/// A path below the target's URL, or a whole URL as it is.
///
/// # Errors
/// When the two make no URL.
pub(crate) fn address(base: &Url, path: &str) -> Result<Url, Failure> {
    let whole = match path.strip_prefix('/') {
        Some(below) => format!("{}/{below}", base.as_str().trim_end_matches('/')),
        None => path.to_owned(),
    };
    whole.parse().map_err(|error| Failure::own(Reason::CredentialUnavailable, format!("path makes no URL: {error}")))
}

impl From<Unusable> for Failure {
    fn from(Unusable(why): Unusable) -> Self {
        Failure::own(Reason::CredentialUnavailable, why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_url_of_the_target_and_a_whole_url_is_itself() {
        let check = |base: &str, path, whole| {
            let base = base.parse().expect("a URL");
            assert_eq!(address(&base, path).expect("an address").as_str(), whole);
        };
        check("http://a", "/b?c=d", "http://a/b?c=d");
        check("http://a/base/", "/b", "http://a/base/b");
        check("http://a/base", "https://idp/keys", "https://idp/keys");
    }
}
