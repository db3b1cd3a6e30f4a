//! What several runs of a target saw, and the changes that were told of it.

use std::time::Duration;

use probes::sighting::{Peer, Signature};
use probes::target::{Connection, Probes, Target};
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use storage::record::ChangeKind;

use super::*;

/// 2026-01-01.
const START: i64 = 1_767_225_600;
const DAY: i64 = 24 * 60;

fn target(name: &str) -> Target {
    let key = serde_json::json!({"header": "X-API-Key", "key": {"file": "secrets/key"}, "request": "GET /"});
    Target {
        name: name.into(),
        url: "https://api.example.com".parse().unwrap(),
        timeout: Duration::from_secs(1),
        connection: Connection::default(),
        probes: Probes { api_key: Some(serde_json::from_value(key).unwrap()), ..Probes::default() },
    }
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(START + minute * 60).unwrap()
}

fn signed(key: &str) -> Sighting {
    let lives = Some(Duration::from_secs(900));
    let signature = Signature { key_id: key.into(), algorithm: "RS256".into(), issuer: Some("idp".into()), lives };
    Sighting { signature: Some(signature), ..Sighting::default() }
}

fn showing(certificate: &[u8]) -> Sighting {
    let peer = Peer { name: "api.example.com".into(), certificate: certificate.to_vec() };
    Sighting { peers: vec![peer], ..Sighting::default() }
}

/// A certificate that ends on a day of January 2026.
fn certificate(last_day: u8) -> Vec<u8> {
    let mut params = CertificateParams::new(vec!["api.example.com".to_owned()]).unwrap();
    params.not_after = rcgen::date_time_ymd(2026, 1, last_day);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn a_signing_switch_is_told_once_with_the_time_between_the_two_tokens() {
    let (sightings, target) = (Sightings::default(), target("api"));
    assert_eq!(sightings.take(&target, &signed("a"), at(0)), []);
    assert_eq!(sightings.take(&target, &Sighting::default(), at(1)), []);
    let told = sightings.take(&target, &signed("b"), at(2));
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].object.as_str()), (ChangeKind::SigningSwitch, "Issuer/idp"));
    assert_eq!((told[0].time_lo, told[0].time_hi), (Some(at(0)), Some(at(2))));
    assert_eq!(told[0].summary, "tokens are signed with `b` (RS256) instead of `a`");
    assert_eq!((told[0].keys.as_slice(), told[0].targets.as_slice()), (&["b".to_owned()][..], &["api".to_owned()][..]));
    for (minute, key) in [(3, "a"), (4, "b"), (5, "a")] {
        assert_eq!(sightings.take(&target, &signed(key), at(minute)), [], "a rollout goes to and fro");
    }
    let last = sightings.signed("api").unwrap();
    assert_eq!(last.switch.map(|switch| (switch.to, switch.at)), Some(("b".into(), at(2))));
    assert_eq!(last.keys, [("b".to_owned(), at(4)), ("a".to_owned(), at(5))]);
}

#[test]
fn a_return_to_the_old_key_undoes_the_switch() {
    let (sightings, target) = (Sightings::default(), target("api"));
    sightings.take(&target, &signed("a"), at(0));
    let away = sightings.take(&target, &signed("b"), at(1));
    sightings.take(&target, &signed("b"), at(60));
    let back = sightings.take(&target, &signed("a"), at(61));
    assert_eq!(back[0].reverts.as_deref(), Some(away[0].id.as_str()));
}

#[test]
fn targets_do_not_see_each_others_keys() {
    let sightings = Sightings::default();
    assert_eq!(sightings.take(&target("one"), &signed("a"), at(0)), []);
    assert_eq!(sightings.take(&target("two"), &signed("b"), at(1)), []);
}

