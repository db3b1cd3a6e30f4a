//! What every format owes its readers, whatever names come from outside.

use jiff::SignedDuration;
use pulldown_cmark::{Event, Options, Parser, Tag};
use reports::formats::{Format, Layout, render};
use reports::full::{FullReport, build_from};
use reports::input::Input;
use reports::report::{Kind, Report};
use reports::settings::Settings;
use storage::record::{Change, ChangeKind, Reason, Record};
use storage::window::Window;

use crate::story::{at, change, day, full, request, result, settings, slo};

const KINDS: [Kind; 3] = [Kind::Slo, Kind::Incidents, Kind::Timeline];
const FORMATS: [Format; 5] = [Format::Text, Format::Markdown, Format::Html, Format::Json, Format::Csv];
/// Markup of every kind, a formula, a terminal's command and a letter that turns the direction around.
const HOSTILE: &str =
    "=1+1<script>alert(1)</script>\"'><img src=x onerror=alert(2)>[a](javascript:b)|`c`\u{1b}[2J\u{202e}@all";

fn page(records: Vec<Record>, kind: Kind, format: Format) -> String {
    render(&full(records, &settings(), kind, format), format, Layout::default())
}

/// The day with names from outside that begin with a text.
fn story(text: &str, kind: Kind, format: Format) -> FullReport {
    let mut records = day();
    for record in &mut records {
        match record {
            Record::Result(result) => {
                result.target = format!("{text}{}", result.target);
                result.agent = text.to_owned();
                result.detail = result.detail.as_ref().map(|_| text.to_owned());
            }
            Record::Change(change) => {
                change.object = format!("{text}{}", change.object);
                change.targets = change.targets.iter().map(|target| format!("{text}{target}")).collect();
                change.summary = text.to_owned();
                change.revision = Some(text.to_owned());
                change.actor = Some(text.to_owned());
                change.id = format!("{text}{}", change.id);
            }
            Record::Gap(gap) => gap.why = text.to_owned(),
            Record::Verdict(_) => {}
        }
    }
    let mut settings = settings();
    settings.slos = vec![slo("auth", "**", 99.0)];
    settings.slos[0].name = text.to_owned();
    settings.corrections[0].reason = text.to_owned();
    settings.corrections[0].category = text.to_owned();
    full(records, &settings, kind, format)
}

#[test]
fn the_same_records_in_any_order_give_the_same_bytes_in_every_format() {
    for kind in KINDS {
        for format in FORMATS {
            let backwards = day().into_iter().rev().collect();
            assert_eq!(page(day(), kind, format), page(backwards, kind, format), "{kind:?} as {format}");
        }
    }
}

#[test]
fn html_from_outside_is_shown_and_not_obeyed() {
    for kind in KINDS {
        let page = render(&story(HOSTILE, kind, Format::Html), Format::Html, Layout::default());
        assert!(page.contains("&lt;script&gt;alert(1)"), "{kind:?}");
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains("\"'&gt;<"), "{kind:?}");
        assert!(!page.contains('\u{1b}') && !page.contains('\u{202e}'), "{kind:?}");
    }
}

#[test]
fn markdown_from_outside_is_shown_and_not_obeyed() {
    for kind in KINDS {
        let page = render(&story(HOSTILE, kind, Format::Markdown), Format::Markdown, Layout::default());
        assert!(page.contains("script") && !page.contains('\u{1b}') && !page.contains('\u{202e}'), "{kind:?}");
        for event in Parser::new_ext(&page, Options::all()) {
            match event {
                Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::Link { .. } | Tag::Image { .. }) => {
                    panic!("{kind:?}: {event:?}")
                }
                Event::Text(text) => assert!(!text.contains("@all"), "{kind:?}: {text}"),
                _ => {}
            }
        }
    }
}

#[test]
fn every_row_of_a_markdown_table_has_as_many_cells_as_its_header() {
    for kind in KINDS {
        let page = render(&story(HOSTILE, kind, Format::Markdown), Format::Markdown, Layout::default());
        let cells = |line: &str| line.replace(r"\|", "").matches('|').count();
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with('|')).collect();
        assert!(rows.len() > 5);
        for pair in page.lines().collect::<Vec<_>>().windows(2).filter(|pair| pair.iter().all(|l| l.starts_with('|'))) {
            assert_eq!(cells(pair[0]), cells(pair[1]), "{pair:?}");
        }
    }
}

#[test]
fn no_cell_of_a_csv_table_begins_like_a_formula_and_every_row_is_whole() {
    for kind in KINDS {
        let page = render(&story(HOSTILE, kind, Format::Csv), Format::Csv, Layout::default());
        let mut reader = csv::ReaderBuilder::new().from_reader(page.as_bytes());
        let width = reader.headers().unwrap().len();
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert!(!rows.is_empty() && page.contains("'=1+1") && page.ends_with("\r\n"), "{kind:?}");
        for row in rows {
            assert_eq!(row.len(), width);
            assert!(row.iter().all(|cell| !cell.starts_with(['=', '+', '@', '\t', '\r'])), "{row:?}");
            assert!(row.iter().all(|cell| !cell.starts_with('-') || cell.parse::<f64>().is_ok()), "{row:?}");
            assert!(row.iter().all(|cell| !cell.contains('\u{1b}') && !cell.contains('\u{202e}')), "{row:?}");
        }
    }
}

