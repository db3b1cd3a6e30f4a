//! Finds single results in the store: page by page, and never more than somebody waits for.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;

use jiff::{SignedDuration, Timestamp};
use storage::record::{Outcome, ProbeResult};
use storage::sqlite::reader::failures::Failure;
use storage::sqlite::reader::{Series, SeriesKey};
use storage::window::Window;
use tokio::time::Instant;

use crate::web::desk::{Asked, Unanswered};

/// Series up to this number are read one by one; more are read together.
const FEW: usize = 8;
/// Series that are read one by one where their newest results are all that is wanted.
const MANY: usize = 250;
/// The first stretch that is looked at when the newest results are wanted; each further one is twice as long.
const FIRST: SignedDuration = SignedDuration::from_mins(10);

/// Which results are wanted; what is absent matches all.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// Name of the target.
    pub(super) target: Option<String>,
    /// Name of the probe.
    pub(super) probe: Option<String>,
    /// The prober.
    pub(super) agent: Option<String>,
    /// How they ended.
    pub(super) outcome: Option<Outcome>,
}

/// Where a page of results ends and the next begins: a moment, and how many of it were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    time_ms: i64,
    given: usize,
}

/// Results, and what is behind them.
pub(super) struct Page {
    /// The results by time.
    pub(super) results: Vec<ProbeResult>,
    /// Where further ones are looked for; none where there are none.
    pub(super) next: Option<Cursor>,
}

impl Filter {
    fn takes(&self, key: &SeriesKey) -> bool {
        let matches = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        matches(&self.target, &key.target) && matches(&self.probe, &key.probe) && matches(&self.agent, &key.agent)
    }

    fn takes_result(&self, result: &ProbeResult) -> bool {
        let matches = |wanted: &Option<String>, name: &str| wanted.as_ref().is_none_or(|wanted| wanted == name);
        self.outcome.is_none_or(|outcome| outcome == result.outcome)
            && matches(&self.target, &result.target)
            && matches(&self.probe, &result.probe)
            && matches(&self.agent, &result.agent)
    }
}

impl Cursor {
    /// As it is written.
    pub(super) fn text(self) -> String {
        format!("{}-{}", self.time_ms, self.given)
    }

    /// A cursor that was written.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (time_ms, given) = text.rsplit_once('-')?;
        Some(Self { time_ms: time_ms.parse().ok()?, given: given.parse().ok()? })
    }
}

/// The first results of a window, the earliest first, from a cursor on.
///
/// # Errors
/// When the store cannot be read, or the cursor lies outside of time.
pub(super) fn earliest(
    asked: &Asked<'_>,
    filter: &Filter,
    mut window: Window,
    cursor: Option<Cursor>,
    limit: usize,
) -> Result<Page, Unanswered> {
    if let Some(Cursor { time_ms, .. }) = cursor {
        let at = Timestamp::from_millisecond(time_ms);
        window.from = at.map_err(|_| Unanswered::Wrong("`cursor` is none that was given".into()))?.max(window.from);
        if window.from >= window.until {
            return Ok(Page { results: Vec::new(), next: None });
        }
    }
    let mut skip = cursor.map_or(0, |cursor| cursor.given);
    let mut page = Page { results: Vec::new(), next: None };
    let (mut at_ms, mut at_count) = (i64::MIN, 0);
    asked.reader.results_by_time(Some(window), |result| {
        let time_ms = result.time.as_millisecond();
        if page.results.len() == limit || Instant::now() >= asked.deadline {
            let given = if at_ms == time_ms { at_count } else { 0 };
            page.next = Some(Cursor { time_ms, given });
            return ControlFlow::Break(());
        }
        if !filter.takes_result(&result) {
            return ControlFlow::Continue(());
        }
        let first = cursor.is_some_and(|cursor| cursor.time_ms == time_ms);
        if at_ms != time_ms {
            (at_ms, at_count) = (time_ms, 0);
        }
        at_count += 1;
        if first && skip > 0 {
            skip -= 1;
        } else {
            page.results.push(result);
        }
        ControlFlow::Continue(())
    })?;
    Ok(page)
}

