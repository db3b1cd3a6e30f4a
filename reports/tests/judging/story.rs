//! Stories to judge: a target with six probes, and what happens to it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reports::formats::Format;
use reports::full::{self, FullReport};
use reports::input::Input;
use reports::report::{Kind, Report, Request, build_from};
use reports::settings::{Correction, Settings, Slo};
use storage::record::{
    Change, ChangeKind, Expect, Gap, Known, Mount, MountHow, Outcome, ProbeKind, ProbeResult, Reason, Record,
    SecretRole, Variant,
};
use storage::window::Window;

/// Interval of every probe, in seconds.
pub(crate) const EVERY: i64 = 30;

/// The probes of the target: name, kind, expectation, variant.
pub(crate) const PROBES: [(&str, ProbeKind, Expect, Variant); 6] = [
    ("login", ProbeKind::Login, Expect::Allow, Variant::Valid),
    ("jwt", ProbeKind::Jwt, Expect::Allow, Variant::Fresh),
    ("jwt-held", ProbeKind::Jwt, Expect::Allow, Variant::Held),
    ("jwt-tampered", ProbeKind::Jwt, Expect::Deny, Variant::Tampered),
    ("api_key", ProbeKind::ApiKey, Expect::Allow, Variant::Valid),
    ("can-execute", ProbeKind::Permission, Expect::Allow, Variant::Valid),
];

/// A moment of the first of November 2026.
pub(crate) fn at(clock: &str) -> Timestamp {
    format!("2026-11-01T{clock}Z").parse().unwrap()
}

pub(crate) fn window(from: &str, until: &str) -> Window {
    Window::new(at(from), at(until)).unwrap()
}

/// Results of all probes in a window; `fails` says why one of them fails at a slot, `None` in the end skips nothing.
pub(crate) fn results(window: Window, fails: impl Fn(&str, Timestamp, i64) -> Option<Reason>) -> Vec<Record> {
    let mut records = Vec::new();
    let mut time = window.from;
    let mut slot = 0;
    while time < window.until {
        for (number, (probe, ..)) in PROBES.iter().enumerate() {
            let start = time + SignedDuration::from_millis(250 + 100 * number as i64);
            records.push(Record::Result(result(probe, start, fails(probe, start, slot))));
        }
        time += SignedDuration::from_secs(EVERY);
        slot += 1;
    }
    records
}

pub(crate) fn result(probe: &str, time: Timestamp, reason: Option<Reason>) -> ProbeResult {
    let (_, kind, expect, variant) = *PROBES.iter().find(|(name, ..)| *name == probe).unwrap();
    ProbeResult {
        time,
        target: "orchestrator".into(),
        probe: probe.into(),
        kind,
        expect,
        variant,
        agent: "local".into(),
        outcome: if reason.is_some() { Outcome::Failure } else { Outcome::Success },
        reason,
        status: None,
        took_us: 4_000 + (time.as_second().rem_euclid(97) * 37) as u64,
        phases_us: None,
        every_s: Some(EVERY as f64),
        detail: reason.map(|reason| match reason {
            Reason::UnexpectedlyAllowed => "status 200 for a token that was altered after signing".to_owned(),
            Reason::ServerError => "status 503, body `upstream unavailable`".to_owned(),
            reason => format!("status 403, body `{{\"error\":\"{reason}\"}}`"),
        }),
    }
}

pub(crate) fn change(id: &str, clock: &str, kind: ChangeKind, object: &str) -> Change {
    let targets = vec!["orchestrator".to_owned()];
    let (id, object) = (id.to_owned(), object.to_owned());
    Change { id, time: Some(at(clock)), kind, object, targets, source: "kubernetes".into(), ..Change::default() }
}

/// The signing secret is changed; nothing reads it until the rollout that follows.
pub(crate) fn rotation(secret_at: &str) -> Change {
    Change {
        data_changed: Some(Known::Yes),
        keys: vec!["secret".into()],
        mounts: vec![Mount { workload: WORKLOAD.into(), how: MountHow::Env }],
        secret_role: Some(SecretRole::JwtSigning),
        summary: "key secret changed".into(),
        ..change("c-17", secret_at, ChangeKind::Secret, "Secret/llm-orchestrator/orchestrator-jwt-secret")
    }
}

pub(crate) const WORKLOAD: &str = "Deployment/llm-orchestrator/orchestrator";

pub(crate) fn rollout(id: &str, from: &str, until: &str) -> Change {
    let (begins, ends) = (at(from), at(until));
    let third = ends.duration_since(begins) / 3;
    Change {
        until: Some(ends),
        progress: vec![(begins + third, 0.33), (begins + third * 2, 0.67), (ends, 1.0)],
        revision: Some("42".into()),
        summary: "image v0.2.0".into(),
        ..change(id, from, ChangeKind::Rollout, WORKLOAD)
    }
}

