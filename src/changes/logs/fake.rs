//! Follows the logs of a workload through an API server that says what a test scripts.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use jiff::{SignedDuration, Timestamp};
use kube::Client;
use serde_json::{Value, json};
use storage::record::{Change, Gap, Record};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use crate::changes::Context;
use crate::changes::feed::Feed;
use crate::changes::kubernetes::client::Access;
use crate::changes::logs::count::Counter;
use crate::changes::logs::look::Looker;
use crate::changes::logs::workload::{Beats, Follower};
use crate::changes::logs::{SOURCE, Settings, compile};
use crate::credentials::Keeper;

/// A script that is not at its end by then has failed.
const WAITS: Duration = Duration::from_secs(20);

/// Looks at the end of a script, in which what was said last is counted.
const LAST_LOOKS: usize = 6;

/// The answer to a request for a log.
#[derive(Clone)]
enum Log {
    /// What it holds, and how it ends.
    Says(&'static str, End),
    /// A status and no log.
    Status(u16),
}

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Open,
    Torn,
    Whole,
}

/// What an API server holds.
struct Script {
    workload: u16,
    /// The pods of each look. The last stays.
    looks: VecDeque<Result<Vec<&'static str>, u16>>,
    /// Pod -> its last line.
    last: BTreeMap<&'static str, &'static str>,
    /// Pod -> what each request for its log is answered with. After that nothing is answered.
    logs: BTreeMap<&'static str, VecDeque<Log>>,
    /// Until then every request is refused, from the second look on.
    down: Option<Duration>,
    begun: Option<Instant>,
    looked: usize,
    asked: Vec<String>,
    /// It plays at least for so long.
    least: Duration,
    /// How many streams there is room for.
    room: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            workload: 200,
            looks: VecDeque::new(),
            last: BTreeMap::new(),
            logs: BTreeMap::new(),
            down: None,
            begun: None,
            looked: 0,
            asked: Vec::new(),
            least: Duration::ZERO,
            room: 50,
        }
    }
}

/// An answer's bytes.
struct Parts(Option<Bytes>, End);

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match (self.0.take(), self.1) {
            (Some(part), _) => Poll::Ready(Some(Ok(Frame::data(part)))),
            (None, End::Whole) => Poll::Ready(None),
            (None, End::Torn) => Poll::Ready(Some(Err(io::Error::other("connection reset")))),
            (None, End::Open) => Poll::Pending,
        }
    }
}

impl Script {
    /// The answer to a request; none is never given.
    fn answer(&mut self, path: &str, query: &str) -> Option<Response<Parts>> {
        let begun = *self.begun.get_or_insert_with(Instant::now);
        if self.down.is_some_and(|down| self.looked > 0 && begun.elapsed() < down) {
            return Some(status(503));
        }
        if path.ends_with("/deployments/api") {
            return Some(match self.workload {
                200 => object(json!({"metadata": {"name": "api", "namespace": "ns"},
                    "spec": {"selector": {"matchLabels": {"app": "api"}}, "template": {}}})),
                code => status(code),
            });
        }
        if path.ends_with("/pods") {
            assert!(query.contains("labelSelector=app%3Dapi"), "{query}");
            self.looked += 1;
            let pods = if self.looks.len() > 1 { self.looks.pop_front() } else { self.looks.front().cloned() };
            return Some(match pods.unwrap() {
                Err(code) => status(code),
                Ok(pods) => {
                    let items: Vec<Value> = pods.into_iter().map(pod).collect();
                    object(json!({"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "1"},
                        "items": items}))
                }
            });
        }
        let name = path.strip_suffix("/log").and_then(|path| path.rsplit('/').next()).unwrap();
        self.asked.push(format!("{name}?{query}"));
        if query.contains("tailLines=1") {
            let last = self.last.get(name).copied().unwrap_or_default();
            return Some(says(200, last, End::Whole));
        }
        match self.logs.get_mut(name)?.pop_front()? {
            Log::Says(text, end) => Some(says(200, text, end)),
            Log::Status(code) => Some(status(code)),
        }
    }

    fn is_at_its_end(&self) -> bool {
        let all_said = self.looks.len() <= 1 && self.logs.values().all(VecDeque::is_empty);
        all_said && self.begun.is_some_and(|begun| begun.elapsed() > self.least)
    }
}

