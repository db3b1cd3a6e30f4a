//! Visits every secret reference of a target with its place in the file.

use jsonwebtoken::AlgorithmFamily;
use probes::credential::{Source, Text};
use probes::kinds::login::Field;
use probes::kinds::permission::{Identity, User};
use probes::kinds::request::Request;
use probes::target::Probes;

use crate::config::spot::Spot;

/// What a reference must lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// A name or a header: any text.
    Text,
    /// A password or a key: a text of some length.
    Secret,
    /// A public key in PEM, of this family where it is known.
    PublicKey(Option<AlgorithmFamily>),
}

/// A function that is called with each reference.
type Visit<'v, 'a> = dyn FnMut(&Spot<'a>, &mut Source, Use) + 'v;

/// Calls `visit` with each reference below `probes`, whose place is `spot`.
pub(super) fn each<'a>(probes: &mut Probes, spot: &Spot<'a>, visit: &mut Visit<'_, 'a>) {
    if let Some(login) = &mut probes.login {
        let spot = spot.key("login");
        text(login.username.as_mut(), &spot.key("username"), visit);
        source(login.password.as_mut(), &spot.key("password"), visit);
        text(login.client_id.as_mut(), &spot.key("client_id"), visit);
        source(login.client_secret.as_mut(), &spot.key("client_secret"), visit);
        text(login.deny_username.as_mut(), &spot.key("deny_username"), visit);
        for (name, value) in &mut login.headers {
            text(Some(value), &spot.key("headers").key(name), visit);
        }
        for (name, field) in &mut login.extra {
            match field {
                Field::Value(_) => (),
                Field::From(from) => source(Some(from), &spot.key("extra").key(name), visit),
            }
        }
    }
    if let Some(jwt) = &mut probes.jwt {
        let spot = spot.key("jwt");
        source(jwt.secret.as_mut(), &spot.key("secret"), visit);
        if let Some(public_key) = &mut jwt.public_key {
            let family = jwt.algorithms.first().map(|algorithm| algorithm.family());
            visit(&spot.key("public_key"), public_key, Use::PublicKey(family));
        }
        request(jwt.request.as_mut(), &spot, visit);
    }
    if let Some(api_key) = &mut probes.api_key {
        let spot = spot.key("api_key");
        source(Some(&mut api_key.key), &spot.key("key"), visit);
        source(api_key.revoked_key.as_mut(), &spot.key("revoked_key"), visit);
        request(Some(&mut api_key.request), &spot, visit);
    }
    for (permission, spot) in probes.permission.iter_mut().zip(spot.key("permission").elements()) {
        match &mut permission.identity {
            Identity::Login | Identity::ApiKey | Identity::Anonymous => (),
            Identity::User(User { username, password }) => {
                text(Some(username), &spot.key("as").key("username"), visit);
                source(Some(password), &spot.key("as").key("password"), visit);
            }
        }
        request(Some(&mut permission.request), &spot, visit);
    }
}

fn request<'a>(request: Option<&mut Request>, spot: &Spot<'a>, visit: &mut Visit<'_, 'a>) {
    let headers = spot.key("request").key("headers");
    for (name, value) in request.into_iter().flat_map(|request| &mut request.headers) {
        text(Some(value), &headers.key(name), visit);
    }
}

fn text<'a>(text: Option<&mut Text>, spot: &Spot<'a>, visit: &mut Visit<'_, 'a>) {
    match text {
        None | Some(Text::Plain(_)) => (),
        Some(Text::From(from)) => visit(spot, from, Use::Text),
    }
}

fn source<'a>(source: Option<&mut Source>, spot: &Spot<'a>, visit: &mut Visit<'_, 'a>) {
    if let Some(source) = source {
        visit(spot, source, Use::Secret);
    }
}
