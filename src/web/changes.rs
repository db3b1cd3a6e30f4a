//! `POST /api/v1/changes`: takes changes from pipelines and other tools, one object or one a line.

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{self, FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value, json};
use storage::interchange;
use storage::record::{Change, Record};
use storage::sqlite::writer::derived_id;
use tokio::time::Instant;

use crate::web::health::unready;
use crate::web::state::State;

/// Most changes in one request.
const MOST: usize = 1000;
/// What a change is called that does not say who reports it.
const SOURCE: &str = "api";

/// Makes a change of a line, as of now, or says what is wrong without a word of the line.
type Form = fn(&str, Timestamp) -> Result<Change, String>;

/// What is answered when the request was read.
#[derive(Debug, Default, Serialize)]
struct Answer {
    /// Changes that will be in the store.
    accepted: usize,
    /// Lines that will not.
    refused: Vec<Refused>,
}

/// A line that is no change.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Refused {
    /// Its number, from 1.
    line: usize,
    /// What is wrong with it.
    why: String,
}

/// Takes every change that is right, and names the lines that are none.
pub(super) async fn take(
    extract::State(state): extract::State<Arc<State>>,
    Extension(peer): Extension<IpAddr>,
    request: Request,
) -> Response {
    accept(&state, peer, request, change).await
}

/// Lets a request in, and takes every line of it that `form` finds right.
pub(super) async fn accept(state: &State, peer: IpAddr, request: Request, form: Form) -> Response {
    if let Err(denied) = state.guard.admit(request.headers(), peer, Instant::now()) {
        return denied.into_response();
    }
    if !is_json(request.headers()) {
        return error(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "send `Content-Type: application/json`, or `application/x-ndjson` for one object a line",
        );
    }
    if let Some(why) = unready(state.phase(), &state.health.now()) {
        return busy(&why);
    }
    let body = match Bytes::from_request(request, &()).await {
        Ok(body) => body,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let Ok(text) = str::from_utf8(&body) else {
        return error(StatusCode::BAD_REQUEST, "the body is no UTF-8 text");
    };
    let lines = lines(text);
    match lines.len() {
        0 => return error(StatusCode::BAD_REQUEST, "the body holds no change"),
        count if count > MOST => {
            return error(StatusCode::PAYLOAD_TOO_LARGE, &format!("send at most {MOST} changes at once"));
        }
        _ => (),
    }
    let (changes, refused) = read(lines, form, Timestamp::now());
    let accepted = changes.len();
    // All or none: a client that comes again sends everything again.
    match state.records.try_reserve_many(accepted) {
        Ok(places) => places.zip(changes).for_each(|(place, change)| place.send(Record::Change(change))),
        Err(_) => return busy("too many records wait for the store"),
    }
    let status = if refused.is_empty() { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
    (status, Json(Answer { accepted, refused })).into_response()
}

/// The lines that hold something, with their numbers. A body that is one value may be written over several.
fn lines(text: &str) -> Vec<(usize, &str)> {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return vec![(1, text)];
    }
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_ascii().is_empty()).take(MOST + 1).collect()
}

fn read(lines: Vec<(usize, &str)>, form: Form, now: Timestamp) -> (Vec<Change>, Vec<Refused>) {
    let (mut changes, mut refused) = (Vec::new(), Vec::new());
    for (line, text) in lines {
        match form(text, now) {
            Ok(change) => changes.push(change),
            Err(why) => refused.push(Refused { line, why }),
        }
    }
    (changes, refused)
}

/// A change as it is kept.
///
/// # Errors
/// What is wrong, without a word of the text.
fn change(text: &str, now: Timestamp) -> Result<Change, String> {
    let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|_| "it is no JSON object".to_owned())?;
    match fields.get("type").map(Value::as_str) {
        None => drop(fields.insert("type".into(), "change".into())),
        Some(Some("change")) => (),
        Some(_) => return Err("`type` is `change`, or absent".into()),
    }
    for needed in ["kind", "object"] {
        if fields.get(needed).is_none_or(|value| value == "") {
            return Err(format!("`{needed}` is missing"));
        }
    }
    let Record::Change(change) = interchange::parse(&Value::Object(fields).to_string())?.0 else {
        unreachable!("its type says that it is a change");
    };
    Ok(filled_in(change, now))
}

/// With what it does not say of itself.
pub(super) fn filled_in(mut change: Change, now: Timestamp) -> Change {
    if change.source.is_empty() {
        change.source = SOURCE.into();
    }
    // What was known before and is told again was not learnt now.
    change.known_at = Some(change.known_at.filter(|known| *known <= now).unwrap_or(now));
    if change.id.is_empty() {
        change.id = derived_id(&change);
    }
    change
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return true };
    let media = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim_ascii();
    ["application/json", "application/x-ndjson", "application/ndjson", "application/jsonl"]
        .iter()
        .any(|known| media.eq_ignore_ascii_case(known))
}

