//! Plans the API-key probes: the key in force, and the keys that must be refused.

use jiff::Timestamp;
use storage::record::{Expect, ProbeKind, Reason, Variant};

use crate::credential::Wallet;
use crate::kinds::api_key::{ApiKey, DeniedKey};
use crate::observation::{Failure, Known, Takes};
use crate::protocol::forge;
use crate::protocol::http::Outgoing;
use crate::steps::{Planned, build};
use crate::target::{Plan, Target};

/// The probe of the key in force.
pub(crate) fn valid(target: &Target, settings: &ApiKey, wallet: &Wallet, now: Timestamp) -> Planned {
    let plan = Plan::of(ProbeKind::ApiKey, Expect::Allow, Variant::Valid);
    let built = wallet
        .get(&settings.key)
        .map_err(Failure::from)
        .and_then(|key| carrying(target, settings, wallet, key.expose()));
    planned(plan, settings, built, now)
}

/// The probe of a key that must be refused.
pub(crate) fn denied(
    target: &Target,
    settings: &ApiKey,
    denied: DeniedKey,
    wallet: &Wallet,
    now: Timestamp,
) -> Planned {
    let plan = Plan::of(ProbeKind::ApiKey, Expect::Deny, denied.variant());
    let key = match (denied, &settings.revoked_key) {
        (DeniedKey::Unknown, _) => {
            wallet.get(&settings.key).map(|real| forge::unknown_key(real.expose())).map_err(Failure::from)
        }
        (DeniedKey::Revoked, Some(source)) => {
            wallet.get(source).map(|revoked| revoked.expose().to_owned()).map_err(Failure::from)
        }
        (DeniedKey::Revoked, None) => {
            Err(Failure::own(Reason::CredentialUnavailable, "no `revoked_key` is configured"))
        }
    };
    planned(plan, settings, key.and_then(|key| carrying(target, settings, wallet, &key)), now)
}

/// A request with the target's own key, for a permission probe that asks as the key's holder.
///
/// # Errors
/// When the key is not to be had or cannot be sent.
pub(crate) fn carry(
    outgoing: &mut Outgoing,
    settings: &ApiKey,
    wallet: &Wallet,
    key: Option<&str>,
) -> Result<(), Failure> {
    let carrier = settings.carrier().ok_or_else(|| {
        Failure::own(Reason::CredentialUnavailable, "exactly one of `header`, `query` and `scheme` must be configured")
    })?;
    match key {
        Some(key) => outgoing.carry(key, &carrier),
        None => outgoing.carry(wallet.get(&settings.key)?.expose(), &carrier),
    }
}

fn carrying(target: &Target, settings: &ApiKey, wallet: &Wallet, key: &str) -> Result<Outgoing, Failure> {
    let mut outgoing = build(target, &settings.request, wallet)?;
    carry(&mut outgoing, settings, wallet, Some(key))?;
    Ok(outgoing)
}

fn planned(plan: Plan, settings: &ApiKey, built: Result<Outgoing, Failure>, now: Timestamp) -> Planned {
    let takes = Takes::of(&settings.request, &settings.refused);
    Planned { plan, at: now, takes, known: Known::default(), what: built.into() }
}
