//! Joins the gaps of a feed that told piece by piece that it stays blind.

use storage::record::Gap;

/// The same stretches, sorted; a gap that begins where one of the same feed and for the same reason ends, or before, is
/// one with it.
#[must_use]
pub fn joined(mut gaps: Vec<Gap>) -> Vec<Gap> {
    gaps.sort_by(|a, b| (&a.feed, &a.why, a.from, a.until).cmp(&(&b.feed, &b.why, b.from, b.until)));
    let mut joined: Vec<Gap> = Vec::new();
    for gap in gaps {
        match joined.last_mut() {
            Some(last) if (&last.feed, &last.why) == (&gap.feed, &gap.why) && gap.from <= last.until => {
                last.until = last.until.max(gap.until);
            }
            _ => joined.push(gap),
        }
    }
    joined.sort_by(|a, b| (a.from, a.until, &a.feed, &a.why).cmp(&(b.from, b.until, &b.feed, &b.why)));
    joined
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn gap(feed: &str, from: i64, until: i64, why: &str) -> Gap {
        let at = |second| Timestamp::from_second(second).unwrap();
        Gap { feed: feed.into(), from: at(from), until: at(until), why: why.into() }
    }

    #[test]
    fn pieces_of_one_blind_stretch_are_one_gap() {
        let pieces = vec![
            gap("jwks", 300, 600, "refused"),
            gap("jwks", 600, 640, "refused"),
            gap("jwks", 0, 300, "refused"),
            gap("jwks", 640, 700, "timed out"),
            gap("jwks", 900, 950, "refused"),
            gap("postgres", 300, 600, "refused"),
        ];
        let whole = [
            gap("jwks", 0, 640, "refused"),
            gap("postgres", 300, 600, "refused"),
            gap("jwks", 640, 700, "timed out"),
            gap("jwks", 900, 950, "refused"),
        ];
        assert_eq!(joined(pieces), whole);
    }
}