/// The last results of a window, the newest first, and the end of the window that holds those before them.
///
/// # Errors
/// When the store cannot be read.
pub(super) fn newest(
    asked: &Asked<'_>,
    filter: &Filter,
    window: Window,
    limit: usize,
) -> Result<(Vec<ProbeResult>, Option<Timestamp>), Unanswered> {
    let mut series = asked.reader.series()?;
    let all = series.len();
    series.retain(|series| filter.takes(&series.key()));
    if let Some(outcome) = filter.outcome.filter(|outcome| *outcome != Outcome::Success) {
        let some = (series.len() < all).then_some(series.as_slice());
        return Ok(whole(failed(asked, &series, some, outcome, window, limit + 1)?, limit));
    }
    let Some(last) = series.iter().map(|series| series.last).max() else { return Ok((Vec::new(), None)) };
    let first = series.iter().map(|series| series.first).min().unwrap_or(last);
    let behind = last.checked_add(SignedDuration::from_millis(1)).unwrap_or(Timestamp::MAX);
    let (mut until, from) = (window.until.min(behind), window.from.max(first));
    let keys: Vec<SeriesKey> = series.iter().map(Series::key).collect();
    let mut found: Vec<ProbeResult> = Vec::new();
    let mut length = FIRST;
    if keys.len() > FEW && until == behind {
        let (last, newest) = latest(series, limit + 1);
        let begin = last.max(from);
        if newest.len() <= MANY && begin < until {
            found
                .extend(read_each(asked, filter, &newest, Window { from: begin, until }, limit + 1)?.into_iter().rev());
            until = begin;
        }
    }
    while found.len() <= limit && from < until {
        let begin = until.checked_sub(length).unwrap_or(Timestamp::MIN).max(from);
        let part = read(asked, filter, &keys, Window { from: begin, until }, limit + 1 - found.len())?;
        found.extend(part.into_iter().rev());
        if Instant::now() >= asked.deadline {
            return Ok((found, Some(begin)));
        }
        until = begin;
        length = length.checked_mul(2).unwrap_or(length);
    }
    Ok(whole(found, limit))
}

/// The last results that ended so, by the list of those that did not succeed.
fn failed(
    asked: &Asked<'_>,
    series: &[Series],
    some: Option<&[Series]>,
    outcome: Outcome,
    window: Window,
    limit: usize,
) -> Result<Vec<ProbeResult>, Unanswered> {
    let keys: Option<Vec<SeriesKey>> = some.map(|some| some.iter().map(Series::key).collect());
    let of: HashMap<SeriesKey, &Series> = series.iter().map(|series| (series.key(), series)).collect();
    let failures = asked.reader.last_failures(keys.as_deref(), Some(outcome), window, limit)?;
    let result = |Failure { time, series, outcome, reason, status, took_us, detail }: Failure| {
        let known = of.get(&*series)?;
        let SeriesKey { target, probe, agent } = series.as_ref().clone();
        let (kind, expect, variant, every_s) = (known.kind, known.expect, known.variant, known.every_s);
        Some(ProbeResult {
            time,
            target,
            probe,
            agent,
            kind,
            expect,
            variant,
            outcome,
            reason,
            status,
            took_us,
            phases_us: None,
            every_s,
            detail,
        })
    };
    Ok(failures.into_iter().filter_map(result).collect())
}

/// One page out of results of which there is one too many where there are more.
fn whole(mut found: Vec<ProbeResult>, limit: usize) -> (Vec<ProbeResult>, Option<Timestamp>) {
    if found.len() <= limit {
        return (found, None);
    }
    // The page ends where a moment begins, so that the next one has all of the moments before it.
    let border = found.last().map(|result| result.time);
    let whole = found.iter().take_while(|result| Some(result.time) != border).count();
    found.truncate(if whole == 0 { limit } else { whole });
    let next = found.last().map(|result| result.time);
    (found, next)
}

