//! Takes every secret of a run out of a text, in every form in which a server may echo it.

use std::collections::HashSet;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use url::form_urlencoded;

const BLANK: &str = "<redacted>";

/// As many characters of a secret are enough to recognise it: servers cut what they echo.
const TELLING: usize = 8;

/// A word this long, of letters, digits and token punctuation only, may be somebody's token.
const LONG_WORD: usize = 40;

/// Takes the given secrets out of a text: plain or escaped for JSON, URLs or HTML, in base64 or hexadecimal,
/// whole, cut off, or a part of them.
pub(crate) fn secrets(text: &str, secrets: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = without(&text, secret);
        for form in encoded(secret) {
            text = without(&text, &form);
        }
        text = without_parts(&text, secret);
    }
    text
}

/// As [`secrets`], and takes out whatever looks like a token although nobody here knows it.
pub(crate) fn everything(text: &str, known: &[&str]) -> String {
    without_tokens(&secrets(text, known))
}

/// The secret in base64 and hexadecimal, as it stands within a longer text.
fn encoded(secret: &str) -> Vec<String> {
    let url: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let plain = [secret, url.as_str()];
    let mut forms = Vec::new();
    for secret in if plain[0] == plain[1] { &plain[..1] } else { &plain[..] } {
        // Base64 has three alignments; the characters at the seams depend on the neighbours.
        for (shift, seam) in [(0, 0), (1, 2), (2, 3)] {
            let mut shifted = vec![0u8; shift];
            shifted.extend_from_slice(secret.as_bytes());
            let whole = shifted.len() / 3 * 3;
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                let encoded = engine.encode(&shifted[..whole]);
                forms.extend(encoded.get(seam..).map(str::to_owned));
            }
        }
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        forms.push(hex.to_uppercase());
        forms.push(hex);
    }
    forms.retain(|form| form.len() >= TELLING);
    forms
}

/// The text without any stretch that begins as the secret does, escaped or not.
fn without(text: &str, secret: &str) -> String {
    let least = secret.chars().count().min(TELLING);
    let Some(first) = secret.chars().next().filter(|_| least >= TELLING / 2) else { return text.to_owned() };
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begins) = rest.chars().next() {
        let (length, same) =
            if begins == first || matches!(begins, '\\' | '%' | '&' | '+') { echoed(rest, secret) } else { (0, 0) };
        if same >= least {
            clean.push_str(BLANK);
            rest = &rest[length..];
        } else {
            clean.push(begins);
            rest = &rest[begins.len_utf8()..];
        }
    }
    clean
}

/// How many bytes at the beginning of the text spell how many characters of the secret.
fn echoed(text: &str, secret: &str) -> (usize, usize) {
    // Where an escape may also be read plainly, both readings are followed.
    let (mut ends, mut same) = (vec![0], 0);
    for wanted in secret.chars() {
        let mut next: Vec<usize> = ends
            .iter()
            .flat_map(|end| spelled(&text[*end..], wanted).into_iter().map(move |bytes| end + bytes))
            .collect();
        next.sort_unstable();
        next.dedup();
        if next.is_empty() {
            break;
        }
        ends = next;
        same += 1;
    }
    (ends.last().copied().unwrap_or_default(), same)
}

/// How many bytes at the beginning of the text spell this character: as it is, or escaped in JSON, a URL or HTML.
fn spelled(text: &str, wanted: char) -> Vec<usize> {
    let plain = text.starts_with(wanted).then(|| wanted.len_utf8());
    let plain = plain.or((wanted == ' ' && text.starts_with('+')).then_some(1));
    if !text.starts_with(['\\', '%', '&']) {
        return plain.into_iter().collect();
    }
    let lower = |form: &str| text.get(..form.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(form));
    let bytes =
        |text: &mut [u8; 4]| wanted.encode_utf8(text).bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let units =
        |text: &mut [u16; 2]| wanted.encode_utf16(text).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let code = u32::from(wanted);
    let mut forms = vec![
        bytes(&mut [0; 4]),
        units(&mut [0; 2]),
        format!("\\{}", units(&mut [0; 2])),
        format!("&#{code};"),
        format!("&#x{code:x};"),
        format!("&#x{code:02x};"),
    ];
    match wanted {
        '"' => forms.extend(["\\\"".into(), "\\\\\\\"".into(), "&quot;".into()]),
        '\\' => forms.extend(["\\\\\\\\".into(), "\\\\".into()]),
        '/' => forms.extend(["\\/".into(), "\\\\/".into()]),
        '&' => forms.push("&amp;".into()),
        '<' => forms.push("&lt;".into()),
        '>' => forms.push("&gt;".into()),
        '\'' => forms.extend(["\\'".into(), "&apos;".into()]),
        '\t' => forms.push("\\t".into()),
        '\n' => forms.push("\\n".into()),
        '\r' => forms.push("\\r".into()),
        _ => (),
    }
    forms.iter().filter(|form| lower(form)).map(String::len).chain(plain).collect()
}

