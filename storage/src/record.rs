//! The vocabulary: what is observed is a [`Record`], and these are its words.
//!
//! Every name here is the public interchange format: a field is its NDJSON key, a variant its value.
//! No type in this file has a place for a token, a key, a header or a body.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::window::at_millisecond;

/// One line of the interchange, one message to the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Record {
    /// One execution (or missed execution) of one probe.
    Result(ProbeResult),
    /// Something that was altered.
    Change(Change),
    /// A stretch in which a feed was blind.
    Gap(Gap),
    /// What a person said about the cause of an incident.
    Verdict(Verdict),
}

/// One execution of one probe. (target, probe, agent, time) identifies it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeResult {
    /// Start of the execution, kept in whole milliseconds; of a skipped slot, the planned start.
    #[serde(deserialize_with = "milliseconds")]
    pub time: Timestamp,
    /// Name of the API under probe.
    pub target: String,
    /// Name of the probe, unique in its target.
    pub probe: String,
    /// What kind of check this is.
    pub kind: ProbeKind,
    /// Whether the server should let the request in.
    #[serde(default)]
    pub expect: Expect,
    /// Which credential was used.
    #[serde(default)]
    pub variant: Variant,
    /// The prober that executed it.
    #[serde(default = "local")]
    pub agent: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why, unless it succeeded.
    #[serde(default)]
    pub reason: Option<Reason>,
    /// HTTP status of the answer, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Duration of the execution in microseconds.
    #[serde(default)]
    pub took_us: u64,
    /// Where the time went, if a request was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phases_us: Option<Phases>,
    /// Schedule in force: seconds from one planned start to the next.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "whole_if_whole")]
    pub every_s: Option<f64>,
    /// What was seen, redacted, at most [`DETAIL_LIMIT`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The `source` of changes that the prober notices at its own copies of secrets.
pub const OWN_CREDENTIALS: &str = "credentials";

/// Longest `detail` of a result, in characters.
pub const DETAIL_LIMIT: usize = 512;

/// Durations of the phases of one request, in microseconds. A phase that did not happen is 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Phases {
    /// Name resolution.
    pub resolve: u64,
    /// TCP connection.
    pub connect: u64,
    /// TLS handshake.
    pub tls: u64,
    /// From the connection being ready to the response head.
    pub processing: u64,
    /// From the response head to the end of the body.
    pub transfer: u64,
}

impl Phases {
    /// Sum of the phases, in microseconds.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.resolve + self.connect + self.tls + self.processing + self.transfer
    }
}

/// Declares an enum of words with one spelling for NDJSON, display, parsing and the store's code.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name { $($(#[$doc])* #[serde(rename = $word)] $variant),+ }

        impl $name {
            /// Every word of the list, in the order of its codes.
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            /// The word as it stands in the interchange.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }

            /// The number that stands for the word in a store. Never reused.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $($name::$variant => $code),+ }
            }

            /// The word of a number from a store, if this version knows it.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some($name::$variant),)+ _ => None }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(word: &str) -> Result<Self, UnknownWord> {
                match word { $($word => Ok($name::$variant),)+ _ => Err(UnknownWord(word.chars().take(40).collect())) }
            }
        }
    };
}

/// A word that is not in its closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown word `{0}`")]
pub struct UnknownWord(String);

words! {
    /// The four kinds of probe.
    ProbeKind {
        /// Logs in and captures a token.
        Login = 0 "login",
        /// Verifies and uses a JSON Web Token.
        Jwt = 1 "jwt",
        /// Calls the API with a static key.
        ApiKey = 2 "api_key",
        /// Calls a permission-restricted endpoint.
        Permission = 3 "permission",
    }
}

words! {
    /// Whether a request must be let in or refused.
    #[derive(Default)]
    Expect {
        /// It must be let in.
        #[default]
        Allow = 0 "allow",
        /// It must be refused.
        Deny = 1 "deny",
    }
}

