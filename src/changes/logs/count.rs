//! Counts the lines of a log that match, window by window, and tells what is unusual as changes.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use probes::redact;
use regex::bytes::RegexSet;
use storage::record::{Change, ChangeKind};

use crate::changes::Context;
use crate::changes::logs::burst::Usual;
use crate::changes::logs::{Settings, WINDOW};
use crate::credentials::Keeper;

/// Longest quotation of a line, in characters.
const LONGEST_SAMPLE: usize = 200;

/// Counts the lines of one log.
pub(super) struct Counter {
    /// `Log/PATH`.
    log: String,
    set: RegexSet,
    counts: Vec<Count>,
    window: SignedDuration,
    /// Begin of the window.
    from: Timestamp,
    samples: usize,
    targets: Vec<String>,
    keeper: Arc<Keeper>,
}

/// What is known of one pattern.
struct Count {
    name: String,
    usual: Usual,
    /// Lines in this window.
    lines: u64,
    /// Some of them, redacted.
    samples: Vec<String>,
    /// Lines when time was last looked at.
    before: u64,
    burst: Option<Burst>,
}

/// A stretch with more lines than usual.
struct Burst {
    id: String,
    /// Between these moments it began.
    lo: Timestamp,
    hi: Timestamp,
    /// When a line was last read.
    last: Timestamp,
    /// Lines in the windows that are over.
    lines: u64,
    /// Lines when it was last told.
    told: u64,
    samples: Vec<String>,
}

impl Counter {
    /// Counts for the patterns of `set`, which have these names.
    pub(super) fn new(
        log: String,
        names: impl Iterator<Item = String>,
        set: RegexSet,
        settings: &Settings,
        context: &Context,
    ) -> Self {
        let count =
            |name| Count { name, usual: Usual::default(), lines: 0, samples: Vec::new(), before: 0, burst: None };
        Self {
            log,
            set,
            counts: names.map(count).collect(),
            window: SignedDuration::try_from(settings.window.unwrap_or(WINDOW)).unwrap_or(SignedDuration::MAX),
            from: Timestamp::now(),
            samples: settings.samples.into(),
            targets: settings.targets.clone(),
            keeper: Arc::clone(&context.keeper),
        }
    }

    /// Counts a line.
    pub(super) fn line(&mut self, line: &[u8]) {
        for index in self.set.matches(line) {
            let Some(count) = self.counts.get_mut(index) else { continue };
            count.lines += 1;
            if count.samples.len() < self.samples {
                count.samples.push(sample(line, &self.keeper));
            }
        }
    }

    /// Every line between two moments was counted. Gives what is unusual, or no longer is.
    pub(super) fn pass(&mut self, since: Timestamp, now: Timestamp) -> Vec<Change> {
        // A clock that was set back begins a new window.
        let over = now.duration_since(self.from) >= self.window || now < self.from;
        let mut changes = Vec::new();
        for count in &mut self.counts {
            let object = format!("{}/{}", self.log, count.name);
            if count.burst.is_none() && count.usual.is_exceeded_by(count.lines) {
                let id = format!("logs-{}", self.keeper.print(&format!("{object}\n{since}")));
                let samples = count.samples.clone();
                // Lines that came before this look may be of the burst too: it began at any time in this window.
                let lo = if count.before > 0 { self.from } else { since }.min(now);
                count.burst = Some(Burst { id, lo, hi: now, last: now, lines: 0, told: 0, samples });
            }
            if let Some(burst) = count.burst.as_mut().filter(|_| count.lines > count.before) {
                burst.last = now.max(burst.hi);
            }
            count.before = count.lines;
            let lines = count.lines;
            let goes_on = !over || count.end_window();
            let Some(burst) = &mut count.burst else { continue };
            let all = burst.lines + if over { 0 } else { lines };
            // It is told when it begins, at the end of each of its windows, and when it ends.
            if burst.told == 0 || (over && burst.told != all) || !goes_on {
                burst.told = all;
                let until = (!goes_on).then_some(burst.last);
                changes.push(burst.change(&object, &count.name, all, until, now, &self.targets));
            }
            if !goes_on {
                count.burst = None;
            }
        }
        if over {
            self.from = now;
        }
        changes
    }

