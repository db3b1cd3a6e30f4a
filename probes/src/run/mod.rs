//! Runs one target once: log in, send every probe's request, judge them together. Never an error, always results.

mod beat;
mod logins;
mod results;

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt};
use http::Method;
use jiff::Timestamp;
use storage::record::{Outcome, ProbeKind, ProbeResult, Reason};
use tokio::task::spawn_blocking;

use crate::classify::Verdict;
use crate::credential::Wallet;
use crate::kinds::jwt::{Forgery, Jwt};
use crate::kinds::login::Carrier;
use crate::kinds::permission::Identity;
use crate::kinds::request::Request;
use crate::observation::{Observation, Seen};
use crate::protocol::forge;
use crate::protocol::http::Transport;
use crate::protocol::token::Token;
use crate::run::logins::Logins;
use crate::session::Session;
use crate::sighting::Sighting;
use crate::steps::{self, Planned, What, api_key, jwt, permission};
use crate::target::Target;

/// Requests of one run that are under way at once.
const AT_ONCE: usize = 4;

/// Which probes of which target, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The target.
    pub target: &'a Target,
    /// Names of the probes to run; `None`: all.
    pub wanted: Option<&'a HashSet<String>>,
    /// Name of this prober.
    pub agent: &'a str,
    /// From one planned start to the next; `None` outside a schedule.
    pub every: Option<Duration>,
}

/// What to run.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// What is run.
    pub scope: Scope<'a>,
    /// The way to the target.
    pub transport: &'a Transport,
    /// The values of its credentials.
    pub wallet: &'a Wallet,
}

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// A result for each probe that was due.
    pub results: Vec<ProbeResult>,
    /// What was seen beside them.
    pub sighting: Sighting,
}

/// Runs a target once. A probe with a slower beat of its own is left out until it is due.
pub async fn run(order: Order<'_>, session: &mut Session) -> Ran {
    if let Some(left) = session.waiting(Instant::now()) {
        let detail = format!("the server asked to be left alone, {} s are left (Retry-After)", left.as_secs());
        let results = skipped(order.scope, Timestamp::now(), &detail);
        return Ran { results, sighting: Sighting::default() };
    }
    let mut logins = Logins::all(order, session).await;
    let rest = everything_else(order, session, &logins).await;
    logins.seen.extend(rest);
    let sighting = Sighting::of(order.scope.target, order.wallet, logins.token.as_ref().ok(), &logins.seen);
    Ran { results: results::conclude(order, session, logins), sighting }
}

/// Results for a slot in which a target was not run: one `skipped`/`overlap` for each of its probes.
#[must_use]
pub fn skipped(scope: Scope<'_>, planned: Timestamp, why: &str) -> Vec<ProbeResult> {
    let plans = scope.target.probes.plans().into_iter();
    let due = plans.filter(|plan| scope.wants(&plan.name) && beat::of(scope, plan) == scope.every);
    due.map(|plan| {
        let verdict = Verdict {
            outcome: Outcome::Skipped,
            reason: Some(Reason::Overlap),
            detail: Some(why.to_owned()),
            said: None,
        };
        results::result(scope, plan, planned, None, verdict, &[])
    })
    .collect()
}

impl Scope<'_> {
    fn wants(&self, probe: &str) -> bool {
        self.wanted.is_none_or(|wanted| wanted.contains(probe))
    }

    /// Whether a wanted permission probe needs the token of a login.
    fn wants_token(&self, of: impl Fn(&Identity) -> bool) -> bool {
        self.target.probes.permission.iter().any(|permission| of(&permission.identity) && self.wants(&permission.name))
    }
}

/// The JWT, API-key and permission probes of a run, a few at once.
async fn everything_else(order: Order<'_>, session: &mut Session, logins: &Logins) -> Vec<Observation> {
    fetch_keys(order, session, logins.token.as_ref().ok()).await;
    prepare_forgery(order, session, logins.token.as_ref().ok()).await;
    let mut planned = plan(order, session, logins);
    let clock = Instant::now();
    planned.retain(|one| order.scope.wants(&one.plan.name) && session.is_due(&one.plan.name, clock));
    for one in &planned {
        if let Some(rest) = beat::rest(order.scope, &one.plan) {
            session.rest(&one.plan.name, rest, clock);
        }
    }
    stream::iter(planned).map(|one| execute(order, one)).buffered(AT_ONCE).collect().await
}

