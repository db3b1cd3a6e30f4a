//! What a run saw beside its results: who signs the tokens, and which certificates the servers show.
//!
//! Nothing here is a token or a key; all of it is public, or a date.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::credential::Wallet;
use crate::observation::{Observation, Seen};
use crate::protocol::token::{Parts, Token};
use crate::target::Target;

/// Longest name from outside that is kept, in characters.
const LONGEST: usize = 128;

/// What one run saw.
#[derive(Debug, Default)]
pub struct Sighting {
    /// Who signed the fresh token, where it names its key.
    pub signature: Option<Signature>,
    /// The certificates that servers showed, each once, in the order of the handshakes.
    pub peers: Vec<Peer>,
    /// The end of the configured API key, where that is a JSON Web Token with an `exp`.
    pub api_key_ends: Option<Timestamp>,
}

/// Who signed a token, as its header and claims say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// `kid`, at most 128 characters of it.
    pub key_id: String,
    /// `alg`, likewise.
    pub algorithm: String,
    /// `iss`, likewise.
    pub issuer: Option<String>,
    /// How long the token lives.
    pub lives: Option<Duration>,
}

/// A server's certificate as it was shown in a handshake, whether or not it was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The name that the client asked for.
    pub name: String,
    /// The leaf in DER.
    pub certificate: Vec<u8>,
}

impl Sighting {
    /// Takes in what a run saw.
    pub(crate) fn of(target: &Target, wallet: &Wallet, token: Option<&Token>, seen: &[Observation]) -> Self {
        let mut peers: Vec<Peer> = Vec::new();
        for one in seen {
            match &one.seen {
                Seen::Exchange(exchange) => {
                    peers.extend(exchange.peer.as_ref().filter(|peer| !peers.contains(peer)).cloned());
                }
                Seen::Verified | Seen::NotSent(_) => (),
            }
        }
        let key = target.probes.api_key.as_ref().and_then(|settings| wallet.get(&settings.key).ok());
        let api_key_ends = key.and_then(|key| Parts::read(key.expose())?.date("exp"));
        Self { signature: token.and_then(Signature::of), peers, api_key_ends }
    }
}

impl Signature {
    fn of(token: &Token) -> Option<Self> {
        let parts = token.parts.as_ref()?;
        // The issuer's own clock says both, so that a clock that is wrong here does not matter.
        let begins = parts.date("iat").unwrap_or(token.received);
        let lives = token.expires.and_then(|end| Duration::try_from(end.duration_since(begins)).ok());
        Some(Self {
            key_id: cut(token.key_id()?),
            algorithm: cut(parts.algorithm()),
            issuer: parts.claims.get("iss").and_then(Value::as_str).map(cut),
            lives,
        })
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
