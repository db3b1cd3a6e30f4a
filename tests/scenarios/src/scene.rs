//! A scene under construction: a world, what the feeds wrote about it, and what is true.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use reports::link::{Link, Roles};
use reports::settings::{Correction, Settings, Slo};
use storage::record::{Change, ChangeKind, Gap, Record};

use crate::decoys;
use crate::dice::Dice;
use crate::play;
use crate::truth::{Answer, Truth};
use crate::world::World;
use crate::world::prober::{Agent, Probe, Role};
use crate::world::secret::Content;
use crate::world::service::Service;
use crate::world::steps::Steps;
use crate::world::target::{Idp, Issuer, Target};

/// A scene under construction. What happens first in it happens about its zero.
#[derive(Debug)]
pub struct Scene {
    /// Its draws.
    pub dice: Dice,
    /// The moment of its zero.
    pub zero: Timestamp,
    /// What really happens.
    pub world: World,
    /// What the feeds wrote.
    pub changes: Vec<Change>,
    /// When they were blind.
    pub gaps: Vec<Gap>,
    /// Objectives and corrections.
    pub slos: Vec<Slo>,
    /// Stretches that count in no objective.
    pub corrections: Vec<Correction>,
    /// What is known of the incidents before it is played.
    pub expected: Vec<Expected>,
    /// Seconds of probing before zero.
    pub before: f64,
    /// When probing ends.
    pub until: f64,
    /// How much the feeds tell.
    pub feed: Feed,
    /// Share of the executions that fail by themselves.
    pub flakes: f64,
    /// Whether unrelated changes carry names that try to break out of formats.
    pub strange_names: bool,
    /// Whether a harmless rollout or restart of the API may be among the unrelated changes.
    pub may_restart: bool,
    next: u64,
}

/// How much the feeds tell.
#[derive(Debug, Clone, Copy)]
pub struct Feed {
    /// Whether changes name their targets; else the configuration links them.
    pub targets: bool,
    /// Whether secrets carry their role.
    pub roles: bool,
    /// Whether objects carry who mounts them.
    pub mounts: bool,
    /// Whether rows say whether they concern the prober.
    pub touches: bool,
    /// Whether it is known that data changed.
    pub data: bool,
    /// Seconds between two polls of databases and key sets.
    pub poll: f64,
}

/// What is known of an incident before it is played.
#[derive(Debug, Clone)]
pub struct Expected {
    /// Not before this moment.
    pub from: f64,
    /// Failures up to this moment belong to it.
    pub until: f64,
    /// Targets, by number.
    pub targets: Vec<usize>,
    /// Roles; empty: all.
    pub roles: Vec<Role>,
    /// The right answers; empty: none.
    pub accepted: Vec<Answer>,
    /// Half right answers.
    pub half: Vec<Answer>,
    /// Whether `none` is half right.
    pub half_none: bool,
    /// Tags asked for.
    pub tags: Vec<&'static str>,
    /// Highest probability of none.
    pub none_at_most: Option<f64>,
}

/// A scene, played.
#[derive(Debug, Clone)]
pub struct Played {
    /// What the store would hold.
    pub records: Vec<Record>,
    /// What the configuration would say.
    pub settings: Settings,
    /// What is true.
    pub truth: Truth,
    /// The present moment.
    pub now: Timestamp,
}

impl Scene {
    /// An empty scene: one target with all of its probes, and nothing happens.
    #[must_use]
    pub fn new(case: &str, seed: u64) -> Scene {
        let mut dice = Dice::new(seed, case);
        // Any day of two years, to the millisecond.
        let zero = Timestamp::from_millisecond(1_767_225_600_000 + dice.between(0.0, 6.3e10) as i64);
        let feed = Feed {
            targets: dice.chance(0.7),
            roles: dice.chance(0.5),
            mounts: dice.chance(0.75),
            touches: dice.chance(0.85),
            data: dice.chance(0.8),
            poll: dice.pick(&[15.0, 30.0, 60.0, 60.0, 120.0, 300.0]),
        };
        let mut scene = Scene {
            dice,
            zero: zero.unwrap_or(Timestamp::UNIX_EPOCH),
            world: World::default(),
            changes: Vec::new(),
            gaps: Vec::new(),
            slos: Vec::new(),
            corrections: Vec::new(),
            expected: Vec::new(),
            before: 3.0 * 3600.0,
            until: 3600.0,
            feed,
            flakes: 0.002,
            strange_names: false,
            may_restart: true,
            next: 0,
        };
        let agents = scene.dice.pick(&[1, 1, 1, 1, 2, 3]);
        let names = ["local", "eu-west", "us-east"];
        scene.world.agents = names.iter().take(agents).map(|name| agent(name)).collect();
        scene.add_target();
        scene
    }

