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

/// Most slots that one tick plans for one target.
const MOST: usize = 16;

/// A target whose slots come from a cron expression.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) target: usize,
    pub(crate) expression: Cron,
    pub(crate) timezone: TimeZone,
}

/// Plans up to a watermark.
struct Planner {
    entries: Vec<Entry>,
    watermark: Timestamp,
}

/// A running planner.
pub(crate) struct Calendar(JobScheduler);

impl Calendar {
    /// Begins to plan; slots before `now` are past.
    ///
    /// # Errors
    /// When the scheduler cannot be started.
    pub(crate) async fn start(entries: Vec<Entry>, now: Timestamp, slots: mpsc::Sender<Slot>) -> anyhow::Result<Self> {
        let planner = Arc::new(Mutex::new(Planner { entries, watermark: now }));
        let scheduler = JobScheduler::new().await.context("the calendar cannot be made")?;
        let job = Job::new_async("* * * * * *", move |_, _| {
            let (planner, slots) = (Arc::clone(&planner), slots.clone());
            Box::pin(async move {
                let planned = planner.lock().unwrap_or_else(PoisonError::into_inner).plan(Timestamp::now());
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

impl Planner {
    /// The slots between the watermark and a little ahead of `now`.
    fn plan(&mut self, now: Timestamp) -> Vec<Slot> {
        let until = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
        let from = self.watermark;
        self.watermark = until.max(from);
        let mut slots = Vec::new();
        for Entry { target, expression, timezone } in &self.entries {
            let mut firings = expression.iter_after(from.to_zoned(timezone.clone())).map(|firing| firing.timestamp());
            let mut planned = firings.next();
            for _ in 0..MOST {
                let Some(this) = planned.filter(|planned| *planned <= until) else { break };
                planned = firings.next();
                slots.push(Slot { planned: this, target: *target, next: planned.unwrap_or(Timestamp::MAX) });
            }
        }
        slots
    }
}

#[cfg(test)]
mod tests {
    use croner::parser::{CronParser, Seconds};

    use super::*;

    fn planner(expression: &str, zone: &str, from: &str) -> Planner {
        let expression =
            CronParser::builder().seconds(Seconds::Optional).build().parse(expression).expect("an expression");
        let timezone = TimeZone::get(zone).expect("a zone");
        Planner { entries: vec![Entry { target: 7, expression, timezone }], watermark: moment(from) }
    }

    fn moment(text: &str) -> Timestamp {
        text.parse().expect("a moment")
    }

    #[test]
    fn every_slot_is_planned_once_however_late_the_ticks_come() {
        let mut planner = planner("* * * * *", "UTC", "2026-11-01T00:00:00Z");
        let mut planned = Vec::new();
        for tick in ["2026-11-01T00:00:57.9Z", "2026-11-01T00:00:58.4Z", "2026-11-01T00:03:10Z", "2026-11-01T00:03:10Z"]
        {
            planned.extend(planner.plan(moment(tick)).into_iter().map(|slot| slot.planned.to_string()));
        }
        assert_eq!(planned, ["2026-11-01T00:01:00Z", "2026-11-01T00:02:00Z", "2026-11-01T00:03:00Z"]);
    }

    #[test]
    fn a_slot_knows_the_one_after_it() {
        let mut planner = planner("*/5 * * * *", "UTC", "2026-11-01T00:00:00Z");
        let slots = planner.plan(moment("2026-11-01T00:05:00Z"));
        assert_eq!(slots.len(), 1);
        assert_eq!(slots[0].next, moment("2026-11-01T00:10:00Z"));
        assert_eq!(slots[0].target, 7);
    }

    #[test]
    fn nine_in_berlin_is_nine_in_berlin_on_both_sides_of_the_change_to_summer_time() {
        let mut winter = planner("0 9 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z");
        assert_eq!(winter.plan(moment("2027-03-27T12:00:00Z"))[0].planned, moment("2027-03-27T08:00:00Z"));
        assert_eq!(winter.plan(moment("2027-03-28T12:00:00Z"))[0].planned, moment("2027-03-28T07:00:00Z"));
    }
}
