//! Records to write, and what a store holds as text.

use std::ops::ControlFlow;
use std::path::Path;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use storage::interchange;
use storage::record::{
    Change, ChangeKind, Decision, Expect, Gap, Known, Mount, MountHow, Operation, Outcome, Phases, ProbeKind,
    ProbeResult, Reason, Record, SecretRole, Variant, Verdict,
};
use storage::sqlite::reader::Reader;
use storage::window::Window;

/// From one moment of [`records`] to the next: hours and days are crossed often, and rarely hit.
const SLOT_MS: i64 = 5_400_000;

/// A success of `orchestrator/login` at that second.
pub(crate) fn success(second: i64) -> ProbeResult {
    ProbeResult {
        time: Timestamp::from_second(second).unwrap(),
        target: "orchestrator".into(),
        probe: "login".into(),
        kind: ProbeKind::Login,
        expect: Expect::Allow,
        variant: Variant::Valid,
        agent: "local".into(),
        outcome: Outcome::Success,
        reason: None,
        status: Some(200),
        took_us: 8120,
        phases_us: Some(Phases { resolve: 110, connect: 300, tls: 2100, processing: 5400, transfer: 210 }),
        every_s: Some(30.0),
        detail: None,
    }
}

/// `count` successes, a second apart, from that second on.
pub(crate) fn successes(from: i64, count: i64) -> Vec<Record> {
    (from..from + count).map(|second| Record::Result(success(second))).collect()
}

/// Everything in the store, as it is exported.
pub(crate) fn export(path: &Path, window: Option<Window>) -> String {
    let mut lines = Vec::new();
    let reader = Reader::open(path).unwrap();
    reader
        .records(window, |record| {
            interchange::write(&record, &mut lines).unwrap();
            ControlFlow::Continue(())
        })
        .unwrap();
    String::from_utf8(lines).unwrap()
}

/// Any record, of few series, moments and ids, so that they meet.
pub(crate) fn records(size: usize) -> impl Strategy<Value = Vec<Record>> {
    let record = prop_oneof![
        8 => result().prop_map(Record::Result),
        2 => change().prop_map(Record::Change),
        1 => gap().prop_map(Record::Gap),
        1 => verdict().prop_map(Record::Verdict),
    ];
    vec(record, 0..size)
}

/// A window over the moments of [`records`], often with its ends exactly on one.
pub(crate) fn window() -> impl Strategy<Value = Option<Window>> {
    option::weighted(0.9, (moment(), moment()))
        .prop_map(|ends| ends.and_then(|(a, b)| Window::new(a.min(b), a.max(b)).ok()))
}

fn result() -> impl Strategy<Value = ProbeResult> {
    let names = (select(vec!["a", "b", "a\u{0}b"]), select(vec!["login", "jwt"]), select(vec!["local", "paris"]));
    let words = (
        select(ProbeKind::ALL),
        select(Expect::ALL),
        select(Variant::ALL),
        select(Outcome::ALL),
        option::of(select(Reason::ALL)),
    );
    let phases = [(); 5].map(|()| natural()).prop_map(|[resolve, connect, tls, processing, transfer]| Phases {
        resolve,
        connect,
        tls,
        processing,
        transfer,
    });
    let rest = (
        option::of(any::<u16>()),
        natural(),
        option::of(phases),
        option::of(1_u32..100_000_000),
        option::of("\\PC{0,3}|[\\x00-\\x7f]{0,3}"),
    );
    (-20..20_i64, names, words, rest).prop_map(|(slot, names, words, rest)| ProbeResult {
        time: Timestamp::from_millisecond(slot * SLOT_MS).unwrap(),
        target: names.0.into(),
        probe: names.1.into(),
        agent: names.2.into(),
        kind: words.0,
        expect: words.1,
        variant: words.2,
        outcome: words.3,
        reason: words.4,
        status: rest.0,
        took_us: rest.1,
        phases_us: rest.2,
        every_s: rest.3.map(|milliseconds| f64::from(milliseconds) / 1000.0),
        detail: rest.4,
    })
}

fn change() -> impl Strategy<Value = Change> {
    let when = (moment(), moment(), option::of(moment()), any::<bool>(), option::of(moment()));
    let what = (select(ChangeKind::ALL), text(), vec(text(), 0..2), option::of(select(Known::ALL)), vec(text(), 0..2));
    let how = (
        vec((text(), select(MountHow::ALL)).prop_map(|(workload, how)| Mount { workload, how }), 0..2),
        option::of(text()),
        option::of(select(Known::ALL)),
        vec((moment(), 0.0..=1.0), 0..3),
        option::of(text()),
    );
    let who = (option::of(select(Operation::ALL)), option::of(text()), option::of(select(SecretRole::ALL)), text());
    (select(vec!["", "c-1", "c-2", "c-3"]), when, what, how, who).prop_map(|(id, when, what, how, who)| {
        let (lo, hi) = (when.0.min(when.1), when.0.max(when.1));
        Change {
            id: id.into(),
            time: when.3.then_some(lo),
            time_lo: (!when.3).then_some(lo),
            time_hi: (!when.3).then_some(hi),
            until: when.2.map(|until| until.max(lo)),
            known_at: when.4,
            kind: what.0,
            object: what.1,
            targets: what.2,
            data_changed: what.3,
            keys: what.4,
            mounts: how.0,
            workload: how.1,
            touches_probe: how.2,
            progress: how.3,
            reverts: how.4,
            operation: who.0,
            actor: who.1,
            secret_role: who.2,
            summary: who.3,
            ..Change::default()
        }
    })
}

fn gap() -> impl Strategy<Value = Gap> {
    let length = prop_oneof![1..3_000_000_000_i64, (1..9_i64).prop_map(|slots| slots * SLOT_MS * 1_000_000)];
    (moment(), length, select(vec!["kubernetes", "prober"]), text()).prop_map(|(from, length, feed, why)| {
        let until = from + jiff::SignedDuration::from_nanos(length);
        Gap { feed: feed.into(), from, until, why }
    })
}

fn verdict() -> impl Strategy<Value = Verdict> {
    let what = (select(Decision::ALL), vec(text(), 0..3), option::of(text()), option::of(select(ChangeKind::ALL)));
    let when = (moment(), option::of(moment()), option::of(-1e6..1e6_f64), option::of(text()));
    let who = (select(vec!["", "v-1"]), select(vec!["i-1", "i-2"]), text(), text(), vec(text(), 0..2));
    (what, when, who).prop_map(|(what, when, who)| Verdict {
        id: who.0.into(),
        time: when.0,
        incident: who.1.into(),
        decision: what.0,
        changes: what.1,
        trigger: what.2,
        kind: what.3,
        targets: who.4,
        start: when.1,
        lag_s: when.2,
        lag: when.3,
        author: who.2,
        reason: who.3,
    })
}

/// A moment within thirty hours of 1970, on a slot of results, or beside one by a nanosecond or some.
fn moment() -> impl Strategy<Value = Timestamp> {
    (-20..20_i64, select(vec![0, 0, 1, -1, 999_999, 1_000_000, 123_456_789]))
        .prop_map(|(slot, beside)| Timestamp::from_nanosecond(i128::from(slot * SLOT_MS * 1_000_000 + beside)).unwrap())
}

fn natural() -> impl Strategy<Value = u64> {
    prop_oneof![0..100_000_u64, 0..=i64::MAX.unsigned_abs()]
}

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,4}"
}