fn plan(order: Order<'_>, session: &Session, logins: &Logins) -> Vec<Planned> {
    let Order { scope, wallet, .. } = order;
    let target = scope.target;
    let now = Timestamp::now();
    let token = logins.token.as_ref().map_err(String::as_str);
    let mut planned = Vec::new();
    if let Some(settings) = &target.probes.jwt {
        let carrier = target.probes.login.as_ref().map_or(Carrier::Bearer, |login| login.send.clone());
        let hand = jwt::Hand {
            target,
            settings,
            wallet,
            keys: &session.keys,
            carrier: &carrier,
            fresh: token,
            held: session.held(now),
            ended: session.ended(now),
            now,
        };
        planned.push(hand.fresh());
        if settings.request.is_some() {
            planned.extend(settings.held.then(|| hand.held()));
            planned.extend(settings.deny.iter().map(|forgery| hand.denied(*forgery)));
        }
    }
    if let Some(settings) = &target.probes.api_key {
        planned.push(api_key::valid(target, settings, wallet, now));
        planned.extend(settings.deny.iter().map(|key| api_key::denied(target, settings, *key, wallet, now)));
    }
    let users = target.probes.users();
    planned.extend(target.probes.permission.iter().map(|one| {
        let token = match &one.identity {
            Identity::User(user) => {
                match users.iter().position(|other| *other == user).and_then(|at| logins.others.get(at)) {
                    Some(token) => token.as_ref().map_err(String::as_str),
                    None => Err("the user did not log in"),
                }
            }
            Identity::Login | Identity::ApiKey | Identity::Anonymous => token,
        };
        permission::plan(target, one, wallet, token, now)
    }));
    planned
}

/// Fetches the key set when it is due.
async fn fetch_keys(order: Order<'_>, session: &mut Session, token: Option<&Token>) {
    let Order { scope, transport, wallet } = order;
    let Some(settings) = &scope.target.probes.jwt else { return };
    let Some(path) = settings.jwks.as_ref().filter(|_| wants_jwt(scope)) else { return };
    let id = token.and_then(Token::key_id);
    if !session.keys.is_due(id, settings.jwks_cache, settings.jwks_floor, Instant::now()) {
        return;
    }
    let end = match steps::build(scope.target, &Request::plain(Method::GET, path.clone()), wallet) {
        Ok(outgoing) => transport.send(outgoing, scope.target.timeout).await.end,
        Err(failure) => Err(failure),
    };
    session.keys.learn(end, Instant::now(), Timestamp::now());
}

/// Makes the key of a forgery where computing does not hold up the other targets.
async fn prepare_forgery(order: Order<'_>, session: &Session, token: Option<&Token>) {
    let forges = |settings: &Jwt| settings.deny.contains(&Forgery::WrongKey) && wants_jwt(order.scope);
    if !order.scope.target.probes.jwt.as_ref().is_some_and(forges) {
        return;
    }
    if let Some(token) = token.or_else(|| session.held(Timestamp::now())).cloned() {
        // It ends early only when the process does.
        let _ = spawn_blocking(move || forge::prepare(&token)).await;
    }
}

/// Whether a JWT probe is wanted.
fn wants_jwt(scope: Scope<'_>) -> bool {
    scope.target.probes.plans().iter().any(|plan| plan.kind == ProbeKind::Jwt && scope.wants(&plan.name))
}

/// Sends what is planned.
async fn execute(order: Order<'_>, planned: Planned) -> Observation {
    let Planned { plan, at, takes, known, what } = planned;
    let seen = match what {
        What::Send(outgoing) => {
            Seen::Exchange(Box::new(order.transport.send(*outgoing, order.scope.target.timeout).await))
        }
        What::Verified => Seen::Verified,
        What::Not(failure) => Seen::NotSent(failure),
    };
    Observation { plan, at, takes, seen, known }
}

#[cfg(test)]
mod tests;
