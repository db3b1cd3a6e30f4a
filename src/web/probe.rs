//! `GET /probe?target=T&module=P`: runs probes of a configured target now, and answers what they said as metrics.

use std::collections::HashSet;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{self, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use probes::target::{Plan, Probes, Target};
use serde::Deserialize;
use storage::record::{Expect, Outcome, Phases, ProbeKind, ProbeResult, Reason, Variant};
use tokio::time::Instant;

use crate::on_demand::NotRun;
use crate::output::printable;
use crate::web::metrics;
use crate::web::state::State;

/// What Prometheus says of how long it waits.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";
/// Taken off that, so that the answer is there in time, as the blackbox exporter does.
const OFFSET: f64 = 0.5;
/// Longest wait for a run, in seconds; also where nobody says how long to wait.
const LONGEST: f64 = 120.0;
/// Names that a refusal tells.
const NAMES: usize = 100;
const TEXT: &str = "text/plain; charset=utf-8";

/// What is asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    target: Option<String>,
    module: Option<String>,
    #[serde(default)]
    debug: bool,
}

/// Runs what is asked for, and answers metrics of that run only.
pub(super) async fn answer(
    extract::State(state): extract::State<Arc<State>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let Asked { target, module, debug } = asked;
    let Some(name) = target else {
        return refused(StatusCode::BAD_REQUEST, "name a target: /probe?target=NAME&module=PROBE", known(&state));
    };
    let module = module.as_deref().filter(|module| !module.is_empty());
    let Some(target) = state.on_demand.target(&name) else {
        return refused(StatusCode::NOT_FOUND, "no target of this name is configured", known(&state));
    };
    let plans = match state.on_demand.selected(&name, module) {
        Ok(plans) => plans,
        Err(_) => {
            let names = target.probes.plans().into_iter().map(|plan| plan.name).collect();
            return refused(StatusCode::NOT_FOUND, "no probe of this target is meant by the module", names);
        }
    };
    let wait = wait(&headers);
    let wanted: HashSet<String> = plans.iter().map(|plan| plan.name.clone()).collect();
    let results = match state.on_demand.run(&name, wanted, Instant::now() + wait).await {
        Ok(results) => results,
        // The exporter's way to tell it: what was not seen to succeed within the time did not.
        Err(NotRun::TooLate) => plans.iter().map(|plan| too_late(&name, plan, state.on_demand.agent(), wait)).collect(),
        Err(NotRun::UnknownTarget | NotRun::NoProbe | NotRun::Stopping) => {
            return refused(StatusCode::SERVICE_UNAVAILABLE, "authprobe is stopping", Vec::new());
        }
    };
    if debug {
        return match told(target, &results) {
            Ok(told) => ([(header::CONTENT_TYPE, TEXT)], told).into_response(),
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        };
    }
    metrics::run(&results, &headers)
}

fn known(state: &State) -> Vec<String> {
    state.on_demand.names().take(NAMES).map(str::to_owned).collect()
}

fn refused(status: StatusCode, why: &str, mut names: Vec<String>) -> Response {
    names.truncate(NAMES);
    let known = if names.is_empty() { String::new() } else { format!("; known: {}", printable(&names.join(", "))) };
    (status, [(header::CONTENT_TYPE, TEXT)], format!("{why}{known}\n")).into_response()
}

/// How long the one who asks waits for the answer.
fn wait(headers: &HeaderMap) -> Duration {
    let given = headers.get(SCRAPE_TIMEOUT).and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok());
    let seconds = given.filter(|seconds| seconds.is_finite() && *seconds > 0.0).map_or(LONGEST, |seconds| {
        // A wait that the offset would eat up is halved in its place.
        (seconds - OFFSET).max(seconds / 2.0)
    });
    Duration::from_secs_f64(seconds.min(LONGEST))
}

