//! The task that follows the logs of one workload: finds its pods, counts what they write, tells, and says what it
//! could not see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::{Api, Client};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::changes::feed::Feed;
use crate::changes::logs::count::Counter;
use crate::changes::logs::flood::Flood;
use crate::changes::logs::look::{Container, Found, Looker};
use crate::changes::logs::pot::Pot;
use crate::changes::logs::stream::{Stream, Trouble};

/// Most containers that are followed at one time, of all workloads.
pub(super) const MOST_STREAMS: usize = 50;

/// How often it does what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beats {
    /// Lines are counted.
    pub(super) count: Duration,
    /// Pods are looked for.
    pub(super) look: Duration,
    /// The longest pause between looks that fail.
    pub(super) longest: Duration,
    /// The shortest pause before a log is asked for again.
    pub(super) again: Duration,
}

/// How often it does what in earnest.
pub(super) const BEATS: Beats = Beats {
    count: Duration::from_secs(1),
    look: Duration::from_secs(10),
    longest: Duration::from_secs(60),
    again: Duration::from_secs(1),
};

/// Follows one workload.
pub(super) struct Follower {
    places: Vec<Place>,
    /// Room for streams.
    room: Arc<Semaphore>,
    feed: Feed,
    beats: Beats,
    /// Whether a look is done.
    looked: bool,
    /// What the last look could not see.
    trouble: Option<String>,
}

/// A namespace in which the workload may be.
struct Place {
    namespace: String,
    /// Counts over all its pods.
    counter: Counter,
    pot: Arc<Pot>,
    flood: Flood,
    streams: BTreeMap<Container, Followed>,
    /// Whether it was looked at before: pods that are new since then are read from their beginning.
    begun: bool,
    /// Whether the workload is there and could be looked at.
    there: bool,
}

/// A container that is followed.
struct Followed {
    task: AbortOnDropHandle<()>,
    trouble: Trouble,
    /// The last look did not find it. What it still says is read until the next.
    leaving: bool,
    /// Held for as long as it is followed.
    _room: OwnedSemaphorePermit,
}

impl Follower {
    /// Follows a workload in these namespaces, each with its counter.
    pub(super) fn new(
        places: impl Iterator<Item = (String, Counter)>,
        room: Arc<Semaphore>,
        feed: Feed,
        beats: Beats,
    ) -> Self {
        let place = |(namespace, counter)| Place {
            namespace,
            counter,
            pot: Arc::default(),
            flood: Flood::default(),
            streams: BTreeMap::new(),
            begun: false,
            there: false,
        };
        Self { places: places.map(place).collect(), room, feed, beats, looked: false, trouble: None }
    }

