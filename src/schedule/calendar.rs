//! Plans the slots of cron expressions a little ahead; the timer starts them.
//!
//! tokio-cron-scheduler wakes the planner every second. Its own firing is up to half a second late and may drop a
//! tick under load, so it starts nothing itself: the planner hands slots out from a watermark, and a late or lost
//! tick only makes the next one hand out more.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler};
use tracing::warn;

use crate::schedule::timer::Slot;

/// How far ahead slots are planned; more than two ticks, so that one may be lost.
const AHEAD: Duration = Duration::from_millis(2500);

/// Most slots that one tick plans for one target; the next tick goes on from there.
const MOST: usize = 16;

/// A target whose slots come from a cron expression.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) target: usize,
    pub(crate) expression: Cron,
    pub(crate) timezone: TimeZone,
    /// Slots up to here are planned.
    pub(crate) watermark: Timestamp,
}

/// A running planner.
pub(crate) struct Calendar(JobScheduler);

impl Calendar {
    /// Begins to plan.
    ///
    /// # Errors
    /// When the scheduler cannot be started.
    pub(crate) async fn start(entries: Vec<Entry>, slots: mpsc::Sender<Slot>) -> anyhow::Result<Self> {
        let entries = Arc::new(Mutex::new(entries));
        let scheduler = JobScheduler::new().await.context("the calendar cannot be made")?;
        let job = Job::new_async("* * * * * *", move |_, _| {
            let (entries, slots) = (Arc::clone(&entries), slots.clone());
            Box::pin(async move {
                let planned = plan(&mut entries.lock().unwrap_or_else(PoisonError::into_inner), Timestamp::now());
                for slot in planned {
                    // The timer is gone only when the daemon stops.
                    let _ = slots.send(slot).await;
                }
            })
        })
        .context("the calendar cannot be filled")?;
        scheduler.add(job).await.context("the calendar cannot be filled")?;
        scheduler.start().await.context("the calendar cannot be started")?;
        Ok(Self(scheduler))
    }

    /// Ends the planning.
    pub(crate) async fn stop(mut self) {
        if let Err(error) = self.0.shutdown().await {
            warn!("the calendar did not stop cleanly: {error}");
        }
    }
}

/// The slots between each watermark and a little ahead of `now`; after a long stall, the first of them.
fn plan(entries: &mut [Entry], now: Timestamp) -> Vec<Slot> {
    let until = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let mut slots = Vec::new();
    for Entry { target, expression, timezone, watermark } in entries {
        let mut firings = expression.iter_after(watermark.to_zoned(timezone.clone())).map(|firing| firing.timestamp());
        let mut next = firings.next();
        for _ in 0..MOST {
            let Some(planned) = next.filter(|planned| *planned <= until) else { break };
            next = firings.next();
            slots.push(Slot { planned, target: *target, next: next.unwrap_or(Timestamp::MAX) });
            *watermark = planned;
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use croner::parser::{CronParser, Seconds};

    use super::*;

    fn entry(expression: &str, zone: &str, from: &str) -> [Entry; 1] {
        let expression =
            CronParser::builder().seconds(Seconds::Optional).build().parse(expression).expect("an expression");
        let timezone = TimeZone::get(zone).expect("a zone");
        [Entry { target: 7, expression, timezone, watermark: moment(from) }]
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn every_slot_is_planned_once_however_late_the_ticks_come() {
        let mut entries = entry("* * * * *", "UTC", "2026-11-01T00:00:00Z");
        let mut planned = Vec::new();
        for tick in ["2026-11-01T00:00:57.9Z", "2026-11-01T00:00:58.4Z", "2026-11-01T00:03:10Z", "2026-11-01T00:03:10Z"]
        {
            planned.extend(plan(&mut entries, moment(tick)).into_iter().map(|slot| slot.planned.to_string()));
        }
        assert_eq!(planned, ["2026-11-01T00:01:00Z", "2026-11-01T00:02:00Z", "2026-11-01T00:03:00Z"]);
    }

    #[test]
    fn a_long_stall_is_caught_up_slot_by_slot() {
        let mut entries = entry("* * * * *", "UTC", "2026-11-01T00:00:00Z");
        let now = moment("2026-11-01T01:00:00Z");
        let planned: Vec<Slot> = std::iter::repeat_with(|| plan(&mut entries, now)).take(5).flatten().collect();
        assert_eq!(planned.len(), 60);
        assert!(planned.windows(2).all(|pair| pair[0].next == pair[1].planned));
    }

    #[test]
    fn a_slot_knows_the_one_after_it() {
        let mut entries = entry("*/5 * * * *", "UTC", "2026-11-01T00:00:00Z");
        let slots = plan(&mut entries, moment("2026-11-01T00:05:00Z"));
        assert_eq!(slots.len(), 1);
        assert_eq!(slots[0].next, moment("2026-11-01T00:10:00Z"));
        assert_eq!(slots[0].target, 7);
    }

    #[test]
    fn nine_in_berlin_is_nine_in_berlin_on_both_sides_of_the_change_to_summer_time() {
        let mut winter = entry("0 9 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z");
        assert_eq!(plan(&mut winter, moment("2027-03-27T12:00:00Z"))[0].planned, moment("2027-03-27T08:00:00Z"));
        assert_eq!(plan(&mut winter, moment("2027-03-28T12:00:00Z"))[0].planned, moment("2027-03-28T07:00:00Z"));
    }
}
