//! What the recorder does with a store that cannot be written for a while, or for good.

use std::ops::ControlFlow;
use std::path::Path;

use rusqlite::Connection;
use storage::record::{Expect, Outcome, ProbeKind, ProbeResult, Variant};
use storage::sqlite::reader::Reader;
use tokio::time::{sleep, timeout};

use super::*;

/// Longer than the recorder may take to end.
const SOON: Duration = Duration::from_secs(30);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Results a second apart.
async fn send(records: &mpsc::Sender<Record>, seconds: std::ops::Range<i64>) {
    for second in seconds {
        let result = ProbeResult {
            time: at(second),
            target: "orchestrator".into(),
            probe: "login".into(),
            kind: ProbeKind::Login,
            expect: Expect::Allow,
            variant: Variant::Valid,
            agent: "local".into(),
            outcome: Outcome::Success,
            reason: None,
            status: Some(200),
            took_us: 1,
            phases_us: None,
            every_s: Some(1.0),
            detail: None,
        };
        records.send(Record::Result(result)).await.unwrap();
    }
}

/// Returns when the recorder has taken everything in.
async fn taken(records: &mpsc::Sender<Record>) {
    let all = async {
        while records.capacity() < records.max_capacity() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, all).await.unwrap();
}

/// A recorder that keeps so many records, on a store that another program has locked.
fn locked(store: &Path, kept: usize) -> (mpsc::Sender<Record>, Recorder, Connection) {
    let writer = Writer::open_waiting(store, Duration::ZERO).unwrap();
    let other = Connection::open(store).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let tally = Arc::new(Tally::of_nothing());
    let (records, recorder) = Recorder::start(writer, Retention::default(), Overlap::new(store, None), kept, tally);
    (records, recorder, other)
}

fn stored(store: &Path) -> Vec<Timestamp> {
    let mut times = Vec::new();
    let take = |result: ProbeResult| {
        times.push(result.time);
        ControlFlow::Continue(())
    };
    Reader::open(store).unwrap().results(None, None, take).unwrap();
    times
}

#[tokio::test]
async fn what_is_beyond_the_limit_is_dropped_and_told_as_one_gap_and_the_rest_is_all_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("authprobe.db");
    let (records, recorder, other) = locked(&store, 300);
    send(&records, 0..700).await;
    taken(&records).await;
    other.execute_batch("ROLLBACK").unwrap();
    drop(records);
    let written = timeout(SOON, recorder.finish()).await.unwrap().unwrap();
    assert_eq!(written, Written { kept: 301, lost: 400 });
    assert_eq!(stored(&store), (0..300).map(at).collect::<Vec<_>>());
    let gap = Gap {
        feed: "prober".into(),
        from: at(300),
        until: at(699) + SignedDuration::from_millis(1),
        why: "400 records dropped, the store could not be written".into(),
    };
    assert_eq!(Reader::open(&store).unwrap().gaps(None).unwrap(), [gap]);
}

#[tokio::test]
async fn what_comes_after_an_outage_is_kept_and_a_second_outage_has_a_gap_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("authprobe.db");
    let (records, recorder, other) = locked(&store, 300);
    send(&records, 0..400).await;
    taken(&records).await;
    other.execute_batch("ROLLBACK").unwrap();
    let told = async {
        while Reader::open(&store).unwrap().gaps(None).unwrap().is_empty() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(SOON, told).await.unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    send(&records, 400..800).await;
    taken(&records).await;
    other.execute_batch("ROLLBACK").unwrap();
    drop(records);
    let written = timeout(SOON, recorder.finish()).await.unwrap().unwrap();
    assert_eq!(written, Written { kept: 602, lost: 200 });
    assert_eq!(stored(&store), (0..300).chain(400..700).map(at).collect::<Vec<_>>());
    let gaps = Reader::open(&store).unwrap().gaps(None).unwrap();
    assert_eq!(gaps.iter().map(|gap| gap.from).collect::<Vec<_>>(), [at(300), at(700)]);
}

#[tokio::test]
async fn a_store_that_stays_locked_does_not_hold_the_end_up_and_the_lost_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("authprobe.db");
    let (records, recorder, other) = locked(&store, 300);
    send(&records, 0..320).await;
    drop(records);
    let written = timeout(SOON, recorder.finish()).await.unwrap().unwrap();
    assert_eq!(written, Written { kept: 0, lost: 320 });
    drop(other);
    assert_eq!(stored(&store), []);
}

#[tokio::test]
async fn when_nobody_writes_any_more_nobody_waits_and_everything_is_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("authprobe.db");
    let writer = Writer::open(&store).unwrap();
    let (records, receiver) = mpsc::channel(10);
    let mut desk =
        Desk::new(writer, Retention::default(), Overlap::new(&store, None), 300, Arc::new(Tally::of_nothing()));
    // As after a panic of the writer.
    desk.writer = None;
    let work = tokio::spawn(desk.work(receiver));
    timeout(SOON, send(&records, 0..700)).await.unwrap();
    drop(records);
    assert_eq!(timeout(SOON, work).await.unwrap().unwrap(), Written { kept: 0, lost: 700 });
}
