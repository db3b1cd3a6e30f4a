//! Logs: how many lines speak of failed authentication, told when they are more than usual.

mod burst;
mod count;
#[cfg(test)]
mod fake;
mod flood;
mod follow;
mod lines;
mod look;
pub(crate) mod named;
mod pot;
mod stream;
mod tail;
mod workload;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use regex::bytes::{RegexSet, RegexSetBuilder};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::changes::Context;
use crate::changes::feed::Feed;
use crate::changes::kubernetes::client::Access;
use crate::changes::logs::count::Counter;
use crate::changes::logs::follow::follow;
use crate::changes::logs::look::Looker;
use crate::changes::logs::named::Named;
use crate::changes::logs::tail::Tail;
use crate::changes::logs::workload::{BEATS, Follower, MOST_STREAMS};

/// The `source` of these changes.
const SOURCE: &str = "logs";

/// Length of a window where none is given.
const WINDOW: Duration = Duration::from_secs(60);

/// Largest memory that the automata of all patterns may take, in bytes.
const LARGEST_PATTERNS: usize = 4 * 1024 * 1024;

/// Logs that are watched.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Logs")]
pub(crate) struct Settings {
    /// Files that are followed from their end, as they grow and are rotated.
    #[serde(default)]
    pub(crate) files: Vec<PathBuf>,
    /// `KIND/NAME` or `KIND/NAMESPACE/NAME` of workloads of a cluster: the logs of their pods are followed.
    #[serde(default)]
    pub(crate) workloads: Vec<String>,
    /// Where workloads are looked for whose namespace is not said: that of each target, and those that are watched.
    #[serde(skip)]
    pub(crate) namespaces: Vec<String>,
    /// What is looked for in a line.
    #[serde(default = "patterns")]
    pub(crate) patterns: Vec<Pattern>,
    /// How long lines are counted before the number is compared with the usual one.
    #[serde(default, with = "humantime_serde")]
    #[schemars(with = "Option<String>", example = &"1m")]
    pub(crate) window: Option<Duration>,
    /// Lines that are quoted for each pattern and window, redacted and cut to 200 characters; 0 quotes none.
    #[serde(default = "samples")]
    pub(crate) samples: u8,
    /// The targets whose logs these are; all of them where absent.
    #[serde(default)]
    pub(crate) targets: Vec<String>,
}

/// What is looked for in a line.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "LogPattern")]
pub(crate) struct Pattern {
    /// Its name in changes.
    pub(crate) name: String,
    /// Regular expression, in the syntax of Rust's `regex`; `(?i)` at its beginning makes it blind to case.
    pub(crate) regex: String,
}

impl Settings {
    /// Relative paths begin at `base`.
    pub(crate) fn begin_at(&mut self, base: &Path) {
        for file in &mut self.files {
            *file = base.join(&*file);
        }
    }
}

/// Patterns that are looked for together. Only ASCII letters lose their case, which keeps the search fast.
///
/// # Errors
/// When one is no regular expression, or all of them are too large.
pub(crate) fn compile<'a>(patterns: impl Iterator<Item = &'a str>) -> Result<RegexSet, regex::Error> {
    RegexSetBuilder::new(patterns).unicode(false).size_limit(LARGEST_PATTERNS).build()
}

/// Starts to follow every file, and the pods of every workload of the cluster that `access` leads to.
pub(super) fn start(settings: &Settings, access: &Access, context: &Context, tasks: &TaskTracker) {
    let Ok(set) = compile(settings.patterns.iter().map(|pattern| pattern.regex.as_str())) else {
        unreachable!("the configuration was checked")
    };
    let counter = |log: String| {
        let names = settings.patterns.iter().map(|pattern| pattern.name.clone());
        Counter::new(log, names, set.clone(), settings, context)
    };
    for path in &settings.files {
        let counter = counter(format!("Log/{}", path.display().to_string().trim_start_matches('/')));
        let feed = Feed::new(SOURCE, path.display().to_string(), context);
        tasks.spawn(follow(Tail::new(path.clone()), counter, feed, context.stop.clone()));
    }
    let room = Arc::new(Semaphore::new(MOST_STREAMS));
    for workload in &settings.workloads {
        let Ok(named) = workload.parse::<Named>() else { unreachable!("the configuration was checked") };
        let places = named.places(&settings.namespaces);
        let places = places.into_iter().map(|namespace| (named.log(&namespace), namespace));
        let places = places.map(|(log, namespace)| (namespace, counter(log)));
        let feed = Feed::new(SOURCE, workload.clone(), context);
        let follower = Follower::new(places, Arc::clone(&room), feed, BEATS);
        let looker = Looker::new(access.clone(), None, named);
        tasks.spawn(follower.follow(looker, context.stop.clone()));
    }
}