/// Plays a script to the end. Gives what was recorded, and which logs were asked for.
async fn play(script: Script) -> (Vec<Change>, Vec<Gap>, Vec<String>) {
    let stop = CancellationToken::new();
    let room = script.room;
    let script = Arc::new(Mutex::new(script));
    let (played, ended, left) = (Arc::clone(&script), stop.clone(), Arc::new(Mutex::new(LAST_LOOKS)));
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        let uri = request.uri();
        let mut script = played.lock().unwrap();
        let answer = script.answer(uri.path(), uri.query().unwrap_or_default());
        if uri.path().ends_with("/deployments/api") && script.is_at_its_end() {
            let mut left = left.lock().unwrap();
            *left = left.saturating_sub(1);
            if *left == 0 {
                ended.cancel();
            }
        }
        async move {
            match answer {
                Some(answer) => Ok::<_, Infallible>(answer),
                None => std::future::pending().await,
            }
        }
    });
    let (records, mut received) = mpsc::channel(100);
    let keeper = Keeper::new(b"a key of a test").into();
    let since = Some(Timestamp::now() - SignedDuration::from_hours(1));
    let context = Context { records, keeper, blind: Arc::default(), since, feeds: Arc::default(), stop: stop.clone() };
    let settings: Settings = serde_json::from_value(json!({"window": "1h", "samples": 0})).unwrap();
    let names = ["no".to_owned()].into_iter();
    let set = compile(["refused"].into_iter()).unwrap();
    let mut counter = Counter::new("Log/Deployment/ns/api".into(), names, set, &settings, &context);
    // One quiet window is over, and the next lasts longer than any test.
    let now = Timestamp::now();
    counter.blind(now - SignedDuration::from_hours(2));
    assert_eq!(counter.pass(now, now), []);
    let beat = Duration::from_millis(10);
    let beats = Beats { count: beat, look: beat, longest: beat, again: beat };
    let feed = Feed::new(SOURCE, "Deployment/api", &context);
    let places = std::iter::once(("ns".to_owned(), counter));
    let follower = Follower::new(places, Arc::new(Semaphore::new(room)), feed, beats);
    let client = Client::new(service, "ns");
    let looker = Looker::new(Access::default(), Some(client), "Deployment/ns/api".parse().unwrap());
    tokio::time::timeout(WAITS, follower.follow(looker, stop)).await.expect("the script has an end");
    drop(context);
    let (mut changes, mut gaps) = (Vec::new(), Vec::new());
    while let Some(record) = received.recv().await {
        match record {
            Record::Change(change) => changes.push(change),
            Record::Gap(gap) => gaps.push(gap),
            Record::Result(_) | Record::Verdict(_) => unreachable!("no probe runs, nobody judges"),
        }
    }
    let asked = script.lock().unwrap().asked.clone();
    (changes, gaps, asked)
}

fn says(code: u16, text: &str, end: End) -> Response<Parts> {
    let part = (!text.is_empty()).then(|| Bytes::from(text.to_owned()));
    Response::builder().status(code).body(Parts(part, end)).unwrap()
}

fn object(object: Value) -> Response<Parts> {
    says(200, &object.to_string(), End::Whole)
}

fn status(code: u16) -> Response<Parts> {
    let said = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "said", "reason": "Said",
        "code": code});
    says(code, &said.to_string(), End::Whole)
}

fn pod(name: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": "ns", "uid": format!("uid of {name}")},
        "status": {"phase": "Running", "containerStatuses": [{"name": "main", "state": {"running": {}}, "image": "",
            "imageID": "", "ready": true, "restartCount": 0}]}})
}

