//! Tokens: what is in them and whether a replica takes them.

use storage::record::Reason;

use crate::world::World;
use crate::world::secret::loaded;
use crate::world::service::Service;
use crate::world::target::{Issuer, Key, Target};

/// Difference of clocks that is allowed, in seconds.
const LEEWAY: f64 = 30.0;
/// What a token's audience is.
const AUDIENCE: u32 = 1;
/// The least time between two fetches of a key set for an unknown key, in seconds.
const COOLDOWN: f64 = 30.0;

/// A token.
#[derive(Debug, Clone, Copy)]
pub struct Token {
    /// When it was issued.
    pub issued: f64,
    /// When its issuer's clock said it was issued.
    pub stamped: f64,
    /// What it is signed with.
    pub key: Key,
    /// Whether it grants the permission.
    pub permitted: bool,
    /// Whether it grants too much.
    pub too_much: bool,
}

impl World {
    /// Numbers of the replicas that may issue a token of a target.
    #[must_use]
    pub fn issuing(&self, target: &Target, at: f64) -> Vec<usize> {
        match &target.issuer {
            Issuer::Own => target.service.serving(at),
            Issuer::Apart(service, _) => service.serving(at),
            Issuer::Idp(_) => vec![0],
        }
    }

    /// The token that a replica of the issuer issues.
    #[must_use]
    pub fn issue(&self, target: &Target, replica: usize, at: f64) -> Token {
        let of_secret = |material| Key { kid: 0, material };
        let (key, skew) = match &target.issuer {
            Issuer::Own => (of_secret(signing(target, replica, at)), *target.service.replicas[replica].skew.at(at)),
            Issuer::Apart(service, content) => {
                let pod = &service.replicas[replica];
                (of_secret(loaded(content, service.signing, pod, at)), *pod.skew.at(at))
            }
            Issuer::Idp(idp) => (*self.idps[*idp].signing.at(at), 0.0),
        };
        Token {
            issued: at,
            stamped: at + skew,
            key,
            permitted: *target.permitted.at(at),
            too_much: *target.too_much.at(at),
        }
    }

    /// Why a replica of the service refuses a token, if it does.
    #[must_use]
    pub fn refusal(&self, target: &Target, replica: usize, token: &Token, at: f64) -> Option<Reason> {
        let service = &target.service;
        let pod = &service.replicas[replica];
        let clock = at + *pod.skew.at(at);
        let signed = match &target.issuer {
            Issuer::Own | Issuer::Apart(..) => {
                (signing(target, replica, at) != token.key.material).then_some(Reason::SignatureInvalid)
            }
            Issuer::Idp(idp) => match self.key_set(*idp, service, replica, token.key.kid, at) {
                None => Some(Reason::ServerError),
                Some(keys) => match keys.iter().find(|key| key.kid == token.key.kid) {
                    None => Some(Reason::KeyUnknown),
                    Some(key) => (key.material != token.key.material).then_some(Reason::SignatureInvalid),
                },
            },
        };
        let config =
            service.build(replica, at).config.unwrap_or_else(|| loaded(&target.config, service.others, pod, at));
        signed.or_else(|| {
            if token.stamped > clock + LEEWAY {
                Some(Reason::TokenNotYetValid)
            } else if token.stamped + target.token_life + LEEWAY < clock {
                Some(Reason::TokenExpired)
            } else {
                (config != AUDIENCE).then_some(Reason::ClaimsInvalid)
            }
        })
    }

    /// The key set that a replica knows; `None` once it is too old and cannot be fetched.
    fn key_set(&self, idp: usize, service: &Service, replica: usize, kid: u32, at: f64) -> Option<&Vec<Key>> {
        let idp = &self.idps[idp];
        let pod = &service.replicas[replica];
        let fetchable = |when: f64| idp.unfetchable.iter().all(|(from, until)| !(*from <= when && when < *until));
        let mut fetched = pod.beat(service.key_set_ttl, at);
        if !fetchable(fetched) {
            // The set from before is no longer kept, and each request tries again in vain.
            return fetchable(at).then(|| idp.keys.at(at));
        }
        let known = idp.keys.at(fetched).iter().any(|key| key.kid == kid);
        if service.refetches && !known && at - fetched >= COOLDOWN && fetchable(at) {
            fetched = at;
        }
        Some(idp.keys.at(fetched))
    }
}

/// The signing material that a replica of the service works with.
fn signing(target: &Target, replica: usize, at: f64) -> u32 {
    let service = &target.service;
    let named = service.build(replica, at).signing;
    named.unwrap_or_else(|| loaded(&target.signing, service.signing, &service.replicas[replica], at))
}
