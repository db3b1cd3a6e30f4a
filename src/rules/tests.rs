//! What stands in a rules file, and what a hostile name cannot do to it.

use super::*;
use reports::settings::Slo;

fn settings(name: &str) -> Settings {
    let slo = serde_json::json!({"name": name, "probes": ["*/*"], "objective": 99.9});
    let slo: Slo = serde_json::from_value(slo).unwrap();
    Settings { slos: vec![slo], ..Settings::default() }
}

fn written(name: &str) -> String {
    write(&settings(name), &[Duration::from_secs(30)], "http://authprobe:9464/", Timestamp::UNIX_EPOCH)
}

#[test]
fn a_page_fires_above_the_burn_that_spends_the_share_of_the_budget_and_never_below_the_guard() {
    let rules = written("auth");
    let page = rules.split("- alert: ").nth(1).unwrap();
    let expected = r#"AuthprobeErrorBudgetBurn
        expr: |-
          authprobe:slo_burn_rate:1h{slo="auth"} > 13.44
            and on (slo) authprobe:slo_burn_rate:5m{slo="auth"} > 13.44
            and on (slo) authprobe:slo_bad_events:increase1h{slo="auth"} >= 3
            and on (slo) authprobe:slo_bad_events:increase5m{slo="auth"} >= 2
            and on (slo) authprobe:slo_coverage:1h{slo="auth"} >= 0.9
            and on (slo) authprobe:slo_coverage:5m{slo="auth"} >= 0.9
        labels:
          severity: page
          slo: "auth"
          long: "1h"
          short: "5m"
"#;
    assert!(page.starts_with(expected), "{page}");
    assert!(page.contains("link: \"http://authprobe:9464\"\n"), "{page}");
}

#[test]
fn the_prober_stalls_after_three_slots_and_at_least_five_minutes() {
    assert!(written("auth").contains("authprobe_schedule_lateness_seconds_count[300s]"));
    let hourly = write(&settings("auth"), &[Duration::from_hours(1)], "http://a", Timestamp::UNIX_EPOCH);
    assert!(hourly.contains("authprobe_schedule_lateness_seconds_count[10800s]"));
    let by_calendar = write(&settings("auth"), &[], "http://a", Timestamp::UNIX_EPOCH);
    assert!(!by_calendar.contains("AuthprobeStalled"), "nobody knows when a calendar is late");
}

#[test]
fn a_hostile_name_stays_a_name() {
    let name = "\"} or vector(1) #\n      - alert: Mine\\ {{ .Evil }} \u{202e}\u{2028}\u{1f600}";
    let rules = written(name);
    assert!(!rules.contains("- alert: Mine") || rules.lines().all(|line| !line.trim().starts_with("- alert: Mine")));
    assert!(rules.is_ascii());
    assert!(
        rules.contains(r#"{slo="\"} or vector(1) #\u000a      - alert: Mine\\ {{ .Evil }} \u202e\u2028\U0001f600"}"#)
    );
    assert_eq!(rules.lines().count(), written("auth").lines().count());
}
