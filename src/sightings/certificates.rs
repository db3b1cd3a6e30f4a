//! The certificates that the servers of a target show: replaced ones, and when they end.

use std::collections::HashMap;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use probes::sighting::Peer;
use storage::record::{Change, ChangeKind};
use x509_cert::Certificate;
use x509_cert::der::Decode;

use crate::sightings::SOURCE;
use crate::sightings::expiries::Expiries;
use crate::sightings::recent::{BESIDE, Recent};

/// Most names of servers that are watched for one target; a redirect may lead anywhere.
const NAMES: usize = 16;

/// The certificates of one target's servers, by the name that was asked for.
#[derive(Debug, Default)]
pub(super) struct Certificates(HashMap<String, Recent<Shown>>);

/// A certificate.
#[derive(Debug, Clone)]
struct Shown {
    /// SHA-256 of the whole.
    print: [u8; 32],
    ends: Option<Timestamp>,
}

/// Two are the same by their content alone.
impl PartialEq for Shown {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print
    }
}

impl Certificates {
    /// Takes in a certificate that a server showed.
    pub(super) fn take(&mut self, target: &str, peer: &Peer, expiries: &mut Expiries, now: Timestamp) -> Vec<Change> {
        let Peer { name, certificate } = peer;
        if !self.0.contains_key(name) {
            if self.0.len() >= NAMES {
                return Vec::new();
            }
            self.0.insert(name.clone(), Recent::default());
        }
        let Some(recent) = self.0.get_mut(name) else { return Vec::new() };
        let print = fingerprint(certificate);
        let known = recent.values().iter().find(|known| known.value.print == print).map(|known| known.value.clone());
        let shown = known.clone().unwrap_or_else(|| Shown { print, ends: end(certificate) });
        let object = format!("Certificate/{name}");
        let id = || format!("certificate-{target}-{name}-{}", now.as_millisecond());
        recent.begin(&shown, now);
        let arrival = recent.see(&shown, now, id);
        if let (true, Some(ends)) = (known.is_none() || arrival.is_some(), shown.ends) {
            expiries.learn(&object, format!("the certificate of `{name}`"), ends);
        }
        let mut changes: Vec<Change> =
            replaced_early(recent, now).filter_map(|ends| expiries.withdraw(target, &object, ends, now)).collect();
        changes.extend(arrival.map(|arrival| Change {
            id: id(),
            time_lo: Some(arrival.since.min(now)),
            time_hi: Some(arrival.since.max(now)),
            kind: ChangeKind::Certificate,
            object,
            targets: vec![target.to_owned()],
            reverts: arrival.reverts,
            summary: format!("certificate of `{name}` is {} instead of {}", shown.words(), arrival.from.words()),
            source: SOURCE.into(),
            known_at: Some(now),
            ..Change::default()
        }));
        changes
    }
}

impl Shown {
    fn words(&self) -> String {
        let print: String = self.print.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        match self.ends {
            Some(ends) => format!("SHA-256 {print}… until {ends}"),
            None => format!("SHA-256 {print}…"),
        }
    }
}

/// The ends of certificates that went out of use before they came, and that no certificate in use shares.
fn replaced_early(recent: &Recent<Shown>, now: Timestamp) -> impl Iterator<Item = Timestamp> {
    let gone = move |last: Timestamp| now.duration_since(last) > BESIDE;
    let used: Vec<Timestamp> =
        recent.values().iter().filter(|known| !gone(known.last)).filter_map(|known| known.value.ends).collect();
    let unused = recent.values().iter().filter(move |known| gone(known.last));
    unused
        .filter_map(|known| known.value.ends.filter(|ends| known.last < *ends))
        .filter(move |ends| !used.contains(ends))
}

fn fingerprint(certificate: &[u8]) -> [u8; 32] {
    let mut print = [0; 32];
    print.copy_from_slice(digest(&SHA256, certificate).as_ref());
    print
}

/// `notAfter`, where the certificate can be read.
fn end(certificate: &[u8]) -> Option<Timestamp> {
    let end = Certificate::from_der(certificate).ok()?.tbs_certificate.validity.not_after.to_unix_duration();
    Timestamp::from_second(i64::try_from(end.as_secs()).ok()?).ok()
}
