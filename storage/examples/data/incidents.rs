//! What goes wrong in the data set: incidents, six of them as a rule, three pauses of the prober, and now and then a
//! single failure.

use rand::{Rng, RngExt};
use storage::record::{Phases, Reason};

/// How a request ended.
pub(crate) struct Verdict {
    pub(crate) reason: Option<Reason>,
    pub(crate) status: Option<u16>,
    pub(crate) detail: Option<String>,
}

/// Everything that goes wrong.
pub(crate) struct Story {
    incidents: Vec<Incident>,
    targets: u32,
    /// Share of the requests that fail outside of incidents.
    single: f64,
}

struct Incident {
    from: i64,
    until: i64,
    first: u32,
    /// How many targets it touches.
    targets: u32,
    /// Share of the requests that it touches.
    share: f64,
    effect: Effect,
}

#[derive(Clone, Copy)]
enum Effect {
    Dns,
    Unavailable,
    SecretRotated,
    Silent,
    Slow,
    CertificateExpired,
}

/// Limit of a request, in microseconds. Five of them are shorter than the interval.
const LIMIT_US: u64 = 5_000_000;

/// What single failures look like.
const SINGLES: [(Reason, Option<u16>, &str); 5] = [
    (Reason::Connect, None, "the connection was reset by the peer"),
    (Reason::ServerError, Some(502), "502 bad gateway"),
    (Reason::ServerError, Some(504), "504 upstream request timeout"),
    (Reason::RateLimited, Some(429), "429 too many requests"),
    (Reason::UnexpectedBody, Some(200), "the body is no JSON"),
];

/// Different details of each kind of single failure.
const SPREAD: u32 = 24;

/// Different details of an overloaded server.
const REPLICAS: u32 = 8;

impl Story {
    /// The story of so many slots, and so many incidents; their moments scale with the slots, their lengths do not.
    pub(crate) fn new(slots: i64, targets: u32, incidents: u32, single: f64) -> Self {
        Self { incidents: (1..=incidents).map(|number| incident(number, incidents, slots)).collect(), targets, single }
    }

    /// Judges a request, and alters how long it took accordingly.
    pub(crate) fn tell(
        &self,
        slot: i64,
        target: u32,
        step: u32,
        phases: &mut Phases,
        random: &mut impl Rng,
    ) -> Verdict {
        let touches = |incident: &&Incident| {
            let nth = (target + self.targets - incident.first % self.targets) % self.targets;
            (incident.from..incident.until).contains(&slot) && nth < incident.targets
        };
        if let Some(incident) = self.incidents.iter().find(touches)
            && random.random_bool(incident.share)
        {
            return incident.effect.on(target, step, phases, random);
        }
        if random.random_bool(self.single) {
            let (reason, status, text) = SINGLES[random.random_range(0..SINGLES.len())];
            if status.is_none() {
                *phases = Phases { tls: 0, processing: 0, transfer: 0, ..*phases };
            }
            let replica = random.random_range(0..SPREAD);
            return fails(reason, status, format!("{text} (replica {replica})"));
        }
        Verdict { reason: None, status: Some(200), detail: None }
    }
}

impl Effect {
    fn on(self, target: u32, step: u32, phases: &mut Phases, random: &mut impl Rng) -> Verdict {
        match self {
            Effect::Dns => {
                *phases = Phases { resolve: phases.resolve * 40, ..Phases::default() };
                fails(Reason::Dns, None, format!("target-{target:03}.example.test: no such name"))
            }
            Effect::Unavailable => {
                phases.processing /= 3;
                let replica = random.random_range(0..REPLICAS);
                fails(Reason::ServerError, Some(503), format!("503 no healthy upstream ({target}-{replica})"))
            }
            Effect::SecretRotated => {
                let reason = if step == 0 { Reason::LoginRejected } else { Reason::TokenRejected };
                let (probe, ..) = super::PROBES[step as usize];
                fails(reason, Some(401), format!("401 invalid_client: target-{target:03}/{probe}"))
            }
            Effect::Silent => {
                phases.transfer = 0;
                phases.processing = LIMIT_US.saturating_sub(phases.resolve + phases.connect + phases.tls);
                let (probe, ..) = super::PROBES[step as usize];
                fails(Reason::Timeout, None, format!("no answer of target-{target:03}/{probe} within 5 s"))
            }
            Effect::Slow => {
                phases.processing *= 4;
                Verdict { reason: None, status: Some(200), detail: None }
            }
            Effect::CertificateExpired => {
                *phases = Phases { processing: 0, transfer: 0, ..*phases };
                fails(Reason::Tls, None, format!("the certificate of target-{target:03} has expired"))
            }
        }
    }
}

/// The incident of a number, of so many: spread over the first six sevenths of the slots, kind by kind.
fn incident(number: u32, of: u32, slots: i64) -> Incident {
    use Effect::{CertificateExpired, Dns, SecretRotated, Silent, Slow, Unavailable};
    let (length, targets, share, effect) = match (number - 1) % 6 {
        0 => (80, 3, 0.6, Dns),
        1 => (150, 2, 0.7, Unavailable),
        2 => (71, 4, 1.0, SecretRotated),
        3 => (200, 2, 0.5, Silent),
        4 => (240, 1, 1.0, Slow),
        _ => (265, 2, 1.0, CertificateExpired),
    };
    let from = slots * (84 * i64::from(number) + i64::from(of)) / (100 * i64::from(of));
    Incident { from, until: from + length, first: number * 3, targets, share, effect }
}

/// The slots at which a secret is rotated and the first of the targets that fail then.
pub(crate) fn rotations(slots: i64, targets: u32, incidents: u32) -> Vec<(i64, u32)> {
    let all = (1..=incidents).map(|number| incident(number, incidents, slots));
    all.filter(|incident| matches!(incident.effect, Effect::SecretRotated))
        .map(|incident| (incident.from, incident.first % targets))
        .collect()
}

/// The slots in which nothing runs, as half-open stretches.
pub(crate) fn pauses(slots: i64) -> [(i64, i64); 3] {
    [(20, 5), (50, 6), (80, 6)].map(|(percent, length)| (slots * percent / 100, slots * percent / 100 + length))
}

/// The slot in which a secret is rotated for the first time.
pub(crate) fn rotation(slots: i64, targets: u32, incidents: u32) -> i64 {
    rotations(slots, targets, incidents).first().map_or(0, |(slot, _)| *slot)
}

fn fails(reason: Reason, status: Option<u16>, detail: String) -> Verdict {
    Verdict { reason: Some(reason), status, detail: Some(detail) }
}
