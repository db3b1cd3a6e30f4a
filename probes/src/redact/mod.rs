//! Takes every secret of a run out of a text, in every form in which a server may echo it.

mod decode;
mod line;

use std::collections::HashSet;

const BLANK: &str = "<redacted>";

/// As many characters of a secret in a row are enough to recognise it: servers cut what they echo.
const TELLING: usize = 8;

/// Of a shorter secret, which only a server can have made up, this many bytes are.
const SHORTEST: usize = 4;

/// A word this long, of letters, digits and token punctuation only, may be somebody's token.
const LONG_WORD: usize = 40;

/// Takes the given secrets out of a text, whole, cut off, or a part of them. A text that holds one of them
/// encoded (for JSON, URLs or HTML, in base64 or hexadecimal, or in several layers of these) is blanked as a whole.
pub(crate) fn secrets(text: &str, known: &[&str]) -> String {
    let spelled: Vec<Vec<char>> = known.iter().map(|secret| secret.chars().collect()).collect();
    let parts: Vec<Parts<'_>> = spelled.iter().filter_map(|secret| Parts::of(secret)).collect();
    let clean = parts.iter().fold(text.to_owned(), |text, parts| parts.without(&text));
    let hidden = decode::layers(&clean).iter().any(|plain| parts.iter().any(|parts| parts.are_in(plain)));
    if hidden { BLANK.to_owned() } else { clean }
}

/// As [`secrets`], and takes out whatever looks like a token although nobody here knows it.
pub(crate) fn everything(text: &str, known: &[&str]) -> String {
    without_tokens(&secrets(text, known))
}

/// A line of a log without secrets: those that are known, tokens, and, since it may hold what belongs to other people,
/// their credentials and addresses.
#[must_use]
pub fn line(text: &str, known: &[&str]) -> String {
    line::clean(&everything(text, known))
}

/// The stretches of a secret that give it away.
struct Parts<'a> {
    length: usize,
    parts: HashSet<&'a [char]>,
}

impl<'a> Parts<'a> {
    /// `None` for what is too short to be told from ordinary text.
    fn of(secret: &'a [char]) -> Option<Self> {
        let length = secret.len().min(TELLING);
        let bytes: usize = secret.iter().map(|c| c.len_utf8()).sum();
        (bytes >= SHORTEST).then(|| Self { length, parts: secret.windows(length).collect() })
    }

    fn are_in(&self, text: &str) -> bool {
        let chars: Vec<char> = text.chars().collect();
        chars.windows(self.length).any(|window| self.parts.contains(window))
    }

    fn without(&self, text: &str) -> String {
        let chars: Vec<char> = text.chars().collect();
        let mut secret = vec![false; chars.len()];
        for (at, window) in chars.windows(self.length).enumerate() {
            if self.parts.contains(window) {
                secret[at..at + self.length].fill(true);
            }
        }
        let mut clean = String::with_capacity(text.len());
        let mut before = false;
        for (letter, hidden) in chars.iter().zip(secret) {
            match (hidden, before) {
                (false, _) => clean.push(*letter),
                (true, false) => clean.push_str(BLANK),
                (true, true) => (),
            }
            before = hidden;
        }
        clean
    }
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
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;
    use serde_json::Value;
    use url::form_urlencoded;

    use super::*;

    const SECRET: &str = r#"pa/ss "w\ord" & <ümlaut>+42'🔑"#;

    fn clean(text: &str) -> String {
        everything(text, &[SECRET])
    }

    fn json(text: &str) -> String {
        Value::from(text).to_string()
    }

    /// As Python and Java write JSON: nothing but ASCII.
    fn ascii_json(text: &str) -> String {
        let escaped = text.encode_utf16().map(|unit| match u8::try_from(unit) {
            Ok(byte) if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("\\u{unit:04X}"),
        });
        escaped.collect()
    }

    fn url(text: &str) -> String {
        form_urlencoded::byte_serialize(text.as_bytes()).collect()
    }

    fn html(text: &str) -> String {
        let named = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
        named.replace('\'', "&#39;").replace('ü', "&#xFC;")
    }

    #[test]
    fn a_secret_goes_and_the_text_around_it_stays() {
        assert_eq!(clean(&format!("got <{SECRET}>, twice: {SECRET}!")), "got <<redacted>>, twice: <redacted>!");
    }

