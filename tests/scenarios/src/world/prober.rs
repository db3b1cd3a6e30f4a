//! The probers, and what one execution of a probe meets.

use storage::record::{Expect, ProbeKind, Reason, Variant};

use crate::world::World;
use crate::world::secret::loaded;
use crate::world::target::{Issuer, Target};
use crate::world::token::Token;

/// A prober at one vantage point.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Its name.
    pub name: String,
    /// Stretches in which it does not run.
    pub off: Vec<(f64, f64)>,
    /// Stretches in which it knows that its own network is gone.
    pub offline: Vec<(f64, f64)>,
    /// Stretches in which it knows that its own clock is wrong.
    pub clock_wrong: Vec<(f64, f64)>,
    /// Stretches in which its own API key cannot be read.
    pub no_key: Vec<(f64, f64)>,
}

/// One check of a target.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its name.
    pub name: &'static str,
    /// What it stands for.
    pub role: Role,
    /// Seconds by which its executions follow the schedule's grid.
    pub phase: f64,
}

/// What a probe stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Logs in.
    Login,
    /// Uses a token of this run.
    Jwt,
    /// Uses a token from an earlier run.
    Held,
    /// Shows an altered token, which must be refused.
    Tampered,
    /// Shows an unsigned token, which must be refused.
    AlgNone,
    /// Shows a token of a key that was taken away, which must be refused.
    Retired,
    /// Uses a static key.
    ApiKey,
    /// Shows a key that never existed, which must be refused.
    UnknownKey,
    /// Does what it may.
    Permitted,
    /// Does what it must not, and must be refused.
    Forbidden,
}

/// What one execution meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Met {
    /// What was expected.
    Success,
    /// What was expected, late.
    Slow,
    /// Something else.
    Failure(Reason),
    /// It was not executed.
    Skipped(Reason),
    /// The prober's own fault.
    Invalid(Reason),
    /// There was no prober.
    Absent,
}

/// The choices of one execution that nothing determines.
pub trait Luck {
    /// Whether something of this probability happens.
    fn happens(&mut self, probability: f64) -> bool;
    /// Which of several replicas issues or serves.
    fn choose(&mut self, among: &[usize], use_: Use) -> usize;
}

/// What a replica is chosen for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// To issue a token.
    Issue,
    /// To serve the request.
    Serve,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 10] = [
        Role::Login,
        Role::Jwt,
        Role::Held,
        Role::Tampered,
        Role::AlgNone,
        Role::Retired,
        Role::ApiKey,
        Role::UnknownKey,
        Role::Permitted,
        Role::Forbidden,
    ];
    /// Those that send a token to the API.
    pub const TOKEN: [Role; 3] = [Role::Jwt, Role::Held, Role::Permitted];
    /// Those that must be refused.
    pub const DENY: [Role; 5] = [Role::Tampered, Role::AlgNone, Role::Retired, Role::UnknownKey, Role::Forbidden];
    /// Those that the API itself answers, if another issues the tokens.
    pub const API: [Role; 9] = [
        Role::Jwt,
        Role::Held,
        Role::Tampered,
        Role::AlgNone,
        Role::Retired,
        Role::ApiKey,
        Role::UnknownKey,
        Role::Permitted,
        Role::Forbidden,
    ];

    /// Kind, expectation and variant, as results carry them.
    #[must_use]
    pub fn words(self) -> (ProbeKind, Expect, Variant) {
        match self {
            Role::Login => (ProbeKind::Login, Expect::Allow, Variant::Valid),
            Role::Jwt => (ProbeKind::Jwt, Expect::Allow, Variant::Fresh),
            Role::Held => (ProbeKind::Jwt, Expect::Allow, Variant::Held),
            Role::Tampered => (ProbeKind::Jwt, Expect::Deny, Variant::Tampered),
            Role::AlgNone => (ProbeKind::Jwt, Expect::Deny, Variant::AlgNone),
            Role::Retired => (ProbeKind::Jwt, Expect::Deny, Variant::Revoked),
            Role::ApiKey => (ProbeKind::ApiKey, Expect::Allow, Variant::Valid),
            Role::UnknownKey => (ProbeKind::ApiKey, Expect::Deny, Variant::Unknown),
            Role::Permitted => (ProbeKind::Permission, Expect::Allow, Variant::Valid),
            Role::Forbidden => (ProbeKind::Permission, Expect::Deny, Variant::Valid),
        }
    }

    /// Whether it must be refused.
    #[must_use]
    pub fn denied(self) -> bool {
        Role::DENY.contains(&self)
    }
}

impl World {
    /// What an execution meets.
    pub fn meet(&self, target: usize, role: Role, agent: usize, at: f64, luck: &mut impl Luck) -> Met {
        let prober = &self.agents[agent];
        let within = |stretches: &[(f64, f64)]| stretches.iter().any(|(from, until)| *from <= at && at < *until);
        if within(&prober.off) {
            return Met::Absent;
        }
        if within(&prober.offline) {
            return Met::Invalid(Reason::ProberNetwork);
        }
        if within(&prober.clock_wrong) {
            return Met::Invalid(Reason::ProberClock);
        }
        if role == Role::ApiKey && within(&prober.no_key) {
            return Met::Invalid(Reason::CredentialUnavailable);
        }
        let needs_token = matches!(role, Role::Jwt | Role::Permitted | Role::Forbidden | Role::Tampered);
        let target_ = &self.targets[target];
        if needs_token && !target_.keeps_token && self.login_fails(target, agent, at) {
            return Met::Skipped(Reason::NoToken);
        }
        self.served(target, role, agent, at, luck)
    }

