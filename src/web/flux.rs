//! `POST /api/v1/changes/flux`: takes the events that the `generic` provider of Flux sends, whose form is Flux's own.
//!
//! The form: <https://fluxcd.io/flux/components/notification/events/>.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{self, Request};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use storage::record::{Change, ChangeKind};

use crate::web::changes::{accept, filled_in};
use crate::web::state::State;

/// Characters of a message that are kept; a failed apply may list every object of a cluster.
const LONGEST: usize = 500;

/// What happened to an object of Flux.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    involved_object: Involved,
    timestamp: Timestamp,
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    reporting_controller: Option<String>,
}

#[derive(Deserialize)]
struct Involved {
    kind: String,
    namespace: String,
    name: String,
}

/// Takes an event as a change.
pub(super) async fn take(
    extract::State(state): extract::State<Arc<State>>,
    Extension(peer): Extension<IpAddr>,
    request: Request,
) -> Response {
    accept(&state, peer, request, change).await
}

/// What an event tells. Only what succeeded has altered something for sure.
fn change(text: &str, now: Timestamp) -> Result<Change, String> {
    let event: Event = serde_json::from_str(text).map_err(|_| "it is no event of Flux".to_owned())?;
    let Event { involved_object: Involved { kind, namespace, name }, timestamp, reason, message, metadata, .. } = event;
    // The controllers write the key with their group before it, which notification-controller may take off.
    let revision = metadata.into_iter().find(|(key, _)| key == "revision" || key.ends_with("/revision"));
    let message: String = message.chars().take(LONGEST).collect();
    let change = Change {
        time: Some(timestamp),
        kind: if reason.ends_with("Succeeded") { ChangeKind::Deploy } else { ChangeKind::Note },
        object: format!("{kind}/{namespace}/{name}"),
        actor: event.reporting_controller,
        revision: revision.map(|(_, revision)| revision),
        summary: format!("{reason}: {message}"),
        source: "flux".into(),
        ..Change::default()
    };
    Ok(filled_in(change, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_succeeded_is_a_deploy_and_another_a_note() {
        let event = |reason: &str| {
            format!(
                r#"{{"involvedObject": {{"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
                "name": "webapp", "namespace": "apps", "uid": "7d0cdc51"}}, "severity": "info", "reason": "{reason}",
                "metadata": {{"kustomize.toolkit.fluxcd.io/revision": "main@sha1:731f7ea"}}, "message": "applied",
                "reportingController": "kustomize-controller", "timestamp": "2026-11-01T00:00:00Z"}}"#
            )
        };
        let now = "2026-11-01T00:00:01Z".parse().unwrap();
        let deploy = change(&event("ReconciliationSucceeded"), now).unwrap();
        let expected = Change {
            id: deploy.id.clone(),
            time: "2026-11-01T00:00:00Z".parse().ok(),
            kind: ChangeKind::Deploy,
            object: "Kustomization/apps/webapp".into(),
            actor: Some("kustomize-controller".into()),
            revision: Some("main@sha1:731f7ea".into()),
            summary: "ReconciliationSucceeded: applied".into(),
            source: "flux".into(),
            known_at: Some(now),
            ..Change::default()
        };
        assert_eq!(deploy, expected);
        assert_eq!(change(&event("HealthCheckFailed"), now).unwrap().kind, ChangeKind::Note);
        assert_eq!(change(r#"{"kind":"deploy"}"#, now).unwrap_err(), "it is no event of Flux");
    }

    #[test]
    fn a_long_message_is_cut() {
        let event = format!(
            r#"{{"involvedObject": {{"kind": "K", "name": "a", "namespace": "b"}}, "reason": "r",
            "timestamp": "2026-11-01T00:00:00Z", "message": "{}"}}"#,
            "ü".repeat(5000)
        );
        let summary = change(&event, Timestamp::now()).unwrap().summary;
        assert_eq!(summary.chars().count(), LONGEST + "r: ".len());
    }
}