/// How many lines the changes tell of, all of one burst.
fn lines(changes: &[Change]) -> u64 {
    let Some(last) = changes.last() else { return 0 };
    assert!(changes.iter().all(|change| change.id == last.id && change.object == "Log/Deployment/ns/api/no"));
    assert!(changes.iter().all(|change| change.source == "logs"));
    last.summary.split(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn every_line_of_every_pod_is_counted_once_though_a_stream_is_torn_and_a_pod_replaced() {
    let torn = "2026-11-24T12:00:00.5Z refused long ago\n\
        2026-11-24T12:00:01.2Z refused\n2026-11-24T12:00:02.3Z refused\n2026-11-24T12:00:02.9Z refu";
    let taken_up = "2026-11-24T12:00:02.3Z refused\n2026-11-24T12:00:02.9Z refused\n2026-11-24T12:00:03Z fine\n";
    let script = Script {
        looks: [vec!["a", "b"], vec!["a", "b"], vec!["a", "b"], vec!["a", "c"]].into_iter().map(Ok).collect(),
        last: [("a", "2026-11-24T12:00:00.5Z refused long ago\n")].into(),
        logs: [
            ("a", [Log::Says(torn, End::Torn), Log::Says(taken_up, End::Open)].into()),
            ("b", [Log::Says("2026-11-24T12:00:01Z refused\n", End::Whole), Log::Status(404)].into()),
            (
                "c",
                [Log::Says("2026-11-24T12:00:05Z refused\n2026-11-24T12:00:05.1Z refused, the last", End::Whole)]
                    .into(),
            ),
        ]
        .into(),
        ..Script::default()
    };
    let (changes, gaps, asked) = play(script).await;
    assert_eq!(lines(&changes), 3 + 1 + 2, "{changes:?}");
    let why: Vec<&str> = gaps.iter().map(|gap| gap.why.as_str()).collect();
    assert_eq!(why, ["authprobe was not running"], "nothing was missed");
    let of = |pod: &str| -> Vec<&String> { asked.iter().filter(|asked| asked.starts_with(pod)).collect() };
    let a = of("a?");
    assert!(a[0].contains("tailLines=1") && a[0].contains("container=main"), "{a:?}");
    assert!(a[1].contains("follow=true") && a[1].contains("sinceTime=2026-11-24T12%3A00%3A00Z"), "{a:?}");
    assert!(a[2].contains("sinceTime=2026-11-24T12%3A00%3A02Z") && a.len() == 3, "{a:?}");
    assert!(!of("b?")[1].contains("sinceTime"), "its log was empty: {asked:?}");
    assert!(!of("c?")[0].contains("tailLines") && !of("c?")[0].contains("sinceTime"), "{asked:?}");
}

#[tokio::test]
async fn an_api_server_that_is_down_is_a_gap_and_no_line_is_lost_by_it() {
    let script = Script {
        looks: [Ok(vec!["a"])].into(),
        logs: [(
            "a",
            [
                Log::Says("2026-11-24T12:00:01Z refused\n", End::Torn),
                Log::Says("2026-11-24T12:00:01Z refused\n2026-11-24T12:00:02Z refused\n", End::Open),
            ]
            .into(),
        )]
        .into(),
        down: Some(Duration::from_millis(1500)),
        ..Script::default()
    };
    let (changes, gaps, _) = play(script).await;
    assert_eq!(lines(&changes), 2, "{changes:?}");
    let [_, gap] = &gaps[..] else { panic!("one gap after that of the start: {gaps:?}") };
    assert!(gap.feed == "logs" && gap.why.contains("the API server answers 503"), "{gap:?}");
}

#[tokio::test]
async fn what_cannot_be_followed_is_a_gap_that_says_why() {
    let all = [
        (Script { workload: 404, ..Script::default() }, "there is no such workload"),
        (Script { workload: 403, ..Script::default() }, "the right to `get` it is missing"),
        (Script { looks: [Err(403)].into(), ..Script::default() }, "the right to `list` pods is missing"),
        (Script { looks: [Ok(vec!["a", "b"])].into(), room: 1, ..Script::default() }, "1 of its containers are not"),
    ];
    for (script, expected) in all {
        let (changes, gaps, _) = play(script).await;
        assert_eq!(changes, []);
        let [gap] = &gaps[..] else { panic!("one gap: {gaps:?}") };
        assert!(gap.why.contains(expected), "{gap:?}");
    }
}

#[tokio::test]
async fn a_log_that_may_not_be_read_is_a_gap_and_one_of_a_container_that_does_not_run_is_none() {
    let script = |code| Script {
        looks: [Ok(vec!["a"])].into(),
        logs: [("a", std::iter::repeat_n(Log::Status(code), 4).collect())].into(),
        least: Duration::from_millis(1200),
        ..Script::default()
    };
    let (_, gaps, _) = play(script(403)).await;
    assert!(gaps.last().unwrap().why.contains("the right to `get` pods/log is missing"), "{gaps:?}");
    let (_, gaps, _) = play(script(400)).await;
    assert_eq!(gaps.len(), 1, "that of the start: {gaps:?}");
}
