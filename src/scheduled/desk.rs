//! The one task that writes scheduled reports: one at a time, each within a limit, again later when it failed.

use std::future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::schedule::timer::Planned;
use crate::scheduled::counts::Counts;
use crate::scheduled::destination;
use crate::scheduled::record::{Record, Written};
use crate::scheduled::settings::{Destination, Report};
use crate::scheduled::work::{Done, Work};

/// A report that takes longer counts as failed. It cannot be taken from its thread, so no other begins before it ends.
const LIMIT: Duration = Duration::from_mins(10);

/// Pause after the first failure; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// What is to be written, what is being written, and what was.
pub(super) struct Desk {
    work: Arc<Work>,
    record: Record,
    counts: Arc<Counts>,
    /// The next ones of each report: the calendar plans a little ahead.
    pending: Vec<Vec<Pending>>,
    running: Option<Running>,
}

/// A report to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pending {
    slot: Timestamp,
    at: Instant,
    failures: u32,
    /// Whether it was planned while nothing ran.
    missed: bool,
}

/// A report that is being written.
struct Running {
    report: usize,
    pending: Pending,
    /// When it counts as failed; none when that was told.
    limit: Option<Instant>,
    task: JoinHandle<anyhow::Result<Done>>,
}

/// What becomes of the report that is being written.
enum Event {
    Ended(anyhow::Result<Done>),
    Overdue,
}

impl Desk {
    /// A desk on which the newest one of each report lies that was missed before `now`.
    pub(super) fn new(work: Work, mut record: Record, counts: Arc<Counts>, now: Timestamp) -> Self {
        let names: Vec<&str> = work.reports.iter().map(|report| report.name.as_str()).collect();
        record.retain(&names);
        let mut pending = Vec::new();
        for report in &work.reports {
            destination::sweep(report);
            let known = record.of(&report.name, now);
            counts.note(&report.name, |counted| counted.written_at = known.written_at);
            let missed = report.newest(known.slot, now);
            if let Some(slot) = missed {
                info!(
                    "report `{}` of {slot} was missed while authprobe was not running, and is written now",
                    report.name
                );
            }
            let missed = missed.map(|slot| Pending { slot, at: Instant::now(), failures: 0, missed: true });
            pending.push(missed.into_iter().collect());
        }
        let desk = Self { work: Arc::new(work), record, counts, pending, running: None };
        desk.save();
        desk
    }

    /// Writes reports until `stop`, and then the one under way.
    pub(super) async fn work(mut self, mut planned: mpsc::Receiver<Planned>, stop: CancellationToken) {
        loop {
            let idle = self.running.is_none();
            let next = self.pending.iter().flatten().map(|pending| pending.at).min().filter(|_| idle);
            tokio::select! {
                () = stop.cancelled() => break,
                one = planned.recv() => match one {
                    Some(one) => self.plan(one),
                    None => break,
                },
                () = at(next) => self.begin(),
                event = happens(&mut self.running) => self.take(event),
            }
        }
        while let Some(running) = &mut self.running {
            running.limit = None;
            let event = happens(&mut self.running).await;
            self.take(event);
        }
    }

    /// Puts a planned report on the desk.
    fn plan(&mut self, planned: Planned) {
        let (report, slot) = match planned {
            Planned::Slot(slot) => (slot.target, Some(slot.planned)),
            Planned::Lost(lost) => {
                let before = |report: &Arc<Report>| {
                    report.newest(Timestamp::MIN, lost.until.checked_sub(Duration::from_nanos(1)).ok()?)
                };
                (lost.target, self.work.reports.get(lost.target).and_then(before))
            }
        };
        let (Some(slot), Some(settings)) = (slot, self.work.reports.get(report)) else { return };
        let now = Timestamp::now();
        // After the clock was set back, the last moment may come again.
        if self.record.of(&settings.name, now).slot == slot {
            return;
        }
        let wait = Duration::try_from(slot.duration_since(now)).unwrap_or_default();
        let pending = Pending { slot, at: Instant::now() + wait, failures: 0, missed: false };
        if let Some(pendings) = self.pending.get_mut(report) {
            pendings.push(pending);
        }
        self.make_room(report);
    }

    /// Takes those from the desk that a newer one of the same report makes superfluous.
    fn make_room(&mut self, report: usize) {
        let (Some(pendings), Some(settings)) = (self.pending.get_mut(report), self.work.reports.get(report)) else {
            return;
        };
        for old in superseded(pendings, Instant::now()) {
            self.counts.note(&settings.name, |counted| counted.skipped += 1);
            warn!("report `{}` of {} was not written before the next one came", settings.name, old.slot);
        }
    }

