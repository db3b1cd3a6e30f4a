//! What breaks without anybody having changed anything.

use storage::record::Reason;

use crate::world::prober::Role;

/// A stretch in which requests fail.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Targets that suffer, by number; empty: all.
    pub targets: Vec<usize>,
    /// Requests that suffer.
    pub roles: Vec<Role>,
    /// How they fail; [`Reason::Slow`] makes them slow.
    pub reason: Reason,
    /// From when.
    pub from: f64,
    /// Until when.
    pub until: f64,
    /// Share of the requests.
    pub share: f64,
    /// Seconds of being broken and of being well, in turn.
    pub beat: Option<(f64, f64)>,
    /// Number of the agent that suffers, where only one does.
    pub agent: Option<usize>,
}

impl Fault {
    /// All requests of some roles fail at a target.
    #[must_use]
    pub fn new(target: usize, roles: &[Role], reason: Reason, from: f64, until: f64) -> Fault {
        Fault { targets: vec![target], roles: roles.to_vec(), reason, from, until, share: 1.0, beat: None, agent: None }
    }

    /// Whether a request may suffer at a moment.
    #[must_use]
    pub fn strikes(&self, target: usize, role: Role, agent: usize, at: f64) -> bool {
        let inside = self.from <= at && at < self.until;
        let beating = self.beat.is_none_or(|(broken, well)| (at - self.from).rem_euclid(broken + well) < broken);
        inside
            && beating
            && (self.targets.is_empty() || self.targets.contains(&target))
            && self.roles.contains(&role)
            && self.agent.is_none_or(|only| only == agent)
    }
}
