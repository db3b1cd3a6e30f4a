//! What a target keeps between runs: tokens, keys, beats, and the guard that stops a login before an account is locked.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::credential::Credential;
use crate::protocol::forge::PAST_ANY_LEEWAY;
use crate::protocol::jwks;
use crate::protocol::token::Token;

/// A held token that is refused this many times in a row has told what it can; the next good one takes its place.
const REFUSALS_HEARD: u32 = 3;

/// A lock that wrong passwords brought about is over after this long on the servers that were measured.
const OF_LATE: Duration = Duration::from_secs(3600);

/// What one target keeps between runs. Nothing of it outlives the process.
#[derive(Debug, Default)]
pub struct Session {
    pub(crate) keys: jwks::Cache,
    pub(crate) guards: HashMap<String, Guard>,
    held: Option<Token>,
    refused: u32,
    ageing: Option<Token>,
    rests: HashMap<String, Instant>,
    wrong_passwords: Vec<Instant>,
    wait_until: Option<Instant>,
}

impl Session {
    /// A still valid token of an earlier run.
    pub(crate) fn held(&self, now: Timestamp) -> Option<&Token> {
        self.held.as_ref().filter(|token| !token.expired(now, Duration::ZERO))
    }

    /// When the token was received that is held for later runs.
    #[must_use]
    pub fn held_since(&self) -> Option<Timestamp> {
        self.held.as_ref().map(|token| token.received)
    }

    /// Every token that is kept.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.held.iter().chain(&self.ageing)
    }

    /// A real token that is past its end by more than any leeway.
    pub(crate) fn ended(&self, now: Timestamp) -> Option<&Token> {
        self.ageing.as_ref().filter(|token| token.expired(now, PAST_ANY_LEEWAY))
    }

    /// Takes in what a run learned: its fresh token, if the server let it in, and whether it refused the held one.
    pub(crate) fn remember(&mut self, fresh: Option<&Token>, held_refused: Option<bool>, now: Timestamp) {
        match held_refused {
            Some(true) => self.refused += 1,
            Some(false) => self.refused = 0,
            None => (),
        }
        let Some(fresh) = fresh else { return };
        let worn = self.held.as_ref().is_none_or(|token| nearly_over(token, now)) || self.refused >= REFUSALS_HEARD;
        if worn {
            self.held = Some(fresh.clone());
            self.refused = 0;
        }
        // One token is left to age until it serves as an expired one, for a day at most.
        let spent = self.ageing.as_ref().is_none_or(|token| token.expired(now, Duration::from_secs(24 * 3600)));
        if spent && fresh.expires.is_some() {
            self.ageing = Some(fresh.clone());
        }
    }

    /// Whether a probe with a beat of its own is due.
    pub(crate) fn is_due(&self, probe: &str, now: Instant) -> bool {
        self.rests.get(probe).is_none_or(|until| now >= *until)
    }

    /// Lets a probe with a beat of its own rest for a while.
    pub(crate) fn rest(&mut self, probe: &str, long: Duration, now: Instant) {
        // A rest beyond the clock's range is as good as a year.
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
        self.rests.insert(probe.to_owned(), now + long.min(YEAR));
    }

    /// Counts a wrong password that was sent on purpose.
    pub(crate) fn sent_wrong_password(&mut self, now: Instant) {
        self.wrong_passwords.retain(|at| now.duration_since(*at) < OF_LATE);
        self.wrong_passwords.push(now);
    }

    /// How many wrong passwords were sent on purpose of late.
    pub(crate) fn wrong_passwords(&self, now: Instant) -> u32 {
        let late = self.wrong_passwords.iter().filter(|at| now.duration_since(**at) < OF_LATE);
        u32::try_from(late.count()).unwrap_or(u32::MAX)
    }

    /// How long the server asked to be left alone, if that is not over.
    pub(crate) fn waiting(&self, now: Instant) -> Option<Duration> {
        self.wait_until.and_then(|until| until.checked_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Leaves the server alone for a while.
    pub(crate) fn wait(&mut self, long: Duration, now: Instant) {
        self.wait_until = now.checked_add(long).max(self.wait_until);
    }
}

/// A held token is replaced in the last fifth of its life, so that it is old but never at its end.
fn nearly_over(token: &Token, now: Timestamp) -> bool {
    let Some(end) = token.expires else { return false };
    let life = end.duration_since(token.received);
    let left = end.duration_since(now);
    left * 5 < life
}

/// Stops a login after straight rejections, and says so.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    credential: Option<Credential>,
    rejections: u32,
    good: bool,
    stopped: Option<Instant>,
}