pub(crate) fn key_revoked(clock: &str) -> Change {
    Change {
        touches_probe: Some(Known::Yes),
        summary: "key revoked".into(),
        source: "postgres".into(),
        ..change("c-19", clock, ChangeKind::ApiKey, "api_key/prober")
    }
}

/// Three replicas are replaced one after the other: a token of an old one fails at a new one and the other way round,
/// and a held token fails wherever the secret is new, until it is taken anew.
pub(crate) fn rolling(begins: &str, ends: &str, held_until: &str) -> impl Fn(&str, Timestamp, i64) -> Option<Reason> {
    let (begins, ends, held_until) = (at(begins), at(ends), at(held_until));
    move |probe, time, slot| {
        let third = ends.duration_since(begins) / 3;
        let replaced = (1..=3).filter(|part| time >= begins + third * *part).count() as i64;
        // The balancer's choice: as good as random, and the same in every run.
        let replica =
            |request: i64| ((slot * 2 + request).wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as i64) >> 33).rem_euclid(3);
        let (login, server) = (replica(0) < replaced, replica(1) < replaced);
        let refused = match probe {
            "jwt" | "can-execute" => login != server,
            "jwt-held" => server && time < held_until,
            _ => false,
        };
        refused.then_some(Reason::TokenRejected)
    }
}

/// Five hours: a maintenance, a rolling rotation, a revoked key, a gap, a hole in the checking of signatures.
pub(crate) fn day() -> Vec<Record> {
    let rolling = rolling("12:05:00", "12:13:00", "12:20:00");
    let (key_gone, key_back) = (at("13:00:05"), at("13:20:00"));
    let upgrade = window("10:30:00", "10:36:00");
    let mut records = results(window("10:00:00", "15:00:00"), |probe, time, slot| match probe {
        "login" if upgrade.contains(time) => Some(Reason::ServerError),
        "api_key" if key_gone <= time && time < key_back => Some(Reason::ApiKeyRejected),
        "jwt-tampered" if time >= at("14:40:00") => Some(Reason::UnexpectedlyAllowed),
        _ => rolling(probe, time, slot),
    });
    let blind = window("14:00:00", "14:10:00");
    records.retain(|record| !matches!(record, Record::Result(result) if blind.contains(result.time)));
    let back = Change { reverts: Some("c-19".into()), summary: "key enabled".into(), ..key_revoked("13:19:40") };
    let elsewhere = Change {
        targets: vec!["shop".into()],
        object: "Deployment/shop/web".into(),
        ..rollout("c-11", "12:04:00", "12:05:00")
    };
    let changes = [
        elsewhere,
        rotation("11:48:07"),
        rollout("c-18", "12:05:00", "12:13:00"),
        key_revoked("13:00:05"),
        Change { id: "c-20".into(), ..back },
        Change { summary: "on call: Kim\u{1b}[2J".into(), ..change("c-21", "13:05:00", ChangeKind::Note, "") },
    ];
    records.extend(changes.map(Record::Change));
    records.push(Record::Gap(Gap {
        feed: "prober".into(),
        from: blind.from,
        until: blind.until,
        why: "host restarted".into(),
    }));
    records
}

pub(crate) fn slo(name: &str, probes: &str, objective: f64) -> Slo {
    let text = format!(r#"{{"name":"{name}","probes":["{probes}"],"objective":{objective}}}"#);
    serde_json::from_str(&text).unwrap()
}

/// The settings that the day is judged by.
pub(crate) fn settings() -> Settings {
    let upgrade = Correction {
        from: at("10:30:00"),
        until: at("10:40:00"),
        category: "maintenance".into(),
        reason: "database upgrade".into(),
        author: Some("sre".into()),
        created_at: Some(at("11:00:00")),
        targets: vec!["orchestrator".into()],
    };
    let slices = Slo {
        method: reports::settings::Method::Timeslices,
        slice: Some(Duration::from_mins(5)),
        ..slo("logins", "*/login", 99.0)
    };
    Settings {
        slos: vec![slo("auth", "orchestrator/*", 99.0), slices],
        corrections: vec![upgrade],
        ..Settings::default()
    }
}

pub(crate) fn request(kind: Kind, window: Option<Window>) -> Request {
    Request { kind, window, incident: None, now: at("15:00:00") }
}

/// The report and what stands beside it in a format.
pub(crate) fn full(records: Vec<Record>, settings: &Settings, kind: Kind, format: Format) -> FullReport {
    let shown = window("10:00:00", "15:00:00");
    full::build_from(&Input::from_records(records), settings, &request(kind, Some(shown)), format).unwrap()
}

pub(crate) fn report(records: Vec<Record>, settings: &Settings, kind: Kind) -> Report {
    let shown = window("10:00:00", "15:00:00");
    build_from(&Input::from_records(records), settings, &request(kind, Some(shown))).unwrap()
}
