//! From a broken exchange to a reason: what failed below HTTP, and whether the fault is the prober's own.

use std::error::Error as StdError;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::{io, iter};

use storage::record::{Outcome, Reason};

use crate::observation::Failure;

/// Classifies an error of the HTTP client. `handshaking`: the TLS handshake was under way.
/// The URL is not part of the detail: it may carry a credential.
pub(crate) fn classify(error: &reqwest::Error, address: Option<IpAddr>, handshaking: bool) -> Failure {
    if let Some(tls) = find::<rustls::Error>(error) {
        return Failure::target(Reason::Tls, format!("TLS: {tls}"));
    }
    let os = chain(error).filter_map(|cause| cause.downcast_ref::<io::Error>()?.raw_os_error()).next();
    if let Some(failure) = os.and_then(|code| own_fault(code, address)) {
        return failure;
    }
    if error.is_dns() {
        return Failure::target(Reason::Dns, format!("name does not resolve: {}", innermost(error)));
    }
    if let Some(hyper) = find::<hyper::Error>(error) {
        if hyper.is_parse() || hyper.is_parse_status() || hyper.is_parse_too_large() {
            return Failure::target(Reason::UnexpectedBody, format!("answer is not HTTP: {hyper}"));
        }
        if hyper.is_incomplete_message() {
            return Failure::target(Reason::Connect, "server closed the connection before answering");
        }
    }
    let ends = |cause: &(dyn StdError + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    };
    if (error.is_body() || error.is_decode()) && chain(error).any(ends) {
        return Failure::target(Reason::Connect, "server closed the connection in the middle of the body");
    }
    if handshaking {
        return Failure::target(Reason::Tls, format!("TLS handshake broke: {}", innermost(error)));
    }
    let what = match (error.is_connect(), error.is_builder()) {
        (_, true) => return Failure::own(Reason::CredentialUnavailable, "the request cannot be built"),
        (true, false) => "no connection",
        (false, false) => "connection broke",
    };
    Failure::target(Reason::Connect, format!("{what}: {}", innermost(error)))
}

/// The prober's own faults, each proven: no descriptors, no ports, no memory, no route.
fn own_fault(code: i32, address: Option<IpAddr>) -> Option<Failure> {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    const EADDRNOTAVAIL: i32 = 99;
    const ENETDOWN: i32 = 100;
    const ENETUNREACH: i32 = 101;
    const ENOBUFS: i32 = 105;
    let failure = |reason| Failure {
        outcome: Outcome::Invalid,
        reason,
        detail: format!("prober: {}", io::Error::from_raw_os_error(code)),
    };
    match code {
        ENFILE | EMFILE | EADDRNOTAVAIL | ENOBUFS => Some(failure(Reason::ProberOverloaded)),
        ENETDOWN => Some(failure(Reason::ProberNetwork)),
        // A router may say so too; only a missing route of our own is our fault.
        ENETUNREACH if address.is_some_and(no_route) => Some(failure(Reason::ProberNetwork)),
        _ => None,
    }
}

/// Whether this machine has no route to the address. Connecting a UDP socket asks the routing table and sends nothing.
fn no_route(address: IpAddr) -> bool {
    let any: SocketAddr = if address.is_ipv4() { ([0, 0, 0, 0], 0).into() } else { ([0u16; 8], 0).into() };
    UdpSocket::bind(any).and_then(|socket| socket.connect((address, 9))).is_err()
}

/// Looks for an error type in the chain.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

/// The error and its causes, also those inside an `io::Error`, whose `source` skips what it wraps.
fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    const DEEPEST: usize = 16;
    let next = |current: &&'a (dyn StdError + 'static)| {
        let current: &'a (dyn StdError + 'static) = *current;
        let wrapped = current.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        wrapped.map(|inner| inner as &(dyn StdError + 'static)).or_else(|| current.source())
    };
    iter::successors(Some(error), next).take(DEEPEST)
}

/// The innermost message of the chain, the one that says what happened.
fn innermost(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prober_blames_itself_only_for_what_is_proven_to_be_its_own() {
        let reason = |code, address: Option<&str>| {
            let failure = own_fault(code, address.map(|text| text.parse().expect("an address")))?;
            assert_eq!(failure.outcome, Outcome::Invalid);
            Some(failure.reason)
        };
        let (no_descriptors, no_network, unreachable, refused) = (24, 100, 101, 111);
        assert_eq!(reason(no_descriptors, None), Some(Reason::ProberOverloaded));
        assert_eq!(reason(no_network, None), Some(Reason::ProberNetwork));
        assert_eq!(reason(unreachable, Some("127.0.0.1")), None, "there is a route, so a router said so");
        assert_eq!(reason(unreachable, None), None);
        assert_eq!(reason(refused, Some("127.0.0.1")), None);
    }
}
