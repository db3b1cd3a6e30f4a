//! The shapes of logins that were measured on real servers: what is sent, where the token is, how it goes on.

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE};
use http::{HeaderMap, HeaderName, Method};
use jsonwebtoken::Algorithm;
use serde_json::json;

use super::*;
use crate::fixtures;
use crate::kinds::login::Carrier;
use crate::protocol::test_keys;

const NOW: i64 = 1_800_000_000;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("in range")
}

fn plan(settings: Value) -> (Login, Outgoing) {
    let target = fixtures::target("https://api.example.com/base", json!({"login": settings}));
    let wallet = fixtures::wallet(&[
        ("PASSWORD", "pass & w/ürd"),
        ("CLIENT_SECRET", "client:s/cret"),
        ("TENANT", "tenant-secret"),
    ]);
    let login = target.probes.login.clone().expect("a login");
    let who = own(&login, &wallet).expect("an identity");
    let outgoing = request(&target, &login, &who, &wallet).expect("a request");
    (login, outgoing)
}

fn header(outgoing: &Outgoing, name: HeaderName) -> &str {
    outgoing.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn body(outgoing: &Outgoing) -> &str {
    str::from_utf8(&outgoing.body).expect("text")
}

fn answer(headers: &[(&'static str, &str)], body: &str) -> Answer {
    let pairs = headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a value")));
    Answer { status: 200, headers: HeaderMap::from_iter(pairs), body: body.into(), truncated: false }
}

/// The token of an answer, how many seconds it lives, and the request that carries it on.
fn take(login: &Login, answer: &Answer) -> Result<(String, Option<i64>, Outgoing), Reason> {
    let place = login.token.as_ref().expect("a place");
    let token = token(login, place, answer, now()).map_err(|failure| failure.reason)?;
    let mut next = Outgoing::new(Method::GET, "https://api.example.com/me?a=b".parse().expect("a URL"));
    next.carry(token.raw.expose(), &login.send).expect("a header");
    let lives = token.expires.map(|end| end.duration_since(now()).as_secs());
    Ok((token.raw.expose().to_owned(), lives, next))
}

fn jwt(claims: &Value) -> String {
    test_keys::token(Algorithm::HS256, claims).raw.expose().to_owned()
}

fn user() -> Value {
    json!({"path": "/login", "username": "probe", "password": {"env": "PASSWORD"}, "token": "/access_token"})
}

fn with(mut settings: Value, more: &Value) -> Value {
    settings.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    settings
}

#[test]
fn orchestrator_json_and_a_bearer_token() {
    let (login, sent) = plan(with(user(), &json!({"path": "/api/v1/auth/login"})));
    assert_eq!((sent.method.as_str(), sent.url.as_str()), ("POST", "https://api.example.com/base/api/v1/auth/login"));
    assert_eq!(header(&sent, CONTENT_TYPE), "application/json");
    assert_eq!(body(&sent), r#"{"password":"pass & w/ürd","username":"probe"}"#);
    let raw = jwt(&json!({"exp": NOW + 900}));
    let (token, lives, next) =
        take(&login, &answer(&[], &json!({"access_token": raw, "expires_in": 5}).to_string())).expect("a token");
    assert_eq!((token, lives), (raw.clone(), Some(900)), "exp comes before everything else");
    assert_eq!(header(&next, AUTHORIZATION), format!("Bearer {raw}"));
}

#[test]
fn etcd_other_field_names_and_a_bare_token() {
    let (login, sent) = plan(with(user(), &json!({"username_field": "name", "token": "/token", "send": "bare"})));
    assert_eq!(body(&sent), r#"{"name":"probe","password":"pass & w/ürd"}"#);
    let raw = jwt(&json!({"exp": NOW + 10, "revision": 3, "username": "probe"}));
    let (_, lives, next) =
        take(&login, &answer(&[], &json!({"header": {}, "token": raw}).to_string())).expect("a token");
    assert_eq!(lives, Some(10));
    assert_eq!(header(&next, AUTHORIZATION), raw);
}

#[test]
fn flask_further_fields_of_every_type() {
    let extra = json!({"provider": "db", "refresh": true, "version": 2, "tenant": {"env": "TENANT"}});
    let (_, sent) = plan(with(user(), &json!({"extra": extra})));
    let sent: Value = serde_json::from_str(body(&sent)).expect("JSON");
    assert_eq!(sent["provider"], "db");
    assert_eq!(
        (sent["refresh"].as_bool(), sent["version"].as_i64(), sent["tenant"].as_str()),
        (Some(true), Some(2), Some("tenant-secret"))
    );
}

#[test]
fn fastapi_users_form() {
    let (_, sent) = plan(with(user(), &json!({"style": "form"})));
    assert_eq!(header(&sent, CONTENT_TYPE), "application/x-www-form-urlencoded");
    assert_eq!(body(&sent), "password=pass+%26+w%2F%C3%BCrd&username=probe");
}

#[test]
fn glewlwyd_grant_and_a_scheme_of_its_own() {
    let grant =
        json!({"style": "form", "extra": {"grant_type": "password"}, "scope": "api read", "send": {"scheme": "token"}});
    let (login, sent) = plan(with(user(), &grant));
    assert_eq!(body(&sent), "grant_type=password&password=pass+%26+w%2F%C3%BCrd&scope=api+read&username=probe");
    let (_, _, next) = take(&login, &answer(&[], r#"{"access_token":"opaque-1"}"#)).expect("a token");
    assert_eq!(header(&next, AUTHORIZATION), "token opaque-1");
}

#[test]
fn glewlwyd_cookie_of_an_empty_body() {
    let place = json!({"token": {"cookie": "SESSION"}, "send": {"cookie": "SESSION"}, "lifetime": "1h"});
    let (login, _) = plan(with(user(), &place));
    let said = answer(
        &[
            ("set-cookie", "other=1; Path=/"),
            ("set-cookie", "SESSION=old; Path=/"),
            ("set-cookie", "SESSION=\"abc123\"; HttpOnly; Secure"),
        ],
        "",
    );
    let (token, lives, mut next) = take(&login, &said).expect("a token");
    assert_eq!((token.as_str(), lives), ("abc123", Some(3600)));
    assert_eq!(header(&next, COOKIE), "SESSION=abc123");
    next.carry("dark", &Carrier::Cookie("theme".into())).expect("a header");
    assert_eq!(header(&next, COOKIE), "SESSION=abc123; theme=dark");
    assert_eq!(take(&login, &answer(&[("set-cookie", "SESSION=; Max-Age=0")], "")).err(), Some(Reason::TokenMissing));
    assert_eq!(take(&login, &answer(&[], "")).err(), Some(Reason::TokenMissing));
}

#[test]
fn client_credentials_by_basic_or_in_the_body() {
    let client = json!({"path": "/token", "style": "client_credentials", "client_id": "my probe", "client_secret": {"env": "CLIENT_SECRET"}, "scope": "a", "token": "/data/access_token"});
    let (login, sent) = plan(client.clone());
    let basic = header(&sent, AUTHORIZATION).strip_prefix("Basic ").expect("Basic");
    assert_eq!(STANDARD.decode(basic).expect("base64"), b"my+probe:client%3As%2Fcret", "form-encoded first");
    assert_eq!(body(&sent), "grant_type=client_credentials&scope=a");
    let nested = answer(&[], r#"{"data":{"access_token":"opaque-2","ttl":1500,"ttl_text":"60"}}"#);
    assert_eq!(take(&login, &nested).expect("a token").1, None, "nothing says how long it lives");
    let (_, sent) = plan(with(client, &json!({"client_auth": "body"})));
    assert_eq!(body(&sent), "client_id=my+probe&client_secret=client%3As%2Fcret&grant_type=client_credentials&scope=a");
    assert_eq!(header(&sent, AUTHORIZATION), "");
}

#[test]
fn a_users_grant_with_the_clients_own_credentials() {
    let grant = json!({"style": "form", "extra": {"grant_type": "password"}, "client_id": "app", "client_secret": {"env": "CLIENT_SECRET"}});
    let (_, sent) = plan(with(user(), &grant));
    assert!(header(&sent, AUTHORIZATION).starts_with("Basic "));
    assert!(body(&sent).contains("username=probe"));
}

#[test]
fn lifetimes_in_seconds_milliseconds_or_by_configuration() {
    let said = answer(&[], r#"{"access_token":"opaque-3","ms":1500000,"s":"60","bad":-1,"worse":1e300,"word":"soon"}"#);
    let lives = |more: Value| take(&plan(with(user(), &more)).0, &said).expect("a token").1;
    assert_eq!(lives(json!({"expires_in": "/ms", "expires_in_unit": "milliseconds"})), Some(1500));
    assert_eq!(lives(json!({"expires_in": "/s"})), Some(60));
    for absurd in ["/bad", "/worse", "/word", "/absent"] {
        assert_eq!(lives(json!({"expires_in": absurd, "lifetime": "5m"})), Some(300), "{absurd}");
    }
    assert_eq!(lives(json!({})), None);
}

#[test]
fn basic_authentication_without_a_body() {
    let (_, sent) = plan(with(user(), &json!({"style": "basic", "method": "GET"})));
    let basic = header(&sent, AUTHORIZATION).strip_prefix("Basic ").expect("Basic");
    assert_eq!(STANDARD.decode(basic).expect("base64"), "probe:pass & w/ürd".as_bytes());
    assert_eq!((sent.method.as_str(), body(&sent), header(&sent, CONTENT_TYPE)), ("GET", "", ""));
}

#[test]
fn a_token_in_a_header_and_one_that_is_the_whole_body() {
    let (login, _) = plan(with(user(), &json!({"token": {"header": "authorization"}, "send": {"header": "X-Token"}})));
    for value in ["Bearer opaque-4", "bearer opaque-4", "opaque-4"] {
        let (token, _, next) = take(&login, &answer(&[("authorization", value)], "")).expect("a token");
        assert_eq!((token.as_str(), header(&next, HeaderName::from_static("x-token"))), ("opaque-4", "opaque-4"));
    }
    let (login, _) = plan(with(user(), &json!({"token": "", "send": {"query": "access token"}})));
    let (_, _, next) = take(&login, &answer(&[], r#""opaque-5""#)).expect("a token");
    assert_eq!(next.url.as_str(), "https://api.example.com/me?a=b&access+token=opaque-5");
}

#[test]
fn answers_without_a_token_say_what_is_wrong() {
    let (login, _) = plan(user());
    for (said, expected) in [
        ("", Reason::TokenMissing),
        ("{}", Reason::TokenMissing),
        (r#"{"access_token":null}"#, Reason::TokenMissing),
        (r#"{"access_token":{"a":1}}"#, Reason::TokenMissing),
        (r#"{"access_token":""}"#, Reason::TokenMissing),
        ("<html>", Reason::UnexpectedBody),
        ("\u{feff}{}", Reason::UnexpectedBody),
        (r#"{"access_token":"a b"}"#, Reason::TokenMalformed),
        (r#"{"access_token":"a\r\nX-Injected: 1"}"#, Reason::TokenMalformed),
    ] {
        assert_eq!(take(&login, &answer(&[], said)).err(), Some(expected), "{said}");
    }
    let megabyte = json!({"access_token": "x".repeat(1 << 20)}).to_string();
    assert_eq!(take(&login, &answer(&[], &megabyte)).err(), Some(Reason::TokenMalformed));
    let cut = Answer { truncated: true, ..answer(&[], r#"{"access_token":"opa"#) };
    assert_eq!(take(&login, &cut).err(), Some(Reason::UnexpectedBody));
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(take(&login, &answer(&[], &deep)).err(), Some(Reason::UnexpectedBody));
}
