//! An API under probe and all that its authentication depends on.

use crate::world::prober::Probe;
use crate::world::secret::Content;
use crate::world::service::Service;
use crate::world::steps::Steps;

/// An API under probe.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// The namespace of its workload.
    pub namespace: String,
    /// What serves it.
    pub service: Service,
    /// What issues its tokens.
    pub issuer: Issuer,
    /// Seconds between two executions of a probe.
    pub every: f64,
    /// What is probed.
    pub probes: Vec<Probe>,
    /// Name of the signing secret.
    pub signing_name: String,
    /// What tokens are verified with, and signed with where the service issues them itself.
    pub signing: Content,
    /// The configuration; it must hold 1, the audience that tokens carry.
    pub config: Content,
    /// The database password that the service is given; it must equal the database's.
    pub password: Content,
    /// The password that the database wants.
    pub database_password: Steps<u32>,
    /// Whether the prober's login password is right.
    pub login_password: Steps<bool>,
    /// The list of keys that the service accepts; it must hold 1 for the prober's key to be among them.
    pub api_keys: Content,
    /// Whether the prober's key is in force in the database.
    pub api_key_row: Steps<bool>,
    /// Whether the prober may do what its permission probe does.
    pub permitted: Steps<bool>,
    /// Whether the prober may do what it must not.
    pub too_much: Steps<bool>,
    /// Whether roles travel inside tokens.
    pub roles_in_token: bool,
    /// Contents of the certificate; a content is in force until its end in `certificate_ends`.
    pub certificate: Content,
    /// When each content of the certificate ends.
    pub certificate_ends: Vec<f64>,
    /// How long a token lives, in seconds.
    pub token_life: f64,
    /// How long the prober holds a token, in seconds.
    pub hold: f64,
    /// Share of that time by which its takings follow the scene's zero.
    pub hold_phase: f64,
    /// Whether a run whose login failed uses the token before.
    pub keeps_token: bool,
    /// Whether the server says no more than that a token is refused.
    pub taciturn: bool,
    /// Moment from which on the key that was taken away is tried, and whether it is still accepted.
    pub retired: Option<Retired>,
}

/// A key that was taken out of a key set.
#[derive(Debug, Clone, Copy)]
pub struct Retired {
    /// When.
    pub at: f64,
    /// Until when it is accepted all the same.
    pub accepted_until: f64,
}

/// What issues tokens.
#[derive(Debug, Clone)]
pub enum Issuer {
    /// The service itself, with the signing secret that it also verifies with.
    Own,
    /// A service of its own, with its own copy of the secret.
    Apart(Box<Service>, Content),
    /// An identity provider with a key set, by number.
    Idp(usize),
}

/// An identity provider.
#[derive(Debug, Clone)]
pub struct Idp {
    /// Its published keys.
    pub keys: Steps<Vec<Key>>,
    /// The key that it signs with.
    pub signing: Steps<Key>,
    /// Stretches in which the key set cannot be fetched.
    pub unfetchable: Vec<(f64, f64)>,
}

/// A signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name in the key set.
    pub kid: u32,
    /// What it is.
    pub material: u32,
}

impl Idp {
    /// One with one key.
    #[must_use]
    pub fn new() -> Idp {
        let key = Key { kid: 1, material: 1 };
        Idp { keys: Steps::new(vec![key]), signing: Steps::new(key), unfetchable: Vec::new() }
    }
}

impl Default for Idp {
    fn default() -> Self {
        Idp::new()
    }
}
