//! Objectives to the letter: what counts as what, and which settings are refused.

use std::time::Duration;

use jiff::SignedDuration;
use reports::alerts::State;
use reports::input::Input;
use reports::period;
use reports::report::{Kind, Report, build_from};
use reports::settings::{Calendar, CalendarUnit, Method, Missing, Period, Settings, Slo};
use reports::slo::{Judged, Status};
use storage::record::{Outcome, Reason, Record};
use storage::window::Window;

use crate::story::{at, request, result, results, slo, window};

fn judge(records: Vec<Record>, slo: Slo, window: Option<Window>) -> Judged {
    let settings = Settings { slos: vec![slo], ..Settings::default() };
    match build_from(&Input::from_records(records), &settings, &request(Kind::Slo, window)).unwrap() {
        Report::Slo(mut report) => report.slos.remove(0),
        Report::Incidents(_) | Report::Timeline(_) => unreachable!(),
    }
}

/// One hour of one probe, a thousandth of it bad where `bad` says so.
fn hour(fails: impl Fn(i64) -> Option<Reason>) -> Vec<Record> {
    let all =
        results(window("12:00:00", "13:00:00"), |probe, _, slot| if probe == "login" { fails(slot) } else { None });
    all.into_iter().filter(|record| matches!(record, Record::Result(result) if result.probe == "login")).collect()
}

#[test]
fn an_hour_without_failures_is_wholly_good_and_covered() {
    let judged = judge(hour(|_| None), slo("all", "*/*", 99.9), None);
    assert_eq!((judged.good, judged.bad, judged.no_data, judged.expected), (120, 0, 0, 120));
    assert_eq!((judged.sli, judged.coverage, judged.status), (Some(1.0), Some(1.0), Status::Met));
    assert_eq!(judged.window.until, at("13:00:00.250"));
    assert_eq!(judged.budget.events, 0.12);
    assert!(judged.warnings[0].contains("room for 0.1 bad events"));
}

#[test]
fn an_objective_that_is_met_exactly_is_met() {
    let judged = judge(hour(|slot| (slot % 40 == 3).then_some(Reason::Timeout)), slo("all", "*/*", 97.5), None);
    assert_eq!((judged.bad, judged.status), (3, Status::Met));
    assert_eq!(judged.budget.remaining, Some(0.0));
    assert_eq!(judged.by_reason.get("timeout"), Some(&3));
    assert_eq!(judged.by_cause.get("none"), Some(&3));
}

#[test]
fn an_overspent_budget_stays_negative() {
    let judged = judge(hour(|slot| (slot < 60).then_some(Reason::Timeout)), slo("all", "*/*", 99.0), None);
    assert_eq!(judged.status, Status::Missed);
    assert_eq!((judged.sli, judged.budget.events), (Some(0.5), 1.2));
    assert_eq!((judged.budget.consumed, judged.budget.remaining), (Some(50.0), Some(-49.0)));
    assert_eq!(judged.burn_over("5m"), Some(0.0));
    assert_eq!(judged.burn_over("1h"), Some(50.0));
}

#[test]
fn missing_events_count_against_coverage_and_as_the_objective_says() {
    let records = || hour(|_| None).into_iter().take(60).collect::<Vec<_>>();
    let shown = Some(window("12:00:00", "13:00:00"));
    let judged = judge(records(), slo("all", "*/*", 99.0), shown);
    assert_eq!((judged.good, judged.no_data, judged.expected), (60, 60, 120));
    assert_eq!((judged.sli, judged.sli_low, judged.sli_high), (Some(1.0), Some(0.5), Some(1.0)));
    assert_eq!((judged.coverage, judged.status), (Some(0.5), Status::NoData));
    assert_eq!(judged.burn_over("5m"), None);
    let bad = judge(records(), Slo { missing: Missing::Bad, min_coverage: 0.0, ..slo("all", "*/*", 99.0) }, shown);
    assert_eq!((bad.sli, bad.bad, bad.coverage, bad.status), (Some(0.5), 0, Some(0.5), Status::Missed));
    assert_eq!(bad.burn_over("5m"), Some(100.0));
    let good = judge(records(), Slo { missing: Missing::Good, min_coverage: 0.0, ..slo("all", "*/*", 99.0) }, shown);
    assert_eq!((good.sli, good.good, good.status), (Some(1.0), 60, Status::Met));
}

