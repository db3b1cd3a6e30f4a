//! Lets the probers run against a world and works out what is true from the world itself.

use jiff::Timestamp;
use storage::record::{Outcome, ProbeResult, Reason, Record};

use crate::dice::Dice;
use crate::scene::{Expected, Scene, moment};
use crate::truth::{SeriesName, TrueIncident, Truth};
use crate::world::World;
use crate::world::prober::{Luck, Met, Role, Use};
use crate::world::target::Issuer;

/// Share of the failures that are told in general words.
const NOISE: f64 = 0.1;
/// Failures of one series from which there is an incident.
const LEAST: usize = 3;

/// One execution, as the world knows it.
struct Run {
    time: f64,
    agent: usize,
    target: usize,
    role: Role,
    probe: &'static str,
    failed: bool,
    let_in: bool,
}

/// Chance decides.
struct Chance<'a>(&'a mut Dice);

/// Whatever may happen does, at a given pair of replicas.
struct Possible {
    issue: usize,
    serve: usize,
}

/// Whatever need not happen does not, at a given pair of replicas.
struct Certain(Possible);

impl Luck for Chance<'_> {
    fn happens(&mut self, probability: f64) -> bool {
        self.0.chance(probability)
    }

    fn choose(&mut self, among: &[usize], _: Use) -> usize {
        among[self.0.below(among.len())]
    }
}

impl Luck for Possible {
    fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0
    }

    fn choose(&mut self, among: &[usize], use_: Use) -> usize {
        let wanted = if use_ == Use::Issue { self.issue } else { self.serve };
        among[wanted % among.len()]
    }
}

impl Luck for Certain {
    fn happens(&mut self, probability: f64) -> bool {
        probability >= 0.999
    }

    fn choose(&mut self, among: &[usize], use_: Use) -> usize {
        self.0.choose(among, use_)
    }
}

/// The results of a scene, and what is true of it.
pub fn play(scene: &mut Scene) -> (Vec<Record>, Truth) {
    let mut records = Vec::new();
    let mut runs = Vec::new();
    let mut dice = scene.dice.clone();
    let slow = slow_limit(scene);
    for (target, is) in scene.world.targets.iter().enumerate() {
        for agent in 0..scene.world.agents.len() {
            let shift = dice.between(0.0, is.every * 0.9);
            for probe in &is.probes {
                let mut time = -scene.before + shift + probe.phase;
                while time < scene.until {
                    // A result is kept to the millisecond; what it met is what was so then.
                    let start = ((time + dice.between(0.0, 0.02)) * 1000.0).round() / 1000.0;
                    time += is.every;
                    let met = scene.world.meet(target, probe.role, agent, start, &mut Chance(&mut dice));
                    let failed = matches!(met, Met::Failure(_)) || (met == Met::Slow && slow.is_some());
                    let let_in = met == Met::Failure(Reason::UnexpectedlyAllowed);
                    runs.push(Run { time: start, agent, target, role: probe.role, probe: probe.name, failed, let_in });
                    let met = if met == Met::Success && dice.chance(scene.flakes) {
                        Met::Failure(dice.pick(&[Reason::Timeout, Reason::Connect, Reason::ServerError]))
                    } else {
                        met
                    };
                    if let Some(result) = result(scene, &mut dice, target, probe.name, probe.role, agent, start, met) {
                        records.push(Record::Result(result));
                    }
                }
            }
        }
    }
    scene.dice = dice;
    let incidents = scene.expected.iter().filter_map(|expected| truth(scene, expected, &runs)).collect();
    let truth = Truth { case: String::new(), seed: 0, decoys: 0, deceptive: false, incidents };
    (records, truth)
}

fn slow_limit(scene: &Scene) -> Option<f64> {
    scene.slos.iter().find_map(|slo| slo.latency).map(|latency| latency.as_secs_f64())
}

#[expect(clippy::too_many_arguments, reason = "a result is made of all that identifies it")]
fn result(
    scene: &Scene,
    dice: &mut Dice,
    target: usize,
    probe: &str,
    role: Role,
    agent: usize,
    start: f64,
    met: Met,
) -> Option<ProbeResult> {
    let is = &scene.world.targets[target];
    let (kind, expect, variant) = role.words();
    let usual = dice.lognormal(18_000.0, 0.35);
    let (outcome, reason, took_us) = match met {
        Met::Absent => return None,
        Met::Success => (Outcome::Success, None, usual),
        Met::Slow => (Outcome::Success, None, 900_000.0 + usual * 8.0),
        Met::Failure(reason) => {
            let told = told(reason, is.taciturn, role, dice);
            let took = if told == Reason::Timeout { 10_000_000.0 } else { usual };
            (Outcome::Failure, Some(told), took)
        }
        Met::Skipped(reason) => (Outcome::Skipped, Some(reason), 0.0),
        Met::Invalid(reason) => (Outcome::Invalid, Some(reason), 0.0),
    };
    Some(ProbeResult {
        time: moment(scene.zero, start),
        target: is.name.clone(),
        probe: probe.to_owned(),
        kind,
        expect,
        variant,
        agent: scene.world.agents[agent].name.clone(),
        outcome,
        reason,
        status: None,
        took_us: took_us as u64,
        phases_us: None,
        every_s: Some(is.every),
        detail: None,
    })
}