    #[test]
    fn a_part_of_a_secret_goes() {
        assert_eq!(clean(r#"invalid password pa/ss "w\o…"#), "invalid password <redacted>…");
        assert_eq!(secrets("ends in 9-and-the-end", &["begins-and-the-end"]), "ends in 9<redacted>");
    }

    #[test]
    fn a_text_with_an_encoded_secret_goes_as_a_whole() {
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        for echo in [
            json(SECRET),
            json(SECRET).replace('/', "\\/"),
            ascii_json(SECRET),
            url(SECRET),
            url(SECRET).to_lowercase(),
            url(SECRET).replace('+', "%20"),
            html(SECRET),
            STANDARD.encode(SECRET),
            URL_SAFE_NO_PAD.encode(SECRET),
            hex.to_uppercase(),
            hex,
            json(&json(SECRET)),
            url(&json(SECRET)),
            json(&url(SECRET)),
            STANDARD.encode(json(SECRET)),
            STANDARD.encode(format!("probe:{}", url(SECRET))),
            url(&STANDARD.encode(format!("{{\"password\":{}}}", json(SECRET)))),
        ] {
            assert_eq!(secrets(&format!("got <{echo}>!"), &[SECRET]), BLANK, "{echo}");
        }
    }

    proptest! {
        #[test]
        fn no_text_shows_any_secret_in_any_two_layers(
            secret in any::<String>().prop_filter("long enough", |secret| secret.chars().count() >= TELLING),
            before in ".{0,12}",
            layers in (0usize..6, 0usize..6),
        ) {
            let encode = |form: usize, text: &str| match form {
                0 => text.to_owned(),
                1 => json(text),
                2 => ascii_json(text),
                3 => url(text),
                4 => STANDARD.encode(text),
                _ => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
            };
            let echo = encode(layers.1, &format!("{before}{}", encode(layers.0, &secret)));
            let clean = secrets(&echo, &[&secret]);
            prop_assert!(clean != echo, "{echo}");
            prop_assert!(!clean.contains(&secret));
        }
    }

    #[test]
    fn a_secret_goes_from_within_cut_base64() {
        for user in ["", "a", "ab", "abc", "abcd"] {
            let basic = STANDARD.encode(format!("{user}:{SECRET}"));
            for cut in 0..4 {
                assert_eq!(secrets(&format!("Basic {}", &basic[cut..]), &[SECRET]), BLANK);
            }
        }
    }

    #[test]
    fn a_token_that_nobody_knows_goes_too() {
        assert_eq!(clean("bad token eyJhbGciOiJIUzI1NiJ9.e30.abc, sorry"), "bad token <redacted>, sorry");
        let word = "x9".repeat(20);
        assert_eq!(clean(&format!("key={word}")), "<redacted>");
    }

    #[test]
    fn a_short_secret_goes_where_it_stands_whole() {
        assert_eq!(secrets("token ab12x is bad", &["ab12x"]), "token <redacted> is bad");
        assert_eq!(secrets("key 🔑🔒 is bad", &["🔑🔒"]), "key <redacted> is bad");
        assert_eq!(secrets("an answer", &["an"]), "an answer", "what is no longer than a word hides nothing");
    }

    #[test]
    fn a_line_of_a_log_loses_what_may_be_a_secret_or_a_person() {
        for (text, expected) in [
            ("401 for me@example.com from 10.0.0.7", "401 for <redacted> from 10.0.0.7"),
            ("Authorization: Bearer abc def, more", "Authorization: <redacted>"),
            (r#"{"authorization":"Custom abc","status":401}"#, r#"{"authorization":"<redacted>","status":401}"#),
            (r#"{\"X-Api-Key\": \"abc\", \"status\": 401}"#, r#"{\"X-Api-Key\": <redacted>, \"status\": 401}"#),
            ("Cookie: sid=abc; other=def", "Cookie: <redacted>"),
            ("refused bearer abcdefgh for /me", "refused bearer <redacted> for /me"),
            ("refused ApiKey short1 for /me", "refused ApiKey <redacted> for /me"),
            ("GET /cb?code=1&access_token=abc&x=1", "GET /cb?code=1&access_token=<redacted>&x=1"),
            ("login password=hunter2 user=7", "login password=<redacted> user=7"),
            (r#"{"password": "a b c", "user": 7}"#, r#"{"password": <redacted>, "user": 7}"#),
            ("client_secret => 'x y', next", "client_secret => <redacted>, next"),
            ("db postgres://me:p@ss/w0rd@db/x down", "db postgres://<redacted>@db/x down"),
            ("hash 5f4dcc3b5aa765d61d8327deb882cf99 no", "hash <redacted> no"),
            ("key abcdEFGH+/ijkl0123456789== no", "key abcdEFGH+/<redacted> no"),
        ] {
            assert_eq!(line(text, &[]), expected);
        }
    }

    #[test]
    fn what_a_line_says_of_the_failure_stays() {
        for text in [
            "token expired",
            "JWT validation error: invalid signature",
            "invalid token: signature mismatch",
            "Bearer token missing",
            "Basic authentication failed",
            r#"10.0.0.7 - - [24/Nov/2026:13:00:01 +0000] "GET /api/v1/workflows HTTP/1.1" 401 27"#,
            "permission denied: role admin required on /api/v1/admin/users",
        ] {
            assert_eq!(line(text, &[]), text);
        }
    }

    #[test]
    fn a_password_of_signs_alone_is_taken_out() {
        assert_eq!(line("x password=#/!!_#-* y", &[]), line("x password=Zq7NoSign y", &[]));
        assert_eq!(line("token: !!!error!!! y", &[]), line("token: Zq7NoSign y", &[]));
    }

    proptest! {
        #[test]
        fn no_line_shows_a_password_that_stands_behind_its_key(
            key in "[a-z_]{0,4}(password|secret|token|api_key)",
            between in "(=|: |=\"|\": \")",
            value in "[a-zA-Z0-9!#$%*+/_-]{8,40}",
        ) {
            prop_assume!(!key.contains(&value));
            let clean = line(&format!("x {key}{between}{value}\" y"), &[]);
            prop_assert!(!clean.contains(&value), "{clean}");
        }
    }

    #[test]
    fn ordinary_text_stays() {
        let text = "HTTP 401 Unauthorized (invalid_grant: Bad credentials & more, 100 % sure \\o/ &amp; %zz \\u12)";
        assert_eq!(clean(text), text);
    }
}