#[test]
fn skipped_is_missing_and_the_probers_own_fault_counts_in_no_objective() {
    let records = hour(|_| None).into_iter().enumerate().map(|(number, record)| match (record, number) {
        (Record::Result(result), 0..10) => Record::Result(storage::record::ProbeResult {
            outcome: Outcome::Skipped,
            reason: Some(Reason::NoToken),
            ..result
        }),
        (Record::Result(result), 10..15) => Record::Result(storage::record::ProbeResult {
            outcome: Outcome::Invalid,
            reason: Some(Reason::ProberClock),
            ..result
        }),
        (record, _) => record,
    });
    let judged = judge(records.collect(), slo("all", "*/*", 99.0), None);
    assert_eq!((judged.good, judged.bad, judged.no_data, judged.invalid), (105, 0, 10, 5));
    assert_eq!((judged.sli, judged.coverage), (Some(1.0), Some(0.875)));
    assert_eq!((judged.by_reason["no_token"], judged.by_reason["prober_clock"]), (10, 5));
}

#[test]
fn nothing_is_expected_before_the_first_result_ever() {
    let judged = judge(hour(|_| None), slo("all", "*/*", 99.0), Some(window("00:00:00", "13:00:00")));
    assert_eq!((judged.expected, judged.coverage), (120, Some(1.0)));
}

#[test]
fn a_slow_success_is_bad_and_still_counts_for_the_latency() {
    let slow = Slo { latency: Some(Duration::from_micros(5_000)), ..slo("fast", "*/*", 99.0) };
    let judged = judge(hour(|_| None), slow, None);
    assert!(judged.bad > 0 && judged.bad == judged.by_reason["slow"]);
    assert_eq!(judged.latency_us.count, 120);
}

#[test]
fn slices_are_judged_by_their_share_and_counted_as_slices() {
    let slices = Slo { method: Method::Timeslices, slice: Some(Duration::from_mins(5)), ..slo("slices", "*/*", 90.0) };
    let shown = Some(window("12:00:00", "13:00:00"));
    let judged = judge(hour(|slot| (slot == 0 || slot == 119).then_some(Reason::Timeout)), slices.clone(), shown);
    assert_eq!((judged.good, judged.bad, judged.expected), (10, 2, 12));
    assert_eq!(judged.status, Status::Missed);
    let lenient = Slo { slice_target: 0.9, ..slices.clone() };
    assert_eq!(judge(hour(|slot| (slot == 0).then_some(Reason::Timeout)), lenient, shown).good, 12);
    let ratios = Slo { method: Method::RatioTimeslices, ..slices };
    let judged = judge(hour(|slot| (slot < 5).then_some(Reason::Timeout)), ratios, shown);
    assert_eq!((judged.bad, judged.sli), (5, Some(0.958_333_333_333)));
}

#[test]
fn a_page_fires_after_a_real_outage_and_not_after_one_failure() {
    let outage = judge(hour(|slot| (slot >= 110).then_some(Reason::Connect)), slo("all", "*/*", 99.9), None);
    assert_eq!(outage.alerts.iter().filter(|alert| alert.long == "1h").count(), 1);
    let flake = judge(hour(|slot| (slot == 119).then_some(Reason::Connect)), slo("all", "*/*", 99.9), None);
    assert!(flake.alerts.is_empty(), "{:?}", flake.alerts);
}

#[test]
fn a_calendar_month_follows_the_clocks_of_its_zone() {
    let month = |timezone: &str| {
        let calendar = Calendar { calendar: CalendarUnit::Month, timezone: timezone.into() };
        let until = "2026-11-01T00:00:00Z".parse().unwrap();
        (
            period::window(&Period::Calendar(calendar.clone()), until),
            period::seconds(&Period::Calendar(calendar), until),
        )
    };
    let (utc, seconds) = month("UTC");
    assert_eq!(utc.unwrap().from, "2026-10-01T00:00:00Z".parse().unwrap());
    assert_eq!(seconds, Some(31.0 * 86_400.0));
    let (paris, seconds) = month("Europe/Paris");
    assert_eq!(paris.unwrap().from, "2026-10-31T23:00:00Z".parse().unwrap());
    assert_eq!(seconds, Some(30.0 * 86_400.0));
    let (new_york, seconds) = month("America/New_York");
    assert_eq!(new_york.unwrap().from, "2026-10-01T04:00:00Z".parse().unwrap());
    assert_eq!(seconds, Some(31.0 * 86_400.0));
}

#[test]
fn two_agents_are_counted_apart() {
    let records = hour(|_| None).into_iter().flat_map(|record| match record {
        Record::Result(result) => {
            let twin = storage::record::ProbeResult { agent: "paris".into(), ..result.clone() };
            vec![Record::Result(result), Record::Result(twin)]
        }
        Record::Change(_) | Record::Gap(_) | Record::Verdict(_) => unreachable!(),
    });
    assert_eq!(judge(records.collect(), slo("all", "*/*", 99.0), None).expected, 240);
}

