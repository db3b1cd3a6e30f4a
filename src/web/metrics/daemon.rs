//! The metrics of the daemon itself: its build and configuration, the schedule, the store, sources of changes, tokens.

use std::fmt;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use storage::record::ChangeKind;

use crate::recorder::health::State as Recorder;
use crate::tally::Tally;
use crate::web::metrics::page::Page;
use crate::web::metrics::series::seconds;

/// Writes what is known from the start.
pub(super) fn build(page: &mut Page<'_>, tally: &Tally) -> fmt::Result {
    let labels = [("version", env!("CARGO_PKG_VERSION"))];
    page.gauges("authprobe_build_info", "The version that runs", [(labels, 1.0)])?;
    let labels = [("digest", tally.config.as_str())];
    page.gauges("authprobe_config_info", "The configuration that is in force", [(labels, 1.0)])?;
    let help = "When the configuration was loaded";
    page.gauge("authprobe_config_loaded_timestamp_seconds", help, Some(seconds(tally.loaded)))
}

/// Writes how well the schedule is kept.
pub(super) fn schedule(page: &mut Page<'_>, tally: &Tally) -> fmt::Result {
    let lateness = tally.lateness().clone();
    let help = "How long after its planned start a run started";
    let (sum, buckets) = (lateness.sum.as_secs_f64(), lateness.buckets());
    page.histogram("authprobe_schedule_lateness_seconds", help, sum, &buckets)?;
    let help = "Slots of the schedule that were not run, and are recorded as skipped";
    page.counter("authprobe_schedule_skipped_slots", help, lateness.skipped)?;
    let help = "Stretches in which a target lost every slot, for authprobe stood still or the clock was set";
    page.counter("authprobe_schedule_lost_stretches", help, lateness.lost)?;
    let help = "Sum of the lengths of these stretches";
    page.sum("authprobe_schedule_lost_seconds", help, lateness.lost_for.as_secs_f64())
}

/// Writes how the store does.
pub(super) fn store(page: &mut Page<'_>, tally: &Tally, recorder: &Recorder, queued: usize) -> fmt::Result {
    let Recorder { written, dropped, waiting, failing, trouble } = recorder;
    page.gauge("authprobe_failing_series", "Series of probes that fail beyond doubt", Some(*failing as f64))?;
    let rows = [([("state", "kept")], written.kept), ([("state", "lost")], written.lost)];
    page.counters("authprobe_store_records", "Records that are in the store, and those that never reached it", rows)?;
    let help = "Of the lost records, those that had no room while the store could not be written";
    page.counter("authprobe_store_dropped_records", help, *dropped)?;
    let help = "Records in memory that are not in the store yet";
    page.gauge("authprobe_store_waiting_records", help, Some(*waiting as f64))?;
    let help = "Records that wait for the task that writes them";
    page.gauge("authprobe_queue_records", help, Some(queued as f64))?;
    let writable = if trouble.is_none() { 1.0 } else { 0.0 };
    page.gauge("authprobe_store_writable", "Whether the store takes what is recorded", Some(writable))?;
    let commits = tally.commits();
    let help = "How long it took until a group of records was safe on the disk";
    page.histogram("authprobe_store_commit_duration_seconds", help, commits.sum(), &commits.buckets())?;
    let mut log = tally.store.clone().into_os_string();
    log.push("-wal");
    let rows = [("store", tally.store.as_path()), ("log", Path::new(&log))]
        .into_iter()
        .filter_map(|(part, path)| Some(([("part", part)], fs::metadata(path).ok()?.len() as f64)));
    page.gauges("authprobe_store_size_bytes", "Size of the store's file, and of its log beside it", rows)
}

/// Writes what sources of changes see.
pub(super) fn feeds(page: &mut Page<'_>, tally: &Tally) -> fmt::Result {
    let feeds = tally.feeds.all();
    let rows = || feeds.iter().map(|((source, what), feed)| ([("feed", *source), ("object", what.as_str())], feed));
    let up = rows().map(|(labels, feed)| (labels, f64::from(u8::from(feed.sees))));
    page.gauges("authprobe_feed_up", "Whether a source of changes sees", up)?;
    let help = "When a source of changes looked with success last";
    let seen = rows().filter_map(|(labels, feed)| Some((labels, seconds(feed.seen?))));
    page.gauges("authprobe_feed_last_success_timestamp_seconds", help, seen)?;
    let help = "When a source saw a change last";
    let changed = rows().filter_map(|(labels, feed)| Some((labels, seconds(feed.changed?))));
    page.gauges("authprobe_feed_last_change_timestamp_seconds", help, changed)?;
    let changes = rows().map(|(labels, feed)| (labels, feed.changes));
    page.counters("authprobe_feed_changes", "Changes that a source saw", changes)
}

/// Writes how many changes were recorded, from whichever source.
pub(super) fn changes(page: &mut Page<'_>, counts: &[u64]) -> fmt::Result {
    let rows = ChangeKind::ALL.iter().zip(counts).map(|(kind, count)| ([("kind", kind.as_str())], *count));
    page.counters("authprobe_changes", "Changes that were recorded since authprobe was started, by kind", rows)
}

/// Writes how old the tokens are that are held.
pub(super) fn tokens(page: &mut Page<'_>, tally: &Tally, now: Timestamp) -> fmt::Result {
    let tokens = tally.tokens();
    let age = |since: Timestamp| now.duration_since(since).as_secs_f64().max(0.0);
    let rows = tokens.iter().filter_map(|(target, since)| Some(([("target", target.as_str())], age((*since)?))));
    page.gauges("authprobe_held_token_age_seconds", "Age of the token that is kept from an earlier run", rows)
}
