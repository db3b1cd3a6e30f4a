//! Plans a permission probe: the request, made by the configured identity.

use jiff::Timestamp;
use storage::record::{ProbeKind, Reason};

use crate::credential::Wallet;
use crate::kinds::api_key::ApiKey;
use crate::kinds::login::Carrier;
use crate::kinds::permission::{Identity, Permission};
use crate::observation::{Failure, Known, Takes};
use crate::protocol::token::Token;
use crate::steps::{Planned, What, api_key, build};
use crate::target::{Plan, Target};

/// The probe of one permission. `token` is the identity's, or why there is none.
pub(crate) fn plan(
    target: &Target,
    permission: &Permission,
    wallet: &Wallet,
    token: Result<&Token, &str>,
    now: Timestamp,
) -> Planned {
    let plan = Plan {
        name: permission.name.clone(),
        kind: ProbeKind::Permission,
        expect: permission.expect,
        variant: permission.variant(),
    };
    let by_token = matches!(permission.identity, Identity::Login | Identity::User(_));
    let known = Known { token: token.ok().filter(|_| by_token).cloned(), ..Known::default() };
    Planned {
        plan,
        at: now,
        takes: Takes::of(&permission.request, &permission.refused),
        known,
        what: request(target, permission, wallet, token),
    }
}

fn request(target: &Target, permission: &Permission, wallet: &Wallet, token: Result<&Token, &str>) -> What {
    let built = build(target, &permission.request, wallet).and_then(|mut outgoing| {
        match &permission.identity {
            Identity::Anonymous => (),
            Identity::ApiKey => {
                let none = || Failure::own(Reason::CredentialUnavailable, "the target has no `api_key`");
                let settings: &ApiKey = target.probes.api_key.as_ref().ok_or_else(none)?;
                api_key::carry(&mut outgoing, settings, wallet, None)?;
            }
            Identity::Login | Identity::User(_) => {
                let token = token.map_err(|why| Failure::skipped(Reason::NoToken, why))?;
                let carrier = target.probes.login.as_ref().map_or(Carrier::Bearer, |login| login.send.clone());
                outgoing.carry(token.raw.expose(), &carrier)?;
            }
        }
        Ok(outgoing)
    });
    built.into()
}
