//! The logins of a run: the target's own, those of other users, and the one that must be refused.

use std::slice;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use storage::record::{Expect, ProbeKind, Reason, Variant};

use crate::classify::{self, Access};
use crate::credential::Credential;
use crate::kinds::login::Login;
use crate::kinds::permission::Identity;
use crate::observation::{Failure, Known, Observation, Takes};
use crate::protocol::forge;
use crate::protocol::http::Outgoing;
use crate::protocol::token::Token;
use crate::run::{Order, beat, execute, wants_jwt};
use crate::session::Session;
use crate::steps::{Planned, login};
use crate::target::{Plan, other_login};

/// After a wrong password that led to a lock or a throttle, the probe rests this long.
const AFTER_LOCK: Duration = Duration::from_secs(3600);

/// The logins of a run and what they yielded.
pub(super) struct Logins {
    pub(super) seen: Vec<Observation>,
    /// The token of the target's login, or why there is none.
    pub(super) token: Result<Token, String>,
    /// The same of the other users, in the order of [`crate::target::Probes::users`].
    pub(super) others: Vec<Result<Token, String>>,
}

impl Logins {
    pub(super) async fn all(order: Order<'_>, session: &mut Session) -> Self {
        let Order { scope, wallet, .. } = order;
        let mut logins = Self { seen: Vec::new(), token: Err("the target has no login".into()), others: Vec::new() };
        let Some(settings) = &scope.target.probes.login else { return logins };
        let plan = Plan::of(ProbeKind::Login, Expect::Allow, Variant::Valid);
        if scope.wants(&plan.name) || wants_jwt(scope) || scope.wants_token(|identity| *identity == Identity::Login) {
            let who = login::own(settings, wallet);
            let (seen, token) = log_in(order, session, settings, plan, who).await;
            logins.seen.push(seen);
            logins.token = token;
        }
        for (index, user) in scope.target.probes.users().into_iter().enumerate() {
            let plan = other_login(index);
            let needed = scope.wants_token(|identity| matches!(identity, Identity::User(one) if one == user));
            if !needed && !scope.wants(&plan.name) {
                logins.others.push(Err("it was not asked for".into()));
                continue;
            }
            let name = wallet.text(&user.username);
            let who = name.and_then(|name| Ok(login::Who { name: Some(name), secret: wallet.get(&user.password)? }));
            let (seen, token) = log_in(order, session, settings, plan, who.map_err(Failure::from)).await;
            logins.seen.push(seen);
            logins.others.push(token);
        }
        logins.seen.extend(wrong_password(order, session, settings).await);
        logins
    }
}

/// Logs in once. The token, or in a few words why there is none.
async fn log_in(
    order: Order<'_>,
    session: &mut Session,
    settings: &Login,
    plan: Plan,
    who: Result<login::Who<'_>, Failure>,
) -> (Observation, Result<Token, String>) {
    let takes = Takes { status: settings.status.clone(), ..Takes::default() };
    let mut known = Known { wrong_passwords: session.wrong_passwords(Instant::now()), ..Known::default() };
    let name = plan.name.clone();
    let guard = session.guards.entry(name.clone()).or_default();
    let built = who.and_then(|who| {
        guard.may_try(who.secret, settings.stop_for, Instant::now()).map_err(|rejections| {
            let detail = format!(
                "login stopped after {rejections} straight rejections so that the account is not locked; \
                 it tries again every {} s, or at once when the credential changes",
                settings.stop_for.as_secs()
            );
            Failure::skipped(Reason::NoToken, detail)
        })?;
        login::request(order.scope.target, settings, &who, order.wallet)
    });
    known.good_before = guard.was_good();
    let planned = Planned { plan, at: Timestamp::now(), takes, known, what: built.into() };
    let mut seen = execute(order, planned).await;
    let admitted = seen.answer().filter(|answer| classify::access(&seen, answer) == Access::Admitted);
    let token = match (admitted, &settings.token) {
        (Some(answer), Some(place)) => {
            let token = login::token(settings, place, answer, Timestamp::now());
            seen.known.login = Some(token.as_ref().map(|_| ()).map_err(Clone::clone));
            guard.learn(false, settings.stop_after, Instant::now());
            token.map_err(|failure| format!("{name}: {}", failure.reason))
        }
        (Some(_), None) => {
            guard.learn(false, settings.stop_after, Instant::now());
            Err("the login is not configured to yield a token".into())
        }
        (None, _) => {
            let reason = classify::judge(slice::from_ref(&seen), &seen).reason;
            if matches!(reason, Some(Reason::LoginRejected | Reason::AccountLocked)) {
                guard.learn(true, settings.stop_after, Instant::now());
            }
            Err(reason.map_or_else(|| name.clone(), |reason| format!("{name}: {reason}")))
        }
    };
    (seen, token)
}

/// The login that must be refused: its own user, its own slow beat, and a rest when it led to a lock.
async fn wrong_password(order: Order<'_>, session: &mut Session, settings: &Login) -> Option<Observation> {
    let plan = Plan::of(ProbeKind::Login, Expect::Deny, Variant::Unknown);
    let now = Instant::now();
    if settings.deny.is_empty() || !order.scope.wants(&plan.name) || !session.is_due(&plan.name, now) {
        return None;
    }
    session.rest(&plan.name, beat::rest(order.scope, &plan).unwrap_or(beat::LEAST_WRONG), now);
    let built = guess(order, settings);
    if built.is_ok() {
        session.sent_wrong_password(now);
    }
    let takes = Takes { status: settings.status.clone(), ..Takes::default() };
    let planned = Planned { plan, at: Timestamp::now(), takes, known: Known::default(), what: built.into() };
    let seen = execute(order, planned).await;
    if seen.answer().is_some_and(|answer| matches!(answer.status, 423 | 429 | 500..)) {
        session.rest(&seen.plan.name, AFTER_LOCK, now);
    }
    Some(seen)
}

/// A login of the user of its own with a password that nobody has.
fn guess(order: Order<'_>, settings: &Login) -> Result<Outgoing, Failure> {
    let Order { scope, wallet, .. } = order;
    let own_fault = |why: &str| Failure::own(Reason::CredentialUnavailable, why);
    let user = settings.deny_username.as_ref().ok_or_else(|| own_fault("no `deny_username` is configured"))?;
    let name = wallet.text(user)?;
    let others = scope.target.probes.users();
    let mut real = settings.username.iter().chain(&settings.client_id).chain(others.iter().map(|user| &user.username));
    if real.any(|real| wallet.text(real).is_ok_and(|real| real.eq_ignore_ascii_case(name))) {
        return Err(own_fault("`deny_username` is a user of another probe, whose account wrong passwords would lock"));
    }
    let secret = Credential::captured(&forge::unknown_key("Wrong-password-0000000000"));
    login::request(scope.target, settings, &login::Who { name: Some(name), secret: &secret }, wallet)
}
