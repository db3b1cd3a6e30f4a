//! A store with many results is judged from counts as it is from the results themselves.

use jiff::{SignedDuration, Timestamp};
use reports::condense::condense;
use reports::formats::{Format, Layout, render};
use reports::input::Input;
use reports::plan::Plan;
use reports::report::{Kind, Report, Request, build_from};
use reports::series::Piece;
use reports::settings::{Correction, Settings};
use storage::record::{Outcome, ProbeResult, Reason, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::Writer;
use storage::window::Window;

use crate::story::{at, result, slo};

/// Six days of two probes: a flake here and there, a pause of the prober, an outage of forty minutes, and one probe that
/// lets through one request in three for two hours.
fn week() -> Vec<Record> {
    let from = at("00:00:00") - SignedDuration::from_hours(24 * 5);
    let mut records = Vec::new();
    for slot in 0..6 * 1440_i64 {
        if (3000..3007).contains(&slot) {
            continue;
        }
        for (probe, offset) in [("login", 7_000), ("jwt", 7_400)] {
            let jitter = (slot.wrapping_mul(7919) + offset).rem_euclid(23);
            let time = from + SignedDuration::from_millis(slot * 60_000 + offset + jitter);
            let flaky = (slot * 31 + offset) % 997 == 0;
            let down = (5000..5040).contains(&slot);
            let partial = probe == "jwt" && (7000..7120).contains(&slot) && slot % 3 == 0;
            let (outcome, reason) = match (flaky || down || partial, slot % 1999) {
                (true, _) => (Outcome::Failure, Some(Reason::ServerError)),
                (false, 5) => (Outcome::Skipped, Some(Reason::NoToken)),
                (false, 9) => (Outcome::Invalid, Some(Reason::ProberClock)),
                (false, _) => (Outcome::Success, None),
            };
            let took_us = if slot % 2111 == 0 { 900_000 } else { 50_000 + (slot as u64 * 7919) % 9_000 };
            records.push(Record::Result(ProbeResult {
                outcome,
                reason,
                took_us,
                every_s: Some(60.0),
                detail: reason.map(|reason| format!("{probe} gave {reason}")),
                ..result(probe, time, None)
            }));
        }
    }
    records
}

fn settings() -> Settings {
    let strict = reports::settings::Slo {
        latency: Some(std::time::Duration::from_millis(500)),
        window: serde_json::from_str("\"3d\"").unwrap(),
        ..slo("strict", "*/login", 99.5)
    };
    let slices = reports::settings::Slo {
        method: reports::settings::Method::Timeslices,
        slice: Some(std::time::Duration::from_mins(5)),
        window: serde_json::from_str("\"4d\"").unwrap(),
        ..slo("slices", "*/*", 99.0)
    };
    let correction = Correction {
        from: at("00:00:00") - SignedDuration::from_hours(50),
        until: at("00:00:00") - SignedDuration::from_hours(47),
        category: "maintenance".into(),
        reason: String::new(),
        author: None,
        created_at: None,
        targets: Vec::new(),
    };
    Settings {
        slos: vec![slo("all", "*/*", 99.0), strict, slices],
        corrections: vec![correction],
        ..Settings::default()
    }
}

fn requests() -> Vec<Request> {
    let days = |before: i64, until: i64| Window {
        from: at("03:21:09") - SignedDuration::from_hours(24 * before),
        until: at("03:21:09") - SignedDuration::from_hours(24 * until),
    };
    let windows = [None, Some(days(4, 0)), Some(days(3, 1))];
    let kinds = [Kind::Slo, Kind::Incidents, Kind::Timeline];
    let now = at("23:59:59");
    kinds.into_iter().flat_map(|kind| windows.map(|window| Request { kind, window, incident: None, now })).collect()
}

/// The report without what names its inputs, and without latencies, which are within 1 %. Moments are cut to seconds: a
/// page ends with a success, whose start is taken to lie on the beat.
fn page(input: &Input, settings: &Settings, request: &Request) -> String {
    let report = build_from(input, settings, request).unwrap();
    let mut json: serde_json::Value =
        serde_json::from_str(&render(&report.into(), Format::Json, Layout::default())).unwrap();
    json.as_object_mut().unwrap().remove("generated_from");
    for slo in json.get_mut("slos").and_then(|slos| slos.as_array_mut()).into_iter().flatten() {
        let slo = slo.as_object_mut().unwrap();
        slo.retain(|key, _| !key.starts_with("latency"));
    }
    let text = serde_json::to_string_pretty(&json).unwrap();
    let to_the_second = |line: &str| match (line.find('.'), line.find("Z\"")) {
        (Some(dot), Some(end)) if line.contains("T") && dot < end => format!("{}{}", &line[..dot], &line[end..]),
        _ => line.to_owned(),
    };
    text.lines().map(to_the_second).collect::<Vec<_>>().join("\n")
}

fn quiet(input: &Input) -> u64 {
    let pieces = input.series.iter().flat_map(|series| &series.pieces);
    pieces.map(|piece| if let Piece::Quiet(quiet) = piece { quiet.count } else { 0 }).sum()
}

#[test]
fn what_is_condensed_is_judged_as_it_was() {
    let plain = Input::from_records(week());
    for request in requests() {
        let plan = Plan::new(&settings(), &request, plain.watermark);
        let condensed = condense(&plain, &plan);
        assert!(quiet(&condensed) > 8_000, "{}", quiet(&condensed));
        same(&page(&condensed, &settings(), &request), &page(&plain, &settings(), &request));
    }
}

/// Compares line by line, so that a difference can be read.
fn same(left: &str, right: &str) {
    for (number, (left, right)) in left.lines().zip(right.lines()).enumerate() {
        assert_eq!(left, right, "line {number}");
    }
    assert_eq!(left.lines().count(), right.lines().count());
}

#[test]
fn a_store_with_many_results_is_judged_as_one_with_few() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authprobe.db");
    let mut writer = Writer::open(&path).unwrap();
    for batch in week().chunks(4096) {
        writer.append(batch).unwrap();
        while writer.due().is_some() {
            writer.maintain().unwrap();
        }
    }
    writer.compact(|_| ()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let watermark = reader.watermark().unwrap();
    for request in requests() {
        let plan = || Plan::new(&settings(), &request, watermark);
        let few = Input::load(&reader, &plan()).unwrap();
        let many = Input::load(&reader, &plan().with_few(0)).unwrap();
        assert_eq!(quiet(&few), 0);
        assert!(quiet(&many) > 3_000, "{}", quiet(&many));
        same(&page(&many, &settings(), &request), &page(&few, &settings(), &request));
        assert_latency(&many, &few, &request);
    }
}

/// Quantiles of what is counted are within 1 % of the exact ones.
fn assert_latency(many: &Input, few: &Input, request: &Request) {
    let judged = |input: &Input| match build_from(input, &settings(), request).unwrap() {
        Report::Slo(report) => report.slos.into_iter().map(|slo| slo.latency_us).collect(),
        Report::Incidents(_) | Report::Timeline(_) => Vec::new(),
    };
    for (sketched, exact) in judged(many).into_iter().zip(judged(few)) {
        assert_eq!(sketched.count, exact.count);
        for (a, b) in
            [(sketched.p50, exact.p50), (sketched.p90, exact.p90), (sketched.p95, exact.p95), (sketched.p99, exact.p99)]
        {
            let (a, b) = (a.unwrap() as f64, b.unwrap() as f64);
            assert!((a - b).abs() <= b / 100.0 + 1.0, "{a} {b}");
        }
    }
}

#[test]
fn results_of_1970_and_2100_in_one_store_are_judged_without_walking_the_time_between() {
    let far = |time: &str, slot: i64| {
        let time = time.parse::<Timestamp>().unwrap() + SignedDuration::from_secs(30 * slot);
        Record::Result(result("login", time, (slot == 3).then_some(Reason::Timeout)))
    };
    let both = (0..40).flat_map(|slot| [far("1970-01-01T00:00:00Z", slot), far("2100-01-01T00:00:00Z", slot)]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authprobe.db");
    Writer::open(&path).unwrap().append(&both.collect::<Vec<_>>()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let mut settings = settings();
    settings.slos.iter_mut().for_each(|slo| slo.slice = slo.slice.map(|_| std::time::Duration::from_hours(24)));
    let window =
        Window { from: "1960-01-01T00:00:00Z".parse().unwrap(), until: "2110-01-01T00:00:00Z".parse().unwrap() };
    for kind in [Kind::Slo, Kind::Incidents, Kind::Timeline] {
        let request = Request { kind, window: Some(window), incident: None, now: at("12:00:00") };
        for few in [0, 1_000] {
            let plan = Plan::new(&settings, &request, reader.watermark().unwrap()).with_few(few);
            let input = Input::load(&reader, &plan).unwrap();
            if kind == Kind::Slo {
                let Report::Slo(report) = build_from(&input, &settings, &request).unwrap() else { unreachable!() };
                assert_eq!((report.slos[0].good, report.slos[0].bad), (78, 2));
            } else {
                build_from(&input, &settings, &request).unwrap();
            }
        }
    }
}

#[test]
fn results_without_a_schedule_are_condensed_and_nothing_is_missing() {
    let start = at("00:00:00");
    let records = (0..5_000_i64).map(|number| {
        let time = start + SignedDuration::from_millis(number * 9_000 + number * number % 7_000);
        Record::Result(ProbeResult { every_s: None, ..result("login", time, None) })
    });
    let plain = Input::from_records(records);
    let request = Request { kind: Kind::Slo, window: None, incident: None, now: at("23:00:00") };
    let condensed = condense(&plain, &Plan::new(&settings(), &request, plain.watermark));
    assert!(condensed.series[0].pieces.len() < 40, "{}", condensed.series[0].pieces.len());
    assert_eq!(page(&condensed, &settings(), &request), page(&plain, &settings(), &request));
}

#[test]
fn failures_without_end_are_one_episode() {
    let start = at("00:00:00");
    let records = (0..100_000_i64).map(|number| {
        let time = start + SignedDuration::from_millis(number * 36);
        Record::Result(ProbeResult { every_s: Some(0.036), ..result("login", time, Some(Reason::Connect)) })
    });
    let input = Input::from_records(records);
    let request = Request { kind: Kind::Incidents, window: None, incident: None, now: at("02:00:00") };
    let Report::Incidents(report) = build_from(&input, &settings(), &request).unwrap() else { unreachable!() };
    assert_eq!(report.incidents.len(), 1);
    assert_eq!((report.incidents[0].episodes.len(), report.incidents[0].episodes[0].failed), (1, 100_000));
}
