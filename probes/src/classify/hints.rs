//! What an answer says in words and headers. Hints confirm; they decide nothing alone.

use serde_json::Value;

use crate::protocol::http::Answer;

/// Characters of a server's message that are worth keeping.
const MESSAGE: usize = 160;

/// Bytes of a body that are read for words.
const READ: usize = 4096;

/// The words of an answer, in lower case: its message, its RFC 6750 error, the beginning of its body.
pub(crate) struct Hints {
    text: String,
    /// `error` of the `WWW-Authenticate` header (RFC 6750, section 3) or of the body (RFC 6749, section 5.2).
    error: Option<String>,
}

impl Hints {
    pub(crate) fn of(answer: &Answer) -> Self {
        let error = challenge_error(answer).or_else(|| body_error(answer)).map(|error| error.to_lowercase());
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        Self { text: format!("{challenge} {}", beginning(answer)).to_lowercase(), error }
    }

    fn says(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.text.contains(phrase))
    }

    fn says_word(&self, wanted: &[&str]) -> bool {
        self.text.split(|c: char| !c.is_alphanumeric()).any(|word| wanted.contains(&word))
    }

    fn is_error(&self, codes: &[&str]) -> bool {
        self.error.as_deref().is_some_and(|error| codes.contains(&error))
    }

    /// The account is said to be locked for a while. A disabled or blocked one is not: it needs an administrator.
    pub(crate) fn locked(&self) -> bool {
        const PHRASES: [&str; 5] =
            ["temporarily disabled", "temporarily blocked", "too many failed", "attempts exceeded", "blocked after"];
        self.says_word(&["locked", "lockout"]) || self.says(&PHRASES)
    }

    pub(crate) fn throttled(&self) -> bool {
        const PHRASES: [&str; 8] = [
            "too many requests",
            "toomanyrequests",
            "rate limit",
            "rate-limit",
            "throttl",
            "too many failed",
            "limit exceeded",
            "limitexceeded",
        ];
        self.is_error(&["slow_down"]) || self.says(&PHRASES)
    }

    /// The end of the token is said to be the matter, and not one of several that it may be.
    pub(crate) fn expired(&self) -> bool {
        self.says_word(&["expired", "expiredsignature"]) && !self.says(&["or expired", "expired or"])
    }

    /// The signature is said to be the matter. "Signature has expired" speaks of the end.
    pub(crate) fn signature(&self) -> bool {
        self.says(&["signature"]) && !self.says(&["expired"])
    }

    pub(crate) fn permission(&self) -> bool {
        const PHRASES: [&str; 6] =
            ["permission", "insufficient", "privilege", "not allowed to", "missing role", "requires role"];
        self.is_error(&["insufficient_scope"]) || self.says(&PHRASES)
    }

    /// The token itself is said to be at fault (RFC 6750, section 3.1).
    pub(crate) fn token(&self) -> bool {
        self.is_error(&["invalid_token"]) || self.says(&["invalid token", "invalid_token", "token is invalid"])
    }

    /// The request is said to be incomplete, so the credential was not even looked at.
    pub(crate) fn malformed_request(&self) -> bool {
        const PHRASES: [&str; 9] = [
            "csrf",
            "field required",
            "field is required",
            "missing field",
            "may not be blank",
            "unsupported media type",
            "parse error",
            "malformed json",
            "missing parameter",
        ];
        self.is_error(&["invalid_request", "unsupported_grant_type"]) || self.says(&PHRASES)
    }

    /// The words of gateways and firewalls that block whoever asks.
    pub(crate) fn blocked(&self) -> bool {
        self.says(&[
            "have been blocked",
            "request blocked",
            "request could not be satisfied",
            "requested url was rejected",
            "firewall",
            "captcha",
            "ray id",
        ])
    }
}

/// The server's own words, on one line; not yet redacted, and cut by [`cut`] only after that.
pub(crate) fn message(answer: &Answer) -> Option<String> {
    let said = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(json) => from_json(&json),
        Err(_) if is_text(answer) => Some(beginning(answer)),
        Err(_) => None,
    };
    let said: String = said.or_else(|| challenge_error(answer))?.chars().take(READ).collect();
    // Control characters could rewrite the terminal that shows them.
    let plain: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

/// Cuts a text to the length of a message, at a character.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MESSAGE) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Whether two answers say the same, but for what differs from one request to the next: ids and times.
pub(crate) fn same(one: &Answer, other: &Answer) -> bool {
    one.status == other.status
        && one.header("www-authenticate") == other.header("www-authenticate")
        && gist(one) == gist(other)
}

/// Whether the answer is a page for people.
pub(crate) fn is_page(answer: &Answer) -> bool {
    let declared = answer.header("content-type").is_some_and(|kind| kind.to_lowercase().starts_with("text/html"));
    declared || beginning(answer).trim_start().to_lowercase().starts_with("<!doctype html")
}

/// Whether the body is that of an error, whatever the status says.
pub(crate) fn is_error(answer: &Answer) -> bool {
    let json = serde_json::from_slice::<Value>(&answer.body);
    json.is_ok_and(|json| ["error", "errors", "error_description"].iter().any(|name| json.get(name).is_some()))
}

/// The beginning of the body, without the words that carry a digit.
fn gist(answer: &Answer) -> String {
    let text = beginning(answer);
    let of_word = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
    let words = text.split(|c| !of_word(c)).filter(|word| !word.chars().any(|c| c.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ")
}

fn beginning(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body[..answer.body.len().min(READ)]).into_owned()
}

fn from_json(json: &Value) -> Option<String> {
    const NAMES: [&str; 8] = ["error_description", "message", "detail", "error", "title", "msg", "reason", "errors"];
    match json {
        Value::String(text) => Some(text.clone()),
        Value::Object(map) => NAMES.iter().find_map(|name| match map.get(*name)? {
            Value::String(text) => Some(text.clone()),
            inner @ (Value::Object(_) | Value::Array(_)) => from_json(inner),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        }),
        Value::Array(list) => list.first().and_then(from_json),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn is_text(answer: &Answer) -> bool {
    answer.header("content-type").is_some_and(|kind| kind.starts_with("text/plain"))
}

fn challenge_error(answer: &Answer) -> Option<String> {
    let challenges = http_auth::parse_challenges(answer.header("www-authenticate")?).ok()?;
    let mut params = challenges.into_iter().flat_map(|challenge| challenge.params);
    params.find(|(name, _)| name.eq_ignore_ascii_case("error")).map(|(_, value)| value.to_unescaped())
}

fn body_error(answer: &Answer) -> Option<String> {
    let json: Value = serde_json::from_slice(&answer.body).ok()?;
    json.get("error")?.as_str().map(str::to_owned)
}
