//! What the classifier makes of answers, and of what a prober knows besides them.

mod corpus;
mod equal_answers;
mod other_servers;

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::fmt::rfc2822::DateTimePrinter;
use jiff::{SignedDuration, Timestamp};
use storage::record::{Expect, Outcome, ProbeKind, Reason, Variant};
use url::Url;

use super::{Verdict, judge};
use crate::observation::{Failure, Known, Observation, Seen, Takes};
use crate::protocol::http::{Answer, Exchange};
use crate::protocol::token::Token;
use crate::target::Plan;

/// A probe of a run, built step by step.
struct One(Observation);

/// The reason for the first probe of a run.
fn reason(run: Vec<One>) -> Option<Reason> {
    verdict(run).reason
}

fn verdict(run: Vec<One>) -> Verdict {
    let run: Vec<Observation> = run.into_iter().map(|one| one.0).collect();
    judge(&run, &run[0])
}

fn http(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
    let pairs = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value")));
    Answer { status, headers: HeaderMap::from_iter(pairs), body: body.into(), truncated: false }
}

fn ok() -> Answer {
    http(200, &[("content-type", "application/json")], r#"{"items":[]}"#)
}

fn login(answer: Answer) -> One {
    One::new(ProbeKind::Login, Expect::Allow, Variant::Valid, answer)
}

/// The token of this run; nobody here can verify it.
fn fresh(answer: Answer) -> One {
    One::new(ProbeKind::Jwt, Expect::Allow, Variant::Fresh, answer).token(&jwt("fresh", None))
}

/// A token of an earlier run; nobody here can verify it.
fn held(answer: Answer) -> One {
    One::new(ProbeKind::Jwt, Expect::Allow, Variant::Held, answer).token(&jwt("held", None))
}

fn forged(variant: Variant, answer: Answer) -> One {
    One::new(ProbeKind::Jwt, Expect::Deny, variant, answer)
}

fn key(answer: Answer) -> One {
    One::new(ProbeKind::ApiKey, Expect::Allow, Variant::Valid, answer)
}

fn unknown_key(answer: Answer) -> One {
    One::new(ProbeKind::ApiKey, Expect::Deny, Variant::Unknown, answer)
}

/// A permission probe with the token of this run.
fn permission(answer: Answer) -> One {
    let mut one = One::new(ProbeKind::Permission, Expect::Allow, Variant::Fresh, answer).token(&jwt("fresh", None));
    one.0.plan.name = "can-do".into();
    one
}

/// A permission probe with the API key.
fn permission_by_key(answer: Answer) -> One {
    let mut one = One::new(ProbeKind::Permission, Expect::Allow, Variant::Valid, answer);
    one.0.plan.name = "key-can-do".into();
    one
}

fn anonymous(expect: Expect, answer: Answer) -> One {
    One::new(ProbeKind::Permission, expect, Variant::Anonymous, answer)
}

/// A JSON Web Token that ends in the year 2100.
fn jwt(id: &str, kid: Option<&str>) -> String {
    let part = |json: serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = serde_json::json!({"alg": "RS256", "kid": kid});
    format!("{}.{}.c2lnbmF0dXJl", part(header), part(serde_json::json!({"jti": id, "exp": 4_102_444_800_i64})))
}

fn not_ok(reason: Reason) -> Failure {
    Failure::target(reason, "as the prober found out by itself")
}

impl One {
    fn new(kind: ProbeKind, expect: Expect, variant: Variant, answer: Answer) -> Self {
        let exchange = Exchange {
            peer: None,
            started: Timestamp::now(),
            took: Duration::from_millis(5),
            phases: None,
            asked: Url::parse("https://api.example.com/things").expect("a URL"),
            end: Ok(answer),
        };
        Self(Observation {
            plan: Plan::of(kind, expect, variant),
            at: Timestamp::now(),
            takes: Takes::default(),
            seen: Seen::Exchange(Box::new(exchange)),
            known: Known::default(),
        })
    }

    fn token(mut self, raw: &str) -> Self {
        self.0.known.token = Some(Token::read(raw, Timestamp::now(), None).expect("a token"));
        self
    }

    fn kid(self, id: &str) -> Self {
        self.token(&jwt(id, Some(id)))
    }

    fn opaque(self, raw: &str) -> Self {
        self.token(raw)
    }

    /// The token verifies with the keys in force.
    fn verifies(mut self) -> Self {
        self.0.known.verdict = Some(Ok(()));
        self.0.known.in_force = Some(Ok(()));
        self
    }

    /// The token does not verify.
    fn fails(mut self, reason: Reason) -> Self {
        self.0.known.verdict = Some(Err(not_ok(reason)));
        self.0.known.in_force = Some(Err(not_ok(reason)));
        self
    }

    /// The token is past its end.
    fn past_its_end(mut self) -> Self {
        let token = self.0.known.token.as_mut().expect("a token");
        token.expires = Some(Timestamp::now() - SignedDuration::from_secs(5));
        self
    }

    fn good_before(mut self) -> Self {
        self.0.known.good_before = true;
        self
    }

    fn after_wrong_passwords(mut self, sent: u32) -> Self {
        self.0.known.wrong_passwords = sent;
        self
    }

    /// A 2xx of a login that held no token.
    fn without_token(mut self) -> Self {
        self.0.known.login = Some(Err(not_ok(Reason::TokenMissing)));
        self
    }

    fn takes(mut self, status: u16) -> Self {
        self.0.takes.status.push(status);
        self
    }

    fn broken(mut self, reason: Reason) -> Self {
        if let Seen::Exchange(exchange) = &mut self.0.seen {
            exchange.end = Err(not_ok(reason));
        }
        self
    }
}

#[test]
fn a_prober_whose_clock_is_wrong_blames_itself_and_not_the_target() {
    let date = |offset: i64| {
        let at = Timestamp::now() + SignedDuration::from_secs(offset);
        DateTimePrinter::new().timestamp_to_rfc9110_string(&at).expect("a date")
    };
    // The token ended five seconds ago by our clock, in ten minutes by the server's.
    let ends = (Timestamp::now() - SignedDuration::from_secs(5)).as_second();
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let raw = format!("{}.{}.c2ln", part(r#"{"alg":"HS256"}"#.into()), part(format!(r#"{{"exp":{ends}}}"#)));
    let late = || fresh(http(200, &[("date", &date(-600))], "")).token(&raw).fails(Reason::TokenExpired);
    let found = verdict(vec![late()]);
    assert_eq!((found.outcome, found.reason), (Outcome::Invalid, Some(Reason::ProberClock)));
    let agrees = fresh(http(200, &[("date", &date(0))], "")).token(&raw).fails(Reason::TokenExpired);
    assert_eq!(reason(vec![agrees]), Some(Reason::TokenExpired), "a server that agrees about the time is at fault");
}

#[test]
fn a_token_that_has_ended_by_a_wrong_clock_of_the_prober_alone_is_no_fail_open() {
    let date = |offset: i64| {
        let at = Timestamp::now() + SignedDuration::from_secs(offset);
        DateTimePrinter::new().timestamp_to_rfc9110_string(&at).expect("a date")
    };
    let ends = (Timestamp::now() - SignedDuration::from_secs(90)).as_second();
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let raw = format!("{}.{}.c2ln", part(r#"{"alg":"HS256"}"#.into()), part(format!(r#"{{"exp":{ends}}}"#)));
    let let_in = |offset| forged(Variant::Expired, http(200, &[("date", &date(offset))], "")).token(&raw);
    let found = verdict(vec![let_in(-3600)]);
    assert_eq!((found.outcome, found.reason), (Outcome::Invalid, Some(Reason::ProberClock)));
    assert_eq!(reason(vec![let_in(0)]), Some(Reason::UnexpectedlyAllowed), "a server that agrees about the time");
}

#[test]
fn a_replica_whose_clock_is_behind_refuses_tokens_as_not_yet_valid() {
    let at = Timestamp::now() - SignedDuration::from_secs(120);
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&at).expect("a date");
    let begins = Timestamp::now().as_second() - 1;
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let raw = format!("{}.{}.c2ln", part(r#"{"alg":"HS256"}"#.into()), part(format!(r#"{{"nbf":{begins}}}"#)));
    let refused = http(401, &[("date", &date)], r#"{"message":"Unauthorized"}"#);
    assert_eq!(reason(vec![fresh(refused).token(&raw).verifies()]), Some(Reason::TokenNotYetValid));
}