fn too_late(target: &str, plan: &Plan, agent: &str, wait: Duration) -> ProbeResult {
    ProbeResult {
        time: jiff::Timestamp::now(),
        target: target.to_owned(),
        probe: plan.name.clone(),
        kind: plan.kind,
        expect: plan.expect,
        variant: plan.variant,
        agent: agent.to_owned(),
        outcome: Outcome::Skipped,
        reason: Some(Reason::Timeout),
        status: None,
        took_us: u64::try_from(wait.as_micros()).unwrap_or(u64::MAX),
        phases_us: None,
        every_s: None,
        detail: Some("the run did not end within the time that the scraper waits".into()),
    }
}

/// What was sent and seen, for people. Of what is sent it tells the words of the configuration, where no secret stands.
fn told(target: &Target, results: &[ProbeResult]) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    writeln!(text, "target {} at {}\n", printable(&target.name), target.url.origin().ascii_serialization())?;
    for result in results {
        let ProbeResult { probe, kind, expect, variant, outcome, status, took_us, phases_us, .. } = result;
        let (must, credential) = (if *expect == Expect::Allow { "be let in" } else { "be refused" }, variant.as_str());
        writeln!(text, "probe {}: {kind} with the credential `{credential}`, which must {must}", printable(probe))?;
        writeln!(text, "  sent     {}", printable(&request(&target.probes, probe, *kind, *variant)))?;
        let status = status.map_or("no answer".to_owned(), |status| format!("status {status}"));
        writeln!(text, "  seen     {status} after {:.1} ms", *took_us as f64 / 1e3)?;
        if let Some(Phases { resolve, connect, tls, processing, transfer }) = phases_us {
            let phases = [
                ("resolve", resolve),
                ("connect", connect),
                ("tls", tls),
                ("processing", processing),
                ("transfer", transfer),
            ];
            let phases = phases.map(|(name, took)| format!("{name} {:.3} ms", *took as f64 / 1e3));
            writeln!(text, "  phases   {}", phases.join(", "))?;
        }
        let reason = result.reason.map_or(String::new(), |reason| format!(" ({reason})"));
        writeln!(text, "  outcome  {outcome}{reason}")?;
        if let Some(detail) = &result.detail {
            writeln!(text, "  detail   {}", printable(detail))?;
        }
        writeln!(text)?;
    }
    writeln!(text, "Nothing of this is recorded. The metrics of this run:\n\n{}", metrics::of_run(results)?)?;
    Ok(text)
}

/// Method and path of a probe's request as the configuration has it; a query is left out.
fn request(probes: &Probes, probe: &str, kind: ProbeKind, variant: Variant) -> String {
    let asked = |request: &probes::kinds::request::Request| {
        let path = request.path.split('?').next().unwrap_or_default();
        format!("{} {path}", request.method)
    };
    let found = match kind {
        ProbeKind::Login if variant == Variant::Unprivileged => Some("the login of another user".to_owned()),
        ProbeKind::Login => probes.login.as_ref().map(|login| {
            let path = login.path.split('?').next().unwrap_or_default();
            format!("{} {path}", login.method)
        }),
        ProbeKind::Jwt => probes.jwt.as_ref().and_then(|jwt| jwt.request.as_ref()).map(asked),
        ProbeKind::ApiKey => probes.api_key.as_ref().map(|api_key| asked(&api_key.request)),
        ProbeKind::Permission => {
            probes.permission.iter().find(|one| one.name == probe).map(|permission| asked(&permission.request))
        }
    };
    found.unwrap_or_else(|| "nothing: the token is verified here".to_owned())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn waits(header: Option<&str>) -> f64 {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert(SCRAPE_TIMEOUT, HeaderValue::from_str(header).unwrap());
        }
        wait(&headers).as_secs_f64()
    }

    #[test]
    fn the_answer_comes_before_the_scraper_gives_up() {
        assert_eq!([waits(Some("10")), waits(Some("0.6"))], [9.5, 0.3]);
        assert_eq!([None, Some("NaN"), Some("-1"), Some("1e300"), Some("soon")].map(waits), [LONGEST; 5]);
    }
}
