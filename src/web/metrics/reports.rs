//! The metrics of scheduled reports: what became of each.

use std::collections::BTreeMap;
use std::fmt;

use crate::scheduled::counts::Counted;
use crate::web::metrics::page::Page;
use crate::web::metrics::series::seconds;

/// Writes how each report does, by its name.
pub(super) fn write(page: &mut Page<'_>, reports: &BTreeMap<String, Counted>) -> fmt::Result {
    let rows = reports.iter().flat_map(|(name, counted)| {
        let states = [
            ("written", counted.written),
            ("caught_up", counted.caught_up),
            ("failed", counted.failed),
            ("skipped", counted.skipped),
        ];
        states.map(|(state, count)| ([("report", name.as_str()), ("state", state)], count))
    });
    let help = "Scheduled reports that reached their destination, of these those that were planned while nothing ran, \
                attempts that failed, and reports whose place a later one took";
    page.counters("authprobe_scheduled_reports", help, rows)?;
    let written =
        reports.iter().filter_map(|(name, counted)| Some(([("report", name.as_str())], seconds(counted.written_at?))));
    let help = "When a scheduled report reached its destination last";
    page.gauges("authprobe_scheduled_report_last_success_timestamp_seconds", help, written)
}