/// The text without any plain stretch that is part of the secret.
fn without_parts(text: &str, secret: &str) -> String {
    let of_secret: Vec<char> = secret.chars().collect();
    let parts: HashSet<&[char]> = of_secret.windows(TELLING).collect();
    let chars: Vec<char> = text.chars().collect();
    let mut secret = vec![false; chars.len()];
    for (at, window) in chars.windows(TELLING).enumerate() {
        if parts.contains(window) {
            secret[at..at + TELLING].fill(true);
        }
    }
    let mut clean = String::with_capacity(text.len());
    for (at, (letter, hidden)) in chars.iter().zip(&secret).enumerate() {
        match hidden {
            false => clean.push(*letter),
            true if at == 0 || !secret[at - 1] => clean.push_str(BLANK),
            true => (),
        }
    }
    clean
}

fn without_tokens(text: &str) -> String {
    let of_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '+' | '/' | '=' | '~');
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(of_token) {
        let (before, from) = rest.split_at(at);
        let (word, after) = from.split_at(from.find(|c| !of_token(c)).unwrap_or(from.len()));
        clean.push_str(before);
        let token = word.starts_with("eyJ") && word.len() >= 12;
        clean.push_str(if token || word.len() >= LONG_WORD { BLANK } else { word });
        rest = after;
    }
    clean + rest
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use serde_json::Value;

    use super::*;

    const SECRET: &str = r#"pa/ss "w\ord" & <ümlaut>+42'🔑"#;

    fn clean(text: &str) -> String {
        everything(text, &[SECRET])
    }

    /// As Python and Java write JSON: nothing but ASCII.
    fn ascii_json(text: &str) -> String {
        let plain = Value::from(text).to_string();
        let escaped = plain.encode_utf16().map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii() && !b"<>&'".contains(&byte) => char::from(byte).to_string(),
            _ => format!("\\u{unit:04X}"),
        });
        escaped.collect()
    }

    fn html(text: &str) -> String {
        let named = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        named.replace('\'', "&#39;")
    }

    #[test]
    fn a_secret_goes_in_every_form_in_which_a_server_may_echo_it() {
        let json = Value::from(SECRET).to_string();
        let nested = Value::from(json.as_str()).to_string();
        let url: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        for echo in [
            SECRET,
            json.trim_matches('"'),
            &json.trim_matches('"').replace('/', "\\/"),
            nested.trim_matches(['"', '\\']),
            ascii_json(SECRET).trim_matches('"'),
            &url,
            &url.to_lowercase(),
            &url.replace('+', "%20"),
            &html(SECRET),
        ] {
            assert_eq!(clean(&format!("got <{echo}>!")), "got <<redacted>>!", "{echo}");
        }
    }

    #[test]
    fn a_secret_goes_from_within_longer_base64() {
        let url: String = form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
        for user in ["", "a", "ab", "abc", "abcd"] {
            for secret in [SECRET, &url] {
                let basic = STANDARD.encode(format!("{user}:{secret}"));
                let clean = secrets(&format!("Basic {basic}"), &[SECRET]);
                let core = STANDARD.encode(format!("{user}:{}", &secret[..16]));
                assert!(clean.contains(BLANK), "{clean}");
                assert!(!clean.contains(&core[8..16]), "{clean}");
            }
        }
    }

    #[test]
    fn a_secret_in_hexadecimal_goes() {
        assert_eq!(secrets("key 73656372657431323334 no", &["secret1234"]), "key <redacted> no");
    }

    #[test]
    fn a_part_of_a_secret_goes() {
        assert_eq!(clean(r#"invalid password pa/ss "w\o…"#), "invalid password <redacted>…");
        assert_eq!(secrets("ends in 9-and-the-end", &["begins-and-the-end"]), "ends in 9<redacted>");
    }

    #[test]
    fn a_token_that_nobody_knows_goes_too() {
        assert_eq!(clean("bad token eyJhbGciOiJIUzI1NiJ9.e30.abc, sorry"), "bad token <redacted>, sorry");
        let word = "x9".repeat(20);
        assert_eq!(clean(&format!("key={word}")), "<redacted>");
    }

    #[test]
    fn a_short_token_of_a_server_goes_where_it_stands_whole() {
        assert_eq!(secrets("token ab12x is bad", &["ab12x"]), "token <redacted> is bad");
    }

    #[test]
    fn ordinary_text_stays() {
        let text = "HTTP 401 Unauthorized (invalid_grant: Bad credentials & more, 100 % sure \\o/)";
        assert_eq!(clean(text), text);
    }
}
