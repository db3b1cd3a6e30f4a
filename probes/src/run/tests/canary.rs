//! A hostile server echoes everything it gets, in every form and at every place; no detail shows a secret.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use storage::record::DETAIL_LIMIT;
use url::form_urlencoded::byte_serialize;

use super::*;

const HOSTILE_PASSWORD: &str = "pä\"ss/w\\ord & <é>+42%41🔑'end";
const HOSTILE_KEY: &str = "k\"ey/+=&<12>'34\\%25567890-schlüssel";
const HOSTILE_TOKEN: &str = "To\"k/en+&<%41>'-0123\\456789";
const CLIENT_SECRET: &str = "cl/ient:se\\cret+\"42\"";

fn forms(text: &str) -> Vec<String> {
    let url: String = byte_serialize(text.as_bytes()).collect();
    let json = Value::from(text).to_string();
    vec![
        text.to_owned(),
        json.trim_matches('"').to_owned(),
        json.trim_matches('"').replace('/', "\\/"),
        url.replace('+', "%20"),
        url.to_lowercase(),
        url,
        STANDARD.encode(text),
        URL_SAFE_NO_PAD.encode(text),
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;"),
    ]
}

/// What the server echoes: the credentials by themselves, then the request as a whole.
fn parts(request: &Received) -> Vec<String> {
    let authorization = request.header("authorization");
    let mut parts = vec![
        authorization.to_owned(),
        authorization.split(' ').nth(1).unwrap_or_default().to_owned(),
        request.header("x-api-key").to_owned(),
        request.header("cookie").to_owned(),
        request.body.clone(),
        request.line().to_owned(),
        format!("{} {}", request.head, request.body),
    ];
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn hostile(request: &Received, turn: usize) -> String {
    if request.line() == "POST /login" && turn.is_multiple_of(2) {
        return answer("200 OK", &[], &json!({"access_token": HOSTILE_TOKEN, "message": HOSTILE_TOKEN}).to_string());
    }
    let all: Vec<String> = parts(request).iter().flat_map(|part| forms(part)).collect();
    let echo = &all[turn / 2 % all.len()];
    let word: String = echo.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    let statuses = ["400", "401", "403", "422", "500", "302", "429", "418"];
    let status = format!("{} {word}", statuses[turn / 2 % statuses.len()]);
    let quoted = word.replace('\\', "\\\\").replace('"', "\\\"");
    let challenge = format!("www-authenticate: Bearer realm=\"{quoted}\", error=\"{quoted}\"");
    let x_echo = format!("x-echo: {word}");
    let headers = [challenge.as_str(), x_echo.as_str()];
    match turn % 3 {
        0 => answer(&status, &headers, &json!({"error": {"message": format!("bad credential {echo}")}}).to_string()),
        1 => answer(&status, &[headers[0], headers[1], "content-type: text/plain"], echo),
        _ => answer(&status, &headers, "<html>"),
    }
}

/// Stretches that would give a secret away: eight characters of it at its beginning, in its middle and at its end,
/// in every form.
fn telling(secret: &str) -> Vec<String> {
    let chars: Vec<char> = secret.chars().collect();
    let part = |at: usize| chars[at..at + 8].iter().collect::<String>();
    let parts = [0, chars.len() / 2 - 4, chars.len() - 8].map(part);
    let mut telling: Vec<String> = parts.iter().flat_map(|part| forms(part)).collect();
    let whole = STANDARD.encode(secret);
    telling.extend([0, whole.len() / 2, whole.len() - 14].map(|at| whole[at..at + 12].to_owned()));
    telling
}

#[tokio::test]
async fn no_detail_shows_a_secret_whatever_a_server_echoes() {
    let secrets = [HOSTILE_PASSWORD, HOSTILE_KEY, HOSTILE_TOKEN, CLIENT_SECRET];
    let needles: Vec<String> = secrets.iter().flat_map(|secret| telling(secret)).collect();
    let wallet = fixtures::wallet(&[("PASSWORD", HOSTILE_PASSWORD), ("KEY", HOSTILE_KEY), ("CLIENT", CLIENT_SECRET)]);
    let turn = Arc::new(Mutex::new(0));
    let now = Arc::clone(&turn);
    let server = Server::http(move |request| hostile(request, *now.lock().expect("not poisoned"))).await;
    let (mut details, mut redacted) = (0, 0);
    for number in 0..140 {
        *turn.lock().expect("not poisoned") = number;
        let mut probes = everything();
        probes["jwt"] = json!({"request": "GET /things", "deny": ["tampered"]});
        probes["login"]["send"] =
            [json!("bearer"), json!({"cookie": "SESSION"}), json!({"query": "token"})][number % 3].clone();
        if number % 5 == 0 {
            probes["login"]["style"] = "basic".into();
        } else if number % 5 == 1 {
            probes["login"]["client_id"] = "app".into();
            probes["login"]["client_secret"] = json!({"env": "CLIENT"});
        }
        if number % 4 == 0 {
            probes["api_key"] = json!({"query": "key", "key": {"env": "KEY"}, "request": "GET /things"});
        }
        let target = fixtures::target(&server.url(), probes);
        for result in run_with(&target, &wallet, &mut Session::default()).await {
            let Some(detail) = &result.detail else { continue };
            details += 1;
            redacted += usize::from(detail.contains("<redacted>"));
            assert!(detail.chars().count() <= DETAIL_LIMIT);
            assert!(!detail.chars().any(char::is_control), "{detail:?}");
            for needle in &needles {
                assert!(!detail.contains(needle.as_str()), "turn {number}, {}: {needle} in {detail}", result.probe);
            }
        }
    }
    assert!(details > 300 && redacted > 100, "{redacted} of {details} details had something to hide");
}
