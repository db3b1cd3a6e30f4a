//! What really happens: services, keys, tokens and faults as functions of time.

pub mod fault;
pub mod prober;
pub mod secret;
pub mod service;
pub mod steps;
pub mod target;
pub mod token;

use crate::world::fault::Fault;
use crate::world::prober::Agent;
use crate::world::target::{Idp, Target};

/// A world. Times are seconds from the scene's zero.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// The APIs under probe.
    pub targets: Vec<Target>,
    /// The identity providers.
    pub idps: Vec<Idp>,
    /// What breaks by itself.
    pub faults: Vec<Fault>,
    /// The probers.
    pub agents: Vec<Agent>,
}