    /// Another target, in a namespace of its own; its number.
    pub fn add_target(&mut self) -> usize {
        let number = self.world.targets.len();
        let name = self.dice.pick(&["orchestrator", "billing", "gateway", "catalog", "identity", "orders"]);
        let name = if number == 0 { name.to_owned() } else { format!("{name}-{number}") };
        let namespace = self.dice.pick(&["llm", "prod", "payments", "core", "team-a"]);
        let namespace = format!("{namespace}-{number}");
        let replicas = self.dice.pick(&[1, 2, 2, 3, 3, 3, 4, 6]);
        let service = Service::new(format!("Deployment/{namespace}/{name}"), replicas, &mut self.dice);
        let every = self.dice.pick(&[10.0, 15.0, 30.0, 30.0, 60.0, 60.0, 120.0]);
        let token_life = self.dice.pick(&[300.0, 900.0, 1800.0, 3600.0, 14_400.0]);
        let hold = (token_life * self.dice.between(0.4, 0.8)).clamp(240.0, 3600.0);
        let probes = self.probes(every);
        self.world.targets.push(Target {
            signing_name: format!("{name}-{}", self.dice.pick(&["jwt", "jwt-secret", "signing", "token-key"])),
            name,
            namespace,
            service,
            issuer: Issuer::Own,
            every,
            probes,
            signing: Content::new(1),
            config: Content::new(1),
            password: Content::new(1),
            database_password: Steps::new(1),
            login_password: Steps::new(true),
            api_keys: Content::new(1),
            api_key_row: Steps::new(true),
            permitted: Steps::new(true),
            too_much: Steps::new(false),
            roles_in_token: self.dice.chance(0.5),
            certificate: Content::new(0),
            certificate_ends: vec![f64::INFINITY],
            token_life,
            hold,
            hold_phase: self.dice.between(0.0, 1.0),
            keeps_token: self.dice.chance(0.5),
            taciturn: self.dice.chance(0.15),
            retired: None,
        });
        number
    }

    /// The first target.
    pub fn target(&mut self) -> &mut Target {
        &mut self.world.targets[0]
    }

    /// Makes sure that a target has a probe of a role.
    pub fn need(&mut self, target: usize, role: Role) {
        let every = self.world.targets[target].every;
        let phase = self.dice.between(0.0, every.min(20.0));
        let probes = &mut self.world.targets[target].probes;
        if probes.iter().all(|probe| probe.role != role) {
            probes.push(Probe { name: name(role), role, phase });
        }
    }

    /// Lets an authentication service of its own issue the tokens of a target, from its own copy of the secret.
    pub fn issue_apart(&mut self, target: usize) {
        let namespace = self.world.targets[target].namespace.clone();
        let replicas = self.dice.pick(&[1, 2, 3]);
        let service = Service::new(format!("Deployment/{namespace}/auth"), replicas, &mut self.dice);
        self.world.targets[target].issuer = Issuer::Apart(Box::new(service), Content::new(1));
    }

    /// Lets an identity provider issue the tokens of targets.
    pub fn issue_by_idp(&mut self, targets: &[usize]) -> usize {
        self.world.idps.push(Idp::new());
        let idp = self.world.idps.len() - 1;
        for target in targets {
            self.world.targets[*target].issuer = Issuer::Idp(idp);
        }
        idp
    }

    /// A fresh id that says nothing.
    pub fn id(&mut self) -> String {
        self.next += 1;
        let salt = self.dice.below(0x1_0000);
        format!("c-{salt:04x}{}", self.next)
    }

    /// A moment of the scene.
    #[must_use]
    pub fn at(&self, seconds: f64) -> Timestamp {
        moment(self.zero, seconds)
    }

    /// Keeps a change and returns its id.
    pub fn record(&mut self, mut change: Change) -> String {
        change.id = self.id();
        let id = change.id.clone();
        self.changes.push(change);
        id
    }

    /// A change of a Kubernetes object at a moment, linked to a target in the feed's way.
    pub fn observed(&mut self, at: f64, kind: ChangeKind, object: String, target: Option<usize>) -> Change {
        let lag = self.dice.between(0.2, 3.0);
        let named = target.filter(|_| self.feed.targets).map(|target| self.world.targets[target].name.clone());
        Change {
            time: Some(self.at(at)),
            kind,
            object,
            targets: named.into_iter().collect(),
            source: "kubernetes".into(),
            known_at: Some(self.at(at + lag)),
            ..Change::default()
        }
    }

    /// A change of a source that is polled: known to have happened between two polls.
    pub fn polled(&mut self, at: f64, kind: ChangeKind, object: String, targets: &[usize], source: &str) -> Change {
        let since = self.dice.between(0.0, self.feed.poll);
        let names = targets.iter().map(|target| self.world.targets[*target].name.clone()).collect();
        Change {
            time_lo: Some(self.at(at - since)),
            time_hi: Some(self.at(at - since + self.feed.poll)),
            kind,
            object,
            targets: names,
            source: source.into(),
            known_at: Some(self.at(at - since + self.feed.poll)),
            ..Change::default()
        }
    }

