//! How receivers are called where they have no name: after how they are told and a keyed fingerprint of whom.

use aws_lc_rs::hmac;
use probes::credential::Text;

use crate::alerts::settings::Receiver;

/// Bytes of a fingerprint.
const BYTES: usize = 4;

/// The names of receivers. One without a name keeps its own as long as its URL or command stays the same; nobody without
/// the key learns the URL from it.
pub(crate) fn names(receivers: &[Receiver], key: &[u8]) -> Vec<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    let name = |receiver: &Receiver| {
        let way = receiver.ways().first().map_or("none", |way| way.as_str());
        receiver.name.clone().unwrap_or_else(|| format!("{way}-{}", fingerprint(&key, &whom(receiver))))
    };
    receivers.iter().map(name).collect()
}

/// Who is told, as it stands in the configuration.
pub(crate) fn whom(receiver: &Receiver) -> String {
    match (receiver.url(), &receiver.command) {
        (Some(Text::Plain(url)), _) => url.clone(),
        (Some(Text::From(source)), _) => source.to_string(),
        (None, Some(argv)) => argv.join("\0"),
        (None, None) => String::new(),
    }
}

fn fingerprint(key: &hmac::Key, text: &str) -> String {
    let tag = hmac::sign(key, text.as_bytes());
    tag.as_ref().iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_keeps_its_name_and_the_name_tells_nothing() {
        let webhook = |url: &str| Receiver { webhook: Some(Text::Plain(url.into())), ..Receiver::default() };
        let named = Receiver { name: Some("pager".into()), ..webhook("https://hooks.example.com/canary") };
        let all = [webhook("https://hooks.example.com/canary"), webhook("https://hooks.example.com/other"), named];
        let first = names(&all, b"key");
        assert_eq!(first, names(&all, b"key"));
        assert!(first[0].starts_with("webhook-") && !first[0].contains("canary"));
        assert_ne!(first[0], first[1]);
        assert_ne!(first[0], names(&all, b"another")[0]);
        assert_eq!(first[2], "pager");
    }
}
