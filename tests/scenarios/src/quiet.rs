//! How often an incident is seen where nothing but noise is.

use jiff::Timestamp;
use storage::record::{Expect, Outcome, ProbeKind, ProbeResult, Reason, Record, Variant};

use crate::dice::Dice;
use crate::judge::judge_records;
use crate::scene::moment;
use crate::score::reported::incidents;

/// Days of a month.
const DAYS: f64 = 30.0;

/// Incidents and probe-months of a seed: six probes for a month, of whose executions a share fails by itself.
///
/// # Errors
/// When the report cannot be built.
pub fn false_opens(seed: u64, flakes: f64, every: f64) -> anyhow::Result<(usize, f64)> {
    let mut dice = Dice::new(seed, "quiet");
    let zero = Timestamp::from_second(1_790_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
    let probes = [
        ("login", ProbeKind::Login, Expect::Allow, Variant::Valid),
        ("jwt", ProbeKind::Jwt, Expect::Allow, Variant::Fresh),
        ("jwt-held", ProbeKind::Jwt, Expect::Allow, Variant::Held),
        ("jwt-tampered", ProbeKind::Jwt, Expect::Deny, Variant::Tampered),
        ("api_key", ProbeKind::ApiKey, Expect::Allow, Variant::Valid),
        ("can-execute", ProbeKind::Permission, Expect::Allow, Variant::Valid),
    ];
    let mut records = Vec::new();
    for (probe, kind, expect, variant) in probes {
        let phase = dice.between(0.0, every);
        let count = (DAYS * 86_400.0 / every) as usize;
        for slot in 0..count {
            let reason =
                dice.chance(flakes).then(|| dice.pick(&[Reason::Timeout, Reason::Connect, Reason::ServerError]));
            records.push(Record::Result(ProbeResult {
                time: moment(zero, phase + every * slot as f64),
                target: "orchestrator".into(),
                probe: probe.into(),
                kind,
                expect,
                variant,
                agent: "local".into(),
                outcome: if reason.is_some() { Outcome::Failure } else { Outcome::Success },
                reason,
                status: None,
                took_us: 20_000,
                phases_us: None,
                every_s: Some(every),
                detail: None,
            }));
        }
    }
    let now = moment(zero, DAYS * 86_400.0);
    let judged = judge_records(records, &Default::default(), now)?;
    Ok((incidents(&judged.report).len(), probes.len() as f64))
}
