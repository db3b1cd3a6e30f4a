//! A key set over several looks, served by a small server that says what it is told to.

use std::collections::HashMap;
use std::future::pending;
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use jiff::Timestamp;
use probes::sighting::{Sighting, Signature};
use probes::target::{Connection, Probes, Target};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use storage::record::{Change, ChangeKind, Record};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::changes::poll::Look;
use crate::credentials::Keeper;

/// What is said at a path.
#[derive(Clone)]
enum Said {
    Body(Vec<u8>),
    /// With an entity tag.
    Tagged(&'static str, Vec<u8>),
    Status(u16),
    Moved(String),
    Nothing,
}

#[derive(Default)]
struct Paths {
    said: Mutex<HashMap<String, Said>>,
    /// The statuses of the answers.
    answered: Mutex<Vec<u16>>,
}

/// An issuer.
struct Idp {
    paths: Arc<Paths>,
    url: String,
}

impl Idp {
    async fn start() -> Self {
        let paths = Arc::new(Paths::default());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&paths));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { paths, url }
    }

    fn says(&self, path: &str, said: Said) {
        self.paths.said.lock().unwrap().insert(path.to_owned(), said);
    }

    /// Publishes these keys at `/keys`.
    fn publishes(&self, keys: &[Value]) {
        self.says("/keys", Said::Body(set(keys)));
    }

    fn answered(&self) -> Vec<u16> {
        std::mem::take(&mut self.paths.answered.lock().unwrap())
    }

    fn key_set(&self, settings: Value, sightings: &Arc<Sightings>) -> KeySet {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        let place = Place::new(&settings);
        KeySet::new(settings, place, vec!["api".into()], Arc::clone(sightings))
    }

    fn by_url(&self) -> KeySet {
        self.key_set(json!({"url": format!("{}/keys", self.url)}), &Arc::default())
    }
}

async fn answer(State(paths): State<Arc<Paths>>, request: Request) -> Response {
    let said = paths.said.lock().unwrap_or_else(PoisonError::into_inner).get(request.uri().path()).cloned();
    let answer = match said {
        Some(Said::Body(body)) => body.into_response(),
        Some(Said::Tagged(tag, _)) if request.headers().get(IF_NONE_MATCH).is_some_and(|asked| asked == tag) => {
            StatusCode::NOT_MODIFIED.into_response()
        }
        Some(Said::Tagged(tag, body)) => ([(ETAG, tag)], body).into_response(),
        Some(Said::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Said::Moved(to)) => (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
        Some(Said::Nothing) => pending().await,
        None => StatusCode::NOT_FOUND.into_response(),
    };
    paths.answered.lock().unwrap_or_else(PoisonError::into_inner).push(answer.status().as_u16());
    answer
}

fn key(id: &str, content: &str) -> Value {
    json!({"kty": "RSA", "e": "AQAB", "n": content, "kid": id, "alg": "RS256"})
}

fn set(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + minute * 60).unwrap()
}

/// A look at a minute, after one the minute before.
async fn look(set: &mut KeySet, minute: i64) -> Result<Vec<Change>, String> {
    set.look((minute > 0).then(|| at(minute - 1)), at(minute)).await
}

fn words(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|change| format!("{}: {}", change.kind, change.summary)).collect()
}

#[tokio::test]
async fn keys_that_come_go_and_are_replaced_are_told_with_their_interval() {
    let idp = Idp::start().await;
    let mut keys = idp.by_url();
    idp.publishes(&[key("a", "1")]);
    assert_eq!(look(&mut keys, 0).await, Ok(vec![]), "the beginning is no change");
    idp.publishes(&[key("b", "2"), key("a", "1")]);
    let told = look(&mut keys, 1).await.unwrap();
    assert_eq!(words(&told), ["jwks_add: key `b` (RS256) added"]);
    assert_eq!((told[0].time_lo, told[0].time_hi), (Some(at(0)), Some(at(1))));
    assert_eq!(told[0].object, format!("Jwks/{}/keys", idp.url.trim_start_matches("http://")));
    assert_eq!((told[0].keys.as_slice(), told[0].targets.as_slice()), (&["b".to_owned()][..], &["api".to_owned()][..]));
    idp.publishes(&[key("a", "1"), key("b", "2")]);
    assert_eq!(look(&mut keys, 2).await, Ok(vec![]), "order is nothing");
    idp.publishes(&[key("b", "3")]);
    let told = look(&mut keys, 3).await.unwrap();
    let expected =
        ["jwks_replace: key `b` (RS256) replaced by another under the same id", "jwks_remove: key `a` (RS256) removed"];
    assert_eq!(words(&told), expected);
}

