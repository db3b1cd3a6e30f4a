//! The replicas behind the front, each with the signing key it took when it started.

use std::sync::Arc;

use anyhow::ensure;
use jsonwebtoken::jwk::JwkSet;

use crate::demo::tokens::{Signing, SigningKey};

/// The stored signing key and what each replica runs with.
pub(crate) struct Replicas {
    signing: Signing,
    stored: Arc<SigningKey>,
    running: Vec<Arc<SigningKey>>,
    next: usize,
    generated: u64,
}

impl Replicas {
    /// `count` replicas, all started with one new key.
    pub(crate) fn start(signing: Signing, count: usize) -> anyhow::Result<Self> {
        ensure!(count > 0, "at least one replica is needed");
        let stored = Arc::new(SigningKey::generate(signing, 1)?);
        let running = vec![Arc::clone(&stored); count];
        Ok(Self { signing, stored, running, next: 0, generated: 1 })
    }

    /// The key of the replica whose turn it is; replicas take turns, request by request.
    pub(crate) fn take_turn(&mut self) -> Arc<SigningKey> {
        let turn = self.next % self.running.len();
        self.next = turn + 1;
        Arc::clone(&self.running[turn])
    }

    /// Stores a new key, perhaps of another kind. No replica knows it before it is rolled out.
    pub(crate) fn rotate(&mut self, signing: Option<Signing>) -> anyhow::Result<()> {
        self.signing = signing.unwrap_or(self.signing);
        self.generated += 1;
        self.stored = Arc::new(SigningKey::generate(self.signing, self.generated)?);
        Ok(())
    }

    /// Restarts a replica, numbered from 0: it takes the stored key.
    pub(crate) fn roll_out(&mut self, replica: usize) -> anyhow::Result<()> {
        let count = self.running.len();
        ensure!(replica < count, "there is no replica {replica}, they are numbered 0 to {}", count - 1);
        self.running[replica] = Arc::clone(&self.stored);
        Ok(())
    }

    /// The stored key.
    pub(crate) fn stored(&self) -> &SigningKey {
        &self.stored
    }

    /// For each replica, whether it runs with the stored key.
    pub(crate) fn current(&self) -> Vec<bool> {
        self.running.iter().map(|key| Arc::ptr_eq(key, &self.stored)).collect()
    }

    /// The public keys in use or stored; empty where a shared secret signs.
    pub(crate) fn jwks(&self) -> JwkSet {
        let mut keys = Vec::new();
        for jwk in self.running.iter().chain([&self.stored]).filter_map(|key| key.jwk()) {
            if !keys.contains(jwk) {
                keys.push(jwk.clone());
            }
        }
        JwkSet { keys }
    }
}