    /// Follows until `stop`.
    pub(super) async fn follow(mut self, looker: Looker, stop: CancellationToken) {
        let namespaces: Arc<[String]> = self.places.iter().map(|place| place.namespace.clone()).collect();
        let mut look = Box::pin(look(looker, Arc::clone(&namespaces), Duration::ZERO));
        let mut pause = self.beats.look;
        let mut since = Timestamp::now();
        let mut tick = interval(self.beats.count);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // Counting comes first: what was read is counted before pods are given up.
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                _ = tick.tick() => {
                    let Some(now) = self.count(since).await else { return self.feed.close(Timestamp::now()).await };
                    since = now;
                }
                (looker, client, found) = &mut look => {
                    self.apply(client.as_ref(), found);
                    pause = if self.trouble.is_some() { (pause * 2).min(self.beats.longest) } else { self.beats.look };
                    look.set(self::look(looker, Arc::clone(&namespaces), pause));
                }
            }
        }
        if self.count(since).await.is_some() {
            let now = Timestamp::now();
            for change in self.places.iter().flat_map(|place| place.counter.finish(now)) {
                self.feed.change(change, now).await;
            }
        }
        self.feed.close(Timestamp::now()).await;
    }

    /// Counts what was read since the last time and tells what is unusual. Gives until when.
    async fn count(&mut self, since: Timestamp) -> Option<Timestamp> {
        let mut places = std::mem::take(&mut self.places);
        // Matching takes time, and is not for the threads that probe.
        let counted = spawn_blocking(move || {
            let read: Vec<(bool, u64)> = places.iter_mut().map(Place::count).collect();
            (places, read)
        });
        let Ok((places, read)) = counted.await else {
            // Only a panic ends it, and with it what was counted.
            self.feed.blind("the reader broke", Timestamp::now()).await;
            return None;
        };
        self.places = places;
        let now = Timestamp::now();
        let mut trouble = self.trouble.clone();
        for (place, (quiet, passed)) in self.places.iter_mut().zip(read) {
            let blind = place.streams.values().map(|followed| followed.trouble.get());
            let blind: Vec<String> = blind.flatten().collect();
            let nothing_seen = !place.there || (!blind.is_empty() && blind.len() == place.streams.len());
            if quiet && nothing_seen {
                place.counter.blind(now);
            } else {
                for change in place.counter.pass(since, now) {
                    self.feed.change(change, now).await;
                }
            }
            trouble = trouble.or(place.flood.passed(passed, now)).or(blind.into_iter().next());
        }
        match trouble {
            Some(why) => self.feed.blind(&why, now).await,
            None if self.looked => self.feed.sees(now).await,
            None => (),
        }
        Some(now)
    }

    /// Takes up what a look found.
    fn apply(&mut self, client: Option<&Client>, found: Vec<Found>) {
        self.looked = true;
        self.trouble = None;
        let mut nowhere = true;
        for (place, found) in self.places.iter_mut().zip(found) {
            place.there = matches!(found, Ok(Some(_)));
            nowhere &= matches!(found, Ok(None));
            let crowded = match (found, client) {
                (Err(why), _) => Some(why),
                (Ok(_), None) => unreachable!("nothing is found without a client"),
                (Ok(there), Some(client)) => {
                    place.apply(client, &there.unwrap_or_default(), &self.room, self.beats.again)
                }
            };
            self.trouble = self.trouble.take().or(crowded);
        }
        if nowhere {
            self.trouble = Some("there is no such workload".into());
        }
    }
}

impl Place {
    /// Counts what was read. Gives whether that was nothing, and how many bytes were passed over.
    fn count(&mut self) -> (bool, u64) {
        let held = self.pot.take();
        let mut quiet = true;
        for line in held.lines() {
            quiet = false;
            self.counter.line(line);
        }
        (quiet, held.passed)
    }

    /// Follows what is there, and no longer what is not. Gives why some of it cannot be followed.
    fn apply(
        &mut self,
        client: &Client,
        there: &BTreeSet<Container>,
        room: &Arc<Semaphore>,
        again: Duration,
    ) -> Option<String> {
        self.streams.retain(|container, followed| {
            let gone = !there.contains(container);
            let over = followed.task.is_finished() || (gone && followed.leaving);
            followed.leaving = gone;
            !over
        });
        let from_end = !std::mem::replace(&mut self.begun, true);
        let mut left = 0;
        for container in there {
            if self.streams.contains_key(container) {
                continue;
            }
            let Ok(permit) = Arc::clone(room).try_acquire_owned() else {
                left += 1;
                continue;
            };
            let trouble = Trouble::default();
            let api = Api::namespaced(client.clone(), &self.namespace);
            let stream = Stream::new(api, container.clone(), from_end, Arc::clone(&self.pot), trouble.clone());
            let task = AbortOnDropHandle::new(tokio::spawn(stream.follow(again)));
            self.streams.insert(container.clone(), Followed { task, trouble, leaving: false, _room: permit });
        }
        (left > 0).then(|| format!("{left} of its containers are not read: {MOST_STREAMS} are the most in all"))
    }
}

/// Looks after a pause. Gives the looker back, and the client by which it looked.
async fn look(mut looker: Looker, namespaces: Arc<[String]>, pause: Duration) -> (Looker, Option<Client>, Vec<Found>) {
    tokio::time::sleep(pause).await;
    let client = match looker.client().await {
        Ok(client) => client,
        Err(why) => return (looker, None, namespaces.iter().map(|_| Err(why.clone())).collect()),
    };
    let found = futures_util::future::join_all(namespaces.iter().map(|place| looker.look(client.clone(), place))).await;
    (looker, Some(client), found)
}
