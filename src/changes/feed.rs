//! The line of one source to the recorder: what it saw, and the stretches in which it was blind.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use storage::record::{Change, Gap, Record};
use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::changes::Context;
use crate::changes::blind::Blind;
use crate::tally::feeds::Feeds;

/// A source that stays blind says so again after this long, so that a report knows before it sees again.
const PIECE: SignedDuration = SignedDuration::from_mins(5);

/// A shorter stretch is no gap: the source asks again before anything could have hidden in it.
const WORTH_TELLING: SignedDuration = SignedDuration::from_secs(1);

/// What one source reports through.
pub(crate) struct Feed {
    /// The `source` of its changes and the `feed` of its gaps.
    source: &'static str,
    /// What it looks at, for people: a URL, a kind of object.
    what: String,
    records: mpsc::Sender<Record>,
    feeds: Arc<Feeds>,
    /// Tells others that it sees nothing.
    tells: Arc<Blind>,
    /// Up to when everything that happened was seen or told as a gap; none before the first look of a new store.
    seen: Option<Timestamp>,
    /// Why nothing was seen since then, as it stands in the gap.
    blind: Option<String>,
    /// Whether the log says so.
    warned: bool,
}

impl Feed {
    /// A feed that has not looked yet.
    pub(crate) fn new(source: &'static str, what: impl Into<String>, context: &Context) -> Self {
        let why = context.since.map(|_| "authprobe was not running".to_owned());
        let what = what.into();
        context.feeds.begins(source, &what);
        Self {
            source,
            what,
            records: context.records.clone(),
            feeds: Arc::clone(&context.feeds),
            tells: Arc::clone(&context.blind),
            seen: context.since,
            blind: why,
            warned: false,
        }
    }

    /// The `source` of the changes of this feed.
    pub(crate) fn source(&self) -> &'static str {
        self.source
    }

    /// What this feed looks at, for people.
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// Records a change. The source and the moment of knowing are filled in.
    pub(crate) async fn change(&self, change: Change, now: Timestamp) {
        self.feeds.change(self.source, &self.what, now);
        let change = Change { source: self.source.into(), known_at: Some(now), ..change };
        // The recorder outlives every source.
        let _ = self.records.send(Record::Change(change)).await;
    }

    /// Everything up to `now` was seen. Ends a blind stretch.
    pub(crate) async fn sees(&mut self, now: Timestamp) {
        self.feeds.sees(self.source, &self.what, now);
        if std::mem::take(&mut self.warned) {
            info!(feed = self.source, "{} `{}` is seen again", self.source, self.what);
            self.tells.ends(self.source, &self.what);
        }
        if let Some(why) = self.blind.take() {
            self.gap(&why, now).await;
        }
        self.seen = Some(now);
    }

    /// Nothing is seen, for a reason that is fit for people and holds no secret. Logged once, until it is seen again.
    pub(crate) async fn blind(&mut self, why: &str, now: Timestamp) {
        self.begin(why, format!("{}: {why}", self.what), now).await;
    }

    /// The same for a reason that every feed of the source has. Their gaps have the same words, so reports join them.
    pub(crate) async fn blind_with_others(&mut self, why: &str, now: Timestamp) {
        self.begin(why, why.to_owned(), now).await;
    }

    async fn begin(&mut self, why: &str, told: String, now: Timestamp) {
        self.feeds.blind(self.source, &self.what);
        if !std::mem::replace(&mut self.warned, true) {
            warn!(feed = self.source, "{} `{}` cannot be seen: {why}", self.source, self.what);
            self.tells.begins(self.source, &self.what, now);
        }
        let seen = *self.seen.get_or_insert(now);
        if now.duration_since(seen) >= PIECE {
            self.gap(&told, now).await;
            self.seen = Some(now);
        }
        self.blind = Some(told);
    }

    /// The source ends: what it was blind to until now is told.
    pub(crate) async fn close(mut self, now: Timestamp) {
        self.tells.ends(self.source, &self.what);
        if let Some(why) = self.blind.take() {
            self.gap(&why, now).await;
        }
    }

    async fn gap(&self, why: &str, until: Timestamp) {
        let Some(from) = self.seen.filter(|seen| until.duration_since(*seen) > WORTH_TELLING) else { return };
        let gap = Gap { feed: self.source.into(), from, until, why: why.to_owned() };
        let _ = self.records.send(Record::Gap(gap)).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::credentials::Keeper;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    fn feed(since: Option<Timestamp>) -> (Feed, mpsc::Receiver<Record>) {
        let (records, received) = mpsc::channel(16);
        let keeper = Keeper::new(b"a key of a test").into();
        let context = Context {
            records,
            keeper,
            blind: Arc::default(),
            since,
            feeds: Arc::default(),
            stop: CancellationToken::new(),
        };
        (Feed::new("jwks", "http://idp", &context), received)
    }

    fn gaps(mut received: mpsc::Receiver<Record>) -> Vec<(i64, i64, String)> {
        let mut gaps = Vec::new();
        while let Ok(record) = received.try_recv() {
            let Record::Gap(Gap { from, until, why, .. }) = record else { panic!("a gap") };
            gaps.push((from.as_second() - 1_000_000, until.as_second() - 1_000_000, why));
        }
        gaps
    }

    #[tokio::test]
    async fn a_gap_lasts_from_the_last_look_to_the_next_that_succeeds() {
        let (mut feed, received) = feed(None);
        feed.sees(at(0)).await;
        feed.blind("refused", at(60)).await;
        feed.blind("timed out", at(120)).await;
        feed.sees(at(180)).await;
        feed.sees(at(240)).await;
        feed.close(at(250)).await;
        assert_eq!(gaps(received), [(0, 180, "http://idp: timed out".into())]);
    }

    #[tokio::test]
    async fn a_long_gap_is_told_in_pieces_and_one_that_is_open_at_the_end() {
        let (mut feed, received) = feed(None);
        feed.blind("refused", at(0)).await;
        feed.blind("refused", at(200)).await;
        feed.blind("refused", at(400)).await;
        feed.close(at(500)).await;
        let why = "http://idp: refused".to_owned();
        assert_eq!(gaps(received), [(0, 400, why.clone()), (400, 500, why)]);
    }

    #[tokio::test]
    async fn what_happened_while_authprobe_did_not_run_is_a_gap() {
        let (mut feed, received) = feed(Some(at(0)));
        feed.sees(at(100)).await;
        assert_eq!(gaps(received), [(0, 100, "authprobe was not running".into())]);
    }
}
