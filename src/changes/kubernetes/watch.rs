//! Watches objects of one kind in one namespace, and hands them to their observer.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use storage::record::Change;
use tokio_util::sync::CancellationToken;

use crate::changes::feed::Feed;
use crate::changes::kubernetes::failure;
use crate::changes::kubernetes::observe::{Key, Moment, Observe};

/// The server ends a watch after so many seconds, so that one that hangs silently is noticed. It goes on where it ended.
const WATCH: u32 = 60;

/// A quiet watch may be late by no more than this: it was ended, found dead and begun again.
const LATE: SignedDuration = SignedDuration::from_secs(70);

/// How often a quiet watch is taken note of.
const CALM: Duration = Duration::from_secs(30);

/// After an error the watch is begun again within this, and tells of it if that fails.
const AGAIN: SignedDuration = SignedDuration::from_secs(45);

/// What comes so soon after an error may have happened while nothing was seen.
const CATCHING_UP: SignedDuration = SignedDuration::from_secs(2);

/// A right that is missing is asked for again after this.
const DENIED: Duration = Duration::from_mins(5);

/// Objects a page of a list.
const PAGE: u32 = 500;

/// Which objects are watched.
pub(super) struct Scope {
    /// None where all namespaces are.
    pub(super) namespace: Option<String>,
    /// The only object, as narrow rights allow.
    pub(super) name: Option<String>,
    /// As the rights call it: `secrets in namespace shop`.
    pub(super) what: String,
}

/// Watches until `stop`, whatever happens.
pub(super) async fn watch<O: Observe>(
    observer: O,
    objects: Api<O::Object>,
    Scope { namespace, name, what }: Scope,
    mut feed: Feed,
    stop: CancellationToken,
) where
    O::Object: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut view = View::new(observer, namespace);
    let mut config = watcher::Config::default().timeout(WATCH).page_size(PAGE);
    if let Some(name) = name {
        config = config.fields(&format!("metadata.name={name}"));
    }
    loop {
        let ended = stop.run_until_cancelled(follow(&mut view, &objects, &config, &what, &mut feed)).await.is_none();
        let waited = stop.run_until_cancelled(tokio::time::sleep(DENIED));
        if ended || waited.await.is_none() {
            break;
        }
    }
    feed.close(Timestamp::now()).await;
}

/// Follows one watch until a right turns out to be missing.
async fn follow<O: Observe>(
    view: &mut View<O>,
    objects: &Api<O::Object>,
    config: &watcher::Config,
    what: &str,
    feed: &mut Feed,
) where
    O::Object: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut events = pin!(watcher(objects.clone(), config.clone()).default_backoff());
    let mut beat = tokio::time::interval(CALM);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = beat.tick() => {
                let now = Timestamp::now();
                if let Some(seen) = view.calm(now) && feed.seen().is_none_or(|before| before < seen) {
                    feed.sees(seen).await;
                }
                continue;
            }
        };
        let now = Timestamp::now();
        match event {
            Some(Ok(event)) => {
                for change in view.event(event, feed.seen(), now) {
                    feed.change(change, now).await;
                }
                if view.complete {
                    feed.sees(now).await;
                }
            }
            Some(Err(error)) => {
                view.lost(feed.seen(), now);
                feed.blind(&failure::of_watch(&error, what), now).await;
                if failure::is_denied(&error) {
                    return;
                }
            }
            None => return,
        }
    }
}

/// What is known of the objects of one watch.
struct View<O> {
    observer: O,
    /// None where it sees all namespaces.
    namespace: Option<String>,
    /// Whether a list was ever complete: what comes before that is the beginning.
    begun: bool,
    /// Whether no list is under way.
    complete: bool,
    /// The objects of the list that is under way.
    listed: BTreeSet<Key>,
    trouble: Option<Trouble>,
}

/// Nothing was seen for a while.
#[derive(Clone, Copy)]
struct Trouble {
    /// Up to when everything was seen.
    since: Option<Timestamp>,
    /// The last error.
    error: Timestamp,
    /// When something came again.
    over: Option<Timestamp>,
}

impl<O: Observe> View<O>
where
    O::Object: Resource,
{
    fn new(observer: O, namespace: Option<String>) -> Self {
        Self { observer, namespace, begun: false, complete: false, listed: BTreeSet::new(), trouble: None }
    }

    /// Takes in what the watch tells; `seen` is up to when everything was seen before.
    fn event(&mut self, event: Event<O::Object>, seen: Option<Timestamp>, now: Timestamp) -> Vec<Change> {
        match event {
            Event::Init => {
                self.complete = false;
                self.listed.clear();
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listed.extend(key(&object));
                if self.begun {
                    let at = self.difference(seen, now);
                    self.observer.applied(object, at)
                } else {
                    self.observer.baseline(object, now)
                }
            }
            Event::InitDone => {
                let at = self.difference(seen, now);
                let listed = std::mem::take(&mut self.listed);
                let own = |key: &Key| self.namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace);
                let gone: Vec<Key> =
                    self.observer.known().into_iter().filter(|key| own(key) && !listed.contains(key)).collect();
                self.begun = true;
                self.complete = true;
                self.trouble = None;
                gone.iter().flat_map(|key| self.observer.deleted(key, at)).collect()
            }
            Event::Apply(object) => {
                let at = self.moment(seen, now);
                self.observer.applied(object, at)
            }
            Event::Delete(object) => {
                let at = self.moment(seen, now);
                key(&object).map(|key| self.observer.deleted(&key, at)).unwrap_or_default()
            }
        }
    }

    /// The watch failed; it is begun again.
    fn lost(&mut self, seen: Option<Timestamp>, now: Timestamp) {
        let since = self.trouble.map_or(seen, |trouble| trouble.since);
        self.trouble = Some(Trouble { since, error: now, over: None });
    }

    /// Up to when everything was seen, where nothing speaks against it: a watch that failed has gone on by now.
    fn calm(&mut self, now: Timestamp) -> Option<Timestamp> {
        if !self.complete {
            return None;
        }
        match self.trouble {
            Some(trouble) if now.duration_since(trouble.error) < AGAIN => None,
            Some(_) => {
                self.trouble = None;
                Some(now)
            }
            None => now.checked_sub(LATE).ok(),
        }
    }

    /// A difference to an earlier list was there at some moment since then.
    fn difference(&self, seen: Option<Timestamp>, now: Timestamp) -> Moment {
        Moment { since: self.trouble.map_or(seen, |trouble| trouble.since), seen: now, live: false }
    }

    /// Something happened just now, unless nothing was seen before it.
    fn moment(&mut self, seen: Option<Timestamp>, now: Timestamp) -> Moment {
        let Some(trouble) = &mut self.trouble else { return Moment { since: seen, seen: now, live: true } };
        let over = *trouble.over.get_or_insert(now);
        let since = trouble.since;
        if now.duration_since(over) > CATCHING_UP {
            self.trouble = None;
            return Moment { since: seen, seen: now, live: true };
        }
        Moment { since, seen: now, live: false }
    }
}

fn key<K: Resource>(object: &K) -> Option<Key> {
    let metadata = object.meta();
    Some(Key { namespace: metadata.namespace.clone().unwrap_or_default(), name: metadata.name.clone()? })
}