impl Guard {
    /// Whether the login may be tried with this credential now; else how many rejections stopped it.
    pub(crate) fn may_try(&mut self, credential: &Credential, pause: Duration, now: Instant) -> Result<(), u32> {
        if self.credential.as_ref() != Some(credential) {
            *self = Self { credential: Some(credential.clone()), ..Self::default() };
        }
        match self.stopped {
            Some(since) if now.duration_since(since) < pause => Err(self.rejections),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether the credential was good before.
    pub(crate) fn was_good(&self) -> bool {
        self.good
    }

    /// Notes how a login ended.
    pub(crate) fn learn(&mut self, rejected: bool, stop_after: u32, now: Instant) {
        if !rejected {
            self.rejections = 0;
            self.good = true;
            self.stopped = None;
            return;
        }
        self.rejections = self.rejections.saturating_add(1);
        if self.rejections >= stop_after {
            self.stopped = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(value: &str) -> Credential {
        Credential::new(value.into()).expect("long enough")
    }

    fn token(received: i64, expires: i64) -> Token {
        let at = |second| Timestamp::from_second(second).expect("in range");
        let lives = Duration::from_secs((expires - received) as u64);
        Token::read(&format!("token-{received}"), at(received), Some(lives)).expect("a token")
    }

    #[test]
    fn a_login_stops_after_straight_rejections_and_tries_again_after_the_pause() {
        let (mut guard, pause, start) = (Guard::default(), Duration::from_secs(60), Instant::now());
        let password = credential("first-password");
        for _ in 0..3 {
            assert_eq!(guard.may_try(&password, pause, start), Ok(()));
            guard.learn(true, 3, start);
        }
        assert_eq!(guard.may_try(&password, pause, start), Err(3));
        assert_eq!(guard.may_try(&password, pause, start + pause), Ok(()));
        guard.learn(true, 3, start + pause);
        assert_eq!(guard.may_try(&password, pause, start + pause), Err(4));
    }

    #[test]
    fn a_new_credential_is_tried_at_once() {
        let (mut guard, pause, start) = (Guard::default(), Duration::from_secs(60), Instant::now());
        guard.may_try(&credential("first-password"), pause, start).expect("a first try");
        guard.learn(true, 1, start);
        assert_eq!(guard.may_try(&credential("first-password"), pause, start), Err(1));
        assert_eq!(guard.may_try(&credential("second-password"), pause, start), Ok(()));
    }

    #[test]
    fn a_success_forgets_the_rejections_before_it() {
        let (mut guard, pause, start) = (Guard::default(), Duration::from_secs(60), Instant::now());
        let password = credential("first-password");
        for rejected in [true, true, false, true, true] {
            guard.may_try(&password, pause, start).expect("not stopped");
            guard.learn(rejected, 3, start);
        }
        assert_eq!(guard.may_try(&password, pause, start), Ok(()));
    }

    #[test]
    fn a_held_token_is_kept_until_the_last_fifth_of_its_life() {
        let mut session = Session::default();
        let at = |second| Timestamp::from_second(second).expect("in range");
        session.remember(Some(&token(0, 100)), None, at(0));
        session.remember(Some(&token(50, 150)), Some(false), at(50));
        assert_eq!(session.held(at(50)).expect("held").received, at(0));
        session.remember(Some(&token(81, 181)), Some(false), at(81));
        assert_eq!(session.held(at(81)).expect("held").received, at(81));
    }

    #[test]
    fn a_held_token_that_is_refused_three_times_is_replaced_by_a_good_one() {
        let mut session = Session::default();
        let at = |second| Timestamp::from_second(second).expect("in range");
        session.remember(Some(&token(0, 1000)), None, at(0));
        for second in [10, 20] {
            session.remember(Some(&token(second, 1000)), Some(true), at(second));
            assert_eq!(session.held(at(second)).expect("held").received, at(0));
        }
        session.remember(None, Some(true), at(30));
        assert_eq!(session.held(at(30)).expect("held").received, at(0), "no good one was there");
        session.remember(Some(&token(40, 1000)), Some(true), at(40));
        assert_eq!(session.held(at(40)).expect("held").received, at(40));
    }
}
