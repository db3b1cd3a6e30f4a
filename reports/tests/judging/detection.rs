//! How soon failures are found, how well their beginning is known, and how seldom noise is taken for one.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use reports::detect::watch::Watch;
use reports::episode::{Episode, episodes};
use reports::series::{Piece, Quiet, Sample, Series};
use storage::record::{Expect, Outcome, ProbeKind, Reason, Variant};

use crate::story::at;

const EVERY_MS: i64 = 30_000;

/// A generator of numbers from 0 to 1 (splitmix64), so that every run draws the same.
struct Luck(u64);

impl Luck {
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn moment(milliseconds: i64) -> Timestamp {
    at("00:00:00") + SignedDuration::from_millis(milliseconds)
}

fn series(pieces: Vec<Piece>) -> Series {
    Series {
        target: "shop".into(),
        probe: "jwt".into(),
        agent: "local".into(),
        kind: ProbeKind::Jwt,
        expect: Expect::Allow,
        variant: Variant::Fresh,
        first: moment(0),
        every_ms: Some(EVERY_MS),
        pieces,
    }
}

fn sample(time: Timestamp, failed: bool) -> Piece {
    let outcome = if failed { Outcome::Failure } else { Outcome::Success };
    let reason = failed.then_some(Reason::TokenRejected);
    Piece::Single(Sample { time, outcome, reason, took_us: 4_000, every_ms: EVERY_MS, detail: None })
}

/// Executions at jittered starts; `share` of them fails at each moment.
fn history(luck: &mut Luck, count: i64, share: impl Fn(Timestamp) -> f64) -> Series {
    let pieces = (0..count).map(|slot| {
        let time = moment(slot * EVERY_MS + (luck.draw() * 3_000.0) as i64);
        sample(time, luck.draw() < share(time))
    });
    series(pieces.collect())
}

/// The certain episode that holds a moment or begins last.
fn certain(series: &Series) -> Option<Episode> {
    episodes(series, None).into_iter().rev().find(|episode| episode.open_at.is_some())
}

/// Of seeded histories with this failing share from a random moment on: how often the interval holds that moment, and
/// by how many intervals its middle is off in the median.
fn onsets(share: f64, histories: u64) -> (f64, f64) {
    let (mut held, mut found, mut split, mut off) = (0, 0, 0, Vec::new());
    for seed in 0..histories {
        let mut luck = Luck(seed * 7 + (share * 1000.0) as u64);
        let onset = moment(600 * EVERY_MS + (luck.draw() * 5_000_000.0) as i64);
        let failing = |time: Timestamp| if time < onset { 0.002 } else { share };
        let all = episodes(&history(&mut luck, 1_150, failing), None);
        let mut later = all.into_iter().filter(|episode| episode.open_at.is_some() && episode.until() > onset);
        let Some(episode) = later.next() else { continue };
        split += u64::from(later.next().is_some());
        found += 1;
        held += u64::from(episode.start.lo <= onset && onset <= episode.start.hi);
        off.push(episode.start.middle().duration_since(onset).as_secs_f64().abs() / 30.0);
    }
    assert!(found * 100 >= histories * 99, "{share}: {found} of {histories} found");
    assert!(split * 20 <= histories, "{share}: {split} of {histories} are split");
    off.sort_by(f64::total_cmp);
    (held as f64 / found as f64, off[off.len() / 2])
}

#[test]
fn the_interval_of_an_onset_holds_the_true_one_as_often_as_it_says() {
    // The weakest signal is found late and cut short by luck, so that its interval is a little too narrow.
    for (share, least_held, most_off) in
        [(1.0, 0.93, 0.5), (0.67, 0.93, 2.0), (0.33, 0.93, 4.0), (0.2, 0.93, 6.0), (0.1, 0.88, 12.0)]
    {
        let (held, off) = onsets(share, 300);
        assert!(held >= least_held && off <= most_off, "{share}: held {held}, off {off}");
    }
}

#[test]
fn noise_of_one_in_five_hundred_opens_nothing_for_months() {
    let mut luck = Luck(5);
    let mut opened = 0;
    for _ in 0..12 {
        let month = history(&mut luck, 86_400, |_| 0.002);
        let found = episodes(&month, None);
        opened += found.iter().filter(|episode| episode.open_at.is_some()).count();
    }
    assert!(opened <= 1, "{opened}");
}

#[test]
fn six_hours_of_one_failure_in_fifty_open_hardly_anything() {
    let mut opened = 0;
    let mut many = 0;
    for seed in 0..500 {
        let mut luck = Luck(seed);
        let from = moment(300 * EVERY_MS);
        let until = moment(1_020 * EVERY_MS);
        let flaky = history(&mut luck, 1_320, |time| if from <= time && time < until { 0.02 } else { 0.0 });
        let found = episodes(&flaky, None).iter().filter(|episode| episode.open_at.is_some()).count();
        opened += u32::from(found > 0);
        many += u32::from(found > 1);
    }
    assert!(many <= 5 && opened <= 60, "{opened} {many}");
}

#[test]
fn three_failures_are_found_at_the_beginning_of_the_data_and_behind_a_gap() {
    let failing = (0..3).map(|slot| sample(moment(slot * EVERY_MS), true)).collect();
    assert!(certain(&series(failing)).is_some());
    let behind_gap = (0..50).map(|slot| (slot * EVERY_MS, false)).chain((200..203).map(|slot| (slot * EVERY_MS, true)));
    let found = certain(&series(behind_gap.map(|(time, failed)| sample(moment(time), failed)).collect())).unwrap();
    assert_eq!((found.start.lo, found.start.hi), (moment(49 * EVERY_MS), moment(200 * EVERY_MS)));
}

#[test]
fn an_episode_of_which_neither_border_is_clear_still_ends_after_it_began() {
    let pieces = (0..23).map(|slot| sample(moment(slot * EVERY_MS), [1, 4, 8].contains(&slot))).collect();
    let found = episodes(&series(pieces), None);
    assert!(!found.is_empty());
    for episode in found {
        let end = episode.end.unwrap();
        assert!(episode.start.hi <= end.lo && end.lo <= end.hi, "{episode:?}");
    }
}

#[test]
fn a_short_recovery_does_not_split_an_episode() {
    let pieces =
        (0..200).map(|slot| sample(moment(slot * EVERY_MS), (100..110).contains(&slot) || (122..130).contains(&slot)));
    let found = episodes(&series(pieces.collect()), None);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].segments, found[0].failed, found[0].executed, found[0].failing_s), (2, 18, 30, 540.0));
}

