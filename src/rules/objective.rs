//! The rules of one objective: burn rates over the windows that alerts look at, and the alerts.

use std::collections::BTreeSet;

use jiff::Timestamp;
use reports::alerts::{self, Pair, Severity};
use reports::period;
use reports::settings::{Missing, Slo};

use crate::rules::text::{Alert, Rules, quoted};

/// A window needs so many scrapes, for a count that Prometheus extends to the ends of a window of few scrapes may be
/// twice what was counted. The shortest window has fewer.
const SCRAPES: [(&str, u32); 2] = [("5m", 3), ("", 10)];

/// Writes them.
pub(super) fn write(rules: &mut Rules, slo: &Slo, now: Timestamp) {
    let Some(period_s) = period::seconds(&slo.window, now) else { return };
    let pairs = alerts::pairs(slo, period_s);
    if pairs.is_empty() {
        return;
    }
    rules.group(&format!("authprobe objective {}", slo.name));
    let windows: BTreeSet<&str> = pairs.iter().flat_map(|pair| [pair.short, pair.long]).collect();
    for window in windows {
        record(rules, slo, window);
    }
    for pair in &pairs {
        alert(rules, slo, pair);
    }
}

fn record(rules: &mut Rules, slo: &Slo, window: &str) {
    let (bad, counted) = match slo.missing {
        Missing::Exclude => ("bad", "good|bad"),
        Missing::Bad => ("bad|no_data", "good|bad|no_data"),
        Missing::Good => ("bad", "good|bad|no_data"),
    };
    let events = |which: &str| format!("authprobe_slo_events_total{{slo={},event=~\"{which}\"}}[{window}]", name(slo));
    let sum = |which: &str| format!("sum by (slo) (increase({}))", events(which));
    let scrapes = SCRAPES.iter().find(|(of, _)| of.is_empty() || *of == window).map_or(0, |(_, scrapes)| *scrapes);
    rules.record(
        &format!("authprobe:slo_bad_events:increase{window}"),
        &slo.name,
        &format!("sum by (slo) (increase({}) and count_over_time({}) >= {scrapes})", events(bad), events(bad)),
    );
    rules.record(
        &format!("authprobe:slo_burn_rate:{window}"),
        &slo.name,
        &format!("{}\n  / {}\n  / {}", sum(bad), sum(counted), slo.tolerance()),
    );
    rules.record(
        &format!("authprobe:slo_coverage:{window}"),
        &slo.name,
        &format!("{}\n  / {}", sum("good|bad"), sum("good|bad|no_data|invalid")),
    );
}

fn alert(rules: &mut Rules, slo: &Slo, pair: &Pair) {
    let Pair { severity, long, short, factor, guard_long, guard_short, .. } = *pair;
    let severity = match severity {
        Severity::Page => "page",
        Severity::Ticket => "ticket",
    };
    let slo_name = name(slo);
    let condition =
        |what: &str, window: &str, holds: &str| format!("authprobe:{what}{window}{{slo={slo_name}}} {holds}");
    let seen = format!(">= {}", slo.min_coverage);
    let conditions = [
        condition("slo_burn_rate:", long, &format!("> {factor}")),
        condition("slo_burn_rate:", short, &format!("> {factor}")),
        condition("slo_bad_events:increase", long, &format!(">= {guard_long}")),
        condition("slo_bad_events:increase", short, &format!(">= {guard_short}")),
        condition("slo_coverage:", long, &seen),
        condition("slo_coverage:", short, &seen),
    ];
    rules.alert(&Alert {
        name: "AuthprobeErrorBudgetBurn",
        expression: &conditions.join("\n  and on (slo) "),
        lasts: "",
        severity,
        labels: &[("slo", &slo.name), ("long", long), ("short", short)],
        summary: "Objective {{ $labels.slo }} spends its error budget {{ $value | printf \"%.1f\" }} times too fast",
        description: &format!(
            "Over {long} and over {short} more fails than {factor} times what objective {{{{ $labels.slo }}}} allows. \
             `authprobe report incidents` names the change that is likely behind it."
        ),
    });
}

fn name(slo: &Slo) -> String {
    quoted(&slo.name)
}
