//! What holds for every input.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use reports::episode::episodes;
use reports::formats::{Format, Layout, render};
use reports::input::Input;
use reports::report::{Kind, build_from};
use reports::settings::{Correction, Settings};
use reports::tally::Tally;
use storage::record::{Outcome, ProbeResult, Reason, Record};
use storage::window::Window;

use crate::story::{at, change, request, result, settings, slo};

/// Results at jittered slots, some missing, with any outcome, of two probes.
fn any_results() -> impl Strategy<Value = Vec<Record>> {
    let one = (0..4_u8, 0..6_u8, 0..900_i64, any::<bool>());
    prop::collection::vec(one, 1..250).prop_map(|slots| {
        let mut records = Vec::new();
        for (slot, (outcome, luck, jitter, first)) in slots.into_iter().enumerate() {
            let probe = if first { "login" } else { "jwt" };
            let time = at("10:00:00") + SignedDuration::from_millis(30_000 * slot as i64 + jitter);
            let (outcome, reason) = match (outcome, luck) {
                (0 | 1, _) | (_, 0) => (Outcome::Success, None),
                (2, 1..=3) => (Outcome::Failure, Some(Reason::TokenRejected)),
                (2, _) => (Outcome::Failure, Some(Reason::ServerError)),
                (_, 1..=3) => (Outcome::Skipped, Some(Reason::NoToken)),
                (_, _) => (Outcome::Invalid, Some(Reason::ProberClock)),
            };
            records.push(Record::Result(ProbeResult { outcome, reason, ..result(probe, time, None) }));
        }
        let kinds = storage::record::ChangeKind::ALL.iter().enumerate();
        records.extend(kinds.map(|(number, kind)| {
            let clock = format!("10:{:02}:07", number * 3);
            Record::Change(change(&format!("c-{number}"), &clock, *kind, &format!("Deployment/x/{}", number % 3)))
        }));
        records
    })
}

fn minutes(from: i64, until: i64) -> Window {
    let moment = |minute| at("10:00:00") + SignedDuration::from_secs(minute * 60 + 13);
    Window { from: moment(from), until: moment(until) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn windows_cut_anywhere_add_up(records in any_results(), cut in 0..120_i64) {
        let input = Input::from_records(records);
        let settings = settings();
        let slo = slo("all", "*/*", 99.0);
        let tally = Tally::new(&slo, &settings, &input, at("15:00:00"));
        let (left, right) = (tally.count(minutes(-5, cut)), tally.count(minutes(cut, 125)));
        let whole = tally.count(minutes(-5, 125));
        prop_assert_eq!(left.expected() + right.expected(), whole.expected());
        prop_assert_eq!(left.good + right.good, whole.good);
        prop_assert_eq!(left.bad + right.bad, whole.bad);
        prop_assert_eq!(left.no_data + right.no_data, whole.no_data);
        prop_assert_eq!(left.excluded + right.excluded, whole.excluded);
        let (mut no_data, mut excluded) = (0, 0);
        tally.each_slice(minutes(-5, 125), 300_000_000_000, |_, slice| {
            no_data += slice.no_data;
            excluded += slice.excluded;
        });
        prop_assert_eq!((no_data, excluded), (whole.no_data, whole.excluded));
    }

    #[test]
    fn a_correction_moves_events_and_loses_none(records in any_results(), from in 0..100_i64, length in 1..40_i64) {
        let input = Input::from_records(records);
        let slo = slo("all", "*/*", 99.0);
        let Window { from, until } = minutes(from, from + length);
        let correction = Correction {
            from,
            until,
            category: "maintenance".into(),
            reason: String::new(),
            author: None,
            created_at: None,
            targets: Vec::new(),
        };
        let corrected = Settings { corrections: vec![correction], ..Settings::default() };
        let raw = Tally::new(&slo, &Settings::default(), &input, at("15:00:00")).count(minutes(-5, 125));
        let counts = Tally::new(&slo, &corrected, &input, at("15:00:00")).count(minutes(-5, 125));
        prop_assert_eq!(counts.expected() + counts.excluded, raw.expected());
        prop_assert_eq!(raw.excluded, 0);
    }

    #[test]
    fn the_order_of_records_does_not_matter(records in any_results(), seed in any::<u64>()) {
        let mut shuffled = records.clone();
        let mut state = seed | 1;
        for index in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(index, (state >> 33) as usize % (index + 1));
        }
        for kind in [Kind::Slo, Kind::Incidents, Kind::Timeline] {
            let page = |records: &Vec<Record>| {
                let report = build_from(&Input::from_records(records.clone()), &settings(), &request(kind, None)).unwrap();
                render(&report.into(), Format::Json, Layout::default())
            };
            prop_assert_eq!(page(&records), page(&shuffled));
        }
    }

    #[test]
    fn episodes_of_one_series_never_overlap(records in any_results()) {
        let input = Input::from_records(records);
        for series in &input.series {
            let mut free_from = Timestamp::MIN;
            for episode in episodes(series, None) {
                prop_assert!(episode.start.lo <= episode.start.hi);
                prop_assert!(free_from <= episode.start.hi);
                prop_assert!(episode.failed <= episode.executed && episode.failed > 0);
                free_from = episode.end.map_or(Timestamp::MAX, |end| end.lo);
                prop_assert!(episode.end.is_none_or(|end| episode.start.hi <= end.lo && end.lo <= end.hi));
            }
        }
    }

    #[test]
    fn probabilities_add_up_to_at_most_one(records in any_results()) {
        let input = Input::from_records(records);
        let model = reports::cause::model::Model::built_in().unwrap();
        for incident in reports::incident::incidents(&input, &Settings::default(), &model) {
            let sum = incident.none_probability + incident.causes.iter().map(|cause| cause.probability).sum::<f64>();
            prop_assert!(sum <= 1.0 + 1e-9, "{}", sum);
            prop_assert!(incident.causes.len() <= 10);
            prop_assert!(incident.causes.is_sorted_by(|a, b| a.probability >= b.probability));
        }
    }
}