/// Executions of any kind at any distance, a jump and a quiet stretch among them.
fn any_pieces() -> impl Strategy<Value = Vec<Piece>> {
    let one = prop_oneof![
        4 => (Just(0_u8), 1..40_000_i64),
        2 => (Just(1_u8), 1..40_000_i64),
        1 => (2..6_u8, 1..4_000_000_i64),
    ];
    prop::collection::vec(one, 1..300).prop_map(|drawn| {
        let mut time = 0;
        let mut pieces = Vec::new();
        for (kind, step) in drawn {
            time += step;
            let piece = match (kind, sample(moment(time), kind == 1)) {
                (0 | 1, piece) => piece,
                (2, Piece::Single(told)) => {
                    Piece::Single(Sample { outcome: Outcome::Skipped, reason: Some(Reason::NoToken), ..told })
                }
                (3, Piece::Single(told)) => Piece::Single(Sample {
                    outcome: Outcome::Failure,
                    reason: Some(Reason::UnexpectedlyAllowed),
                    ..told
                }),
                (_, _) => {
                    let count = 2 + step as u64 % 2_000;
                    let first = moment(time);
                    time += (count as i64 - 1) * EVERY_MS;
                    Piece::Quiet(Quiet { first, length_ms: (count as i64 - 1) * EVERY_MS, count, every_ms: EVERY_MS })
                }
            };
            pieces.push(piece);
        }
        pieces
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_known_after_each_result_is_what_a_look_at_all_of_them_tells(pieces in any_pieces()) {
        let mut watch = Watch::new(&series(Vec::new()), Some(EVERY_MS));
        for (number, piece) in pieces.iter().enumerate() {
            watch.push(piece);
            if number % 7 == 0 {
                prop_assert_eq!(watch.episodes(), episodes(&series(pieces[..=number].to_vec()), None));
            }
        }
    }

    #[test]
    fn a_quiet_stretch_is_as_good_as_its_executions(pieces in any_pieces()) {
        let single = pieces.iter().flat_map(|piece| match piece {
            Piece::Single(_) => vec![piece.clone()],
            Piece::Quiet(quiet) => (0..quiet.count).map(|number| sample(quiet.at(number), false)).collect(),
        });
        prop_assert_eq!(episodes(&series(single.collect()), None), episodes(&series(pieces), None));
    }
}

/// Ten series of four days whose durations scatter by a factor of 1.6 and rise and fall by half with the day.
#[test]
fn noisy_durations_with_a_daily_rhythm_open_nothing() {
    let mut input = reports::input::Input::default();
    for seed in 0..10 {
        let mut luck = Luck(seed);
        let mut timed = history(&mut luck, 11_520, |_| 0.0);
        timed.agent = format!("agent-{seed}");
        for piece in &mut timed.pieces {
            let Piece::Single(sample) = piece else { continue };
            let normal = (0..12).map(|_| luck.draw()).sum::<f64>() - 6.0;
            let day = sample.time.duration_since(moment(0)).as_secs_f64() / 86_400.0 * std::f64::consts::TAU;
            sample.took_us = (40_000.0 * (0.5 * normal + 0.4 * day.sin()).exp()) as u64;
        }
        input.series.push(timed);
    }
    let found = reports::slow::slow(&input, &reports::settings::Settings::default(), &[]);
    assert_eq!(found.len(), 0, "{found:?}");
}

#[test]
fn what_was_usual_before_a_long_silence_is_not_held_against_what_follows() {
    let pieces = (0..800_i64).map(|slot| {
        let later = slot >= 400;
        let time = moment(slot * EVERY_MS + if later { 40_000_000 } else { 0 });
        let Piece::Single(told) = sample(time, false) else { unreachable!("a sample is single") };
        Piece::Single(Sample { took_us: if later { 90_000 } else { 30_000 } + slot as u64 % 7 * 1_000, ..told })
    });
    let input = reports::input::Input { series: vec![series(pieces.collect())], ..Default::default() };
    assert_eq!(reports::slow::slow(&input, &reports::settings::Settings::default(), &[]), []);
}
