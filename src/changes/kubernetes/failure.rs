//! What the failures of a cluster mean, for people. Nothing of an object stands in them.

use kube::runtime::watcher;

/// Longest text that is passed on, in characters.
const LONGEST: usize = 300;

/// What the failure of a watch means. `what` is what is watched, as the rights call it: `secrets in namespace shop`.
pub(super) fn of_watch(failure: &watcher::Error, what: &str) -> String {
    match failure {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => of_request(error, what),
        watcher::Error::WatchError(status) => refused(status.code, &status.message, what),
        watcher::Error::NoResourceVersion => format!("{what} cannot be watched in this cluster"),
    }
}

/// What the failure of a request means.
pub(super) fn of_request(failure: &kube::Error, what: &str) -> String {
    match failure {
        kube::Error::Api(status) => refused(status.code, &status.message, what),
        // The text of such an error may repeat what was read.
        kube::Error::SerdeError(_) => format!("{what}: an answer of the API server is malformed"),
        other => format!("the API server does not answer: {}", words(other)),
    }
}

/// Whether a right is missing.
pub(super) fn is_denied(failure: &watcher::Error) -> bool {
    let code = match failure {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code,
        _ => return false,
    };
    code == 403
}

/// An error and what it came from, bounded.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = next.source();
    }
    bounded(&words)
}

fn refused(code: u16, message: &str, what: &str) -> String {
    match code {
        401 => "the API server refuses the credentials".into(),
        403 => format!("not allowed: grant `list` and `watch` on {what}"),
        410 => format!("{what}: the watch fell behind"),
        _ => bounded(&format!("{what}: the API server says {code}: {message}")),
    }
}

fn bounded(text: &str) -> String {
    text.chars().filter(|one| !one.is_control()).take(LONGEST).collect()
}