    /// Begins with the report that is due first.
    fn begin(&mut self) {
        let first = |(report, pendings): (usize, &Vec<Pending>)| {
            pendings.iter().min_by_key(|pending| pending.at).map(|pending| (pending.at, report))
        };
        let Some((_, report)) = self.pending.iter().enumerate().filter_map(first).min() else { return };
        self.make_room(report);
        let Some(pendings) = self.pending.get_mut(report) else { return };
        let first = pendings.iter().enumerate().min_by_key(|(_, pending)| pending.at).map(|(index, _)| index);
        let Some(pending) = first.map(|index| pendings.remove(index)) else { return };
        let Some(settings) = self.work.reports.get(report).map(Arc::clone) else { return };
        let work = Arc::clone(&self.work);
        let task = tokio::spawn(async move {
            let of_disk = Arc::clone(&settings);
            let made = tokio::task::spawn_blocking(move || work.write(&of_disk, pending.slot)).await??;
            made.finish(&settings, pending.slot).await
        });
        self.running = Some(Running { report, pending, limit: Some(Instant::now() + LIMIT), task });
    }

    /// Takes note of what became of the report that is being written.
    fn take(&mut self, event: Event) {
        let Some(running) = &mut self.running else { return };
        let (report, pending) = (running.report, running.pending);
        let told = running.limit.is_none();
        let Some(settings) = self.work.reports.get(report) else { return };
        let (name, slot) = (&settings.name, pending.slot);
        let done = match event {
            Event::Overdue => {
                running.limit = None;
                self.counts.note(name, |counted| counted.failed += 1);
                warn!("report `{name}` of {slot} takes longer than {LIMIT:?}; no other begins before it ends");
                return;
            }
            Event::Ended(ended) => {
                self.running = None;
                ended
            }
        };
        match done {
            Ok(done) => {
                let now = Timestamp::now();
                self.counts.note(name, |counted| {
                    counted.written += 1;
                    counted.caught_up += u64::from(pending.missed);
                    counted.written_at = Some(now);
                });
                info!(report.name = %name, "report `{name}` of {slot} {done}");
                let known = self.record.of(name, slot);
                known.slot = slot;
                known.written_at = Some(now);
                match (&settings.destination, done) {
                    (Destination::Directory { keep: Some(keep), .. }, Done::Own(path)) => {
                        known.files.retain(|file| file.path != path);
                        known.files.push(Written { path, slot });
                        destination::tidy(&mut known.files, *keep, now);
                    }
                    (Destination::Directory { .. } | Destination::File(_) | Destination::Webhook(_), _) => {
                        known.files.clear();
                    }
                }
                self.save();
            }
            Err(error) => {
                if !told {
                    self.counts.note(name, |counted| counted.failed += 1);
                }
                let failures = pending.failures.saturating_add(1);
                let pause = pause(failures);
                if pending.failures == 0 && !told {
                    warn!(report.name = %name, "report `{name}` of {slot} failed and is tried again: {error:#}");
                } else {
                    debug!("report `{name}` of {slot} failed {failures} times, next attempt in {pause:?}: {error:#}");
                }
                if let Some(pendings) = self.pending.get_mut(report) {
                    pendings.push(Pending { at: Instant::now() + pause, failures, ..pending });
                }
                self.make_room(report);
            }
        }
    }

    fn save(&self) {
        if let Err(error) = self.record.save() {
            warn!("after the next start a report may be written again: {error:#}");
        }
    }
}

/// Takes out those that are older than the newest one that is due.
fn superseded(pendings: &mut Vec<Pending>, now: Instant) -> Vec<Pending> {
    let newest = pendings.iter().filter(|pending| pending.at <= now).map(|pending| pending.slot).max();
    let Some(newest) = newest else { return Vec::new() };
    pendings.extract_if(.., |pending| pending.slot < newest).collect()
}

/// Pause before the attempt after so many failures.
fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE)
}

/// Ends at a moment; never where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => future::pending().await,
    }
}

/// Waits for what becomes of the report that is being written; for ever where there is none.
async fn happens(running: &mut Option<Running>) -> Event {
    let Some(Running { limit, task, .. }) = running else { return future::pending().await };
    tokio::select! {
        ended = task => Event::Ended(ended.unwrap_or_else(|error| Err(error.into()))),
        () = at(*limit) => Event::Overdue,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_an_hour() {
        let pauses: Vec<u64> = [1, 2, 3, 10, 11, 100].map(|failures| pause(failures).as_secs()).into();
        assert_eq!(pauses, [5, 10, 20, 2560, 3600, 3600]);
    }

    #[test]
    fn only_the_newest_that_is_due_stays_with_those_that_are_planned_ahead() {
        let now = Instant::now();
        let pending = |second: i64, wait: u64, failures| Pending {
            slot: Timestamp::from_second(second).unwrap(),
            at: now + Duration::from_secs(wait),
            failures,
            missed: false,
        };
        let mut ahead = vec![pending(7, 1, 0), pending(8, 2, 0)];
        assert_eq!(superseded(&mut ahead, now), []);
        assert_eq!(ahead.len(), 2, "what is planned ahead waits for its time");
        let mut some = vec![pending(5, 60, 3), pending(6, 0, 0), pending(7, 0, 0), pending(8, 1, 0)];
        assert_eq!(superseded(&mut some, now), [pending(5, 60, 3), pending(6, 0, 0)]);
        assert_eq!(some, [pending(7, 0, 0), pending(8, 1, 0)]);
    }
}
