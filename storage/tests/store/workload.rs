//! What a writer writes while it is killed, cut off or left without room.
//!
//! The content of a batch follows from its number alone, so whoever watches the writer can tell what must be there.

use jiff::Timestamp;
use storage::record::{
    Change, ChangeKind, Decision, Expect, Gap, Outcome, Phases, ProbeKind, ProbeResult, Reason, Record, Variant,
    Verdict,
};

use crate::dice::Dice;

/// First moment of batch 0: 2026-11-02, the day after the last one in the store of the first format.
const START_S: i64 = 1_793_577_600;

/// Seconds from one run of a target to the next.
const EVERY_S: i64 = 600;

/// Runs of each target in a batch, which so spans an hour: a few hundred batches cross a dozen days.
const SLOTS: i64 = 6;

/// A run that does not come in its own batch comes at most that many batches later.
const LATEST: u64 = 40;

/// Target, agent, and the steps of a run: each begins when the one before has ended.
const GROUPS: [(&str, &str, &[ProbeKind]); 4] = [
    ("orchestrator", "local", ProbeKind::ALL),
    ("orchestrator", "paris", ProbeKind::ALL),
    ("gateway", "local", &[ProbeKind::Login, ProbeKind::Jwt, ProbeKind::Permission]),
    ("billing", "local", &[ProbeKind::ApiKey, ProbeKind::Permission]),
];

/// The records of the batch of that number.
pub(crate) fn batch(number: i64) -> Vec<Record> {
    let mut records = Vec::new();
    let slots = |number: i64| number * SLOTS..(number + 1) * SLOTS;
    for early in number - LATEST.cast_signed()..=number {
        for slot in slots(early) {
            for group in 0..GROUPS.len() {
                if early + delay(slot, group) == number {
                    records.extend(run(slot, group).into_iter().map(Record::Result));
                }
            }
        }
    }
    if number % 4 == 1 {
        let again = slots(number - 1).chain(slots(number - 30)).flat_map(|slot| run(slot, 0));
        records.extend(again.map(Record::Result));
    }
    if number % 3 == 2 {
        let corrected = slots(number - 2).take(2).chain(slots(number - 33).take(2)).flat_map(|slot| run(slot, 1));
        records.extend(corrected.map(|result| Record::Result(correct(result, number))));
    }
    if number % 5 == 3 {
        records.push(Record::Change(rollout(number, false)));
    }
    if number % 5 == 0 {
        records.push(Record::Change(rollout(number - 2, true)));
    }
    if number % 4 == 2 {
        records.push(Record::Verdict(verdict(number)));
    }
    if number % 15 == 7 {
        let (from, until) = (second(number * SLOTS), second((number + 1) * SLOTS));
        records.push(Record::Gap(Gap { feed: "kubernetes".into(), from, until, why: format!("watch {number} lost") }));
    }
    records
}

/// The moment at which the batch of that number is complete.
pub(crate) fn end(number: i64) -> Timestamp {
    second((number + 1) * SLOTS)
}

fn second(slot: i64) -> Timestamp {
    Timestamp::from_second(START_S + slot * EVERY_S).unwrap()
}

/// How many batches late a run comes: mostly none.
fn delay(slot: i64, group: usize) -> i64 {
    let mut dice = dice(slot, group, 1);
    if dice.once_in(20) { 1 + dice.below(LATEST).cast_signed() } else { 0 }
}

/// One run: its steps follow each other, and one that fails takes those after it along.
fn run(slot: i64, group: usize) -> Vec<ProbeResult> {
    let (target, agent, kinds) = GROUPS[group];
    let mut dice = dice(slot, group, 2);
    let outage = slot.rem_euclid(500) < 9 && group == 2;
    let refused = dice.once_in(30);
    let mut time = second(slot).as_millisecond() + dice.below(2000).cast_signed();
    let mut results = Vec::new();
    for (step, kind) in kinds.iter().enumerate() {
        let phases = Phases {
            resolve: 40 + dice.below(100),
            connect: 300 + dice.below(500),
            tls: 2000 + dice.below(4000),
            processing: 5000 + dice.below(1 << 16),
            transfer: 100 + dice.below(900),
        };
        let (outcome, reason, status, detail) = match step {
            _ if outage => (Outcome::Failure, Some(Reason::Timeout), None, Some("no answer within 10 s".to_owned())),
            0 if refused => {
                let detail = format!("refused, request {}", slot.rem_euclid(97));
                (Outcome::Failure, Some(Reason::LoginRejected), Some(401), Some(detail))
            }
            _ if refused => (Outcome::Skipped, Some(Reason::NoToken), None, None),
            _ => (Outcome::Success, None, Some(200), None),
        };
        let sent = outcome != Outcome::Skipped;
        let took_us = if sent { phases.total() + dice.below(3) } else { 0 };
        results.push(ProbeResult {
            time: Timestamp::from_millisecond(time).unwrap(),
            target: target.into(),
            probe: kind.as_str().into(),
            kind: *kind,
            expect: Expect::Allow,
            variant: Variant::Valid,
            agent: agent.into(),
            outcome,
            reason,
            status,
            took_us,
            phases_us: sent.then_some(phases),
            every_s: Some(EVERY_S as f64),
            detail,
        });
        time += (took_us / 1000 + dice.below(2)).cast_signed();
    }
    results
}

/// The same execution, told otherwise by a later batch.
fn correct(result: ProbeResult, number: i64) -> ProbeResult {
    let detail = Some(format!("told again by batch {}", number.rem_euclid(100)));
    let (outcome, reason) = (Outcome::Failure, Some(Reason::UnexpectedBody));
    ProbeResult { outcome, reason, detail, took_us: result.took_us + 1000, ..result }
}

/// A rollout; once it has ended it is told again.
/// What somebody says of the incident that began in the batch before; of every second one twice, otherwise.
fn verdict(number: i64) -> Verdict {
    Verdict {
        id: String::new(),
        time: second((number + 1) * SLOTS),
        incident: format!("i-{}", number / 8),
        decision: if number % 8 == 2 { Decision::Rejected } else { Decision::Confirmed },
        changes: vec![format!("c-{number}")],
        trigger: None,
        kind: Some(ChangeKind::Rollout),
        targets: vec!["orchestrator".into()],
        start: Some(second(number * SLOTS)),
        lag_s: Some(41.5),
        lag: Some("rollout".into()),
        author: "sre".into(),
        reason: format!("said at {number}"),
    }
}

fn rollout(number: i64, ended: bool) -> Change {
    Change {
        id: format!("c-{number}"),
        time: Some(second(number * SLOTS)),
        until: ended.then(|| second(number * SLOTS + 1)),
        kind: ChangeKind::Rollout,
        object: "Deployment/llm/orchestrator".into(),
        summary: format!("image {number}"),
        source: "kubernetes".into(),
        ..Change::default()
    }
}

fn dice(slot: i64, group: usize, purpose: u64) -> Dice {
    Dice::new(Dice::new(slot.cast_unsigned()).roll() ^ Dice::new(group as u64 * 8 + purpose).roll())
}