/// The series of which the newest results are, and the moment from which on those of them are the newest of all: each has
/// one since then.
fn latest(mut series: Vec<Series>, count: usize) -> (Timestamp, Vec<SeriesKey>) {
    series.sort_by_key(|series| Reverse(series.last));
    let since = series.get(count - 1).or(series.last()).map_or(Timestamp::MIN, |series| series.last);
    let newest = series.iter().take_while(|series| series.last >= since);
    (since, newest.map(Series::key).collect())
}

/// The last results of a stretch by time, as many as there is room for.
fn read(
    asked: &Asked<'_>,
    filter: &Filter,
    keys: &[SeriesKey],
    window: Window,
    room: usize,
) -> Result<Vec<ProbeResult>, Unanswered> {
    if keys.len() > FEW {
        let mut part = VecDeque::new();
        asked.reader.results_by_time(Some(window), |result| keep(asked, filter, room, &mut part, result))?;
        return Ok(part.into());
    }
    read_each(asked, filter, keys, window, room)
}

/// The same of each series on its own, which is much less than all; they are put in order afterwards.
fn read_each(
    asked: &Asked<'_>,
    filter: &Filter,
    keys: &[SeriesKey],
    window: Window,
    room: usize,
) -> Result<Vec<ProbeResult>, Unanswered> {
    let (mut part, mut all) = (VecDeque::new(), Vec::new());
    for key in keys {
        asked.reader.results(Some(key), Some(window), |result| keep(asked, filter, room, &mut part, result))?;
        all.extend(part.drain(..));
    }
    all.sort_by(|a, b| (a.time, &a.target, &a.probe, &a.agent).cmp(&(b.time, &b.target, &b.probe, &b.agent)));
    let spare = all.len().saturating_sub(room);
    Ok(all.split_off(spare))
}

/// Keeps a result that is wanted, and of more than there is room for the last.
fn keep(
    asked: &Asked<'_>,
    filter: &Filter,
    room: usize,
    part: &mut VecDeque<ProbeResult>,
    result: ProbeResult,
) -> ControlFlow<()> {
    if filter.takes_result(&result) {
        if part.len() == room {
            part.pop_front();
        }
        part.push_back(result);
    }
    if Instant::now() < asked.deadline { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
}

#[cfg(test)]
mod tests {
    use storage::record::{Expect, ProbeKind, Variant};

    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for cursor in [Cursor { time_ms: 1_790_000_000_000, given: 3 }, Cursor { time_ms: -5, given: 0 }] {
            assert_eq!(Cursor::read(&cursor.text()), Some(cursor));
        }
        for text in ["", "-", "1", "x-1", "1-x", "1--1"] {
            assert_eq!(Cursor::read(text), None, "{text}");
        }
    }

    #[test]
    fn the_newest_results_are_of_the_series_that_ended_last() {
        let series = |number: i64| Series {
            target: number.to_string(),
            probe: "login".into(),
            agent: "local".into(),
            kind: ProbeKind::Login,
            expect: Expect::Allow,
            variant: Variant::Valid,
            first: Timestamp::UNIX_EPOCH,
            // Two end at each moment.
            last: Timestamp::from_second(number / 2).unwrap(),
            every_s: None,
            count: 1,
        };
        let names = |count| {
            let (since, keys) = latest((0..20).map(series).collect(), count);
            (since.as_second(), keys.iter().map(|key| key.target.parse::<i64>().unwrap()).sum::<i64>())
        };
        assert_eq!(names(2), (9, 19 + 18));
        assert_eq!(names(3), (8, 19 + 18 + 17 + 16));
        assert_eq!(names(100), (0, 190));
        assert_eq!(latest(Vec::new(), 3), (Timestamp::MIN, Vec::new()));
    }
}
