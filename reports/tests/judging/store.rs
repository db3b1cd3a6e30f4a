//! A report of a store is the report of its records.

use jiff::SignedDuration;
use reports::input::Input;
use reports::report::{Kind, Report, build, build_from};
use storage::record::{ProbeResult, Reason, Record};
use storage::sqlite::reader::Reader;
use storage::sqlite::writer::Writer;
use storage::window::Window;

use crate::story::{at, day, request, results, settings, window};

#[test]
fn a_store_is_judged_like_its_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authprobe.db");
    let mut writer = Writer::open(&path).unwrap();
    writer.append(&day()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let all = Input::from_records(day());
    for kind in [Kind::Slo, Kind::Incidents, Kind::Timeline] {
        for shown in [None, Some(window("10:00:00", "15:00:00"))] {
            let request = request(kind, shown);
            assert_eq!(
                build(&reader, &settings(), &request).unwrap(),
                build_from(&all, &settings(), &request).unwrap()
            );
        }
    }
}

#[test]
fn a_window_that_begins_in_a_hole_counts_the_missing_slots_of_its_part() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authprobe.db");
    let mut records = day();
    // Three weeks of silence before the day.
    let Some(Record::Result(first)) = records.first().cloned() else { unreachable!() };
    let early = ProbeResult { time: at("10:00:00.250") - SignedDuration::from_hours(24 * 21), ..first };
    records.push(Record::Result(early));
    Writer::open(&path).unwrap().append(&records).unwrap();
    let reader = Reader::open(&path).unwrap();
    let shown = window("09:00:00", "10:00:00");
    let Report::Slo(report) = build(&reader, &settings(), &request(Kind::Slo, Some(shown))).unwrap() else {
        unreachable!()
    };
    assert_eq!((report.slos[0].expected, report.slos[0].no_data), (120, 120));
}

#[test]
fn an_outage_of_days_is_seen_from_its_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("authprobe.db");
    let long = Window { from: at("12:00:00") - SignedDuration::from_hours(24 * 5), until: at("12:00:00") };
    let begins = long.from + SignedDuration::from_hours(12);
    let down = results(long, |_, time, _| (time >= begins).then_some(Reason::Connect));
    let down = down.into_iter().filter(|record| matches!(record, Record::Result(result) if result.probe == "login"));
    Writer::open(&path).unwrap().append(&down.collect::<Vec<_>>()).unwrap();
    let reader = Reader::open(&path).unwrap();
    let shown = window("11:00:00", "12:00:00");
    let asked = request(Kind::Incidents, Some(shown));
    let Report::Incidents(report) = build(&reader, &settings(), &asked).unwrap() else { unreachable!() };
    assert_eq!(report.incidents.len(), 1);
    assert_eq!(report.incidents[0].start.hi, begins + SignedDuration::from_millis(250));
}