#[test]
fn a_hundred_thousand_missing_years_are_counted_and_not_walked() {
    let first = result("login", "1900-01-01T00:00:00Z".parse().unwrap(), None);
    let second = result("login", at("12:00:00"), None);
    let fast = |result: storage::record::ProbeResult| {
        Record::Result(storage::record::ProbeResult { every_s: Some(0.001), ..result })
    };
    let shown = Window { from: at("12:00:00") - SignedDuration::from_secs(1), until: at("12:00:00") };
    let judged = judge(vec![fast(first), fast(second)], slo("all", "*/*", 99.0), Some(shown));
    assert_eq!(judged.no_data, 1_000);
}

#[test]
fn nonsense_is_refused_with_what_would_be_right() {
    let told = |slo: &Slo| {
        slo.check(Some(Duration::from_secs(60)))
            .into_iter()
            .map(|problem| (problem.field, problem.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&slo("fine", "*/*", 99.9)), []);
    for objective in [0.0, 100.0, -1.0, f64::NAN, 120.0] {
        let told = told(&Slo { objective, ..slo("x", "*/*", 99.0) });
        assert!(told[0].0 == "objective" && told[0].1.contains("above 0 and below 100"), "{told:?}");
    }
    let short = Slo { method: Method::Timeslices, slice: Some(Duration::from_secs(30)), ..slo("x", "*/*", 99.0) };
    assert!(told(&short)[0].1.contains("a slice of 30s is shorter than the probe interval of 1m"));
    let parts = Slo { slice: Some(Duration::from_micros(90_000_500)), ..short };
    assert_eq!(told(&parts), [("slice".to_owned(), "a slice has whole milliseconds".to_owned())]);
    let none = Slo { method: Method::Timeslices, ..slo("x", "*/*", 99.0) };
    assert_eq!(told(&none)[0].0, "slice");
    let zone = Calendar { calendar: CalendarUnit::Day, timezone: "Europe/Pariss".into() };
    assert_eq!(told(&Slo { window: Period::Calendar(zone), ..slo("x", "*/*", 99.0) })[0].0, "window.timezone");
    assert!(told(&slo("x", "a/[", 99.0))[0].1.contains("is no glob"));
    assert!(told(&slo("x", "orchestrator", 99.0))[0].1.contains("`orchestrator/*`"));
}

#[test]
fn a_window_is_a_duration_or_a_calendar_period_and_nothing_else() {
    let window = |json: &str| {
        serde_json::from_str::<Slo>(&format!(r#"{{"name":"x","probes":["*/*"],"objective":99,"window":{json}}}"#))
    };
    assert_eq!(window("\"7d\"").unwrap().window, Period::Rolling(Duration::from_hours(7 * 24)));
    let month = window(r#"{"calendar":"month"}"#).unwrap().window;
    assert_eq!(month, Period::Calendar(Calendar { calendar: CalendarUnit::Month, timezone: "UTC".into() }));
    for (json, message) in [
        ("\"seven days\"", "expected a duration such as `28d`"),
        ("7", "expected a duration such as `28d`"),
        (r#"{"calendar":"fortnight"}"#, "unknown variant `fortnight`"),
        (r#"{"calender":"month"}"#, "unknown field `calender`"),
    ] {
        let error = window(json).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn a_timeline_tells_when_a_page_fired_and_ended_and_when_a_ticket_was_made() {
    let outage = |slot: i64| (100..110).contains(&slot).then_some(Reason::Connect);
    let shown = window("11:00:00", "15:00:00");
    let records = results(window("11:00:00", "15:00:00"), |_, _, slot| outage(slot));
    let settings = Settings { slos: vec![slo("all", "*/*", 99.9)], ..Settings::default() };
    let built = build_from(&Input::from_records(records), &settings, &request(Kind::Timeline, Some(shown))).unwrap();
    let Report::Timeline(report) = built else { unreachable!() };
    let of = |urgency: &str| -> Vec<_> {
        let title = format!("objective all: {urgency} ");
        report.items.iter().filter(|item| item.title.starts_with(&title)).collect()
    };
    let (pages, tickets) = (of("page"), of("ticket"));
    assert_eq!(pages.len(), 2, "{pages:#?}");
    assert_eq!(pages[0].title, "objective all: page fires");
    assert!(pages[0].at.lo >= at("11:50:00") && pages[0].at.lo < at("11:51:00"), "{}", pages[0].at.lo);
    assert_eq!(tickets.len(), 1, "{tickets:#?}");
    assert_eq!(tickets[0].title, "objective all: ticket fires");
    // Tickets are judged at the last failure of each ten minutes.
    assert!(tickets[0].at.lo > at("11:54:00") && tickets[0].at.lo < at("11:55:00"), "{}", tickets[0].at.lo);
    // The long window still burns when the outage is over; the pair of 6 h and 30 min lets go half an hour later.
    assert!(pages[1].at.lo > at("12:20:00") && pages[1].at.lo < at("12:26:00"), "{}", pages[1].at.lo);
}

#[test]
fn nothing_counts_before_the_definition_and_rules_that_look_further_back_are_frozen() {
    let records = || hour(|slot| (slot < 60).then_some(Reason::Timeout));
    let since = Slo { since: Some(at("12:30:00")), ..slo("all", "*/*", 99.0) };
    let judged = judge(records(), since, None);
    assert_eq!((judged.good, judged.bad, judged.partial_window), (60, 0, true));
    assert_eq!(judged.window.from, at("12:30:00"));
    assert_eq!(judged.burn_over("1h"), Some(0.0));
    assert!(judged.alerts.len() == 4 && judged.alerts.iter().all(|alert| alert.state == State::Frozen));
    let later = Slo { since: Some(at("14:00:00")), ..slo("all", "*/*", 99.0) };
    let judged = judge(records(), later, None);
    assert_eq!((judged.expected, judged.status, judged.sli), (0, Status::NoData, None));
    assert!(judged.warnings[0].starts_with("the definition holds from 2026-11-01 14:00:00"), "{:?}", judged.warnings);
}

#[test]
fn alerts_are_frozen_when_nothing_came_for_three_intervals_up_to_now() {
    // The present moment of these stories is 15:00.
    let judged = judge(hour(|_| None), slo("all", "*/*", 99.0), Some(window("12:00:00", "15:00:00")));
    assert!(judged.alerts.len() == 4 && judged.alerts.iter().all(|alert| alert.state == State::Frozen));
    assert!(judged.warnings.iter().any(|warning| warning.contains("alerts are frozen")));
    let earlier = judge(hour(|_| None), slo("all", "*/*", 99.0), Some(window("12:00:00", "13:00:00")));
    assert_eq!(earlier.alerts, []);
}

#[test]
fn a_slot_that_another_series_got_a_result_for_is_missing_in_one_that_ended() {
    let records = hour(|_| None).into_iter().enumerate().flat_map(|(number, record)| match record {
        Record::Result(result) if number < 119 => {
            let twin = storage::record::ProbeResult { agent: "paris".into(), ..result.clone() };
            vec![Record::Result(result), Record::Result(twin)]
        }
        record => vec![record],
    });
    let judged = judge(records.collect(), slo("all", "*/*", 99.0), None);
    assert_eq!((judged.good, judged.no_data, judged.expected), (239, 1, 240));
    let views = judged.views.unwrap();
    assert_eq!((views.all_good.good, views.any_good.good), (120, 120));
}

#[test]
fn a_changed_interval_begins_a_generation_and_is_warned_about() {
    let records = hour(|_| None).into_iter().enumerate().map(|(number, record)| match record {
        Record::Result(result) if number < 60 => {
            Record::Result(storage::record::ProbeResult { every_s: Some(15.0), ..result })
        }
        record => record,
    });
    let judged = judge(records.collect(), slo("all", "*/*", 99.0), None);
    let seen: Vec<_> = judged.generations.iter().map(|one| (one.from, one.every_s)).collect();
    assert_eq!(seen, [(at("12:00:00.250"), 15.0), (at("12:30:00.250"), 30.0)]);
    assert!(judged.warnings.iter().any(|warning| warning.contains("the interval of orchestrator/login changed")));
}

#[test]
fn the_window_before_is_compared_and_chance_is_told_from_change() {
    let compared = |fails: fn(i64) -> bool| {
        let records = hour(move |slot| fails(slot).then_some(Reason::Timeout));
        judge(records, slo("all", "*/*", 99.0), Some(window("12:30:00", "13:00:00"))).compare.unwrap()
    };
    let worse = compared(|slot| slot >= 60 && slot % 3 == 0);
    assert_eq!((worse.sli, worse.window.from, worse.within_noise), (1.0, at("12:00:00"), false));
    assert!(worse.difference95[0] < worse.difference && worse.difference95[1] < 0.0);
    assert!(compared(|slot| slot == 100).within_noise);
}

#[test]
fn a_budget_lasts_as_long_as_the_pace_of_the_last_day_lets_it() {
    let judged = judge(hour(|slot| (slot == 3).then_some(Reason::Timeout)), slo("all", "*/*", 90.0), None);
    assert_eq!(judged.budget.minutes, 4_032.0);
    // One of twelve is used, at a burn of a twelfth: eleven times the period.
    assert_eq!(judged.budget.time_to_exhaust_s, Some(11.0 * 28.0 * 86_400.0));
    let none = judge(hour(|_| None), slo("all", "*/*", 90.0), None);
    assert_eq!(none.budget.time_to_exhaust_s, None);
}
