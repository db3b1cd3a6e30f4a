//! Checks what no part can check alone, and says everything that is wrong.

pub(super) mod alerts;
pub(super) mod changes;
pub(super) mod judging;
mod jwks;
pub(super) mod kinds;
mod kubernetes;
mod logs;
pub(super) mod model;
mod postgres;
pub(super) mod retention;
pub(super) mod scheduled;
pub(super) mod target;
pub(crate) mod web;

use url::Url;

/// Reads a URL that must not hold a secret.
///
/// # Errors
/// What is wrong with it; the URL itself is not repeated, for it may hold a password.
pub(super) fn web_address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| match error {
        url::ParseError::RelativeUrlWithoutBase => "the URL has no scheme: begin it with `https://`".to_owned(),
        other => format!("this is no URL: {other}"),
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("`{}` is not spoken here: begin the URL with `https://` or `http://`", url.scheme()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a secret value is never written in the file: take user and password out of the URL".into());
    }
    Ok(url)
}

/// What is wrong with a name that stands in `target/probe`.
///
/// # Errors
/// The mistake and its remedy.
pub(super) fn name(text: &str) -> Result<(), String> {
    /// Longest name, in characters.
    const LONGEST: usize = 128;
    if text.trim().is_empty() {
        Err("a name is not empty".into())
    } else if text.chars().count() > LONGEST {
        Err(format!("a name has at most {LONGEST} characters"))
    } else if text.contains('/') {
        Err("a name has no slash, for selectors are `target/probe`: use `-`".into())
    } else if text.contains(char::is_control) {
        Err("a name has no control characters".into())
    } else {
        Ok(())
    }
}