    /// Nothing could be read: the window begins anew, for a log that is not seen is not quiet.
    pub(super) fn blind(&mut self, now: Timestamp) {
        self.from = now;
    }

    /// What goes on at the end, as far as it was counted.
    pub(super) fn finish(&self, now: Timestamp) -> Vec<Change> {
        let going_on = self.counts.iter().filter_map(|count| Some((count, count.burst.as_ref()?)));
        going_on
            .map(|(count, burst)| {
                let object = format!("{}/{}", self.log, count.name);
                burst.change(&object, &count.name, burst.lines + count.lines, None, now, &self.targets)
            })
            .collect()
    }
}

impl Count {
    /// Begins a new window. Gives whether the one that is over was unusual.
    fn end_window(&mut self) -> bool {
        let unusual = self.usual.window(self.lines);
        if let Some(burst) = &mut self.burst {
            burst.lines += self.lines;
        }
        self.lines = 0;
        self.before = 0;
        self.samples.clear();
        unusual
    }
}

impl Burst {
    fn change(
        &self,
        object: &str,
        name: &str,
        lines: u64,
        until: Option<Timestamp>,
        now: Timestamp,
        targets: &[String],
    ) -> Change {
        let end = until.unwrap_or(now);
        let took = end.duration_since(self.lo).as_secs().max(1);
        let matches = if lines == 1 { "line matches" } else { "lines match" };
        let quoted: Vec<String> = self.samples.iter().map(|sample| format!("`{sample}`")).collect();
        let samples = if quoted.is_empty() { String::new() } else { format!("; as in: {}", quoted.join(", ")) };
        Change {
            id: self.id.clone(),
            time_lo: Some(self.lo),
            time_hi: Some(self.hi),
            until,
            kind: ChangeKind::Note,
            object: object.to_owned(),
            targets: targets.to_vec(),
            summary: format!("{lines} {matches} {name} in {took} s{samples}"),
            ..Change::default()
        }
    }
}