words! {
    /// Which credential a probe used.
    #[derive(Default)]
    Variant {
        /// The right one.
        #[default]
        Valid = 0 "valid",
        /// A token of this run.
        Fresh = 1 "fresh",
        /// A still valid token from an earlier run.
        Held = 2 "held",
        /// A token whose content was altered after signing.
        Tampered = 3 "tampered",
        /// A token past its end.
        Expired = 4 "expired",
        /// A token signed with a key that is not the issuer's.
        WrongKey = 5 "wrong_key",
        /// An unsigned token that claims the algorithm `none`.
        AlgNone = 6 "alg_none",
        /// A credential that never existed.
        Unknown = 7 "unknown",
        /// A credential that was taken out of use.
        Revoked = 8 "revoked",
        /// An identity without the permission.
        Unprivileged = 9 "unprivileged",
        /// No credential at all.
        Anonymous = 10 "anonymous",
    }
}

words! {
    /// How an execution ended.
    Outcome {
        /// As expected.
        Success = 0 "success",
        /// Not as expected: the target's fault.
        Failure = 1 "failure",
        /// Scheduled but not executed.
        Skipped = 2 "skipped",
        /// The prober's own fault, proven; counts in no objective.
        Invalid = 3 "invalid",
    }
}

words! {
    /// Why an execution did not succeed.
    Reason {
        /// The login refused a credential.
        LoginRejected = 0 "login_rejected",
        /// The login says that the account is locked.
        AccountLocked = 1 "account_locked",
        /// The login answered without a token.
        TokenMissing = 2 "token_missing",
        /// The token is not of the form it should have.
        TokenMalformed = 3 "token_malformed",
        /// The signature does not verify.
        SignatureInvalid = 4 "signature_invalid",
        /// The key that signed the token is not in the key set.
        KeyUnknown = 5 "key_unknown",
        /// The token is past its end.
        TokenExpired = 6 "token_expired",
        /// The token is not valid yet.
        TokenNotYetValid = 7 "token_not_yet_valid",
        /// A claim is missing or has another value than required.
        ClaimsInvalid = 8 "claims_invalid",
        /// The server refuses a token that verifies.
        TokenRejected = 9 "token_rejected",
        /// The server refuses the API key.
        ApiKeyRejected = 10 "api_key_rejected",
        /// The identity is accepted, the permission is not there.
        PermissionDenied = 11 "permission_denied",
        /// What had to be refused was let in (fail-open).
        UnexpectedlyAllowed = 12 "unexpectedly_allowed",
        /// Too many requests.
        RateLimited = 13 "rate_limited",
        /// The server failed (5xx).
        ServerError = 14 "server_error",
        /// A status that fits no other reason.
        UnexpectedStatus = 15 "unexpected_status",
        /// The status fits, the body does not.
        UnexpectedBody = 16 "unexpected_body",
        /// The name did not resolve.
        Dns = 17 "dns",
        /// No connection, or it broke.
        Connect = 18 "connect",
        /// The TLS handshake failed.
        Tls = 19 "tls",
        /// No answer within the limit.
        Timeout = 20 "timeout",
        /// Slower than the objective's limit; of episodes and SLO counts only.
        Slow = 21 "slow",
        /// Skipped: no token to use.
        NoToken = 22 "no_token",
        /// Skipped: the last run was still going, or the slot came too late.
        Overlap = 23 "overlap",
        /// Invalid: the prober's own credential could not be read.
        CredentialUnavailable = 24 "credential_unavailable",
        /// Invalid: the prober's clock is wrong.
        ProberClock = 25 "prober_clock",
        /// Invalid: the prober has no network.
        ProberNetwork = 26 "prober_network",
        /// Invalid: the prober was too busy or out of resources.
        ProberOverloaded = 27 "prober_overloaded",
    }
}