#[tokio::test]
async fn a_set_that_did_not_change_is_not_sent_again() {
    let idp = Idp::start().await;
    let mut keys = idp.by_url();
    idp.says("/keys", Said::Tagged("\"1\"", set(&[key("a", "1")])));
    for minute in 0..3 {
        assert_eq!(look(&mut keys, minute).await, Ok(vec![]));
    }
    idp.says("/keys", Said::Tagged("\"2\"", set(&[key("a", "1"), key("b", "2")])));
    assert_eq!(look(&mut keys, 3).await.unwrap().len(), 1);
    assert_eq!(idp.answered(), [200, 304, 304, 200]);
}

#[tokio::test]
async fn what_is_no_key_set_is_blindness_and_removes_nothing() {
    let idp = Idp::start().await;
    let mut keys = idp.by_url();
    idp.publishes(&[key("a", "1")]);
    assert_eq!(look(&mut keys, 0).await, Ok(vec![]));
    let too_long = set(&[key("a", &"n".repeat(1024 * 1024))]);
    let cases = [
        (Said::Body(b"<html>Sign in</html>".to_vec()), "the answer is no JSON object with `keys`"),
        (Said::Body(Vec::new()), "the answer is no JSON object with `keys`"),
        (Said::Body(too_long), "the answer is longer than 1048576 bytes"),
        (Said::Status(500), "HTTP 500"),
        (Said::Status(304), "HTTP 304 after 3 redirects"),
        (Said::Moved("/keys".into()), "HTTP 302 after 3 redirects"),
    ];
    for (said, why) in cases {
        idp.says("/keys", said);
        assert_eq!(look(&mut keys, 1).await, Err(why.to_owned()));
    }
    assert_eq!(idp.answered().len(), 6 + 4, "a redirect is followed three times");
    idp.publishes(&[key("a", "1")]);
    assert_eq!(look(&mut keys, 2).await, Ok(vec![]));
    idp.publishes(&[]);
    assert_eq!(words(&look(&mut keys, 3).await.unwrap()), ["jwks_remove: key `a` (RS256) removed"]);
}

#[tokio::test]
async fn an_issuer_says_where_its_key_set_is_and_may_move_it() {
    let idp = Idp::start().await;
    let mut keys = idp.key_set(json!({"issuer": format!("{}/", idp.url)}), &Arc::default());
    let metadata = |path: &str| Said::Body(json!({"jwks_uri": format!("{}{path}", idp.url)}).to_string().into_bytes());
    assert_eq!(look(&mut keys, 0).await, Err("metadata: HTTP 404".into()));
    idp.says("/.well-known/openid-configuration", Said::Body(b"{\"jwks_uri\":\"file:///etc/passwd\"}".to_vec()));
    let refused = "metadata: `jwks_uri` begins with neither `https://` nor `http://`";
    assert_eq!(look(&mut keys, 0).await, Err(refused.into()));
    idp.says("/.well-known/openid-configuration", metadata("/keys"));
    idp.publishes(&[key("a", "1")]);
    assert_eq!(look(&mut keys, 0).await, Ok(vec![]));
    idp.says("/.well-known/openid-configuration", metadata("/moved"));
    idp.says("/moved", Said::Body(set(&[key("a", "1"), key("b", "2")])));
    idp.says("/keys", Said::Status(410));
    assert_eq!(look(&mut keys, 1).await, Err("HTTP 410".into()));
    assert_eq!(words(&look(&mut keys, 2).await.unwrap()), ["jwks_add: key `b` (RS256) added"]);
}

#[tokio::test]
async fn an_own_authority_is_trusted_once_its_file_is_there() {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key_pair = KeyPair::generate().unwrap();
    let pem = authority.self_signed(&key_pair).unwrap().pem();
    let issuer = Issuer::new(authority, key_pair);
    let own = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&own, &issuer).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivateKeyDer::try_from(own.serialize_der()).unwrap())
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("https://localhost:{}/keys", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(server));
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate goes away.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let body = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"keys\":[]}";
            let _ = stream.write_all(body.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let settings = json!({"url": url, "tls": {"ca": "ca.pem"}});
    let mut settings: Settings = serde_json::from_value(settings).unwrap();
    settings.begin_at(dir.path());
    let place = Place::new(&settings);
    let mut keys = KeySet::new(settings, place, Vec::new(), Arc::default());
    let missing = look(&mut keys, 0).await.unwrap_err();
    assert!(missing.starts_with("file ") && missing.contains("ca.pem"), "{missing}");
    std::fs::write(dir.path().join("ca.pem"), pem).unwrap();
    assert_eq!(look(&mut keys, 0).await, Ok(vec![]));
}

