//! Follows the objects of one kind: lists them once, watches them, and compares when the thread is lost.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::time::Duration;

use backon::BackoffBuilder;
use futures_util::TryStreamExt;
use jiff::{SignedDuration, Timestamp};
use kube::api::{Api, ListParams, WatchEvent, WatchParams};
use kube::{Error, Resource};
use serde::de::DeserializeOwned;
use storage::record::Change;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::changes::feed::Feed;
use crate::changes::kubernetes::client::{is, said, why};
use crate::changes::kubernetes::observe::{Key, Moment, Observe};
use crate::changes::poll::growing;

/// The server ends a watch after this long, in seconds, and it is taken up where it ended.
const WATCH: u32 = 120;

/// A watch that has not ended by itself by then is dead.
const DEAD: Duration = Duration::from_secs(WATCH as u64 + 15);

/// A page of a list, or the head of an answer, is there within this time.
const ANSWER: Duration = Duration::from_secs(30);

/// Objects of one page, and of one list in all.
const PAGE: u32 = 500;
const MOST: usize = 100_000;

/// A watch that is taken up sends first what happened in between; what comes later is sent as it happens.
const CATCH_UP: Duration = Duration::from_secs(2);

/// What a living watch tells happened no longer ago than this.
const LATE: SignedDuration = SignedDuration::from_secs(10);

/// Pauses: after a watch that the server ends at once, the longest after attempts that fail, and where a right is missing.
const SHORT: Duration = Duration::from_secs(1);
const LONG: Duration = Duration::from_secs(60);
const DENIED: Duration = Duration::from_secs(5 * 60);

/// What is followed.
pub(crate) struct Place<K> {
    pub(crate) api: Api<K>,
    /// Narrows it to one object by its name.
    pub(crate) name: Option<String>,
}

/// Why a round ended before its time.
enum Trouble {
    /// What happened since is not kept any more: list again.
    Gone,
    /// A right is missing.
    Denied,
    /// The API server is not there, or not well.
    Server(String),
    Other(String),
}

