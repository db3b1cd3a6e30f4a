//! What can be made to go wrong with the demo API, switched at run time.

use std::mem::discriminant;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// One scripted fault. Several may be active; one of the same kind replaces the earlier one.
/// Spelt as JSON, a name alone is enough: `{"fault":"slow"}`, or `{"fault":"slow","by":"800ms"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Fault {
    /// Every login is refused, right passwords too.
    LoginRejects,
    /// Every login ends in a 500.
    LoginServerError,
    /// A login succeeds, but its answer carries no token.
    LoginWithoutToken,
    /// After this many wrong passwords in a row a user is locked out, with this status, until healed.
    LoginLocksAccount {
        /// Wrong passwords until the lock; 0 locks at once.
        #[serde(default = "five")]
        after: u32,
        /// Status of the refusal; real servers answer 403, 423 or 500.
        #[serde(default = "forbidden")]
        status: u16,
    },
    /// Everything is answered 429.
    RateLimited {
        /// Sent as `Retry-After`, in whole seconds.
        #[serde(with = "humantime_serde", default = "half_a_minute")]
        retry_after: Duration,
    },
    /// Everything but the logins is answered 500.
    ServerError,
    /// Fail-open: any token with readable claims is let in, tampered, unsigned or expired.
    JwtValidationOff,
    /// Fail-open: any API key is let in.
    ApiKeyCheckOff,
    /// Every API key is refused, as a revoked one is.
    KeyRevoked,
    /// An API key is recognised, but may do nothing.
    KeyWithoutPermission,
    /// Nobody holds a role any more.
    RoleRemoved,
    /// Every answer is late.
    Slow {
        /// How late.
        #[serde(with = "humantime_serde", default = "two_seconds")]
        by: Duration,
    },
    /// No answer until healed.
    Hang,
    /// The connection is closed after the request was read, before any answer.
    CloseEarly,
    /// The connection breaks in the middle of the body.
    CloseMidBody,
    /// The body comes a byte at a time.
    DripBytes {
        /// Pause between two bytes.
        #[serde(with = "humantime_serde", default = "fifth_of_a_second")]
        every: Duration,
    },
    /// The body goes on for gigabytes.
    EndlessBody,
    /// The answer is not HTTP.
    Garbage,
    /// Every answer redirects to the same place again.
    RedirectForever,
    /// A refusal is a redirect to a login page instead of a 401.
    RedirectToLogin,
    /// Tokens name another issuer.
    WrongIssuer,
    /// The server's clock runs ahead: `iat`, `exp` and the expiry check are shifted.
    ClockAhead {
        /// By how much.
        #[serde(with = "humantime_serde", default = "an_hour")]
        by: Duration,
    },
    /// The server's clock runs behind.
    ClockBehind {
        /// By how much.
        #[serde(with = "humantime_serde", default = "an_hour")]
        by: Duration,
    },
    /// Tokens are larger than a megabyte.
    HugeToken,
    /// Token headers carry `crit`, `jku`, `x5u` and a long hostile `kid`; the signature is right.
    HostileJwtHeader,
    /// Error answers repeat the request's credentials and body.
    EchoEverything,
    /// Tokens name a key that is not published.
    UnknownKid,
    /// Tokens are signed with an algorithm nobody agreed on.
    WrongAlgorithm,
}

/// The faults that are active, and word of every change to them.
pub(crate) struct Faults {
    active: Mutex<Vec<Fault>>,
    changes: watch::Sender<u64>,
}

/// The faults that were active when a request began.
#[derive(Debug, Clone, Default)]
pub(crate) struct Active(Vec<Fault>);

impl Faults {
    /// Nothing wrong.
    pub(crate) fn none() -> Self {
        Self { active: Mutex::new(Vec::new()), changes: watch::Sender::new(0) }
    }

    /// Switches a fault on.
    pub(crate) fn add(&self, fault: Fault) {
        self.change(|active| {
            active.retain(|other| discriminant(other) != discriminant(&fault));
            active.push(fault);
        });
    }

    /// Switches every fault off.
    pub(crate) fn clear(&self) {
        self.change(Vec::clear);
    }

    /// What is active now.
    pub(crate) fn active(&self) -> Active {
        Active(self.active.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Hears of the next change.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn change(&self, edit: impl FnOnce(&mut Vec<Fault>)) {
        edit(&mut self.active.lock().unwrap_or_else(PoisonError::into_inner));
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Active {
    /// Whether exactly this fault is active; for those without parameters.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }

    /// The parameters of an active fault.
    pub(crate) fn find<T>(&self, parameters: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(parameters)
    }

    /// The list, in the order in which the faults were switched on.
    pub(crate) fn list(&self) -> &[Fault] {
        &self.0
    }

    /// Seconds by which the server's clock is wrong.
    pub(crate) fn clock_shift(&self) -> i64 {
        let seconds = |by: Duration| i64::try_from(by.as_secs()).unwrap_or(i64::MAX / 4);
        let mut shift = 0_i64;
        for fault in &self.0 {
            if let Fault::ClockAhead { by } = fault {
                shift = shift.saturating_add(seconds(*by));
            }
            if let Fault::ClockBehind { by } = fault {
                shift = shift.saturating_sub(seconds(*by));
            }
        }
        shift
    }
}

const fn five() -> u32 {
    5
}

const fn forbidden() -> u16 {
    403
}

const fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

const fn fifth_of_a_second() -> Duration {
    Duration::from_millis(200)
}

const fn two_seconds() -> Duration {
    Duration::from_secs(2)
}

const fn an_hour() -> Duration {
    Duration::from_secs(3600)
}
