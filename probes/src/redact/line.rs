//! Takes out of a line of somebody's log what may be a secret or a person, though nobody here knows it.

use std::sync::LazyLock;

use regex::{Captures, NoExpand, Regex};

use super::BLANK;

/// Headers that hold a credential, to the end of their text.
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]*(?:key|token|auth|secret)[a-z-]*)(\\?["']?\s*[=:]\s*\\?["']?)[^"'\r\n]+"#,
    )
});

/// A scheme of an `Authorization` header, and what follows it.
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| expression(r#"(?i)\b(bearer|basic|digest|negotiate|api-?key|token)(\s+)([^\s"',;]+)"#));

/// A key that says that its value is a secret, and the value.
static VALUE: LazyLock<Regex> = LazyLock::new(|| {
    expression(
        r#"(?i)([\w.-]*(?:passw(?:or)?d|passphrase|pwd|secret|token|api_?-?key|credential|session|signature|assertion|otp|jwt|private_?-?key)[\w.-]*\\?["']?\s*(?:=>|=|:)\s*)(\\?"[^"]*"?|'[^']*'?|[^\s&,;)}\]"']+)"#,
    )
});

/// User and password of a URL, up to the last `@` of the word.
static USERINFO: LazyLock<Regex> = LazyLock::new(|| expression(r#"://[^\s"'<>]*@"#));

/// An email address.
static EMAIL: LazyLock<Regex> = LazyLock::new(|| expression(r#"[^\s"'<>(),;:=\[\]]+(?:@|%40)[^\s"'<>(),;:\[\]]+"#));

/// A word that may be a key, a hash or an id.
static WORD: LazyLock<Regex> = LazyLock::new(|| expression(r"[A-Za-z0-9+_~=-]{16,}"));

/// What may follow a word such as `token` without being its value.
const ORDINARY: &str = "auth authentication authorization bad claim credentials denied error expired failed failure for \
                        from has header in invalid is jwt key malformed mismatch missing no not null of rejected \
                        required revoked scheme signature token unknown validation verification verify was with wrong";

/// Takes out credentials of headers, values of keys that sound secret, email addresses, and long words of letters
/// and digits.
pub(super) fn clean(text: &str) -> String {
    let header = |found: &Captures<'_>| format!("{}{}{BLANK}", &found[1], &found[2]);
    let scheme = |found: &Captures<'_>| match is_ordinary(&found[3]) {
        true => found[0].to_owned(),
        false => format!("{}{}{BLANK}", &found[1], &found[2]),
    };
    let value = |found: &Captures<'_>| match is_ordinary(&found[2]) {
        true => found[0].to_owned(),
        false => format!("{}{BLANK}", &found[1]),
    };
    let word = |found: &Captures<'_>| {
        let word = &found[0];
        let (digit, letter) =
            (word.contains(|c: char| c.is_ascii_digit()), word.contains(|c: char| c.is_ascii_alphabetic()));
        if digit && letter { BLANK.to_owned() } else { word.to_owned() }
    };
    let text = HEADER.replace_all(text, header);
    let text = SCHEME.replace_all(&text, scheme);
    let text = VALUE.replace_all(&text, value);
    let text = USERINFO.replace_all(&text, |_: &Captures<'_>| format!("://{BLANK}@"));
    let text = EMAIL.replace_all(&text, NoExpand(BLANK));
    WORD.replace_all(&text, word).into_owned()
}

fn expression(text: &str) -> Regex {
    match Regex::new(text) {
        Ok(expression) => expression,
        Err(error) => unreachable!("the expressions of this file are right: {error}"),
    }
}

/// Whether a word is one of a sentence, with no more around it than quotes and a full stop. Signs alone may be a password.
fn is_ordinary(word: &str) -> bool {
    const AROUND: usize = 4;
    let bare = word.trim_matches(|c: char| c.is_ascii_punctuation());
    let plain = bare.is_empty() || ORDINARY.split(' ').any(|ordinary| ordinary.eq_ignore_ascii_case(bare));
    plain && word.len() - bare.len() <= AROUND
}