/// Follows until `stop`.
pub(crate) async fn follow<K, O>(place: Place<K>, observer: O, feed: Feed, stop: CancellationToken)
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    O: Observe<Object = K>,
{
    let mut follower =
        Follower { place, observer, feed, version: None, begun: false, good: None, broken: false, unread: false };
    let growing = growing(LONG);
    let mut pauses = growing.build();
    loop {
        let begun = Instant::now();
        let ended = tokio::select! {
            ended = follower.round() => ended,
            () = stop.cancelled() => break,
        };
        let now = Timestamp::now();
        // One that ran for a while was healthy, so its end is the first failure.
        if begun.elapsed() > LONG {
            pauses = growing.build();
        }
        let mut longer = || pauses.next().unwrap_or(LONG);
        let wait = match ended {
            Ok(()) if begun.elapsed() > SHORT => continue,
            // A server that ends every watch at once is not asked without a pause.
            Ok(()) => SHORT,
            Err(Trouble::Gone) => {
                follower.version = None;
                follower.blind("the API server does not keep what happened meanwhile", now).await;
                longer()
            }
            Err(Trouble::Denied) => {
                follower.version = None;
                follower.blind("the right to `list` and `watch` them is missing", now).await;
                DENIED
            }
            Err(Trouble::Server(why)) => {
                follower.broken = true;
                follower.feed.blind_with_others(&why, now).await;
                longer()
            }
            Err(Trouble::Other(why)) => {
                follower.blind(&why, now).await;
                longer()
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => (),
            () = stop.cancelled() => break,
        }
    }
    follower.feed.close(Timestamp::now()).await;
}

struct Follower<K, O> {
    place: Place<K>,
    observer: O,
    feed: Feed,
    /// Where the watch goes on; none: list.
    version: Option<String>,
    /// The first list is done.
    begun: bool,
    /// All that happened until then is known.
    good: Option<Timestamp>,
    /// The last round failed.
    broken: bool,
    /// An object that could not be read was told.
    unread: bool,
}

impl<K, O> Follower<K, O>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
    O: Observe<Object = K>,
{
    async fn round(&mut self) -> Result<(), Trouble> {
        let version = match self.version.take() {
            Some(version) => version,
            None => self.list().await?,
        };
        self.version = Some(version.clone());
        self.watch(version).await
    }

    /// Lists all objects: the first time to know them, later to find what changed unseen.
    async fn list(&mut self) -> Result<String, Trouble> {
        let asked = Timestamp::now();
        let at = Moment { since: self.good, seen: asked, live: false };
        let mut there = BTreeSet::new();
        let mut page = ListParams { limit: Some(PAGE), field_selector: self.selector(), ..ListParams::default() };
        loop {
            let answer = timeout(ANSWER, self.place.api.list(&page)).await.map_err(|_| late())?;
            let listed = answer.map_err(|error| trouble(&error))?;
            for object in listed.items {
                let Some(key) = key(&object) else { continue };
                there.insert(key);
                let seen = Moment { seen: Timestamp::now().max(asked), ..at };
                let changes = match self.begun {
                    true => self.observer.applied(object, seen),
                    false => self.observer.baseline(object, seen.seen),
                };
                tell(&self.feed, changes).await;
            }
            if there.len() > MOST {
                return Err(Trouble::Other(format!("there are more than {MOST} of them")));
            }
            page.continue_token = listed.metadata.continue_.filter(|token| !token.is_empty());
            if page.continue_token.is_some() {
                continue;
            }
            let version = listed.metadata.resource_version.filter(|version| !version.is_empty());
            let version = version.ok_or_else(|| Trouble::Other("the list has no version to watch from".into()))?;
            for key in self.observer.known().into_iter().filter(|key| !there.contains(key)) {
                let changes = self.observer.deleted(&key, Moment { seen: Timestamp::now().max(asked), ..at });
                tell(&self.feed, changes).await;
            }
            if !std::mem::replace(&mut self.begun, true) {
                info!(feed = self.feed.source(), "{} `{}` is watched", self.feed.source(), self.feed.what());
            }
            self.broken = false;
            self.good = Some(asked);
            self.feed.sees(asked).await;
            return Ok(version);
        }
    }

    /// Watches until the server ends the watch.
    async fn watch(&mut self, version: String) -> Result<(), Trouble> {
        let params = WatchParams {
            field_selector: self.selector(),
            timeout: Some(WATCH),
            bookmarks: true,
            ..WatchParams::default()
        };
        let api = self.place.api.clone();
        let opened = timeout(ANSWER, api.watch(&params, &version)).await.map_err(|_| late())?;
        let stream = opened.map_err(|error| trouble(&error))?;
        let mut stream = std::pin::pin!(stream);
        // After a failure, what happened meanwhile comes first.
        let caught_up = if std::mem::take(&mut self.broken) { Instant::now() + CATCH_UP } else { Instant::now() };
        self.feed.sees(Timestamp::now()).await;
        let until = Instant::now() + DEAD;
        loop {
            let event = tokio::time::timeout_at(until, stream.try_next()).await;
            let event = event.map_err(|_| Trouble::Other("the watch is silent".into()))?;
            let now = Timestamp::now();
            let live = Instant::now() >= caught_up;
            let good = self.good.map(|good| if live { good.max(now - LATE) } else { good });
            let at = Moment { since: good.map(|good| good.min(now)), seen: now, live };
            match event {
                Ok(None) => {
                    self.good = Some(now);
                    return Ok(());
                }
                Ok(Some(WatchEvent::Added(object) | WatchEvent::Modified(object))) => {
                    self.version = object.meta().resource_version.clone().or(self.version.take());
                    let changes = self.observer.applied(object, at);
                    tell(&self.feed, changes).await;
                }
                Ok(Some(WatchEvent::Deleted(object))) => {
                    self.version = object.meta().resource_version.clone().or(self.version.take());
                    if let Some(key) = key(&object) {
                        let changes = self.observer.deleted(&key, at);
                        tell(&self.feed, changes).await;
                    }
                }
                Ok(Some(WatchEvent::Bookmark(mark))) => self.version = Some(mark.metadata.resource_version),
                Ok(Some(WatchEvent::Error(status))) if status.code == 410 => return Err(Trouble::Gone),
                Ok(Some(WatchEvent::Error(status))) => return Err(Trouble::Server(said(&status))),
                // The client takes any map that is no event for an empty status.
                Err(error) if matches!(error, Error::SerdeError(_)) || is(&error, 0) => {
                    if !std::mem::replace(&mut self.unread, true) {
                        warn!(feed = self.feed.source(), "an object of the cluster cannot be read and is passed over");
                    }
                }
                Err(error) => return Err(trouble(&error)),
            }
            if live {
                self.good = Some(now);
            }
            self.feed.sees(now).await;
        }
    }

    fn selector(&self) -> Option<String> {
        self.place.name.as_ref().map(|name| format!("metadata.name={name}"))
    }

    async fn blind(&mut self, why: &str, now: Timestamp) {
        self.broken = true;
        self.feed.blind(why, now).await;
    }
}

async fn tell(feed: &Feed, changes: Vec<Change>) {
    for change in changes {
        feed.change(change, Timestamp::now()).await;
    }
}

fn key<K: Resource>(object: &K) -> Option<Key> {
    let meta = object.meta();
    Some(Key { namespace: meta.namespace.clone().unwrap_or_default(), name: meta.name.clone()? })
}

fn late() -> Trouble {
    Trouble::Server(format!("no answer within {ANSWER:?}"))
}

fn trouble(error: &Error) -> Trouble {
    match error {
        error if is(error, 410) => Trouble::Gone,
        error if is(error, 403) => Trouble::Denied,
        Error::SerdeError(_) => Trouble::Other(why(error)),
        error => Trouble::Server(why(error)),
    }
}
