//! Fetches Secrets of the cluster that probes use as credentials, and keeps them fresh.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use probes::credential::{Credential, SecretKey, Unusable};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use zeroize::Zeroizing;

use crate::changes::kubernetes::client::{Access, client, is, why};
use crate::credentials::Keeper;

/// How often a Secret is read. Reading needs the right to `get` this one Secret and no other.
const EVERY: Duration = Duration::from_secs(30);

/// A Secret is read within this time.
const ANSWER: Duration = Duration::from_secs(10);

/// Reads the Secrets that the keeper's users depend on.
pub(crate) struct Fetcher {
    access: Access,
    keeper: Arc<Keeper>,
    /// `NAMESPACE/NAME` -> the keys of it that are used.
    wanted: BTreeMap<String, BTreeSet<String>>,
    client: Option<Client>,
    /// Secrets that could not be read at the last attempt.
    missing: BTreeSet<String>,
}

impl Fetcher {
    /// A fetcher for what the keeper needs; none if that is nothing.
    pub(crate) fn new(access: Access, keeper: Arc<Keeper>) -> Option<Self> {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for SecretKey { secret, key } in keeper.in_cluster() {
            wanted.entry(secret).or_default().insert(key);
        }
        let some = !wanted.is_empty();
        some.then_some(Self { access, keeper, wanted, client: None, missing: BTreeSet::new() })
    }

    /// Reads every Secret once.
    pub(crate) async fn fetch(&mut self) {
        if self.client.is_none() {
            self.client = match client(&self.access).await {
                Ok(client) => Some(client),
                Err(why) => {
                    for secret in self.wanted.keys().cloned().collect::<Vec<_>>() {
                        self.failed(&secret, &why, false);
                    }
                    return;
                }
            };
        }
        let Some(client) = self.client.clone() else { return };
        // Together, so that one that does not answer delays no other.
        let all = self.wanted.keys().cloned().map(|secret| {
            let client = client.clone();
            async move {
                let (namespace, name) = secret.split_once('/').unwrap_or_default();
                let api: Api<Secret> = Api::namespaced(client, namespace);
                let read = timeout(ANSWER, api.get(name)).await;
                (secret, read)
            }
        });
        for (secret, read) in futures_util::future::join_all(all).await {
            match read {
                Ok(Ok(found)) => self.found(&secret, found),
                Ok(Err(error)) if is(&error, 404) => self.failed(&secret, "there is no such Secret", true),
                Ok(Err(error)) if is(&error, 403) => {
                    self.failed(&secret, "the right to `get` this Secret is missing", true);
                }
                Ok(Err(error)) => self.failed(&secret, &why(&error), false),
                Err(_) => self.failed(&secret, &format!("no answer within {ANSWER:?}"), false),
            }
        }
    }

    /// Reads them again and again until `stop`.
    pub(crate) async fn follow(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => (),
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = self.fetch() => (),
                () = stop.cancelled() => return,
            }
        }
    }

    fn found(&mut self, secret: &str, found: Secret) {
        if self.missing.remove(secret) {
            info!("Secret {secret} is read again");
        }
        let mut data: BTreeMap<String, Zeroizing<Vec<u8>>> =
            found.data.into_iter().flatten().map(|(key, value)| (key, Zeroizing::new(value.0))).collect();
        for key in self.wanted.get(secret).into_iter().flatten() {
            let value = match data.remove(key) {
                None => Err(Unusable("the Secret has no such key".into())),
                Some(bytes) => match str::from_utf8(&bytes) {
                    Err(_) => Err(Unusable("it is no UTF-8 text".into())),
                    Ok(text) => Credential::new(text.to_owned()),
                },
            };
            self.keeper.put(SecretKey { secret: secret.to_owned(), key: key.clone() }, value);
        }
    }

    /// A Secret that the cluster refuses is unusable; one that cannot be asked for keeps its last value.
    fn failed(&mut self, secret: &str, why: &str, refused: bool) {
        if self.missing.insert(secret.to_owned()) {
            warn!("Secret {secret} cannot be read: {why}");
        }
        for key in self.wanted.get(secret).into_iter().flatten() {
            let place = SecretKey { secret: secret.to_owned(), key: key.clone() };
            if refused || !self.keeper.has(&place) {
                self.keeper.put(place, Err(Unusable(why.to_owned())));
            }
        }
    }
}
