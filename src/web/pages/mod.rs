//! The pages: written by the server, without a script but for the live tail.

mod changes;
mod frame;
mod incident;
mod incidents;
mod live;
mod login;
mod overview;
mod parts;
mod query;
mod results;
mod search;
mod slos;
mod strip;
mod target;

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State as Given};
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use maud::html;
use reports::chart::ink;

use crate::web::access::Reach;
use crate::web::desk::{Asked, Unanswered};
use crate::web::pages::frame::{Page, Place};
use crate::web::pages::query::Params;
use crate::web::state::State;

/// What makes a page of the store.
type Make = fn(&Asked<'_>, &Params) -> Result<Page, Unanswered>;

/// The pages that need a session where others reach the daemon.
pub(super) fn guarded() -> Router<Arc<State>> {
    let page = |make: Make| {
        get(move |Given(state): Given<Arc<State>>, uri: Uri, query: Result<Query<Params>, _>| async move {
            let Ok(Query(params)) = query else {
                let told = Unanswered::Wrong("a part of the address after the `?` is not understood".into());
                return failed(&told, state.reading.access.reach);
            };
            show(&state, uri, params, make).await
        })
    };
    Router::new()
        .route("/", page(overview::page))
        .route("/target", page(target::page))
        .route("/incidents", page(incidents::page))
        .route("/incident", page(incident::page))
        .route("/changes", page(changes::page))
        .route("/slos", page(slos::page))
        .route("/results", page(results::page))
        .route("/search", page(search::page))
        .route("/live", get(live::page))
        .route("/live/events", get(live::events))
        .route("/logout", axum::routing::post(login::out))
}

/// What everybody may see: how to come in, and how it looks.
pub(super) fn open() -> Router<Arc<State>> {
    let asset = |kind: &'static str, text: Cow<'static, str>| {
        let text: Bytes = text.into_owned().into();
        get(move || async move {
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "max-age=300")], text).into_response()
        })
    };
    // Charts keep their colours by themselves.
    let style = format!("{}{}", include_str!("style.css"), ink::style_sheet());
    Router::new()
        .route("/login", get(login::page).post(login::enter))
        .route("/assets/style.css", asset("text/css; charset=utf-8", style.into()))
        .route("/assets/live.js", asset("text/javascript; charset=utf-8", include_str!("live.js").into()))
        .route("/favicon.svg", asset("image/svg+xml", include_str!("icon.svg").into()))
}

/// A page that says what is wrong.
pub(super) fn failed(why: &Unanswered, reach: Reach) -> Response {
    let status = status(why);
    let shown = html! {
        h1 { (status.canonical_reason().unwrap_or("Failed")) }
        p { (parts::text(&why.to_string())) }
        p { a href="/" { "To the overview" } }
    };
    let page = Html(Page::new(Place::Elsewhere, "Not shown", shown).whole(reach).into_string());
    match why {
        Unanswered::Busy | Unanswered::Store | Unanswered::Unfinished(_) => {
            (status, [(header::RETRY_AFTER, "5")], page).into_response()
        }
        Unanswered::Wrong(_) | Unanswered::Unknown(_) => (status, page).into_response(),
    }
}

/// The status of an answer that is none.
pub(super) fn status(why: &Unanswered) -> StatusCode {
    match why {
        Unanswered::Wrong(_) => StatusCode::BAD_REQUEST,
        Unanswered::Unknown(_) => StatusCode::NOT_FOUND,
        Unanswered::Busy | Unanswered::Store | Unanswered::Unfinished(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn show(state: &State, uri: Uri, params: Params, make: Make) -> Response {
    let reach = state.reading.access.reach;
    let work = move |asked: &Asked<'_>| {
        let page = make(asked, &params)?;
        let unfinished = page.is_unfinished();
        let text = page.whole(reach).into_string();
        if unfinished { Err(Unanswered::Unfinished(text)) } else { Ok(text) }
    };
    let answer = state.reading.desk.answer(&uri.to_string(), &state.judged, work).await;
    match answer {
        Ok(page) => Html(page.to_string()).into_response(),
        // The browser asks again by itself.
        Err(Unanswered::Unfinished(page)) => {
            (StatusCode::ACCEPTED, [(header::REFRESH, "1")], Html(page)).into_response()
        }
        Err(why) => failed(&why, reach),
    }
}
