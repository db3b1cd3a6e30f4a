//! Checks where the daemon answers, and who may write to it.

use std::net::IpAddr;
use std::path::Path;

use probes::credential::Source;

use crate::config::mistake::Findings;
use crate::config::secrets;
use crate::config::sources::Use;
use crate::config::spot::Spot;
use crate::web::Settings;

/// Says what is wrong with the address and the token, and hands them to the web server.
pub(in crate::config) fn check(
    listen: String,
    mut api_token: Option<Source>,
    behind_proxy: bool,
    root: &Spot<'_>,
    base: &Path,
    findings: &mut Findings,
) -> Settings {
    let (place, token) = (root.key("listen"), root.key("api_token"));
    if let Err(message) = address(&listen, token.given() || behind_proxy) {
        findings.mistakes.push(place.mistake(message));
    }
    if let Some(source) = &mut api_token {
        if let Source::File(path) = source {
            *path = base.join(&*path);
        }
        match secrets::local(source) {
            Err(message) => findings.mistakes.push(token.mistake(message)),
            Ok(()) => {
                let attempt = secrets::attempt(source, Use::Secret);
                findings.unreadable.extend(attempt.err().map(|message| token.mistake(message)));
            }
        }
    }
    Settings { listen, api_token, behind_proxy }
}

/// Whether the daemon may answer at `listen`: `guarded` by a token, or by a proxy before it, or open.
///
/// # Errors
/// What is wrong, and its remedy.
pub(crate) fn address(listen: &str, guarded: bool) -> Result<(), &'static str> {
    match host(listen) {
        None => Err("an address is `HOST:PORT`, for example `127.0.0.1:9464`"),
        Some(host) if !loopback(host) && !guarded => {
            Err("others reach this address, so a token is needed: give `api_token: {env: NAME}` or `{file: PATH}`, or \
             listen on `127.0.0.1`, or say `behind_proxy: true` where a reverse proxy decides who may read")
        }
        Some(_) => Ok(()),
    }
}

/// Whether only this machine reaches an address.
pub(crate) fn on_loopback(listen: &str) -> bool {
    host(listen).is_some_and(loopback)
}

/// The host of `HOST:PORT`.
fn host(listen: &str) -> Option<&str> {
    let (host, port) = listen.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    // An IPv6 address without brackets has no end where the port begins.
    let host = bare.or((!host.contains(':')).then_some(host))?;
    (!host.is_empty() && port.parse::<u16>().is_ok()).then_some(host)
}

/// Whether only this machine reaches a host. What a name leads to may change, so only `localhost` is taken for one.
fn loopback(host: &str) -> bool {
    host.parse::<IpAddr>().map_or(host == "localhost", |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_a_port() {
        for (listen, expected) in [
            ("127.0.0.1:9464", Some("127.0.0.1")),
            ("[::1]:0", Some("::1")),
            ("localhost:80", Some("localhost")),
            ("::1:80", None),
            (":80", None),
            ("localhost", None),
            ("localhost:65536", None),
        ] {
            assert_eq!(host(listen), expected, "{listen}");
        }
    }

    #[test]
    fn only_this_machine_reaches_loopback() {
        assert!(["127.0.0.1", "127.8.8.8", "::1", "localhost"].into_iter().all(loopback));
        assert!(!["0.0.0.0", "::", "10.0.0.1", "localhost.example.com"].into_iter().any(loopback));
    }
}
