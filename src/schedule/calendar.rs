//! Plans the slots of cron expressions a little ahead; the timer starts them.
//!
//! tokio-cron-scheduler wakes the planner every second. Its own firing is up to half a second late and may drop a
//! tick under load, so it starts nothing itself: the planner hands slots out from a watermark, and a late or lost
//! tick only makes the next one hand out more. When the clock is set back it would not tick until the old time comes
//! again, so its job is made anew.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use croner::Cron;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_cron_scheduler::{Job, JobScheduler, JobSchedulerError};
use tracing::{error, warn};

use crate::schedule::timer::{CATCH_UP, Lost, Planned, Slot};

/// How far ahead slots are planned; more than two ticks, so that one may be lost.
const AHEAD: Duration = Duration::from_millis(2500);

/// Most slots that one tick plans for one target, late ones and those ahead; the next tick goes on from there.
const MOST: usize = 16;

/// A target, or a report, whose slots come from a cron expression.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) target: usize,
    pub(crate) expression: Cron,
    pub(crate) timezone: TimeZone,
    /// Slots up to here are planned.
    pub(crate) watermark: Timestamp,
}

/// A running planner.
pub(crate) struct Calendar {
    scheduler: JobScheduler,
    set_back: Arc<Notify>,
    again: JoinHandle<()>,
}

impl Calendar {
    /// Begins to plan.
    ///
    /// # Errors
    /// When the scheduler cannot be started.
    pub(crate) async fn start(entries: Vec<Entry>, slots: mpsc::Sender<Planned>) -> anyhow::Result<Self> {
        let entries = Arc::new(Mutex::new(entries));
        let scheduler = JobScheduler::new().await.context("the calendar cannot be made")?;
        let filled = async { scheduler.add(job(&entries, &slots)?).await };
        let mut ticks = filled.await.context("the calendar cannot be filled")?;
        scheduler.start().await.context("the calendar cannot be started")?;
        let set_back = Arc::new(Notify::new());
        let (watched, ticking) = (Arc::clone(&set_back), scheduler.clone());
        let again = tokio::spawn(async move {
            loop {
                watched.notified().await;
                rewind(&mut entries.lock().unwrap_or_else(PoisonError::into_inner), Timestamp::now());
                let renewed = async {
                    ticking.remove(&ticks).await?;
                    ticking.add(job(&entries, &slots)?).await
                };
                match renewed.await {
                    Ok(renewed) => ticks = renewed,
                    Err(failure) => error!("calendars rest until the clock is where it was: {failure}"),
                }
            }
        });
        Ok(Self { scheduler, set_back, again })
    }

    /// Goes on from the clock as it is, after it was set back.
    pub(crate) fn set_back(&self) {
        self.set_back.notify_one();
    }

    /// Ends the planning.
    pub(crate) async fn stop(mut self) {
        self.again.abort();
        if let Err(error) = self.scheduler.shutdown().await {
            warn!("the calendar did not stop cleanly: {error}");
        }
    }
}

/// What plans at every tick.
fn job(entries: &Arc<Mutex<Vec<Entry>>>, slots: &mpsc::Sender<Planned>) -> Result<Job, JobSchedulerError> {
    let (entries, slots) = (Arc::clone(entries), slots.clone());
    Job::new_async("* * * * * *", move |_, _| {
        let (entries, slots) = (Arc::clone(&entries), slots.clone());
        Box::pin(async move {
            let planned = plan(&mut entries.lock().unwrap_or_else(PoisonError::into_inner), Timestamp::now());
            for slot in planned {
                // The timer is gone only when the daemon stops.
                let _ = slots.send(slot).await;
            }
        })
    })
}

/// Takes the watermarks back to a clock that was set back: what lies after it has not been.
fn rewind(entries: &mut [Entry], now: Timestamp) {
    for entry in entries {
        entry.watermark = entry.watermark.min(now);
    }
}

