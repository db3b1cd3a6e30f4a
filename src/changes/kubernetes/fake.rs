//! An API server that says what a test scripts, and what a real one cannot be made to say on demand.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::core::PartialObjectMeta;
use kube::{Api, Client};
use serde_json::{Value, json};
use storage::record::{Change, Gap, Known, Operation, Record};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::changes::Context;
use crate::changes::feed::Feed;
use crate::changes::kubernetes::consumers::Consumers;
use crate::changes::kubernetes::secrets::{Contents, Kind};
use crate::changes::kubernetes::watch::{Place, follow};
use crate::changes::kubernetes::{SOURCE, metadata};
use crate::credentials::Keeper;

/// One answer of the script.
enum Answer {
    /// A list of objects.
    List(Vec<Value>),
    /// A status and no objects.
    Status(u16),
    /// Events of a watch, and how it ends.
    Watch(Vec<Value>, End),
}

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    Torn,
}

/// An answer's bytes.
struct Parts(VecDeque<Bytes>, End);

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Task<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Poll::Ready(match (self.0.pop_front(), self.1) {
            (Some(part), _) => Some(Ok(Frame::data(part))),
            (None, End::Whole) => None,
            (None, End::Torn) => Some(Err(io::Error::other("connection reset"))),
        })
    }
}

/// A script that waits for longer than this is at its end.
const WAITS: Duration = Duration::from_secs(15);

/// Plays a script to the end. Gives what was recorded, and the queries that were asked.
async fn play(script: Vec<Answer>) -> (Vec<Change>, Vec<Gap>, Vec<String>) {
    let stop = CancellationToken::new();
    let (script, asked) = (Arc::new(Mutex::new(VecDeque::from(script))), Arc::new(Mutex::new(Vec::new())));
    let (queries, ended) = (Arc::clone(&asked), stop.clone());
    let service = tower::service_fn(move |request: Request<kube::client::Body>| {
        queries.lock().unwrap().push(request.uri().query().unwrap_or_default().to_owned());
        let answer = script.lock().unwrap().pop_front();
        let ended = ended.clone();
        async move {
            let Some(answer) = answer else {
                ended.cancel();
                return std::future::pending().await;
            };
            Ok::<_, Infallible>(answer.response())
        }
    });
    let (records, mut received) = mpsc::channel(100);
    let keeper = Keeper::new(b"a key of a test").into();
    let context =
        Context { records, keeper, blind: Arc::default(), since: None, feeds: Arc::default(), stop: stop.clone() };
    let waits = stop.clone();
    let late = tokio::spawn(async move {
        tokio::time::sleep(WAITS).await;
        waits.cancel();
    });
    let place = Place { api: Api::namespaced(Client::new(service, "ns"), "ns"), name: None };
    let observer: Contents<PartialObjectMeta<Secret>> =
        Contents::new(Kind::Secret, Consumers::default(), metadata::<Secret>);
    follow(place, observer, Feed::new(SOURCE, "secrets", &context), stop).await;
    late.abort();
    drop(context);
    let (mut changes, mut gaps) = (Vec::new(), Vec::new());
    while let Some(record) = received.recv().await {
        match record {
            Record::Change(change) => changes.push(change),
            Record::Gap(gap) => gaps.push(gap),
            Record::Result(_) | Record::Verdict(_) => unreachable!("no probe runs, nobody judges"),
        }
    }
    let asked = asked.lock().unwrap().clone();
    (changes, gaps, asked)
}

impl Answer {
    fn response(self) -> Response<Parts> {
        let (status, parts, end) = match self {
            Answer::List(items) => {
                let list = json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {"resourceVersion": "100"},
                    "items": items});
                (200, vec![list], End::Whole)
            }
            Answer::Status(code) => {
                let said = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "said",
                    "reason": "Said", "code": code});
                (code, vec![said], End::Whole)
            }
            Answer::Watch(events, end) => (200, events, end),
        };
        let parts = parts.into_iter().map(|part| Bytes::from(format!("{part}\n"))).collect();
        Response::builder().status(status).body(Parts(parts, end)).unwrap()
    }
}

fn secret(name: &str, version: u32, second: u32) -> Value {
    let time = Timestamp::from_second(1_000_000 + i64::from(second)).unwrap().to_string();
    let fields = json!({"f:data": {"f:key": {}}});
    let entry = json!({"manager": "m", "operation": "Update", "time": time, "fieldsV1": fields});
    json!({"metadata": {"namespace": "ns", "name": name, "uid": name, "resourceVersion": version.to_string(),
        "managedFields": [entry]}})
}

