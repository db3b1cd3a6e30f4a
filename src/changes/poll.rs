//! Looks at one place again and again: at its beat while it answers, with growing pauses while it does not.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use storage::record::Change;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::changes::feed::Feed;

/// Pauses between looks at what does not answer.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// A place that is looked at.
pub(crate) trait Look: Send {
    /// What changed since the last look that succeeded; the first finds nothing, for all of it is the beginning.
    /// `since` is the moment of that look. An error says why nothing was seen, and holds no secret.
    fn look(
        &mut self,
        since: Option<Timestamp>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Vec<Change>, String>> + Send;
}

/// Pauses that grow from a second to the longest, each a little off, so that those who lost the same server do not come
/// back in one moment.
pub(crate) fn growing(longest: Duration) -> ExponentialBuilder {
    let second = ExponentialBuilder::default().with_min_delay(PAUSES.0);
    second.with_max_delay(longest).with_jitter().without_max_times()
}

/// Looks every so often until `stop`; a look that takes longer than `limit` is given up.
pub(crate) async fn poll(
    mut place: impl Look,
    mut feed: Feed,
    every: Duration,
    limit: Duration,
    stop: CancellationToken,
) {
    let growing = growing(PAUSES.1.max(every));
    let mut pauses = growing.build();
    let mut since = None;
    loop {
        let now = Timestamp::now();
        let looked = tokio::select! {
            looked = timeout(limit, place.look(since, now)) => looked,
            () = stop.cancelled() => break,
        };
        let pause = match looked.unwrap_or_else(|_| Err(format!("no answer within {limit:?}"))) {
            Ok(changes) => {
                for change in changes {
                    feed.change(change, Timestamp::now()).await;
                }
                feed.sees(now).await;
                since = Some(now);
                pauses = growing.build();
                every
            }
            Err(why) => {
                feed.blind(&why, Timestamp::now()).await;
                pauses.next().unwrap_or(PAUSES.1)
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => (),
            () = stop.cancelled() => break,
        }
    }
    feed.close(Timestamp::now()).await;
}
