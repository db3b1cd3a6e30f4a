//! Reads texts as somebody would who looks for a secret in them: unescaped and decoded, layer by layer.

use std::collections::HashSet;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Layers of encoding that are taken off.
const DEEPEST: usize = 3;

/// Shortest word that is read as base64 or hexadecimal.
const SHORTEST_WORD: usize = 8;

/// Every reading of a text but the text itself.
pub(super) fn layers(text: &str) -> HashSet<String> {
    let decoders = [url, json, html, base64, hexadecimal];
    let mut all = HashSet::new();
    let mut last = HashSet::from([text.to_owned()]);
    for _ in 0..DEEPEST {
        let read = |text: &String| decoders.map(|decode| decode(text)).into_iter().flatten();
        last = last.iter().flat_map(read).filter(|next| !all.contains(next)).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// Percent-decoded, with `+` for a blank.
fn url(text: &str) -> Option<String> {
    text.contains('%').then(|| {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            let escaped = match (first, after) {
                (b'%', [high, low, ..]) => pair(*high, *low),
                _ => None,
            };
            bytes.push(escaped.unwrap_or(if *first == b'+' { b' ' } else { *first }));
            rest = if escaped.is_some() { &after[2..] } else { after };
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Without the escapes of JSON strings.
fn json(text: &str) -> Option<String> {
    text.contains('\\').then(|| {
        let mut units: Vec<u16> = Vec::with_capacity(text.len());
        let mut rest = text.chars();
        while let Some(letter) = rest.next() {
            let (plain, skip) = match (letter, rest.clone().next()) {
                ('\\', Some('u')) => match rest.as_str().get(1..5).and_then(|hex| u16::from_str_radix(hex, 16).ok()) {
                    Some(unit) => {
                        units.push(unit);
                        rest.nth(4);
                        continue;
                    }
                    None => ('\\', false),
                },
                ('\\', Some('b')) => ('\u{8}', true),
                ('\\', Some('f')) => ('\u{c}', true),
                ('\\', Some('n')) => ('\n', true),
                ('\\', Some('r')) => ('\r', true),
                ('\\', Some('t')) => ('\t', true),
                ('\\', Some(escaped)) => (escaped, true),
                (other, _) => (other, false),
            };
            units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
            if skip {
                rest.next();
            }
        }
        String::from_utf16_lossy(&units)
    })
}

/// Without the commonest character references of HTML and the numeric ones.
fn html(text: &str) -> Option<String> {
    text.contains('&').then(|| {
        let mut plain = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('&') {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            let end = from.char_indices().take(10).find(|(_, c)| *c == ';').map(|(end, _)| end);
            match end.and_then(|end| Some((reference(&from[1..end])?, end))) {
                Some((letter, end)) => {
                    plain.push(letter);
                    rest = &from[end + 1..];
                }
                None => {
                    plain.push('&');
                    rest = &from[1..];
                }
            }
        }
        plain + rest
    })
}

fn reference(name: &str) -> Option<char> {
    match name.to_ascii_lowercase().as_str() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        lower => {
            let number = lower.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

/// Every word that may be base64, decoded from each of its first four characters: its beginning may be cut off.
fn base64(text: &str) -> Option<String> {
    let of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let engines = [&STANDARD, &URL_SAFE].map(|alphabet| {
        GeneralPurpose::new(alphabet, config.with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent))
    });
    let mut plain = String::new();
    for word in text.split(|c| !of_word(c)).filter(|word| word.len() >= SHORTEST_WORD) {
        for from in 0..4 {
            let rest = &word[from..];
            // A single character beyond a group of four decodes to nothing.
            let whole = if rest.len() % 4 == 1 { &rest[..rest.len() - 1] } else { rest };
            for bytes in engines.iter().filter_map(|engine| engine.decode(whole).ok()) {
                plain.push_str(&String::from_utf8_lossy(&bytes));
                plain.push('\n');
            }
        }
    }
    (!plain.is_empty()).then_some(plain)
}

/// Every word of hexadecimal digits, decoded from its first two.
fn hexadecimal(text: &str) -> Option<String> {
    let mut plain = String::new();
    for word in text.split(|c: char| !c.is_ascii_hexdigit()).filter(|word| word.len() >= SHORTEST_WORD) {
        for from in 0..2 {
            let (pairs, _) = word.as_bytes()[from..].as_chunks::<2>();
            let bytes: Vec<u8> = pairs.iter().filter_map(|[high, low]| pair(*high, *low)).collect();
            plain.push_str(&String::from_utf8_lossy(&bytes));
            plain.push('\n');
        }
    }
    (!plain.is_empty()).then_some(plain)
}

fn pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose;

    use super::*;

    #[test]
    fn a_hostile_text_does_not_grow_without_bound() {
        let nested = (0..3).fold("% \\ & secret ".repeat(60), |text, _| general_purpose::STANDARD.encode(text));
        let nested: String = format!("%41 \\n &amp; {nested}").chars().take(4096).collect();
        for text in [nested, "41".repeat(2048), "QUFB".repeat(1024), "%25".repeat(1365), "\\".repeat(4096)] {
            let all = layers(&text);
            let size: usize = all.iter().map(String::len).sum();
            assert!(size < 1 << 20, "{} readings of {size} bytes", all.len());
        }
    }

    #[test]
    fn broken_escapes_are_read_as_they_are() {
        for text in
            ["%", "%4", "%zz", "\\", "\\u", "\\u12", "\\ud83d", "&", "&;", "&#;", "&#x110000;", "&nosuch;", "ü%ü\\ü&ü"]
        {
            for plain in layers(text) {
                assert!(plain.chars().count() <= text.chars().count(), "{text}: {plain}");
            }
        }
    }
}
