//! One thing that can be read: its path, what it is asked with, what it answers, and who answers it.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Given};
use axum::http::{Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::web::desk::{Asked, Unanswered};
use crate::web::pages::status;
use crate::web::problem::problem;
use crate::web::state::State;

/// One thing that can be read.
pub(super) struct Operation {
    /// Where it is.
    pub(super) path: &'static str,
    /// What it is, in a sentence.
    pub(super) summary: &'static str,
    /// The schema of what it is asked with.
    pub(super) asked: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of what it answers.
    pub(super) answers: fn(&mut SchemaGenerator) -> Schema,
    /// Who answers.
    pub(super) route: MethodRouter<Arc<State>>,
}

impl Operation {
    /// What `work` answers to what is asked with `P`.
    pub(super) fn new<P, A>(
        path: &'static str,
        summary: &'static str,
        work: fn(&Asked<'_>, &P) -> Result<A, Unanswered>,
    ) -> Self
    where
        P: DeserializeOwned + JsonSchema + Send + Sync + 'static,
        A: Serialize + JsonSchema + 'static,
    {
        let answer = move |Given(state): Given<Arc<State>>, uri: Uri, query: Result<Query<P>, QueryRejection>| async move {
            match query {
                Ok(Query(params)) => answer(&state, &uri, params, work).await,
                Err(rejection) => problem(rejection.status(), &rejection.body_text()),
            }
        };
        let (asked, answers) = (P::json_schema, |generator: &mut SchemaGenerator| generator.subschema_for::<A>());
        Self { path, summary, asked, answers, route: get(answer) }
    }
}

async fn answer<P, A>(
    state: &State,
    uri: &Uri,
    params: P,
    work: fn(&Asked<'_>, &P) -> Result<A, Unanswered>,
) -> Response
where
    P: Send + 'static,
    A: Serialize + 'static,
{
    let text = move |asked: &Asked<'_>| {
        // Numbers and texts always have a JSON form.
        Ok(serde_json::to_string(&work(asked, &params)?).unwrap_or_default())
    };
    match state.reading.desk.answer(&uri.to_string(), &state.judged, text).await {
        Ok(text) => ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response(),
        Err(why @ (Unanswered::Busy | Unanswered::Store | Unanswered::Unfinished(_))) => {
            ([(header::RETRY_AFTER, "5")], problem(status(&why), &why.to_string())).into_response()
        }
        Err(why) => problem(status(&why), &why.to_string()),
    }
}
