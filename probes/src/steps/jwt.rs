//! Plans the JWT probes: the fresh token, the held one, and the ones that must be refused.

use jiff::Timestamp;
use storage::record::{Expect, ProbeKind, Reason, Variant};

use crate::credential::Wallet;
use crate::kinds::jwt::{Forgery, Jwt};
use crate::kinds::login::Carrier;
use crate::kinds::request::Request;
use crate::observation::{Failure, Known, Takes};
use crate::protocol::forge;
use crate::protocol::http::Outgoing;
use crate::protocol::jwks;
use crate::protocol::token::Token;
use crate::protocol::verify::{self, Era, Keys};
use crate::steps::{Planned, What, build};
use crate::target::{Plan, Target};

/// What the JWT probes of a run work with.
pub(crate) struct Hand<'a> {
    pub(crate) target: &'a Target,
    pub(crate) settings: &'a Jwt,
    pub(crate) wallet: &'a Wallet,
    pub(crate) keys: &'a jwks::Cache,
    pub(crate) carrier: &'a Carrier,
    /// The token of this run, or why there is none.
    pub(crate) fresh: Result<&'a Token, &'a str>,
    pub(crate) held: Option<&'a Token>,
    /// A real token that is past its end by more than any leeway.
    pub(crate) ended: Option<&'a Token>,
    pub(crate) now: Timestamp,
}

impl Hand<'_> {
    /// The probe of the token of this run.
    pub(crate) fn fresh(&self) -> Planned {
        let plan = Plan::of(ProbeKind::Jwt, Expect::Allow, Variant::Fresh);
        match self.fresh {
            Ok(token) => {
                let known = Known {
                    token: Some(token.clone()),
                    verdict: self.verdict(token, Era::CurrentOrPrevious),
                    in_force: self.verdict(token, Era::Current),
                    ..Known::default()
                };
                self.planned(plan, known, token.raw.expose())
            }
            Err(why) => self.not(plan, why),
        }
    }

    /// The probe of a token of an earlier run.
    pub(crate) fn held(&self) -> Planned {
        let plan = Plan::of(ProbeKind::Jwt, Expect::Allow, Variant::Held);
        match self.held {
            Some(token) => {
                let verdict = self.verdict(token, Era::Current);
                let known =
                    Known { token: Some(token.clone()), in_force: verdict.clone(), verdict, ..Known::default() };
                self.planned(plan, known, token.raw.expose())
            }
            None => self.not(plan, "no token of an earlier run is still valid"),
        }
    }

    /// The probe of a token that must be refused.
    pub(crate) fn denied(&self, forgery: Forgery) -> Planned {
        let plan = Plan::of(ProbeKind::Jwt, Expect::Deny, forgery.variant());
        let Some(real) = self.fresh.ok().or(self.held) else {
            return self.not(plan, "there is no real token to make it from");
        };
        let opaque = "the token is opaque, nothing can be forged from it";
        let made = match forgery {
            Forgery::Tampered => forge::tampered(real).ok_or(opaque),
            Forgery::AlgNone => forge::alg_none(real).ok_or(opaque),
            Forgery::WrongKey => forge::wrong_key(real).ok_or(opaque),
            Forgery::Expired => self.expired(real).ok_or("no real token is past its end yet"),
        };
        match made {
            Ok(token) => {
                let known = Known { token: Token::read(&token, self.now, None).ok(), ..Known::default() };
                self.planned(plan, known, &token)
            }
            Err(why) => self.not(plan, why),
        }
    }

    /// Forged where the secret is known, else a real one that ended.
    fn expired(&self, real: &Token) -> Option<String> {
        let secret = self.settings.secret.as_ref().and_then(|source| self.wallet.get(source).ok());
        let forged = secret.and_then(|secret| {
            let bytes = verify::secret_bytes(secret.expose(), self.settings.secret_encoding).ok()?;
            forge::expired(real, &bytes, self.now)
        });
        forged.or_else(|| self.ended.map(|token| token.raw.expose().to_owned()))
    }

    /// Whether a token is good as far as it can be told here; `None` where nothing can.
    fn verdict(&self, token: &Token, era: Era) -> Option<Result<(), Failure>> {
        let Jwt { secret, public_key, jwks, .. } = self.settings;
        let by = |keys: Keys<'_>| verify::token(token, self.settings, &keys, era, self.now);
        if let Some(source) = secret {
            return Some(self.wallet.held(source).map_err(Failure::from).and_then(|held| by(Keys::Secret(held))));
        }
        if let Some(source) = public_key {
            return Some(self.wallet.held(source).map_err(Failure::from).and_then(|held| by(Keys::Public(held))));
        }
        if jwks.is_some() {
            let unknown = token.key_id().is_some_and(|id| !self.keys.has(id));
            return match self.keys.failed() {
                Some(failure) if unknown || self.keys.keys().is_empty() => Some(Err(failure.clone())),
                // Fetches have a floor; a set older than the token cannot say that its key is unknown.
                None if unknown && !self.keys.is_newer_than(token.received) => None,
                Some(_) | None => Some(by(Keys::Set(self.keys.keys()))),
            };
        }
        verify::content(token, self.settings, self.now).transpose()
    }

    fn planned(&self, plan: Plan, known: Known, token: &str) -> Planned {
        let (takes, what) = match &self.settings.request {
            Some(request) => (Takes::of(request, &self.settings.refused), self.carrying(request, token).into()),
            None => (Takes::default(), What::Verified),
        };
        Planned { plan, at: self.now, takes, known, what }
    }

    fn carrying(&self, request: &Request, token: &str) -> Result<Outgoing, Failure> {
        let mut outgoing = build(self.target, request, self.wallet)?;
        outgoing.carry(token, self.carrier)?;
        Ok(outgoing)
    }

    fn not(&self, plan: Plan, why: &str) -> Planned {
        let what = What::Not(Failure::skipped(Reason::NoToken, why));
        Planned { plan, at: self.now, takes: Takes::default(), known: Known::default(), what }
    }
}