fn event(kind: &str, object: Value) -> Value {
    json!({"type": kind, "object": object})
}

fn told(changes: &[Change]) -> Vec<(&str, Operation, Known)> {
    changes
        .iter()
        .map(|change| (change.object.as_str(), change.operation.unwrap(), change.data_changed.unwrap()))
        .collect()
}

#[tokio::test]
async fn after_410_the_list_is_compared_and_only_what_differs_is_told_as_an_interval() {
    let gone =
        event("ERROR", json!({"kind": "Status", "status": "Failure", "message": "", "reason": "Expired", "code": 410}));
    let (changes, _, asked) = play(vec![
        Answer::List(vec![secret("a", 1, 0), secret("b", 2, 0), secret("c", 3, 0)]),
        Answer::Watch(vec![gone], End::Whole),
        Answer::List(vec![secret("a", 1, 0), secret("b", 9, 50), secret("d", 10, 60)]),
    ])
    .await;
    let expected = [
        ("Secret/ns/b", Operation::Updated, Known::Yes),
        ("Secret/ns/d", Operation::Created, Known::Yes),
        ("Secret/ns/c", Operation::Deleted, Known::Yes),
    ];
    assert_eq!(told(&changes), expected);
    // The cluster's times are far from ours, so ours hold.
    assert!(changes.iter().all(|change| change.time.is_none() && change.time_lo < change.time_hi), "{changes:?}");
    assert!(asked.len() == 4 && !asked[2].contains("watch=true"), "{asked:?}");
}

#[tokio::test]
async fn a_torn_watch_is_taken_up_where_it_broke_and_the_time_without_it_is_a_gap() {
    let (changes, gaps, asked) = play(vec![
        Answer::List(vec![secret("a", 1, 0)]),
        Answer::Watch(vec![event("MODIFIED", secret("a", 101, 10))], End::Torn),
        Answer::Status(503),
        Answer::Watch(vec![event("MODIFIED", secret("a", 102, 20))], End::Whole),
    ])
    .await;
    assert_eq!(told(&changes), [("Secret/ns/a", Operation::Updated, Known::Yes); 2]);
    assert!(asked[3].contains("resourceVersion=101") && asked[4].contains("resourceVersion=102"), "{asked:?}");
    assert!(changes[1].time_lo.unwrap() <= changes[0].time_hi.unwrap(), "from the last that was seen: {changes:?}");
    let [gap] = &gaps[..] else { panic!("one gap: {gaps:?}") };
    assert_eq!(gap.feed, "kubernetes");
    assert!(gap.why.contains("503"), "{gap:?}");
}

#[tokio::test]
async fn a_malformed_object_is_passed_over_and_the_next_is_told() {
    let odd = event("MODIFIED", json!({"metadata": {"name": 7, "managedFields": "none"}}));
    let (changes, _, asked) = play(vec![
        Answer::List(vec![secret("a", 1, 0)]),
        Answer::Watch(vec![odd, json!("no event"), event("DELETED", secret("a", 105, 0))], End::Whole),
    ])
    .await;
    assert_eq!(told(&changes), [("Secret/ns/a", Operation::Deleted, Known::Yes)]);
    assert_eq!(asked.len(), 3);
}

#[tokio::test]
async fn objects_without_managed_fields_are_told_by_what_else_is_new() {
    let bare = |version: u32, team: &str| {
        let version = version.to_string();
        json!({"metadata": {"namespace": "ns", "name": "a", "uid": "a", "resourceVersion": version,
            "labels": {"team": team}}})
    };
    let again = event("MODIFIED", bare(1, "x"));
    let events = vec![again, event("MODIFIED", bare(101, "x")), event("MODIFIED", bare(102, "y"))];
    let (changes, ..) = play(vec![Answer::List(vec![bare(1, "x")]), Answer::Watch(events, End::Whole)]).await;
    let expected = [Known::Yes, Known::Unknown].map(|known| ("Secret/ns/a", Operation::Updated, known));
    assert_eq!(told(&changes), expected);
}

#[tokio::test]
async fn a_missing_right_is_a_gap_that_names_it_and_is_not_asked_for_again_at_once() {
    let (_, gaps, asked) = play(vec![Answer::List(vec![]), Answer::Status(403)]).await;
    let [gap] = &gaps[..] else { panic!("one gap: {gaps:?}") };
    assert!(gap.why.contains("the right to `list` and `watch`"), "{gap:?}");
    assert_eq!(asked.len(), 2);
}