/// The slots between each watermark and a little ahead of `now`; after a long stall, the stretch that was lost.
fn plan(entries: &mut [Entry], now: Timestamp) -> Vec<Planned> {
    let until = now.checked_add(AHEAD).unwrap_or(Timestamp::MAX);
    let mut slots = Vec::new();
    for Entry { target, expression, timezone, watermark } in entries {
        let after = |moment: Timestamp| {
            expression.iter_after(moment.to_zoned(timezone.clone())).map(|firing| firing.timestamp())
        };
        // The clock may have jumped by years: one stretch says as much as a million slots.
        let mut passed = after(*watermark).take_while(|planned| *planned <= now).take(CATCH_UP + 1);
        if let (Some(from), Some(_)) = (passed.next(), passed.nth(CATCH_UP - 1)) {
            let until = after(now).next().unwrap_or(Timestamp::MAX);
            slots.push(Planned::Lost(Lost { target: *target, from, until }));
            *watermark = now;
        }
        let mut firings = after(*watermark);
        let mut next = firings.next();
        for _ in 0..MOST {
            let Some(planned) = next.filter(|planned| *planned <= until) else { break };
            next = firings.next();
            slots.push(Planned::Slot(Slot { planned, target: *target, next: next.unwrap_or(Timestamp::MAX) }));
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

    /// The slots that a tick plans; what it gives up as lost must not be.
    fn slots(entries: &mut [Entry], now: &str) -> Vec<Slot> {
        let slot = |planned| match planned {
            Planned::Slot(slot) => slot,
            Planned::Lost(lost) => panic!("{lost:?}"),
        };
        plan(entries, moment(now)).into_iter().map(slot).collect()
    }

    #[test]
    fn every_slot_is_planned_once_however_late_the_ticks_come() {
        let mut entries = entry("* * * * *", "UTC", "2026-11-01T00:00:00Z");
        let mut planned = Vec::new();
        for tick in ["2026-11-01T00:00:57.9Z", "2026-11-01T00:00:58.4Z", "2026-11-01T00:03:10Z", "2026-11-01T00:03:10Z"]
        {
            planned.extend(slots(&mut entries, tick).into_iter().map(|slot| slot.planned.to_string()));
        }
        assert_eq!(planned, ["2026-11-01T00:01:00Z", "2026-11-01T00:02:00Z", "2026-11-01T00:03:00Z"]);
    }

    #[test]
    fn a_stall_of_ten_slots_is_caught_up_slot_by_slot() {
        let mut entries = entry("* * * * *", "UTC", "2026-11-01T00:00:00Z");
        let planned = slots(&mut entries, "2026-11-01T00:10:30Z");
        assert_eq!(planned.len(), 10);
        assert!(planned.windows(2).all(|pair| pair[0].next == pair[1].planned));
    }

    #[test]
    fn a_stall_of_years_is_told_as_one_stretch_and_the_next_slot_follows() {
        let mut entries = entry("* * * * *", "UTC", "1970-01-01T00:00:00Z");
        let (from, until) = (moment("1970-01-01T00:01:00Z"), moment("2026-11-01T00:01:00Z"));
        let lost = Planned::Lost(Lost { target: 7, from, until });
        assert_eq!(plan(&mut entries, moment("2026-11-01T00:00:30Z")), [lost]);
        let next = slots(&mut entries, "2026-11-01T00:00:59Z");
        assert_eq!(next.iter().map(|slot| slot.planned).collect::<Vec<_>>(), [until]);
    }

    #[test]
    fn slots_that_come_again_after_a_step_back_are_planned_again() {
        let mut entries = entry("* * * * *", "UTC", "2026-11-01T01:00:00Z");
        assert_eq!(slots(&mut entries, "2026-11-01T00:00:59Z"), []);
        rewind(&mut entries, moment("2026-11-01T00:00:59Z"));
        let planned = slots(&mut entries, "2026-11-01T00:00:59Z");
        assert_eq!(planned[0].planned, moment("2026-11-01T00:01:00Z"));
    }

    #[test]
    fn a_slot_knows_the_one_after_it() {
        let mut entries = entry("*/5 * * * *", "UTC", "2026-11-01T00:00:00Z");
        let slots = slots(&mut entries, "2026-11-01T00:05:00Z");
        assert_eq!(slots.len(), 1);
        assert_eq!(slots[0].next, moment("2026-11-01T00:10:00Z"));
        assert_eq!(slots[0].target, 7);
    }

    #[test]
    fn nine_in_berlin_is_nine_in_berlin_on_both_sides_of_the_change_to_summer_time() {
        let mut winter = entry("0 9 * * *", "Europe/Berlin", "2027-03-27T00:00:00Z");
        assert_eq!(slots(&mut winter, "2027-03-27T12:00:00Z")[0].planned, moment("2027-03-27T08:00:00Z"));
        assert_eq!(slots(&mut winter, "2027-03-28T12:00:00Z")[0].planned, moment("2027-03-28T07:00:00Z"));
    }
}
