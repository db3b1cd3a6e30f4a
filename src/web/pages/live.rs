//! What happens now: results and incidents as they come.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State as Given;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use futures_util::stream;
use maud::html;
use serde_json::json;
use storage::record::ProbeResult;
use tokio::sync::broadcast::error::RecvError;

use crate::web::pages::frame::{Page, Place};
use crate::web::pages::parts;
use crate::web::state::{Phase, State};

/// A stream ends after so long, and the browser comes again: nobody holds a place for ever.
const LONGEST: Duration = Duration::from_secs(600);

pub(super) async fn page(Given(state): Given<Arc<State>>) -> Html<String> {
    let shown = html! {
        h1 { "Live" }
        p #state role="status" { "The results of this moment need a script; " a href="/results?last=5m" { "those of the last five minutes" } " do not." }
        p { label { input #only type="checkbox"; " only what did not succeed" } }
        div.wide tabindex="0" role="group" aria-label="Results as they come" {
            table {
                thead { tr {
                    th scope="col" { "Time" } th scope="col" { "Target" } th scope="col" { "Probe" }
                    th scope="col" { "Outcome" } th scope="col" { "Reason" } th.number scope="col" { "Took" }
                } }
                tbody #results {}
            }
        }
        script src="/assets/live.js" defer {}
    };
    Html(Page::new(Place::Live, "Live", shown).whole(state.reading.access.reach).into_string())
}

pub(super) async fn events(Given(state): Given<Arc<State>>) -> Response {
    let Some(follower) = state.reading.tail.follow() else {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "30")], "too many follow already\n")
            .into_response();
    };
    let ends = tokio::time::Instant::now() + LONGEST;
    let events = stream::unfold((follower, state), move |(mut follower, state)| async move {
        let next = tokio::select! {
            next = follower.next() => next,
            () = state.until(Phase::Stopping) => return None,
            () = tokio::time::sleep_until(ends) => return None,
        };
        let event = match next {
            Ok(result) => told(&result),
            Err(RecvError::Lagged(count)) => Event::default().event("missed").data(count.to_string()),
            Err(RecvError::Closed) => return None,
        };
        Some((Ok::<_, Infallible>(event), (follower, state)))
    });
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)));
    // What stands between must not hold events back.
    ([("X-Accel-Buffering", "no")], stream).into_response()
}

/// One result as an event. The script puts each as text into a cell.
fn told(result: &ProbeResult) -> Event {
    let data = json!({
        "time": result.time, "target": parts::text(&result.target), "probe": parts::text(&result.probe),
        "outcome": result.outcome, "reason": result.reason,
        "detail": result.detail.as_deref().map(parts::text), "took_us": result.took_us,
    });
    Event::default().event("result").data(data.to_string())
}
