//! Reads the values of a Secret as keyed hashes and lengths, and forgets the values.

use std::collections::HashMap;

use aws_lc_rs::hmac;
use k8s_openapi::api::core::v1::Secret;
use zeroize::Zeroize;

use crate::changes::kubernetes::MinimumLength;
use crate::changes::kubernetes::secrets::{Hashes, Reading};

/// Hashes values with the key of this installation.
pub(super) struct Hasher {
    key: hmac::Key,
    /// (`NAMESPACE/NAME`, key) -> fewest bytes of its value.
    minimum: HashMap<(String, String), usize>,
}

impl Hasher {
    /// A hasher with the given key, which looks at the lengths of some values too.
    pub(super) fn new(key: hmac::Key, minimum: Vec<MinimumLength>) -> Self {
        let minimum = minimum.into_iter().map(|MinimumLength { secret, key, bytes }| ((secret, key), bytes)).collect();
        Self { key, minimum }
    }

    /// What is kept of a Secret.
    pub(super) fn read(&self, secret: Secret) -> Reading {
        let meta = secret.metadata;
        let object =
            format!("{}/{}", meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
        let (mut hashes, mut short) = (Hashes::new(), Vec::new());
        for (name, mut value) in secret.data.into_iter().flatten() {
            hashes.insert(name.clone(), self.hash(&name, &value.0));
            let length = value.0.len();
            value.0.zeroize();
            let place = (object.clone(), name);
            if let Some(least) = self.minimum.get(&place).filter(|least| length < **least) {
                let why = format!("the value of key {} has {length} bytes, fewer than {least}", place.1);
                short.push((place.1, why));
            }
        }
        Reading { meta, hashes: Some(hashes), short }
    }

    /// The name is part of it, so that equal values under two names do not show as equal.
    fn hash(&self, name: &str, value: &[u8]) -> [u8; 8] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&name.len().to_be_bytes());
        context.update(name.as_bytes());
        context.update(value);
        let mut hash = [0; 8];
        hash.iter_mut().zip(context.sign().as_ref()).for_each(|(kept, byte)| *kept = *byte);
        hash
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use storage::record::{ChangeKind, Known};

    use super::*;
    use crate::changes::kubernetes::consumers::Consumers;
    use crate::changes::kubernetes::observe::{Moment, Observe};
    use crate::changes::kubernetes::secrets::{Contents, Kind};

    /// Values in base64, as the API gives them.
    const FIRST: &str = "Zmlyc3QtdmFsdWU=";
    const SECOND: &str = "c2Vjb25kLXZhbHVl";

    fn contents() -> Contents<Secret> {
        let minimum = vec![MinimumLength { secret: "ns/jwt".into(), key: "hs256".into(), bytes: 12 }];
        let hasher = Hasher::new(hmac::Key::new(hmac::HMAC_SHA256, b"a key of a test"), minimum);
        Contents::new(Kind::Secret, Consumers::default(), move |secret| hasher.read(secret))
    }

    fn secret(version: u32, value: &str) -> Secret {
        let meta = json!({"namespace": "ns", "name": "jwt", "uid": "u", "resourceVersion": version.to_string()});
        serde_json::from_value(json!({"metadata": meta, "data": {"hs256": value, "other": FIRST}})).unwrap()
    }

    fn moment(second: i64) -> Moment {
        let at = |second| jiff::Timestamp::from_second(1_000_000 + second).unwrap();
        Moment { since: Some(at(second - 1)), seen: at(second), live: true }
    }

    #[test]
    fn a_value_that_comes_back_undoes_the_change_that_ended_it() {
        let mut contents = contents();
        contents.baseline(secret(1, FIRST), moment(0).seen);
        let away = contents.applied(secret(2, SECOND), moment(10));
        assert_eq!((away.len(), away[0].data_changed, &away[0].keys), (1, Some(Known::Yes), &vec!["hs256".to_owned()]));
        let back = contents.applied(secret(3, FIRST), moment(20));
        assert_eq!(back[0].reverts.as_ref(), Some(&away[0].id));
        assert!(!away[0].id.is_empty() && away[0].reverts.is_none() && back[0].id != away[0].id);
    }

    #[test]
    fn a_write_of_the_same_values_is_told_as_unchanged_and_seldom() {
        let mut contents = contents();
        contents.baseline(secret(1, FIRST), moment(0).seen);
        let told: Vec<_> =
            (2..20).flat_map(|round| contents.applied(secret(round, FIRST), moment(round.into()))).collect();
        let told: Vec<_> = told.iter().filter(|change| change.kind == ChangeKind::Secret).collect();
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].data_changed, Some(Known::No));
    }

    #[test]
    fn a_short_value_is_noted_by_its_length_alone() {
        let mut contents = contents();
        let notes = contents.baseline(secret(1, FIRST), moment(0).seen);
        assert_eq!(notes.len(), 1);
        assert_eq!(notes[0].summary, "the value of key hs256 has 11 bytes, fewer than 12");
        assert!(!format!("{notes:?}").contains("first-value"));
        assert_eq!(contents.applied(secret(2, SECOND), moment(5)).len(), 1);
    }
}
