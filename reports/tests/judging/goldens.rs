//! The reports of one day, as people and programs read them.

use reports::formats::{Format, Layout, render};
use reports::input::Input;
use reports::report::{Kind, Report, Request, build_from};

use crate::story::{day, full, report, request, settings, window};

fn golden(name: &str, kind: Kind, format: Format) {
    let page = render(&full(day(), &settings(), kind, format), format, Layout::default());
    insta::with_settings!({ snapshot_path => "golden", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, page);
    });
}

#[test]
fn objectives_read_well_on_a_terminal() {
    golden("slo.txt", Kind::Slo, Format::Text);
}

#[test]
fn objectives_keep_their_json_form() {
    golden("slo.json", Kind::Slo, Format::Json);
}

#[test]
fn incidents_read_well_on_a_terminal() {
    golden("incidents.txt", Kind::Incidents, Format::Text);
}

#[test]
fn incidents_keep_their_json_form() {
    golden("incidents.json", Kind::Incidents, Format::Json);
}

#[test]
fn a_timeline_reads_well_on_a_terminal() {
    golden("timeline.txt", Kind::Timeline, Format::Text);
}

#[test]
fn a_timeline_keeps_its_json_form() {
    golden("timeline.json", Kind::Timeline, Format::Json);
}

#[test]
fn objectives_read_well_for_a_wiki() {
    golden("slo.md", Kind::Slo, Format::Markdown);
}

#[test]
fn objectives_read_well_in_a_browser() {
    golden("slo.html", Kind::Slo, Format::Html);
}

#[test]
fn objectives_read_well_in_a_spreadsheet() {
    golden("slo.csv", Kind::Slo, Format::Csv);
}

#[test]
fn incidents_read_well_for_a_wiki() {
    golden("incidents.md", Kind::Incidents, Format::Markdown);
}

#[test]
fn incidents_read_well_in_a_browser() {
    golden("incidents.html", Kind::Incidents, Format::Html);
}

#[test]
fn incidents_read_well_in_a_spreadsheet() {
    golden("incidents.csv", Kind::Incidents, Format::Csv);
}

#[test]
fn a_timeline_reads_well_for_a_wiki() {
    golden("timeline.md", Kind::Timeline, Format::Markdown);
}

#[test]
fn a_timeline_reads_well_in_a_browser() {
    golden("timeline.html", Kind::Timeline, Format::Html);
}

#[test]
fn a_timeline_reads_well_in_a_spreadsheet() {
    golden("timeline.csv", Kind::Timeline, Format::Csv);
}

#[test]
fn a_timeline_of_one_incident_goes_back_to_its_cause_and_leaves_out_the_rest() {
    let settings = settings();
    let asked = |incident| Request { incident, ..request(Kind::Timeline, Some(window("12:00:00", "13:00:00"))) };
    let input = Input::from_records(day());
    let Report::Incidents(found) = report(day(), &settings, Kind::Incidents) else { unreachable!() };
    let told = build_from(&input, &settings, &asked(Some(found.incidents[1].id.clone()))).unwrap();
    let page = render(&told.into(), Format::Text, Layout::default());
    assert!(page.contains("orchestrator-jwt-secret") && !page.contains("Deployment/shop/web"), "{page}");
    let refused = build_from(&input, &settings, &asked(Some("i-none".into()))).unwrap_err();
    assert_eq!(refused.to_string(), "no incident `i-none` in this window: `authprobe report incidents` lists them");
}

#[test]
fn colours_change_nothing_but_colours() {
    for kind in [Kind::Slo, Kind::Incidents, Kind::Timeline] {
        let report = full(day(), &settings(), kind, Format::Text);
        let bare = render(&report, Format::Text, Layout { colour: false, width: 100 });
        let coloured = render(&report, Format::Text, Layout { colour: true, width: 100 });
        assert!(coloured.contains("\u{1b}["));
        assert_eq!(without_colours(&coloured), bare);
    }
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_control() {
    let page = render(&full(day(), &settings(), Kind::Timeline, Format::Text), Format::Text, Layout::default());
    assert!(page.contains("Kim\\u{1b}[2J") && !page.contains('\u{1b}'));
}

/// Takes the colour codes out of a text.
fn without_colours(text: &str) -> String {
    let mut bare = String::new();
    let mut parts = text.split('\u{1b}');
    bare.push_str(parts.next().unwrap());
    for part in parts {
        bare.push_str(part.split_once('m').unwrap().1);
    }
    bare
}