/// A line as it may be kept: without what looks like a secret or a person, on one line, of bounded length.
fn sample(line: &[u8], keeper: &Keeper) -> String {
    let known = keeper.values();
    let known: Vec<&str> = known.iter().map(|value| value.expose()).collect();
    let text = redact::line(&String::from_utf8_lossy(line), &known);
    let plain = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    let mut short: String = plain.take(LONGEST_SAMPLE + 1).collect();
    if let Some((cut, _)) =
        short.char_indices().nth(LONGEST_SAMPLE - 1).filter(|_| short.chars().count() > LONGEST_SAMPLE)
    {
        short.truncate(cut);
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::changes::logs::compile;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    /// A counter of windows of a minute that has seen a quiet one.
    fn counter(samples: u8) -> Counter {
        let settings: Settings = serde_json::from_value(serde_json::json!({"samples": samples})).unwrap();
        let keeper = Keeper::new(b"a key of a test").into();
        let (records, stop) = (mpsc::channel(1).0, CancellationToken::new());
        let context = Context { records, keeper, blind: Arc::default(), since: None, feeds: Arc::default(), stop };
        let set = compile(["refused"].into_iter()).unwrap();
        let counter = Counter::new("Log/app.log".into(), ["no".to_owned()].into_iter(), set, &settings, &context);
        let mut counter = Counter { from: at(-60), ..counter };
        assert_eq!(counter.pass(at(-1), at(0)), []);
        counter
    }

    fn lines(counter: &mut Counter, line: &str, count: usize) {
        (0..count).for_each(|_| counter.line(line.as_bytes()));
    }

    #[test]
    fn a_burst_is_told_at_once_at_each_window_and_when_it_ends() {
        let mut counter = counter(1);
        assert_eq!(counter.pass(at(0), at(1)), []);
        lines(&mut counter, "refused me@example.com", 3);
        let begun = counter.pass(at(1), at(2));
        let [change] = begun.as_slice() else { panic!("{begun:?}") };
        assert_eq!((change.time_lo, change.time_hi, change.until), (Some(at(1)), Some(at(2)), None));
        assert_eq!(change.summary, "3 lines match no in 1 s; as in: `refused <redacted>`");
        assert_eq!((change.object.as_str(), change.kind), ("Log/app.log/no", ChangeKind::Note));
        lines(&mut counter, "refused", 37);
        assert_eq!(counter.pass(at(2), at(3)), [], "not at each look");
        let window = counter.pass(at(59), at(60));
        assert_eq!((window[0].id == change.id, window[0].until), (true, None));
        assert!(window[0].summary.starts_with("40 lines match no in 59 s"), "{}", window[0].summary);
        let ended = counter.pass(at(119), at(120));
        assert_eq!((ended[0].id == change.id, ended[0].until), (true, Some(at(3))));
        assert!(ended[0].summary.starts_with("40 lines match no in 2 s"), "{}", ended[0].summary);
        assert_eq!(counter.pass(at(179), at(180)), []);
        assert_eq!(counter.finish(at(181)), []);
    }

    #[test]
    fn a_burst_among_usual_lines_began_somewhere_in_its_window() {
        let mut counter = counter(0);
        for window in 0..50 {
            lines(&mut counter, "refused", 10);
            counter.pass(at(60 * window + 59), at(60 * window + 60));
        }
        assert_eq!(counter.finish(at(3000)), [], "ten in a minute are usual by now");
        lines(&mut counter, "refused", 10);
        assert_eq!(counter.pass(at(3010), at(3011)), []);
        lines(&mut counter, "refused", 90);
        let told = counter.pass(at(3019), at(3020));
        assert_eq!((told[0].time_lo, told[0].time_hi), (Some(at(3000)), Some(at(3020))));
        assert_eq!(told[0].summary, "100 lines match no in 20 s");
    }

    #[test]
    fn a_log_that_cannot_be_seen_is_not_taken_for_a_quiet_one() {
        let mut counter = counter(0);
        for window in 0..20 {
            lines(&mut counter, "refused", 100);
            counter.pass(at(60 * window + 59), at(60 * window + 60));
        }
        (1200..5000).for_each(|second| counter.blind(at(second)));
        let last = counter.counts[0].burst.as_ref().map(|burst| burst.id.clone());
        lines(&mut counter, "refused", 100);
        let told = counter.pass(at(5000), at(5001));
        assert!(told.iter().all(|change| Some(&change.id) == last.as_ref()), "no new burst: {told:?}");
    }

    #[test]
    fn a_burst_that_goes_on_at_the_end_is_told_as_far_as_it_was_counted() {
        let mut counter = counter(0);
        lines(&mut counter, "refused", 1);
        let begun = counter.pass(at(1), at(2));
        lines(&mut counter, "refused", 1);
        let told = counter.finish(at(3));
        assert_eq!((told[0].id == begun[0].id, told[0].until), (true, None));
        assert_eq!(told[0].summary, "2 lines match no in 2 s", "no line is quoted");
    }

    #[test]
    fn a_quotation_is_short_and_on_one_line_whatever_the_log_holds() {
        let keeper = Keeper::new(b"a key of a test");
        let line = format!("\x1b[31mrefused\t{}", "ä \u{fffd}".repeat(500));
        let sample = sample(line.as_bytes(), &keeper);
        assert_eq!(sample.chars().count(), LONGEST_SAMPLE);
        assert!(sample.starts_with(" [31mrefused ä") && sample.ends_with('…') && !sample.contains(char::is_control));
        assert_eq!(super::sample(b"refused \xff\n", &keeper), "refused \u{fffd} ");
    }
}
