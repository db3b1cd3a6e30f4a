//! `GET /healthz` and `GET /readyz`: whether the process lives, and whether it does its work.

use std::sync::Arc;

use axum::extract;
use axum::http::StatusCode;

use crate::output::printable;
use crate::recorder::health::{State as Recorder, Trouble};
use crate::web::state::{Phase, State};

/// Lives, since it answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// 200 while it probes and the store takes what is recorded, else 503 with the reason in a line.
pub(super) async fn ready(extract::State(state): extract::State<Arc<State>>) -> (StatusCode, String) {
    match unready(state.phase(), &state.health.now()) {
        None => (StatusCode::OK, "ok\n".into()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{}\n", printable(&why))),
    }
}

/// Why it is not ready, if it is not.
pub(super) fn unready(phase: Phase, recorder: &Recorder) -> Option<String> {
    match (phase, &recorder.trouble) {
        (Phase::Stopping, _) => Some("stopping".into()),
        (_, Some(Trouble::Broken)) => {
            Some("store: it broke inside authprobe, nothing is recorded: start it again".into())
        }
        (_, Some(Trouble::Failing { since, why })) => {
            let mut told = format!(
                "store: cannot be written since {since:.0}: {why}; {} records are kept and tried again",
                recorder.waiting
            );
            if recorder.dropped > 0 {
                told.push_str(&format!("; {} were dropped since the start", recorder.dropped));
            }
            Some(told)
        }
        (Phase::Starting, None) => Some("starting".into()),
        (Phase::Running, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn it_is_ready_when_it_probes_and_the_store_takes_what_is_recorded() {
        let fine = Recorder::default();
        assert_eq!(unready(Phase::Running, &fine), None);
        assert_eq!(unready(Phase::Starting, &fine).as_deref(), Some("starting"));
        assert_eq!(unready(Phase::Stopping, &fine).as_deref(), Some("stopping"));
    }

    #[test]
    fn a_store_that_cannot_be_written_is_told_with_its_reason_and_what_waits() {
        let since = Timestamp::from_second(1_800_000_000).unwrap();
        let trouble = Some(Trouble::Failing { since, why: "no space is left".into() });
        let mut recorder = Recorder { waiting: 512, trouble, ..Recorder::default() };
        insta::assert_snapshot!(unready(Phase::Running, &recorder).unwrap(), @"store: cannot be written since 2027-01-15T08:00:00Z: no space is left; 512 records are kept and tried again");
        recorder.dropped = 7;
        assert!(unready(Phase::Running, &recorder).unwrap().ends_with("; 7 were dropped since the start"));
    }
}