    fn served(&self, number: usize, role: Role, agent: usize, at: f64, luck: &mut impl Luck) -> Met {
        let mut slow = false;
        for fault in &self.faults {
            if fault.strikes(number, role, agent, at) && luck.happens(fault.share) {
                if fault.reason == Reason::Slow {
                    slow = true;
                } else {
                    return Met::Failure(fault.reason);
                }
            }
        }
        let target = &self.targets[number];
        let service = &target.service;
        let replica = luck.choose(&service.serving(at), Use::Serve);
        let pod = &service.replicas[replica];
        let reaches_service = role != Role::Login || matches!(target.issuer, Issuer::Own);
        if reaches_service {
            let certificate = loaded(&target.certificate, service.others, pod, at) as usize;
            if target.certificate_ends.get(certificate).is_some_and(|end| *end <= at) {
                return Met::Failure(Reason::Tls);
            }
            if !pod.up(at) {
                return Met::Failure(Reason::Connect);
            }
            for bug in &service.build(replica, at).bugs {
                if bug.roles.contains(&role) && at >= pod.boot(at).at + bug.after && luck.happens(bug.share) {
                    if bug.reason == Reason::Slow {
                        slow = true;
                    } else {
                        return Met::Failure(bug.reason);
                    }
                }
            }
        } else if let Issuer::Apart(issuer, _) = &target.issuer {
            let replica = luck.choose(&issuer.serving(at), Use::Issue);
            let pod = &issuer.replicas[replica];
            for bug in &issuer.build(replica, at).bugs {
                if bug.roles.contains(&role) && at >= pod.boot(at).at + bug.after && luck.happens(bug.share) {
                    return Met::Failure(bug.reason);
                }
            }
        }
        match self.answer(target, role, replica, at, luck) {
            Some(reason) => Met::Failure(reason),
            None if slow => Met::Slow,
            None => Met::Success,
        }
    }

    /// Why the answer is not the expected one.
    fn answer(&self, target: &Target, role: Role, replica: usize, at: f64, luck: &mut impl Luck) -> Option<Reason> {
        let service = &target.service;
        let pod = &service.replicas[replica];
        let database = loaded(&target.password, service.others, pod, at) == *target.database_password.at(at);
        match role {
            Role::Login if !database => Some(Reason::ServerError),
            Role::Login => (!target.login_password.at(at)).then_some(Reason::LoginRejected),
            Role::Jwt => {
                let token = self.issue(target, luck.choose(&self.issuing(target, at), Use::Issue), at);
                self.refusal(target, replica, &token, at)
            }
            Role::Held => self.refusal(target, replica, &self.held(target, at), at),
            Role::Permitted | Role::Forbidden => {
                let token = self.issue(target, luck.choose(&self.issuing(target, at), Use::Issue), at);
                let looked_up = pod.beat(service.role_ttl, at);
                let (permitted, too_much) = if target.roles_in_token {
                    (token.permitted, token.too_much)
                } else {
                    (*target.permitted.at(looked_up), *target.too_much.at(looked_up))
                };
                let refused = self.refusal(target, replica, &token, at);
                if role == Role::Forbidden {
                    return (refused.is_none() && too_much).then_some(Reason::UnexpectedlyAllowed);
                }
                refused.or((!permitted).then_some(Reason::PermissionDenied))
            }
            Role::ApiKey => {
                let listed = loaded(&target.api_keys, service.others, pod, at) == 1;
                let row = *target.api_key_row.at(pod.beat(service.key_ttl, at));
                if !database { Some(Reason::ServerError) } else { (!(listed && row)).then_some(Reason::ApiKeyRejected) }
            }
            Role::Retired => {
                let accepted = target.retired.is_some_and(|key| key.at <= at && at < key.accepted_until);
                accepted.then_some(Reason::UnexpectedlyAllowed)
            }
            Role::Tampered | Role::AlgNone | Role::UnknownKey => None,
        }
    }

    /// The token that the prober holds: taken at the last beat, and a while old.
    fn held(&self, target: &Target, at: f64) -> Token {
        let offset = target.hold * target.hold_phase;
        let taken = ((at - 20.0 - offset) / target.hold).floor() * target.hold + offset;
        let issuing = self.issuing(target, taken);
        let chosen = (taken / target.hold).floor().rem_euclid(issuing.len() as f64) as usize;
        self.issue(target, issuing[chosen.min(issuing.len() - 1)], taken)
    }

    /// Whether a login at a moment surely fails.
    fn login_fails(&self, target: usize, agent: usize, at: f64) -> bool {
        struct Lucky;
        impl Luck for Lucky {
            fn happens(&mut self, probability: f64) -> bool {
                probability >= 0.999
            }
            fn choose(&mut self, among: &[usize], _: Use) -> usize {
                among[0]
            }
        }
        matches!(self.served(target, Role::Login, agent, at, &mut Lucky), Met::Failure(_))
    }
}
