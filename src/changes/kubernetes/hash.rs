//! Keyed hashes of the values of a Secret: whether they changed can be told, what they are cannot.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::hmac;
use k8s_openapi::api::core::v1::Secret;
use zeroize::Zeroize;

use crate::changes::kubernetes::contents::Content;

/// Bytes of a hash that are kept: enough to tell values apart.
const BYTES: usize = 8;

/// Makes the hashes, with a key of this installation.
#[derive(Clone)]
pub(super) struct Hasher(Arc<hmac::Key>);

/// Of each key of a Secret: the hash of its value, and how many bytes that has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hashes(BTreeMap<String, ([u8; BYTES], usize)>);

impl Hasher {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// Takes out of a Secret what is looked at; its values are wiped at once.
    pub(super) fn read(&self, secret: Secret) -> Content {
        let Secret { metadata, data, string_data, .. } = secret;
        let mut hashes = BTreeMap::new();
        for (key, mut value) in data.into_iter().flatten() {
            let mut hash = [0; BYTES];
            let signed = hmac::sign(&self.0, &value.0);
            hash.iter_mut().zip(signed.as_ref()).for_each(|(byte, signed)| *byte = *signed);
            hashes.insert(key, (hash, value.0.len()));
            value.0.zeroize();
        }
        string_data.into_iter().flatten().for_each(|(_, mut value)| value.zeroize());
        Content { metadata, hashes: Some(Hashes(hashes)) }
    }
}

impl Hashes {
    /// Every key, and how many bytes its value has.
    pub(super) fn lengths(&self) -> impl Iterator<Item = (&str, usize)> {
        self.0.iter().map(|(key, (_, bytes))| (key.as_str(), *bytes))
    }

    /// The keys whose values are others than before, or that came or went.
    pub(super) fn differ(&self, before: &Self) -> Vec<String> {
        let mut keys: Vec<&String> = self.0.keys().chain(before.0.keys()).collect();
        keys.sort();
        keys.dedup();
        keys.into_iter().filter(|key| self.0.get(*key) != before.0.get(*key)).cloned().collect()
    }
}
