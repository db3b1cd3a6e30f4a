//! The task that follows one log: reads, counts, tells, and says when it could not.

use std::io::{self, ErrorKind};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::changes::feed::Feed;
use crate::changes::logs::count::Counter;
use crate::changes::logs::flood::Flood;
use crate::changes::logs::tail::Tail;

/// Pause between two reads.
const EVERY: Duration = Duration::from_secs(1);

/// Follows until `stop`.
pub(super) async fn follow(mut tail: Tail, mut counter: Counter, mut feed: Feed, stop: CancellationToken) {
    let mut since = Timestamp::now();
    let mut flood = Flood::default();
    loop {
        // Files may be slow, and matching takes time: neither is for the threads that probe.
        let read = spawn_blocking(move || {
            let read = tail.read(&mut |line| counter.line(line));
            (tail, counter, read)
        });
        let read = match read.await {
            Ok((back, counted, read)) => {
                (tail, counter) = (back, counted);
                read
            }
            // Only a panic ends it, and with it what was counted.
            Err(_) => {
                feed.blind("the reader broke", Timestamp::now()).await;
                break;
            }
        };
        let now = Timestamp::now();
        match read {
            Err(error) => {
                counter.blind(now);
                feed.blind(&words(&error), now).await;
            }
            Ok(passed) => {
                for change in counter.pass(since, now) {
                    feed.change(change, now).await;
                }
                match flood.passed(passed, now) {
                    None => feed.sees(now).await,
                    Some(why) => feed.blind(&why, now).await,
                }
            }
        }
        since = now;
        tokio::select! {
            () = tokio::time::sleep(EVERY) => (),
            () = stop.cancelled() => {
                let now = Timestamp::now();
                for change in counter.finish(now) {
                    feed.change(change, now).await;
                }
                break;
            }
        }
    }
    feed.close(Timestamp::now()).await;
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "this user may not read it".into(),
        ErrorKind::InvalidInput => "it is no file".into(),
        other => format!("it cannot be read: {other}"),
    }
}
