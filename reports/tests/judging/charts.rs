//! The charts of one day, as people see them, and of what nobody expects.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use reports::chart::{self, Chart};
use reports::condense::condense;
use reports::input::Input;
use reports::plan::Plan;
use reports::report::{Kind, Request, build_from};
use reports::series::Series;
use reports::settings::Settings;
use storage::record::{Change, ChangeKind, Outcome, ProbeResult, Reason, Record};
use storage::window::Window;

use crate::story::{at, change, day, request, result, results, rollout, settings, slo, window};

const KINDS: [Kind; 3] = [Kind::Slo, Kind::Incidents, Kind::Timeline];

fn charts_of(input: &Input, settings: &Settings, request: &Request) -> Vec<Chart> {
    let report = build_from(input, settings, request).unwrap();
    chart::of_report(input, settings, request, &report)
}

fn charts(records: Vec<Record>, settings: &Settings, kind: Kind) -> Vec<Chart> {
    let asked = request(kind, Some(window("10:00:00", "15:00:00")));
    charts_of(&Input::from_records(records), settings, &asked)
}

fn names(charts: &[Chart]) -> Vec<&str> {
    charts.iter().map(|chart| chart.name.as_str()).collect()
}

/// What every chart is, whatever it shows: one element without scripts, links, styles and ids, so that charts of several
/// reports can stand in one page.
fn sound(charts: &[Chart]) {
    for Chart { name, title, alt, svg } in charts {
        assert!(name.len() <= 60 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{name}");
        assert!(title.chars().count() <= 100 && alt.chars().count() <= 300, "{title} {alt}");
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>") && svg.contains(r#"role="img""#));
        for not in [
            "<script", "<style", "style=\"", "href=\"", " id=\"", "url(", "<b>", "<!", "NaN", "inf\"", "\u{202e}",
            "\u{1b}",
        ] {
            assert!(!svg.contains(not), "{name} has {not}");
        }
        let opened = svg.matches('<').count();
        let closed = svg.matches("</").count() + svg.matches("/>").count();
        assert_eq!(opened, svg.matches('>').count());
        assert_eq!(opened - svg.matches("</").count(), closed, "{name}: every element is closed");
        assert!(svg.len() < 600_000, "{name} has {} bytes", svg.len());
    }
}

#[test]
fn the_charts_of_a_day_are_what_they_were() {
    for (kind, word) in [(Kind::Slo, "slo"), (Kind::Incidents, "incidents")] {
        let charts = charts(day(), &settings(), kind);
        sound(&charts);
        for Chart { name, title, alt, svg } in charts {
            insta::with_settings!({
                snapshot_path => "golden/charts", prepend_module_to_snapshot => false, omit_expression => true,
                description => format!("{title}. {alt}"),
            }, {
                insta::assert_snapshot!(format!("{word}-{name}.svg"), svg);
            });
        }
    }
}

#[test]
fn each_kind_of_report_has_its_charts() {
    let of = |kind| charts(day(), &settings(), kind);
    let objectives = ["success", "budget-1-auth", "burn-1-auth", "budget-2-logins", "burn-2-logins"];
    assert_eq!(names(&of(Kind::Slo)), [&objectives[..], &["latency", "probes"]].concat());
    let incidents = ["probes", "success", "latency", "rollout-1-deployment-llm-orchestrator-orchestrator"];
    assert_eq!(names(&of(Kind::Incidents)), incidents);
    assert_eq!(names(&of(Kind::Timeline)), incidents);
}

#[test]
fn the_order_of_records_changes_no_chart() {
    let mut turned = day();
    turned.reverse();
    for kind in KINDS {
        assert_eq!(charts(turned.clone(), &settings(), kind), charts(day(), &settings(), kind));
    }
}

#[test]
fn a_chart_of_one_incident_shows_its_stretch() {
    let input = Input::from_records(day());
    let asked = request(Kind::Incidents, Some(window("10:00:00", "15:00:00")));
    let reports::report::Report::Incidents(found) = build_from(&input, &settings(), &asked).unwrap() else {
        unreachable!()
    };
    let id = found.incidents[1].id.clone();
    let charts = charts_of(&input, &settings(), &Request { incident: Some(id.clone()), ..asked });
    let probes = charts.iter().find(|chart| chart.name == "probes").unwrap();
    assert!(probes.svg.contains(&id) && !probes.svg.contains(&found.incidents[0].id));
    assert!(!probes.svg.contains("10:30<"), "{}", probes.svg);
}

#[test]
fn counts_are_drawn_as_the_results_that_they_count() {
    let input = Input::from_records(day());
    let asked = request(Kind::Incidents, Some(window("10:00:00", "15:00:00")));
    let counted = condense(&input, &Plan::new(&settings(), &asked, input.watermark));
    assert!(counted.series.iter().any(Series::is_counted));
    let (exact, counted) = (charts_of(&input, &settings(), &asked), charts_of(&counted, &settings(), &asked));
    sound(&counted);
    for name in ["probes", "success"] {
        let svg = |charts: &[Chart]| charts.iter().find(|chart| chart.name == name).unwrap().alt.clone();
        assert_eq!(svg(&exact), svg(&counted));
    }
}

#[test]
fn without_results_there_is_no_chart() {
    let only_changes = vec![Record::Change(change("c-1", "12:00:00", ChangeKind::Secret, "Secret/a/b"))];
    for kind in KINDS {
        assert_eq!(charts(Vec::new(), &settings(), kind), []);
        assert_eq!(charts(only_changes.clone(), &settings(), kind), []);
        let later = request(kind, Some(Window { from: at("22:00:00"), until: at("23:00:00") }));
        assert_eq!(charts_of(&Input::from_records(day()), &settings(), &later), []);
    }
}

#[test]
fn one_result_and_nothing_but_failures_are_drawn() {
    let one = |reason| vec![Record::Result(result("login", at("12:00:00"), reason))];
    let all_bad = results(window("12:00:00", "13:00:00"), |_, _, _| Some(Reason::ServerError));
    let of_outcome = |outcome, reason| {
        let odd = ProbeResult { outcome, reason: Some(reason), ..result("login", at("12:00:00"), None) };
        vec![Record::Result(odd)]
    };
    let invalid = of_outcome(Outcome::Invalid, Reason::ProberClock);
    let skipped = of_outcome(Outcome::Skipped, Reason::NoToken);
    for kind in KINDS {
        for records in [one(None), one(Some(Reason::Timeout)), all_bad.clone(), invalid.clone(), skipped.clone()] {
            let drawn = charts(records.clone(), &settings(), kind);
            sound(&drawn);
            assert!(names(&drawn).contains(&"probes"));
            let unasked = charts_of(&Input::from_records(records), &settings(), &request(kind, None));
            sound(&unasked);
        }
    }
}

#[test]
fn times_and_numbers_from_the_ends_of_what_there_is_are_drawn() {
    let far = |time: Timestamp, took_us| Record::Result(ProbeResult { took_us, ..result("login", time, None) });
    let records = vec![
        far("1970-01-01T00:00:00Z".parse().unwrap(), 0),
        far("2100-01-01T00:00:00Z".parse().unwrap(), u64::MAX),
        far(at("12:00:00"), 1),
        Record::Change(Change {
            progress: vec![
                (at("12:00:30"), f64::NAN),
                (at("12:00:20"), 7.0),
                (Timestamp::MAX, f64::INFINITY),
                (at("12:00:25"), -3.0),
            ],
            ..rollout("c-1", "12:00:00", "12:01:00")
        }),
        Record::Change(Change { time: Some(Timestamp::MIN), ..change("c-2", "12:00:00", ChangeKind::Secret, "") }),
    ];
    let mut settings = settings();
    settings.slos.truncate(1);
    let whole = Window { from: Timestamp::MIN, until: Timestamp::MAX };
    let since_1960 =
        Window { from: "1960-01-01T00:00:00Z".parse().unwrap(), until: "2110-01-01T00:00:00Z".parse().unwrap() };
    for kind in KINDS {
        for window in [since_1960, Window { from: at("11:59:59"), until: at("12:00:00.001") }] {
            sound(&charts_of(&Input::from_records(records.clone()), &settings, &request(kind, Some(window))));
        }
    }
    let asked = request(Kind::Incidents, Some(whole));
    sound(&charts_of(&Input::from_records(records), &Settings::default(), &asked));
}

#[test]
fn hostile_names_are_escaped_and_shortened() {
    let hostile = [
        "<script>alert(1)</script>".to_owned(),
        "\"><b>x</b><!-- &amp; ' href=".to_owned(),
        "\u{202e}\u{1b}[2J\u{0}\u{feff}".to_owned(),
        "=HYPERLINK(\"http://x\")".to_owned(),
        "x".repeat(100_000),
        "目标/プローブ\n\r\t".to_owned(),
    ];
    let mut records = Vec::new();
    let mut settings = Settings::default();
    for name in &hostile {
        for slot in 0..60 {
            let time = at("11:30:00") + SignedDuration::from_secs(30 * slot);
            let reason = (slot > 20).then_some(Reason::TokenRejected);
            let probe = format!("login {name}");
            records.push(Record::Result(ProbeResult { target: name.clone(), probe, ..result("login", time, reason) }));
        }
        records.push(Record::Change(Change {
            object: name.clone(),
            summary: name.clone(),
            targets: vec![name.clone()],
            ..rollout(name, "11:39:00", "11:45:00")
        }));
        settings.slos.push(reports::settings::Slo { name: name.clone(), ..slo("any", "**", 99.0) });
    }
    for kind in KINDS {
        let drawn = charts(records.clone(), &settings, kind);
        sound(&drawn);
        assert!(drawn.len() >= 4, "{:?}", names(&drawn));
    }
}

#[test]
fn a_thousand_probes_and_changes_stay_a_picture() {
    let mut records = Vec::new();
    for number in 0..1_000 {
        for slot in 0..12_i64 {
            let time = at("12:00:00") + SignedDuration::from_secs(300 * slot + number % 7);
            let reason = (number < 40 && (slot + number) % 5 == 0).then_some(Reason::Timeout);
            records.push(Record::Result(ProbeResult {
                target: format!("target-{number}"),
                every_s: Some(300.0),
                ..result("login", time, reason)
            }));
        }
        let clock = format!("12:{:02}:{:02}", number / 17, number % 60);
        records.push(Record::Change(change(&format!("c-{number}"), &clock, ChangeKind::Note, "Deployment/a/b")));
    }
    let drawn = charts(records, &settings(), Kind::Timeline);
    sound(&drawn);
    let probes = drawn.iter().find(|chart| chart.name == "probes").unwrap();
    assert!(probes.alt.starts_with("40 of 1000 probes failed at some time"), "{}", probes.alt);
    assert!(probes.svg.contains("970 more probes with fewer failures not shown"), "{}", probes.alt);
    assert!(probes.svg.contains("more changes without a name"));
}

#[test]
fn a_picture_can_be_read_and_is_not_blank() {
    let asked = request(Kind::Incidents, Some(window("10:00:00", "15:00:00")));
    let input = Input::from_records(day());
    let report = build_from(&input, &settings(), &asked).unwrap();
    let drawings = chart::drawings(&input, &settings(), &asked, &report);
    let probes = drawings.iter().find(|drawing| drawing.name() == "probes").unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(probes.png().unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    assert_eq!(info.width, 1920);
    // Every seventh pixel tells enough.
    let seen: Vec<&[u8]> = pixels.chunks(3).step_by(7).collect();
    let drawn = seen.iter().filter(|pixel| **pixel != [255, 255, 255]).count();
    assert!((seen.len() / 50..seen.len() / 2).contains(&drawn), "{drawn} of {}", seen.len());
    let colours: BTreeSet<&[u8]> = seen.into_iter().collect();
    for colour in [[0xd5, 0x5e, 0x00], [0x00, 0x9e, 0x73], [0x1b, 0x1f, 0x24]] {
        assert!(colours.contains(&colour[..]), "{colour:?} is not among {} colours", colours.len());
    }
}

#[test]
fn colours_follow_the_style_sheet_of_the_page() {
    let sheet = chart::ink::style_sheet();
    let all: String = charts(day(), &settings(), Kind::Slo).into_iter().map(|chart| chart.svg).collect();
    let classes: BTreeSet<&str> = all.split(" class=\"").skip(1).filter_map(|part| part.split('"').next()).collect();
    assert!(classes.len() > 8);
    for class in classes.into_iter().filter(|class| *class != "chart") {
        assert!(sheet.contains(&format!(".chart .{class}{{")), "{class}");
    }
    assert!(sheet.contains("prefers-color-scheme:dark"));
}
