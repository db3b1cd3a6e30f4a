//! Who has logged in: each has a random name in a cookie, which is worth nothing elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{self, SecureRandom};
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::time::Instant;

use crate::web::token::Guard;

/// Name of the cookie.
const COOKIE: &str = "authprobe_session";
/// How long a session lasts.
const LASTS: Duration = Duration::from_secs(12 * 3600);
/// Sessions at once; the oldest ends for a new one.
const MOST: usize = 256;

/// The sessions that are open.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

struct Session {
    since: Instant,
    /// What the token was: with another one the session ends.
    token: hmac::Tag,
}

impl Sessions {
    /// Opens a session for who had the token. Gives its cookie; none where the system gives no random numbers.
    pub(super) fn open(&self, token: hmac::Tag, secure: bool, now: Instant) -> Option<String> {
        let mut name = [0; 32];
        rand::SystemRandom::new().fill(&mut name).ok()?;
        let name = URL_SAFE_NO_PAD.encode(name);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| now < session.since + LASTS);
        if sessions.len() >= MOST {
            let oldest = sessions.iter().min_by_key(|(_, session)| session.since).map(|(name, _)| name.clone());
            oldest.and_then(|oldest| sessions.remove(&oldest));
        }
        let cookie = cookie(&name, LASTS, secure);
        sessions.insert(name, Session { since: now, token });
        Some(cookie)
    }

    /// Whether a request belongs to a session that is open.
    pub(super) fn knows(&self, headers: &HeaderMap, guard: &Guard, now: Instant) -> bool {
        let Some(name) = named(headers) else { return false };
        let token = {
            let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.get(name).filter(|session| now < session.since + LASTS).map(|session| session.token)
        };
        token.is_some_and(|token| guard.is_now(&token))
    }

    /// Ends the session of a request. Gives the cookie that replaces its own.
    pub(super) fn close(&self, headers: &HeaderMap) -> String {
        if let Some(name) = named(headers) {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        }
        cookie("", Duration::ZERO, false)
    }
}

fn cookie(name: &str, lasts: Duration, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{COOKIE}={name}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}", lasts.as_secs())
}

fn named(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::http::HeaderValue;
    use probes::credential::Source;

    use super::*;

    fn with(cookie: &str) -> HeaderMap {
        let pair = cookie.split(';').next().unwrap();
        HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(&format!("a=b; {pair}")).unwrap())])
    }

    #[test]
    fn a_session_lasts_until_it_is_closed_or_too_old_or_the_token_is_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        fs::write(&path, "a-right-token").unwrap();
        let guard = Guard::new(Some(Source::File(path.clone()))).unwrap();
        let (sessions, now) = (Sessions::default(), Instant::now());
        let token = guard.mark().unwrap();
        let cookie = sessions.open(token, false, now).unwrap();
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && !cookie.contains("a-right-token"));
        assert!(sessions.knows(&with(&cookie), &guard, now));
        assert!(!sessions.knows(&with("authprobe_session="), &guard, now));
        assert!(!sessions.knows(&with(&cookie), &guard, now + LASTS));
        fs::write(&path, "another-token").unwrap();
        assert!(!sessions.knows(&with(&cookie), &guard, now));
        fs::write(&path, "a-right-token").unwrap();
        assert!(sessions.knows(&with(&cookie), &guard, now));
        sessions.close(&with(&cookie));
        assert!(!sessions.knows(&with(&cookie), &guard, now));
    }

    #[test]
    fn there_are_never_more_sessions_than_fit() {
        let guard = Guard::new(None).unwrap();
        let (sessions, now) = (Sessions::default(), Instant::now());
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"key"), b"token");
        for second in 0..MOST as u64 + 20 {
            sessions.open(tag, true, now + Duration::from_secs(second)).unwrap();
        }
        assert_eq!(sessions.0.lock().unwrap().len(), MOST);
        assert!(!guard.is_now(&tag));
    }
}