    /// How long an incident lasts: long enough to be seen.
    pub fn duration(&mut self) -> f64 {
        let every = self.world.targets.iter().map(|target| target.every).fold(10.0, f64::max);
        self.dice.lognormal(1700.0, 0.7).clamp(12.0 * every + 300.0, 3.0 * 3600.0)
    }

    /// How long an incident lasts of which only a part of the requests suffers.
    pub fn long_duration(&mut self) -> f64 {
        let every = self.world.targets.iter().map(|target| target.every).fold(10.0, f64::max);
        self.duration().max(self.dice.between(42.0, 70.0) * every)
    }

    /// Goes on for a while after a moment, or, one time in five, breaks off before it.
    pub fn finish(&mut self, end: f64) {
        let every = self.world.targets.iter().map(|target| target.every).fold(10.0, f64::max);
        let quiet = self.dice.between(1800.0, 3600.0).max(20.0 * every);
        self.until = if self.dice.chance(0.2) { end - 30.0 } else { end + quiet };
    }

    /// Plays the scene: adds unrelated changes, lets the probers run and works out what is true.
    #[must_use]
    pub fn play(mut self, case: &str, seed: u64, per_day: u32, deceptive: bool) -> Played {
        decoys::add(&mut self, per_day);
        let settings = self.settings();
        let (mut records, mut truth) = play::play(&mut self);
        (truth.case, truth.seed, truth.decoys, truth.deceptive) = (case.to_owned(), seed, per_day, deceptive);
        records.extend(self.gaps.iter().cloned().map(Record::Gap));
        // A store does not hold what has not been seen yet.
        let now = self.at(self.until + 5.0);
        let seen = |change: &Change| change.hi().is_some_and(|hi| hi <= now) || change.kind == ChangeKind::Expiry;
        records.extend(self.changes.iter().filter(|change| seen(change)).cloned().map(Record::Change));
        Played { records, settings, truth, now }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings {
            slos: self.slos.clone(),
            corrections: self.corrections.clone(),
            links: BTreeMap::new(),
            ..Settings::default()
        };
        for target in &self.world.targets {
            let mut workloads = vec![format!("Deployment/{}", last(&target.service.workload))];
            if let Issuer::Apart(service, _) = &target.issuer {
                workloads.push(format!("Deployment/{}", last(&service.workload)));
            }
            let secrets = Roles {
                jwt_signing: Some(target.signing_name.clone()),
                api_keys: Some(format!("{}-api-keys", target.name)),
                password: Some(format!("{}-db", target.name)),
                tls: Some(format!("{}-tls", target.name)),
                other: None,
            };
            if !self.feed.targets {
                let link = Link { namespace: target.namespace.clone(), workloads, secrets };
                settings.links.insert(target.name.clone(), link);
            }
        }
        settings
    }

    fn probes(&mut self, every: f64) -> Vec<Probe> {
        let mut roles = vec![Role::Jwt];
        if self.dice.chance(0.93) {
            roles.push(Role::Login);
        }
        let often = [
            (Role::Held, 0.75),
            (Role::Tampered, 0.6),
            (Role::AlgNone, 0.3),
            (Role::ApiKey, 0.9),
            (Role::UnknownKey, 0.3),
            (Role::Permitted, 0.75),
            (Role::Forbidden, 0.5),
        ];
        roles.extend(often.iter().filter(|(_, share)| self.dice.chance(*share)).map(|(role, _)| *role));
        let spread = self.dice.pick(&[0.3, 2.0, every]);
        roles
            .iter()
            .map(|role| Probe { name: name(*role), role: *role, phase: self.dice.between(0.0, spread) })
            .collect()
    }
}

/// A moment so many seconds after another, in whole milliseconds.
#[must_use]
pub fn moment(zero: Timestamp, seconds: f64) -> Timestamp {
    zero.saturating_add(SignedDuration::from_millis((seconds * 1000.0).round() as i64)).unwrap_or(zero)
}

/// The last part of `KIND/NAMESPACE/NAME`.
#[must_use]
pub fn last(object: &str) -> &str {
    object.rsplit('/').next().unwrap_or(object)
}

fn name(role: Role) -> &'static str {
    match role {
        Role::Login => "login",
        Role::Jwt => "jwt",
        Role::Held => "jwt-held",
        Role::Tampered => "jwt-tampered",
        Role::AlgNone => "jwt-alg_none",
        Role::Retired => "jwt-revoked",
        Role::ApiKey => "api_key",
        Role::UnknownKey => "api_key-unknown",
        Role::Permitted => "can-execute",
        Role::Forbidden => "cannot-admin",
    }
}

fn agent(name: &str) -> Agent {
    Agent { name: name.to_owned(), off: Vec::new(), offline: Vec::new(), clock_wrong: Vec::new(), no_key: Vec::new() }
}
