//! A harmless message, to try whether messages arrive.

use jiff::{SignedDuration, Timestamp};

use crate::alerts::alert::{Alert, Kind, Severity};
use crate::alerts::message::{Event, Message};

/// The message that tries a receiver.
pub(crate) fn trial(receiver: &str, public_url: &str, now: Timestamp) -> Message {
    let alert = Alert::new("test".into(), "AuthprobeTest", Kind::Prober, Severity::Minor, now).says(
        "authprobe: this is a test, nothing is wrong",
        "Somebody ran `authprobe alerts test` to see whether messages arrive.",
    );
    let message = Message::firing(&alert, receiver, None, public_url);
    let ends_at = now.saturating_add(SignedDuration::from_mins(1)).unwrap_or(Timestamp::MAX);
    Message { event: Event::Test, ends_at: Some(ends_at), ..message }
}

/// A message for tests.
#[cfg(test)]
pub(crate) fn message() -> Message {
    trial("r", "http://127.0.0.1:9464", Timestamp::UNIX_EPOCH)
}