fn busy(why: &str) -> Response {
    ([(header::RETRY_AFTER, "5")], error(StatusCode::SERVICE_UNAVAILABLE, why)).into_response()
}

fn error(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use probes::credential::Source;
    use storage::record::ChangeKind;
    use tokio::sync::{mpsc, watch};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::on_demand::OnDemand;
    use crate::tally::Tally;
    use crate::web::Settings;
    use crate::web::reading::Reading;
    use crate::web::state::{Parts, Phase};
    use crate::web::token::Guard;

    const DEPLOY: &str = r#"{"time":"2026-11-01T00:00:00Z","kind":"deploy","object":"Deployment/a/b"}"#;

    fn now() -> Timestamp {
        "2026-11-01T00:00:10Z".parse().unwrap()
    }

    /// What answers, with room for so many records, and what it hands on.
    fn state(phase: Phase, room: usize) -> (tempfile::TempDir, State, mpsc::Receiver<Record>) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("token"), "a-right-token").unwrap();
        let guard = Guard::new(Some(Source::File(dir.path().join("token")))).unwrap();
        let (records, received) = mpsc::channel(room);
        let web = Settings { listen: "127.0.0.1:0".into(), api_token: None, behind_proxy: false };
        let parts = Parts {
            health: Arc::default(),
            judged: watch::channel(None).1,
            guard,
            reading: Reading::start(dir.path(), Arc::default(), &[], &web, Arc::default(), CancellationToken::new()),
            alerts: Arc::default(),
            reports: Arc::default(),
            tally: Arc::new(Tally::of_nothing()),
            on_demand: OnDemand::of_nothing(records.clone()),
            records,
        };
        let state = State::new(parts, watch::channel(phase).1);
        (dir, state, received)
    }

    async fn post(state: &State, body: String) -> StatusCode {
        let request = Request::post("/").header(header::AUTHORIZATION, "Bearer a-right-token");
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let answer = accept(state, peer, request.body(body.into()).unwrap(), change).await;
        let busy = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(answer.headers().contains_key(header::RETRY_AFTER), busy);
        answer.status()
    }

    #[tokio::test]
    async fn where_there_is_no_room_for_all_none_is_taken_and_nobody_waits() {
        let (_dir, state, mut received) = state(Phase::Running, 2);
        assert_eq!(post(&state, format!("{DEPLOY}\n{DEPLOY}\n{DEPLOY}")).await, StatusCode::SERVICE_UNAVAILABLE);
        assert!(received.try_recv().is_err());
        assert_eq!(post(&state, format!("{DEPLOY}\n{DEPLOY}")).await, StatusCode::ACCEPTED);
        assert_eq!(post(&state, DEPLOY.into()).await, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(received.len(), 2);
    }

    #[tokio::test]
    async fn who_comes_too_early_or_too_late_comes_again() {
        for phase in [Phase::Starting, Phase::Stopping] {
            let (_dir, state, _received) = state(phase, 2);
            assert_eq!(post(&state, DEPLOY.into()).await, StatusCode::SERVICE_UNAVAILABLE);
        }
    }

    #[test]
    fn what_a_change_does_not_say_is_filled_in() {
        let change = change(DEPLOY, now()).unwrap();
        assert_eq!((change.kind, change.source.as_str(), change.known_at), (ChangeKind::Deploy, "api", Some(now())));
        assert!(change.id.starts_with("c-"), "{}", change.id);
    }

    #[test]
    fn the_same_change_has_the_same_id_whenever_it_comes() {
        let later = now() + jiff::SignedDuration::from_secs(60);
        assert_eq!(change(DEPLOY, now()).unwrap().id, change(DEPLOY, later).unwrap().id);
    }

    #[test]
    fn what_is_no_change_is_told_by_what_is_wrong() {
        for (text, why) in [
            ("[]", "it is no JSON object"),
            ("{", "it is no JSON object"),
            (r#"{"type":"gap"}"#, "`type` is `change`, or absent"),
            (r#"{"object":"x"}"#, "`kind` is missing"),
            (r#"{"kind":"note","object":""}"#, "`object` is missing"),
            (r#"{"kind":"note","object":"x"}"#, "a change needs `time`, or `time_lo` and `time_hi`"),
        ] {
            assert_eq!(change(text, now()).unwrap_err(), why, "{text}");
        }
        let wrong = change(r#"{"kind":"hunter2","object":"x"}"#, now()).unwrap_err();
        assert!(wrong.contains("kind"), "{wrong}");
    }

    #[test]
    fn one_object_may_be_written_over_several_lines_and_lines_keep_their_numbers() {
        assert_eq!(lines("{\n \"a\": 1\n}\n").len(), 1);
        assert_eq!(lines("{}\n\nno\n"), [(1, "{}"), (3, "no")]);
        assert_eq!(lines(" \n"), []);
        assert_eq!(lines(&"{}\n".repeat(5000)).len(), MOST + 1);
    }
}