#[tokio::test]
async fn a_server_that_never_answers_leaves_a_gap() {
    let idp = Idp::start().await;
    idp.says("/keys", Said::Nothing);
    let (records, mut received) = mpsc::channel(8);
    let stop = CancellationToken::new();
    let keeper = Keeper::new(b"a key of this test").into();
    let context = Context {
        records,
        keeper,
        blind: Arc::default(),
        since: Some(at(0)),
        feeds: Arc::default(),
        stop: stop.clone(),
    };
    let feed = Feed::new("jwks", "the key set", &context);
    let limit = Duration::from_millis(20);
    let polling = tokio::spawn(poll(idp.by_url(), feed, Duration::from_secs(60), limit, stop.clone()));
    // The stretch since the store's end is longer than a piece, so it is told at once.
    let Some(Record::Gap(gap)) = received.recv().await else { panic!("a gap") };
    stop.cancel();
    polling.await.unwrap();
    assert_eq!((gap.feed.as_str(), gap.from, gap.why.as_str()), ("jwks", at(0), "the key set: no answer within 20ms"));
}

#[tokio::test]
async fn hostile_key_ids_and_ten_thousand_keys_are_bounded() {
    let idp = Idp::start().await;
    let mut keys = idp.by_url();
    idp.publishes(&[]);
    assert_eq!(look(&mut keys, 0).await, Ok(vec![]));
    let hostile = format!("\u{1b}[31m<b>\r\n{}", "k".repeat(10_000));
    idp.publishes(&[key(&hostile, "1")]);
    let told = look(&mut keys, 1).await.unwrap();
    assert_eq!(told[0].keys[0], hostile[..128]);
    assert!(told[0].summary.chars().count() < 200);
    let many: Vec<Value> =
        (0..10_000).map(|number| json!({"kty": "oct", "kid": number.to_string(), "k": number.to_string()})).collect();
    idp.publishes(&many);
    let told = look(&mut keys, 2).await.unwrap();
    assert_eq!(
        told.iter().map(|change| change.kind).collect::<Vec<_>>(),
        [ChangeKind::JwksAdd, ChangeKind::JwksRemove]
    );
    assert_eq!(told[0].keys.len(), 16);
}

/// Lets the tokens of the target be signed with a key at a minute.
fn sign(sightings: &Sightings, id: &str, minute: i64) {
    let lives = Some(Duration::from_secs(900));
    let signature = Signature { key_id: id.into(), algorithm: "RS256".into(), issuer: None, lives };
    let target = Target {
        name: "api".into(),
        url: "http://localhost".parse().unwrap(),
        timeout: Duration::from_secs(1),
        connection: Connection::default(),
        probes: Probes::default(),
    };
    sightings.take(&target, &Sighting { signature: Some(signature), ..Sighting::default() }, at(minute));
}

/// What is noted when key `b` is published at a minute, signs from another, and `a` is removed at a third.
async fn notes(published: i64, switched: i64, removed: i64) -> Vec<String> {
    let (idp, sightings) = (Idp::start().await, Arc::default());
    let mut keys = idp.key_set(json!({"url": format!("{}/keys", idp.url)}), &sightings);
    let mut notes = Vec::new();
    for minute in 0..=removed.max(switched) + 1 {
        let mut set = Vec::new();
        if minute < removed {
            set.push(key("a", "1"));
        }
        if minute >= published {
            set.push(key("b", "2"));
        }
        idp.publishes(&set);
        sign(&sightings, if minute < switched { "a" } else { "b" }, minute);
        let told = look(&mut keys, minute).await.unwrap();
        let told = told.into_iter().filter(|change| change.kind == ChangeKind::Note);
        notes.extend(told.map(|note| format!("{minute}: {}", note.summary)));
    }
    notes
}

#[tokio::test]
async fn a_rotation_that_overlaps_long_enough_has_no_note() {
    // Caches keep a set for 10 minutes, tokens live 15, the leeway is half a minute.
    assert_eq!(notes(5, 15, 41).await, [""; 0]);
}

#[tokio::test]
async fn a_key_that_signs_before_verifiers_know_it_is_noted() {
    let too_early = "key `b` signs tokens at most 4m after it was published; verifiers keep a key set for 10m";
    assert_eq!(notes(5, 8, 60).await, [format!("8: {too_early}")]);
    assert_eq!(notes(9, 8, 60).await, ["8: tokens are signed with `b`, which the key set does not hold"]);
}

#[tokio::test]
async fn a_key_that_goes_while_its_tokens_live_is_noted() {
    let too_soon = "key `a` was removed at most 6m after it signed a token; \
                    tokens live 15m and verifiers keep a key set for 10m";
    assert_eq!(notes(5, 20, 25).await, [format!("25: {too_soon}")]);
}
