//! Where the links of messages lead.

use std::net::{IpAddr, SocketAddr};

/// Where people reach the pages: what the configuration says, else the address that is listened on, with the port that
/// was taken. Nobody can follow a link to all addresses, so this machine's name stands for them.
pub(crate) fn url(public_url: Option<&str>, listen: &str, taken: Option<SocketAddr>) -> String {
    if let Some(url) = public_url {
        return url.to_owned();
    }
    let (host, port) = listen.rsplit_once(':').unwrap_or((listen, ""));
    let port = taken.map_or_else(|| port.to_owned(), |taken| taken.port().to_string());
    let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    if address.is_some_and(|address| address.is_unspecified()) {
        format!("http://{}:{port}", machine())
    } else {
        format!("http://{host}:{port}")
    }
}

/// The name of this machine, if it is fit for a link.
fn machine() -> String {
    let system = rustix::system::uname();
    let fit = |name: &&str| {
        !name.is_empty() && name.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '-' | '.'))
    };
    system.nodename().to_str().ok().filter(fit).unwrap_or("localhost").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_the_public_url_or_to_the_address_with_the_port_that_was_taken() {
        let taken: SocketAddr = "127.0.0.1:40123".parse().unwrap();
        assert_eq!(url(Some("https://p"), "127.0.0.1:0", Some(taken)), "https://p");
        assert_eq!(url(None, "127.0.0.1:0", Some(taken)), "http://127.0.0.1:40123");
        assert_eq!(url(None, "pages.example:9464", None), "http://pages.example:9464");
        assert_eq!(url(None, "[::1]:9464", None), "http://[::1]:9464");
    }

    #[test]
    fn no_link_leads_to_all_addresses() {
        for listen in ["0.0.0.0:9464", "[::]:9464"] {
            assert_eq!(url(None, listen, None), format!("http://{}:9464", machine()));
        }
        assert!(!machine().is_empty() && machine() != "0.0.0.0");
    }
}