/// Something that was altered. `id` identifies it; absent in the interchange, it is derived from the content.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// Identifies the change.
    pub id: String,
    /// The moment, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// Earliest moment, where only an interval is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_lo: Option<Timestamp>,
    /// Latest moment, where only an interval is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_hi: Option<Timestamp>,
    /// End of a change that takes time; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// What kind of change this is.
    pub kind: ChangeKind,
    /// What was changed: `Secret/NAMESPACE/NAME` and the like.
    pub object: String,
    /// Targets that depend on the object; empty: linked by the configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<String>,
    /// Whether the content changed, or its metadata only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_changed: Option<Known>,
    /// Names of the keys that changed, or that the newest write owns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Workloads that consume the object, and how.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// What a restart restarted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Whether an `api_key` or `rbac` row concerns the prober's own identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub touches_probe: Option<Known>,
    /// Share of new pods ready over time.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub progress: Vec<(Timestamp, f64)>,
    /// Id of the change that this one undoes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reverts: Option<String>,
    /// What was done to the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// Who did it: the name of a manager or a role, never of a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What a secret is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_role: Option<SecretRole>,
    /// `Secret/NS/NAME` that the new pod template names and the old one did not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub secret_refs: Vec<String>,
    /// Revision that the change brought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// One sentence for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The feed that saw it.
    pub source: String,
    /// When authprobe learned of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_at: Option<Timestamp>,
}

impl Change {
    /// Earliest moment at which the change may have happened, if any is given.
    #[must_use]
    pub fn lo(&self) -> Option<Timestamp> {
        self.time.or(self.time_lo).or(self.time_hi)
    }

    /// Latest moment at which the change may have happened, if any is given.
    #[must_use]
    pub fn hi(&self) -> Option<Timestamp> {
        self.time.or(self.time_hi).or(self.time_lo)
    }
}

words! {
    /// Kinds of change.
    #[derive(Default)]
    ChangeKind {
        /// Content of a secret.
        Secret = 0 "secret",
        /// Content of a configuration object.
        Configmap = 1 "configmap",
        /// A new pod template is rolled out.
        Rollout = 2 "rollout",
        /// Processes were started again.
        Restart = 3 "restart",
        /// The number of replicas changed.
        Scale = 4 "scale",
        /// A key was added to a key set.
        JwksAdd = 5 "jwks_add",
        /// A key was removed from a key set.
        JwksRemove = 6 "jwks_remove",
        /// A key was replaced under the same id.
        JwksReplace = 7 "jwks_replace",
        /// The issuer signs with another key.
        SigningSwitch = 8 "signing_switch",
        /// An API key was created, revoked or expired.
        ApiKey = 9 "api_key",
        /// A role was granted or taken away.
        Rbac = 10 "rbac",
        /// A certificate was replaced.
        Certificate = 11 "certificate",
        /// Something reached its end.
        Expiry = 12 "expiry",
        /// A deploy posted by a pipeline.
        Deploy = 13 "deploy",
        /// A secret was rotated at its origin.
        UpstreamRotation = 14 "upstream_rotation",
        /// Planned work.
        Maintenance = 15 "maintenance",
        /// A remark; never a cause.
        #[default]
        Note = 16 "note",
    }
}

words! {
    /// Yes, no, or not known.
    Known {
        /// It is so.
        Yes = 0 "yes",
        /// It is not so.
        No = 1 "no",
        /// Nobody can tell.
        Unknown = 2 "unknown",
    }
}

words! {
    /// What was done to an object.
    Operation {
        /// It is new.
        Created = 0 "created",
        /// It was altered.
        Updated = 1 "updated",
        /// It is gone.
        Deleted = 2 "deleted",
        /// It was deleted and made again.
        Recreated = 3 "recreated",
    }
}

words! {
    /// What a secret is for.
    SecretRole {
        /// Signs tokens.
        JwtSigning = 0 "jwt_signing",
        /// Holds API keys.
        ApiKeys = 1 "api_keys",
        /// A password.
        Password = 2 "password",
        /// A TLS key.
        Tls = 3 "tls",
        /// Anything else.
        Other = 4 "other",
    }
}

