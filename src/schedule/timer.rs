//! The one timer: sleeps until the next slot is due and hands out every slot, in time, late, or lost, and goes on when
//! the wall clock is set.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::schedule::clock::{Look, Step};
use crate::schedule::grid::Grid;

/// The longest sleep: after it the clocks are read again, so that a step of the wall clock does no lasting harm.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Slots of one target that are handed out one by one after a stall; more are told as one stretch.
pub(super) const CATCH_UP: usize = 10;

/// A planned start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    /// The planned start.
    pub(crate) planned: Timestamp,
    /// Which target.
    pub(crate) target: usize,
    /// The planned start after this one.
    pub(crate) next: Timestamp,
}

impl Slot {
    /// From this planned start to the next.
    pub(crate) fn every(&self) -> Duration {
        Duration::try_from(self.next.duration_since(self.planned)).unwrap_or_default()
    }

    fn is_late(&self, now: Timestamp) -> bool {
        Duration::try_from(now.duration_since(self.planned)).is_ok_and(|late| late > grace(self.every()))
    }
}

/// How late a run may still start: later, its result would tell of another moment than its slot.
pub(crate) fn grace(every: Duration) -> Duration {
    (every / 2).clamp(Duration::from_millis(100), Duration::from_secs(10))
}

/// Every slot of a target in a half-open stretch came too late, and there are many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Which target.
    pub(crate) target: usize,
    /// The first lost slot.
    pub(crate) from: Timestamp,
    /// The first slot that is not lost.
    pub(crate) until: Timestamp,
}

/// What a planner of slots hands to the timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Planned {
    /// A slot a little ahead, or one that is late.
    Slot(Slot),
    /// Slots that are too many to be told one by one.
    Lost(Lost),
}

/// What the timer has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Start now.
    Now(Slot),
    /// It came too late to be started.
    Late(Slot),
    /// Many came too late.
    Lost(Lost),
    /// The wall clock was set. Slots that come again after a step back are handed out again.
    Step(Step),
}

/// The grids of the targets that have one, by the target's number, and the slots that come next.
pub(crate) struct Timer {
    grids: Vec<Option<Grid>>,
    heap: BinaryHeap<Reverse<Slot>>,
}

impl Timer {
    /// A timer for targets with an interval; `None` for those whose slots a calendar plans.
    pub(crate) fn new(grids: impl Iterator<Item = Option<Grid>>, now: Timestamp) -> Self {
        let grids: Vec<_> = grids.collect();
        let heap = BinaryHeap::with_capacity(grids.len());
        let mut timer = Self { grids, heap };
        timer.plan(now);
        timer
    }

    /// Plans the first slot of each grid.
    fn plan(&mut self, now: Timestamp) {
        for (target, grid) in self.grids.iter().enumerate() {
            if let Some(grid) = grid {
                let planned = grid.after(now);
                self.heap.push(Reverse(Slot { planned, target, next: grid.after(planned) }));
            }
        }
    }

    /// Plans the grids anew after the clock was set back, for their slots would lie ahead by as much. The slots of
    /// calendars stay: their moments come once more, and their planner does the same.
    fn set_back(&mut self, now: Timestamp) {
        let grids = &self.grids;
        self.heap.retain(|Reverse(slot)| grids.get(slot.target).is_none_or(Option::is_none));
        self.plan(now);
    }

    /// Hands out slots until it is cancelled. `planner` brings the slots of calendars.
    pub(crate) async fn drive(
        mut self,
        mut planner: mpsc::Receiver<Planned>,
        cancel: CancellationToken,
        mut hand: impl FnMut(Due),
    ) {
        let mut planning = true;
        let mut last = Look::now();
        loop {
            let look = Look::now();
            if let Some(step) = look.step_since(&last) {
                if step.is_back() {
                    self.set_back(look.wall);
                }
                hand(Due::Step(step));
            }
            last = look;
            self.due(look.wall).into_iter().for_each(&mut hand);
            let sleep = tokio::time::sleep(self.pause(Timestamp::now()));
            tokio::select! {
                () = cancel.cancelled() => return,
                planned = planner.recv(), if planning => match planned {
                    Some(Planned::Slot(slot)) => self.heap.push(Reverse(slot)),
                    Some(Planned::Lost(lost)) => hand(Due::Lost(lost)),
                    None => planning = false,
                },
                () = sleep => (),
            }
        }
    }

    fn pause(&self, now: Timestamp) -> Duration {
        let next = self.heap.peek().map(|Reverse(slot)| slot.planned.duration_since(now));
        next.map_or(LONGEST_SLEEP, |left| Duration::try_from(left).unwrap_or_default().min(LONGEST_SLEEP))
    }