#[test]
fn a_hundred_kilobytes_in_a_name_make_no_page_of_megabytes() {
    let long = "x".repeat(100_000);
    let mut records = day();
    records.push(Record::Change(Change {
        summary: long,
        ..change("c-99", "13:00:06", ChangeKind::Deploy, "Deployment/a/b")
    }));
    for kind in KINDS {
        for format in [Format::Html, Format::Markdown, Format::Text] {
            let page = page(records.clone(), kind, format);
            assert!(page.len() < 250_000, "{kind:?} as {format}: {}", page.len());
        }
    }
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    for kind in KINDS {
        // The name of the language of drawings is an address that nobody asks.
        let page = page(day(), kind, Format::Html).replace(" xmlns=\"http://www.w3.org/2000/svg\"", "");
        for loads in ["<script", "<link", "<iframe", " src=", "url(", "@import", "http://", "https://", "javascript:"] {
            assert!(!page.contains(loads), "{kind:?} has {loads}");
        }
    }
}

#[test]
fn headings_go_down_one_level_at_a_time_and_there_is_one_of_the_first() {
    let alone = {
        let only: Vec<Record> = day().into_iter().filter(|record| before(record, "12:40:00", "13:40:00")).collect();
        page(only, Kind::Incidents, Format::Html)
    };
    assert!(alone.contains("<h1>orchestrator: api_key failed for"), "{alone}");
    let pages = KINDS.map(|kind| page(day(), kind, Format::Html)).into_iter().chain([alone]);
    for page in pages {
        let levels: Vec<u32> = page.split("<h").skip(1).filter_map(|rest| rest.chars().next()?.to_digit(10)).collect();
        assert_eq!(levels.iter().filter(|level| **level == 1).count(), 1);
        assert_eq!(levels[0], 1);
        assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    }
}

#[test]
fn every_header_of_a_table_says_what_it_heads_and_every_id_is_there_once() {
    for kind in KINDS {
        let page = page(day(), kind, Format::Html);
        let headers = page.matches("<th ").count() + page.matches("<th>").count();
        assert_eq!(headers, page.matches(" scope=\"").count(), "{kind:?}");
        let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
        assert!(page.contains("<main ") && page.contains("href=\"#report\"") && page.contains("id=\"report\""));
    }
}

#[test]
fn an_empty_report_says_so_in_every_format() {
    let quiet: Vec<Record> = day().into_iter().filter(|record| before(record, "10:40:00", "11:40:00")).collect();
    for (kind, format, told) in [
        (Kind::Incidents, Format::Html, "No incident"),
        (Kind::Incidents, Format::Markdown, "No incident"),
        (Kind::Incidents, Format::Csv, "incident,severity"),
        (Kind::Slo, Format::Html, "of 2 too little was seen to tell"),
        (Kind::Slo, Format::Markdown, "No objective is missed"),
    ] {
        assert!(page(quiet.clone(), kind, format).contains(told), "{kind:?} as {format}");
    }
}

/// Whether a record lies between two times of the day.
fn before(record: &Record, from: &str, until: &str) -> bool {
    let time = match record {
        Record::Result(result) => Some(result.time),
        Record::Change(change) => change.time,
        Record::Gap(_) | Record::Verdict(_) => None,
    };
    time.is_some_and(|time| at(from) <= time && time < at(until))
}

#[test]
fn a_page_of_hundreds_of_incidents_tells_the_latest_and_counts_the_rest() {
    let from = at("00:00:00") - SignedDuration::from_hours(24 * 26);
    let failing = |slot: i64| (slot % 60 < 6).then_some(Reason::ServerError);
    let records = (0..36_000)
        .map(|slot| Record::Result(result("login", from + SignedDuration::from_secs(60 * slot), failing(slot))));
    let input = Input::from_records(records);
    let asked = request(Kind::Incidents, Some(Window { from, until: at("00:00:00") }));
    // What is set beside a report for one page is enough for all.
    let full = build_from(&input, &Settings::default(), &asked, Format::Html).unwrap();
    let Report::Incidents(report) = &full.report else { unreachable!() };
    let ids: Vec<&str> = report.incidents.iter().map(|incident| incident.id.as_str()).collect();
    assert_eq!(ids.len(), 600);
    for (format, told, most) in [
        (Format::Html, "Of 550 earlier ones only the line above", 1_500_000),
        (Format::Markdown, "Of 550 earlier ones only the line above", 500_000),
        (Format::Text, "Of 550 earlier only the line above", 200_000),
    ] {
        let page = render(&full, format, Layout::default());
        assert!(page.contains(told) && (page.contains("100 before") || page.contains("100 began before")), "{format}");
        assert!(!page.contains(ids[99]) && page.contains(ids[100]), "{format}");
        assert!(page.matches(ids[599]).count() >= 2 && page.len() < most, "{format}: {}", page.len());
    }
    let page = render(&full, Format::Csv, Layout::default());
    assert!(ids.iter().all(|id| page.contains(id)));
}

#[test]
fn a_page_of_a_timeline_lists_what_matters_most_and_counts_the_rest() {
    let mut records = day();
    for number in 0..3_000 {
        let moment = at("11:00:00") + SignedDuration::from_secs(number);
        records.push(Record::Change(Change {
            time: Some(moment),
            targets: vec!["elsewhere".into()],
            ..change(&format!("z-{number}"), "11:00:00", ChangeKind::Deploy, "Deployment/a/b")
        }));
    }
    for format in [Format::Html, Format::Markdown, Format::Text] {
        let page = page(records.clone(), Kind::Timeline, format);
        assert!(page.contains("orchestrator-jwt-secret") && page.contains("unrelated"), "{format}");
        assert!(page.contains("z-2999") && !page.contains("z-100<") && !page.contains("`z-100`"), "{format}");
        assert!(page.contains("left out") && page.len() < 800_000, "{format}: {}", page.len());
    }
    assert!(page(records, Kind::Timeline, Format::Csv).contains("z-100"));
}