words! {
    /// How a workload takes in a secret.
    MountHow {
        /// As a volume; renewed while running.
        Volume = 0 "volume",
        /// As a sub-path of a volume; never renewed.
        Subpath = 1 "subpath",
        /// As an environment variable; fixed at start.
        Env = 2 "env",
        /// As part of a projected volume.
        Projected = 3 "projected",
        /// Not known.
        Unknown = 4 "unknown",
    }
}

/// A workload that consumes a changed object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// `Deployment/NAMESPACE/NAME` and the like.
    pub workload: String,
    /// How it takes the object in.
    pub how: MountHow,
}

/// A stretch in which a feed was blind. Half-open: `until` is the first moment that was seen again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// The `source` that was blind, or `prober`.
    pub feed: String,
    /// First moment that was not seen.
    pub from: Timestamp,
    /// First moment that was seen again.
    pub until: Timestamp,
    /// Why, in a few words.
    #[serde(default)]
    pub why: String,
}

words! {
    /// What a person said about the cause that was named.
    Decision {
        /// The cause is known: the changes that are given, or none where none is.
        Confirmed = 0 "confirmed",
        /// The named cause is wrong.
        Rejected = 1 "rejected",
    }
}

/// What a person said about the cause of an incident. It carries all that is learned from it, so that the results and
/// changes of then need not be kept. `id` identifies it; absent in the interchange, it is derived from the incident.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Identifies the verdict; one incident has one, unless somebody chose ids of their own.
    #[serde(default)]
    pub id: String,
    /// When it was said.
    pub time: Timestamp,
    /// Id of the incident.
    pub incident: String,
    /// What was said.
    pub decision: Decision,
    /// Ids of the changes that are confirmed or rejected; none where it is confirmed that no recorded change is behind it.
    #[serde(default)]
    pub changes: Vec<String>,
    /// Id of what put a dormant change in force.
    #[serde(default)]
    pub trigger: Option<String>,
    /// Kind of the first change.
    #[serde(default)]
    pub kind: Option<ChangeKind>,
    /// Targets that failed.
    #[serde(default)]
    pub targets: Vec<String>,
    /// Middle of the stretch in which the incident began.
    #[serde(default)]
    pub start: Option<Timestamp>,
    /// Seconds from the change, or from its trigger, to that.
    #[serde(default)]
    pub lag_s: Option<f64>,
    /// Name that the attribution model gives to such a delay.
    #[serde(default)]
    pub lag: Option<String>,
    /// Who said it, where that was told: a role or a team does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// Why, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Verdict {
    /// Id of the verdict on an incident that comes without one.
    #[must_use]
    pub fn id_of(incident: &str) -> String {
        format!("v-{incident}")
    }

    /// The moments that it tells of, from the first to the last: the incident began, and somebody judged it.
    #[must_use]
    pub fn span(&self) -> (Timestamp, Timestamp) {
        let start = self.start.unwrap_or(self.time);
        (start.min(self.time), start.max(self.time))
    }
}

/// Cuts a moment to whole milliseconds, the resolution in which starts are kept.
#[must_use]
pub fn to_milliseconds(time: Timestamp) -> Timestamp {
    at_millisecond(time.as_millisecond()).unwrap_or(time)
}

fn milliseconds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    Timestamp::deserialize(from).map(to_milliseconds)
}

fn whole_if_whole<S: serde::Serializer>(seconds: &Option<f64>, to: S) -> Result<S::Ok, S::Error> {
    match *seconds {
        None => to.serialize_none(),
        Some(seconds) if seconds.fract() == 0.0 && (0.0..1e15).contains(&seconds) => to.serialize_u64(seconds as u64),
        Some(seconds) => to.serialize_f64(seconds),
    }
}

fn local() -> String {
    "local".into()
}