fn patterns() -> Vec<Pattern> {
    let all = [
        (
            "authentication_failed",
            r"(?i)authenti(?:cation|cate)[ _-]?(?:error|fail)|fail(?:ed|ure)[a-z ]{0,16}(?:log ?in|authenti)|log[ _-]?in[ _-]?fail|(?:invalid|bad|wrong|incorrect)[ _-](?:user ?name|password|credential|log ?in)",
        ),
        (
            "status_401",
            r#"(?i)(?:" |http[/ ][0-9.]* ?|status(?:[ _-]?code)?["']?[ =:]+["']?)401\b|\b401 unauthori[sz]ed"#,
        ),
        ("status_403", r#"(?i)(?:" |http[/ ][0-9.]* ?|status(?:[ _-]?code)?["']?[ =:]+["']?)403\b|\b403 forbidden"#),
        (
            "signature_invalid",
            r"(?i)(?:invalid|bad|wrong)[ _-](?:[a-z]+ )?signature|signature[a-z _-]{0,24}(?:invalid|fail|mismatch|not match)|signature ?verification|SignatureError",
        ),
        (
            "token_expired",
            r"(?i)(?:token|jwt|session|exp claim)[a-z _-]{0,12}expired|expired[ _-]?(?:token|jwt|session|signature)|TokenExpired",
        ),
        (
            "api_key_invalid",
            r"(?i)(?:invalid|unknown|revoked|expired|bad|missing)[ _-]api[ _-]?key|api[ _-]?key[a-z _-]{0,16}(?:invalid|unknown|revoked|expired|not found|rejected)",
        ),
        (
            "permission_denied",
            r"(?i)(?:permission|access)[ _-]?denied|not authori[sz]ed|insufficient[ _-](?:permission|privilege|scope|role)|missing (?:role|permission|scope)",
        ),
    ];
    all.into_iter().map(|(name, regex)| Pattern { name: name.into(), regex: regex.into() }).collect()
}

fn samples() -> u8 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_find_what_servers_write_of_failed_authentication() {
        let all = patterns();
        let set = compile(all.iter().map(|pattern| pattern.regex.as_str())).unwrap();
        let cases = [
            (r#"10.0.0.7 - - [24/Nov/2026:13:00:01 +0000] "GET /me HTTP/1.1" 401 27 "-" "curl/8""#, "status_401"),
            (r#"{"level":"warn","status":403,"path":"/admin"}"#, "status_403"),
            (r#"level=info status_code="401" path=/me"#, "status_401"),
            (r#"10.1.1.1:52310 - "GET /api HTTP/1.1" 403 Forbidden"#, "status_403"),
            (r#"{"event":"authentication_failed","user":"x"}"#, "authentication_failed"),
            ("WARN login failed for user 17", "authentication_failed"),
            ("Failed login attempt", "authentication_failed"),
            ("Invalid credentials", "authentication_failed"),
            ("jwt verify error: invalid signature", "signature_invalid"),
            ("InvalidSignatureError: Signature verification failed", "signature_invalid"),
            ("JWT signature does not match locally computed signature", "signature_invalid"),
            ("jsonwebtoken: TokenExpiredError: jwt expired", "token_expired"),
            ("Token has expired", "token_expired"),
            ("rejected request: invalid API key", "api_key_invalid"),
            ("api_key not found", "api_key_invalid"),
            ("PERMISSION_DENIED: missing role", "permission_denied"),
            ("insufficient_scope", "permission_denied"),
        ];
        for (line, expected) in cases {
            let found: Vec<&str> = set.matches(line.as_bytes()).iter().map(|index| all[index].name.as_str()).collect();
            assert!(found.contains(&expected), "{line}: {found:?}");
        }
        for line in [
            r#"10.0.0.7 - - [24/Nov/2026:13:00:01 +0000] "GET /me HTTP/1.1" 200 401 "-" "curl/8""#,
            "listening on port 4010, pid 403",
            "login succeeded; token issued, expires in 900 s",
            "api key created",
        ] {
            let found: Vec<&str> = set.matches(line.as_bytes()).iter().map(|index| all[index].name.as_str()).collect();
            assert!(found.is_empty(), "{line}: {found:?}");
        }
    }
}
