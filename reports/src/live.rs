//! Which probes fail at the moment, kept up to date result by result with the code that judges the past.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use storage::record::{ProbeResult, to_milliseconds};
use storage::sqlite::reader::SeriesKey;

use crate::detect::watch::Watch;
use crate::episode::Episode;
use crate::series::{Piece, Sample, Series};

/// The probes that are watched.
#[derive(Debug, Default)]
pub struct Live(BTreeMap<SeriesKey, Watched>);

#[derive(Debug)]
struct Watched {
    watch: Watch,
    /// Start of the newest execution that was taken in.
    newest: Timestamp,
}

/// What a result changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// The probe fails beyond doubt from now on.
    Fails(Episode),
    /// It is well again.
    Recovers(Episode),
}

/// Most series that are watched; results of further ones are not looked at.
pub const MOST: usize = 100_000;

/// A clock that goes back by this was set.
const SET_BACK: SignedDuration = SignedDuration::from_hours(1);

impl Live {
    /// Takes a result in. One that is not newer than the last of its series changes nothing: reports look at it. One that
    /// is older by hours shows that the clock was set back: its series is watched anew.
    pub fn push(&mut self, result: &ProbeResult) -> Option<Turn> {
        let time = to_milliseconds(result.time);
        let key = key(&result.target, &result.probe, &result.agent);
        if !self.0.contains_key(&key) {
            if self.0.len() >= MOST {
                return None;
            }
            let watch = Watch::new(&Series::new(result, time), None);
            self.0.insert(key.clone(), Watched { watch, newest: Timestamp::MIN });
        }
        let Watched { watch, newest } = self.0.get_mut(&key)?;
        if time <= *newest && newest.duration_since(time) < SET_BACK {
            return None;
        }
        if time < *newest {
            *watch = Watch::new(&Series::new(result, time), None);
        }
        *newest = time;
        let failed = watch.fails();
        watch.push(&Piece::Single(Sample::from(result)));
        watch.forget();
        match (failed, watch.fails()) {
            (false, true) => watch.newest().map(Turn::Fails),
            (true, false) => watch.newest().map(Turn::Recovers),
            (true, true) | (false, false) => None,
        }
    }

    /// The failing stretches that go on, by target, probe and agent.
    pub fn failing(&self) -> impl Iterator<Item = Episode> {
        self.0.values().filter(|watched| watched.watch.fails()).filter_map(|watched| watched.watch.newest())
    }

    /// How many series fail.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.values().filter(|watched| watched.watch.fails()).count()
    }
}

fn key(target: &str, probe: &str, agent: &str) -> SeriesKey {
    SeriesKey { target: target.to_owned(), probe: probe.to_owned(), agent: agent.to_owned() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use storage::record::Record;

    use super::*;
    use crate::episode::episodes;
    use crate::input::Input;

    fn result(slot: i64, word: u8) -> ProbeResult {
        let time = Timestamp::from_second(1_790_000_000).unwrap() + SignedDuration::from_secs(slot * 30);
        let ends = match word {
            0..=5 => r#""success""#,
            6..=8 => r#""failure","reason":"server_error""#,
            9 => r#""failure","reason":"unexpectedly_allowed""#,
            10 => r#""skipped","reason":"no_token""#,
            _ => r#""invalid","reason":"prober_clock""#,
        };
        let text =
            format!(r#"{{"time":"{time}","target":"a","probe":"jwt","kind":"jwt","outcome":{ends},"every_s":30}}"#);
        serde_json::from_str(&text).unwrap()
    }

    /// Stretches of results of which about so many in twelve are not what they should be, with gaps between them.
    fn history() -> impl Strategy<Value = Vec<ProbeResult>> {
        let stretch = (1..60_usize, prop_oneof![Just(0..6_u8), Just(0..12_u8), Just(6..9_u8)], 0..20_i64);
        prop::collection::vec(stretch, 1..12).prop_flat_map(|stretches| {
            let words: Vec<_> =
                stretches.iter().map(|(count, words, _)| prop::collection::vec(words.clone(), *count)).collect();
            (Just(stretches), words).prop_map(|(stretches, words)| {
                let mut slot = 0;
                let mut results = Vec::new();
                for ((.., gap), words) in stretches.into_iter().zip(words) {
                    for word in words {
                        slot += 1;
                        results.push(result(slot, word));
                    }
                    slot += gap;
                }
                results
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_watched_live_is_what_a_look_at_everything_says(results in history()) {
            let mut live = Live::default();
            for (seen, result) in results.iter().enumerate() {
                live.push(result);
                let so_far = results.iter().take(seen + 1).cloned().map(Record::Result);
                let input = Input::from_records(so_far);
                let whole = episodes(&input.series[0], None).pop();
                let goes_on = whole.filter(|episode| episode.end.is_none() && episode.open_at.is_some());
                prop_assert_eq!(live.failing().next(), goes_on);
            }
        }
    }
    #[test]
    fn a_clock_that_was_set_back_does_not_blind_it() {
        let mut live = Live::default();
        live.push(&result(1_000_000, 0));
        let turns: Vec<_> = (0..10).filter_map(|slot| live.push(&result(slot, 6))).collect();
        assert!(matches!(turns[..], [Turn::Fails(_)]), "{turns:?}");
        assert_eq!(live.push(&result(8, 0)), None);
    }
}