#[test]
fn a_replaced_certificate_is_told_with_both_fingerprints() {
    let (sightings, target) = (Sightings::default(), target("api"));
    let old = CertificateParams::new(Vec::new()).unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
    assert_eq!(sightings.take(&target, &showing(old.der()), at(0)), []);
    assert_eq!(sightings.take(&target, &showing(old.der()), at(1)), []);
    let told = sightings.take(&target, &showing(b"no certificate"), at(2));
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].object.as_str()), (ChangeKind::Certificate, "Certificate/api.example.com"));
    let (before, after) = told[0].summary.split_once(" instead of ").unwrap();
    assert!(before.ends_with('…') && after.contains("… until 4096-01-01"), "{}", told[0].summary);
}

#[test]
fn an_end_within_thirty_days_is_told_once_and_withdrawn_when_it_never_comes() {
    let (sightings, target) = (Sightings::default(), target("api"));
    let (old, new) = (certificate(20), certificate(31));
    let told = sightings.take(&target, &showing(&old), at(0));
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].kind, told[0].time), (ChangeKind::Expiry, Some(at(19 * DAY))));
    assert_eq!(told[0].summary, "the certificate of `api.example.com` ends at 2026-01-20T00:00:00Z");
    assert_eq!(sightings.take(&target, &showing(&old), at(1)), []);

    let kinds = |changes: &[Change]| changes.iter().map(|change| change.kind).collect::<Vec<_>>();
    let renewed = sightings.take(&target, &showing(&new), at(2));
    assert_eq!(kinds(&renewed), [ChangeKind::Certificate, ChangeKind::Expiry]);
    assert_eq!(sightings.take(&target, &showing(&old), at(3)), [], "another replica still has it");
    for minute in [4, 18] {
        assert_eq!(sightings.take(&target, &showing(&new), at(minute)), []);
    }
    let withdrawn = sightings.take(&target, &showing(&new), at(19));
    assert_eq!(kinds(&withdrawn), [ChangeKind::Note]);
    assert_eq!((&withdrawn[0].id, withdrawn[0].time), (&told[0].id, Some(at(19))));
    assert_eq!(sightings.take(&target, &showing(&new), at(20)), []);
}

#[test]
fn an_end_that_is_far_is_told_when_it_is_near() {
    let (sightings, target) = (Sightings::default(), target("api"));
    let ends = at(40 * DAY);
    let key = Sighting { api_key_ends: Some(ends), ..Sighting::default() };
    assert_eq!(sightings.take(&target, &key, at(0)), []);
    let told = sightings.take(&target, &key, at(10 * DAY));
    assert_eq!((told[0].kind, told[0].object.as_str()), (ChangeKind::Expiry, "File/secrets/key"));
    assert_eq!(told[0].time, Some(ends));
    assert_eq!(sightings.take(&target, &key, at(11 * DAY)), []);
    assert_eq!(sightings.take(&target, &Sighting::default(), at(12 * DAY)), [], "it could not be read");
}

#[test]
fn a_new_api_key_withdraws_the_end_of_the_old_one() {
    let (sightings, target) = (Sightings::default(), target("api"));
    let key = |ends| Sighting { api_key_ends: Some(ends), ..Sighting::default() };
    let told = sightings.take(&target, &key(at(DAY)), at(0));
    let after = sightings.take(&target, &key(at(400 * DAY)), at(1));
    assert_eq!(after.len(), 1);
    assert_eq!((after[0].kind, &after[0].id), (ChangeKind::Note, &told[0].id));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_certificate_breaks_its_reader(noise in any::<Vec<u8>>(), flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)) {
        let (sightings, target) = (Sightings::default(), target("api"));
        let mut bent = certificate(20);
        for (index, byte) in &flips {
            let index = index.index(bent.len());
            bent[index] ^= byte;
        }
        let changes = [showing(&noise), showing(&bent)].map(|sighting| sightings.take(&target, &sighting, at(0)));
        prop_assert!(changes.iter().flatten().count() <= 3);
    }
}

#[test]
fn a_redirect_to_ever_new_names_is_watched_up_to_a_limit() {
    let (sightings, target) = (Sightings::default(), target("api"));
    let peer = |number: u32| Peer { name: number.to_string(), certificate: certificate(20) };
    let told = sightings.take(&target, &Sighting { peers: (0..40).map(peer).collect(), ..Sighting::default() }, at(0));
    assert_eq!(told.len(), 16);
}