/// The reason that a result gives: a server's words are not always exact.
fn told(reason: Reason, taciturn: bool, role: Role, dice: &mut Dice) -> Reason {
    let token = matches!(
        reason,
        Reason::SignatureInvalid
            | Reason::KeyUnknown
            | Reason::TokenExpired
            | Reason::TokenNotYetValid
            | Reason::ClaimsInvalid
    );
    let answered = token
        || matches!(
            reason,
            Reason::LoginRejected | Reason::ApiKeyRejected | Reason::PermissionDenied | Reason::ServerError
        );
    if token && taciturn {
        return Reason::TokenRejected;
    }
    if !answered || !dice.chance(NOISE) {
        return reason;
    }
    let carries_token = matches!(role, Role::Jwt | Role::Held | Role::Permitted);
    if carries_token && token {
        dice.pick(&[Reason::TokenRejected, Reason::TokenRejected, Reason::UnexpectedStatus, Reason::ServerError])
    } else {
        dice.pick(&[Reason::UnexpectedStatus, Reason::ServerError])
    }
}

fn truth(scene: &Scene, expected: &Expected, runs: &[Run]) -> Option<TrueIncident> {
    let world = &scene.world;
    let concerned = |target: usize, role: Role| {
        expected.targets.contains(&target) && (expected.roles.is_empty() || expected.roles.contains(&role))
    };
    let mine: Vec<&Run> = runs
        .iter()
        .filter(|run| concerned(run.target, run.role) && expected.from <= run.time && run.time < expected.until)
        .collect();
    let first = mine.iter().filter(|run| run.failed).map(|run| run.time).reduce(f64::min)?;
    let last = mine.iter().filter(|run| run.failed).map(|run| run.time).fold(first, f64::max);
    let slow = slow_limit(scene).is_some();
    let may_fail = |at: f64| {
        each_series(world).any(|(target, role, agent)| {
            concerned(target, role)
                && pairs(world, target).any(|pair| fails(world, target, role, agent, at, slow, pair))
        })
    };
    let onset = search(expected.from.max(-scene.before), first, &may_fail);
    let every = expected.targets.iter().map(|target| world.targets[*target].every).fold(0.0, f64::max);
    let still = (1..=80).rev().map(|step| last + every * 2.0 * f64::from(step) / 80.0).find(|at| may_fail(*at));
    let end = still.unwrap_or(last);
    let full = each_series(world).any(|(target, role, agent)| {
        concerned(target, role)
            && pairs(world, target).all(|Possible { issue, serve }| {
                [0.5, every, 2.0 * every].iter().all(|later| {
                    let met = world.meet(target, role, agent, onset + later, &mut Certain(Possible { issue, serve }));
                    matches!(met, Met::Failure(_)) || (slow && met == Met::Slow)
                })
            })
    });
    let mut series = Vec::new();
    let (mut visible, mut enough) = (false, false);
    let fail_open = mine.iter().filter(|run| run.let_in).count() >= LEAST;
    for (target, probe) in (0..world.targets.len())
        .flat_map(|target| world.targets[target].probes.iter().map(move |probe| (target, probe)))
    {
        for (number, agent) in world.agents.iter().enumerate() {
            let own: Vec<bool> = mine
                .iter()
                .filter(|run| run.target == target && run.probe == probe.name && run.agent == number)
                .map(|run| run.failed)
                .collect();
            let count = own.iter().filter(|failed| **failed).count();
            if count == 0 {
                continue;
            }
            enough |= count >= LEAST;
            series.push(SeriesName {
                target: world.targets[target].name.clone(),
                probe: probe.name.to_owned(),
                agent: agent.name.clone(),
            });
            let in_a_row = own.windows(LEAST).any(|run| run.iter().all(|failed| *failed));
            let in_part = own.windows(40).any(|run| run.iter().filter(|failed| **failed).count() >= 10);
            visible |= in_a_row || in_part;
        }
    }
    if !enough {
        return None;
    }
    let at = |seconds: f64| -> Timestamp { moment(scene.zero, seconds) };
    Some(TrueIncident {
        accepted: expected.accepted.clone(),
        half: expected.half.clone(),
        half_none: expected.half_none,
        onset: at(onset),
        end: (end < scene.until - 3.0 * every).then(|| at(end)),
        series,
        full,
        every,
        visible,
        tags: expected.tags.iter().map(|tag| (*tag).to_owned()).collect(),
        fail_open,
        none_at_most: expected.none_at_most,
    })
}

fn each_series(world: &World) -> impl Iterator<Item = (usize, Role, usize)> {
    let agents = world.agents.len();
    world.targets.iter().enumerate().flat_map(move |(number, target)| {
        target.probes.iter().flat_map(move |probe| (0..agents).map(move |agent| (number, probe.role, agent)))
    })
}

/// Pairs of an issuing and a serving replica.
fn pairs(world: &World, target: usize) -> impl Iterator<Item = Possible> {
    let is = &world.targets[target];
    let issuers = match &is.issuer {
        Issuer::Own => is.service.replicas.len(),
        Issuer::Apart(service, _) => service.replicas.len(),
        Issuer::Idp(_) => 1,
    };
    let servers = is.service.replicas.len();
    (0..issuers).flat_map(move |issue| (0..servers).map(move |serve| Possible { issue, serve }))
}

fn fails(world: &World, target: usize, role: Role, agent: usize, at: f64, slow: bool, mut pair: Possible) -> bool {
    let met = world.meet(target, role, agent, at, &mut pair);
    matches!(met, Met::Failure(_)) || (slow && met == Met::Slow)
}

/// The first moment from which something is so, given that it is so at the end.
fn search(from: f64, until: f64, is_so: &impl Fn(f64) -> bool) -> f64 {
    let steps = ((until - from) / 2.0).clamp(1.0, 700.0) as usize;
    let width = (until - from) / steps as f64;
    let found = (0..steps).map(|step| from + width * step as f64).find(|at| is_so(*at));
    let coarse = found.unwrap_or(until);
    let before = (coarse - width).max(from);
    let fine = (0..=10).map(|step| before + (coarse - before) * f64::from(step) / 10.0).find(|at| is_so(*at));
    fine.unwrap_or(coarse)
}