    /// Everything that is due at a moment; the next slot of each grid is planned from the slot, never from the moment.
    fn due(&mut self, now: Timestamp) -> Vec<Due> {
        let mut all = Vec::new();
        while let Some(Reverse(slot)) = self.heap.peek().copied().filter(|Reverse(slot)| slot.planned <= now) {
            // A slot that was planned again, since the clock was set back, is still one slot.
            while self.heap.peek() == Some(&Reverse(slot)) {
                self.heap.pop();
            }
            let Some(grid) = self.grids.get(slot.target).copied().flatten() else {
                all.push(if slot.is_late(now) { Due::Late(slot) } else { Due::Now(slot) });
                continue;
            };
            let mut slots = vec![slot];
            let mut last = slot;
            while last.next <= now && slots.len() < CATCH_UP {
                last = Slot { planned: last.next, next: grid.after(last.next), ..last };
                slots.push(last);
            }
            if last.next <= now {
                // The clock may have jumped by days: one stretch says as much as a million slots.
                let newest = grid.after(now);
                all.push(Due::Lost(Lost { target: slot.target, from: slot.planned, until: newest }));
                self.heap.push(Reverse(Slot { planned: newest, next: grid.after(newest), ..slot }));
                continue;
            }
            let (started, lost) = match slots.pop() {
                Some(newest) if !newest.is_late(now) => (Some(newest), slots),
                newest => (None, slots.into_iter().chain(newest).collect()),
            };
            all.extend(lost.into_iter().map(Due::Late));
            all.extend(started.map(Due::Now));
            self.heap.push(Reverse(Slot { planned: last.next, next: grid.after(last.next), ..last }));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(30);

    fn at(millisecond: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + millisecond).expect("in range")
    }

    fn timer() -> (Timer, Timestamp) {
        let grid = Grid::new("a", EVERY);
        (Timer::new(std::iter::once(Some(grid)), at(0)), grid.after(at(0)))
    }

    fn after(moment: Timestamp, seconds: i64) -> Timestamp {
        moment + jiff::SignedDuration::from_secs(seconds)
    }

    #[test]
    fn nothing_is_due_before_the_first_slot() {
        let (mut timer, first) = timer();
        assert_eq!(timer.due(at(0)), []);
        let due = timer.due(first);
        assert_eq!(due, [Due::Now(Slot { planned: first, target: 0, next: after(first, 30) })]);
        assert_eq!(timer.due(first), [], "a slot is handed out once");
    }

    #[test]
    fn a_slot_within_the_grace_is_started_and_the_next_keeps_its_place() {
        let (mut timer, first) = timer();
        assert!(matches!(timer.due(after(first, 4))[..], [Due::Now(slot)] if slot.planned == first));
        assert!(matches!(timer.due(after(first, 30))[..], [Due::Now(slot)] if slot.planned == after(first, 30)));
    }

    #[test]
    fn every_slot_of_a_short_stall_is_told_and_only_a_timely_one_is_started() {
        let (mut timer, first) = timer();
        let due = timer.due(after(first, 62));
        assert!(matches!(due[..], [Due::Late(a), Due::Late(b), Due::Now(c)]
            if a.planned == first && b.planned == after(first, 30) && c.planned == after(first, 60)));
        let due = timer.due(after(first, 101));
        assert!(
            matches!(due[..], [Due::Late(slot)] if slot.planned == after(first, 90)),
            "eleven seconds are too late"
        );
    }

    #[test]
    fn a_long_stall_is_told_as_one_stretch_that_ends_at_the_next_slot() {
        let (mut timer, first) = timer();
        let due = timer.due(after(first, 86_400 + 1));
        assert_eq!(due, [Due::Lost(Lost { target: 0, from: first, until: after(first, 86_430) })]);
        assert!(matches!(timer.due(after(first, 86_430))[..], [Due::Now(_)]));
    }

    #[test]
    fn a_slot_of_a_calendar_that_comes_late_is_told_and_not_started() {
        let (mut timer, first) = timer();
        let slot = Slot { planned: first, target: 1, next: after(first, 300) };
        timer.heap.clear();
        timer
            .heap
            .extend([Reverse(slot), Reverse(Slot { planned: after(first, 300), next: after(first, 600), ..slot })]);
        assert_eq!(
            timer.due(after(first, 305)),
            [Due::Late(slot), Due::Now(Slot { planned: after(first, 300), next: after(first, 600), ..slot })]
        );
    }

    #[test]
    fn a_clock_that_steps_back_repeats_no_slot() {
        let (mut timer, first) = timer();
        assert_eq!(timer.due(first).len(), 1);
        assert_eq!(timer.due(after(first, -3600)), []);
        assert_eq!(timer.due(first), []);
    }

    #[test]
    fn after_a_step_back_the_grid_goes_on_at_its_next_slot() {
        let (mut timer, first) = timer();
        timer.due(first);
        let now = after(first, -3600 - 1);
        timer.set_back(now);
        assert_eq!(timer.due(now), []);
        assert!(matches!(timer.due(after(first, -3600))[..], [Due::Now(slot)] if slot.planned == after(first, -3600)));
        assert!(matches!(timer.due(after(first, -3570))[..], [Due::Now(slot)] if slot.planned == after(first, -3570)));
    }

    #[test]
    fn a_slot_of_a_calendar_that_is_planned_again_after_a_step_back_is_one_slot() {
        let (mut timer, first) = timer();
        let slot = Slot { planned: after(first, 2), target: 1, next: after(first, 302) };
        timer.heap.clear();
        timer.heap.push(Reverse(slot));
        timer.set_back(after(first, -60));
        timer.heap.push(Reverse(slot));
        timer.heap.retain(|Reverse(slot)| slot.target == 1);
        assert_eq!(timer.due(after(first, 2)), [Due::Now(slot)]);
        assert_eq!(timer.due(after(first, 3)), []);
    }

    #[tokio::test]
    async fn a_cancelled_timer_ends() {
        let (timer, _) = timer();
        let (_planner, slots) = mpsc::channel(1);
        let cancel = CancellationToken::new();
        cancel.cancel();
        timer.drive(slots, cancel, |_| ()).await;
    }
}
