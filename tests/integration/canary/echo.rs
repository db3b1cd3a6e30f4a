//! A hostile server: it answers with what it was asked, in every form and at every place of an answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use url::form_urlencoded;

/// A way to write down what must not be written down.
type Form = (&'static str, fn(&str) -> String);

/// Every form in which a server may echo.
pub(crate) const FORMS: [Form; 11] = [
    ("plain", str::to_owned),
    ("json", |text| json!(text).to_string()),
    ("json in json", |text| json!(json!(text).to_string()).to_string()),
    ("form", |text| form_urlencoded::byte_serialize(text.as_bytes()).collect()),
    ("url", |text| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")),
    ("html", |text| text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")),
    ("base64", |text| STANDARD.encode(text)),
    ("base64url", |text| URL_SAFE_NO_PAD.encode(text)),
    ("hex", |text| text.bytes().map(|byte| format!("{byte:02x}")).collect()),
    ("upper hex", |text| text.bytes().map(|byte| format!("{byte:02X}")).collect()),
    ("cut off", |text| text.chars().take(text.chars().count().saturating_sub(3)).collect()),
];

/// The running server. Ends when dropped.
pub(crate) struct Echo {
    port: u16,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    jwt_secret: String,
    answered: AtomicUsize,
    stop: AtomicBool,
    seen: Mutex<Vec<String>>,
    tokens: Mutex<Vec<String>>,
}

/// One request.
struct Request {
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Echo {
    /// Starts it on a free port; its tokens are signed with the secret that the prober knows.
    pub(crate) fn start(jwt_secret: &str) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared { jwt_secret: jwt_secret.to_owned(), ..Shared::default() });
        let own = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if own.stop.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&own);
                // A client that goes away in between is its own concern.
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Ok(Self { port, shared })
    }

    /// Where it listens, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests it answered.
    pub(crate) fn answered(&self) -> usize {
        self.shared.answered.load(Ordering::Relaxed)
    }

    /// Every request as it came: path, headers, body, and user and password of a Basic authentication.
    pub(crate) fn seen(&self) -> String {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }

    /// Every token that it issued or was shown.
    pub(crate) fn tokens(&self) -> Vec<String> {
        self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        // Wakes the listener up.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(stream: TcpStream, shared: &Shared) -> Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let request = read(&stream)?;
    note(&request, shared);
    let turn = shared.answered.fetch_add(1, Ordering::Relaxed);
    let bytes = answer(&request, turn, shared)?;
    (&stream).write_all(&bytes)?;
    Ok(())
}

fn read(stream: &TcpStream) -> Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let path = first.split(' ').nth(1).context("a request line")?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { path, headers, body: String::from_utf8_lossy(&body).into_owned() })
}

fn note(request: &Request, shared: &Shared) {
    let mut whole = format!("{}\n{}\n", request.path, request.body);
    whole += &form_urlencoded::parse(request.body.as_bytes())
        .map(|(name, value)| format!("{name}={value}\n"))
        .collect::<String>();
    for (name, value) in &request.headers {
        whole += &format!("{name}: {value}\n");
        if let Some(plain) = value.strip_prefix("Basic ").and_then(|value| STANDARD.decode(value).ok()) {
            whole += &String::from_utf8_lossy(&plain);
        }
        let word = value.rsplit([' ', '=']).next().unwrap_or_default();
        if word.matches('.').count() == 2 && word.len() > 40 {
            shared.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(word.to_owned());
        }
    }
    shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(whole);
}

fn answer(request: &Request, turn: usize, shared: &Shared) -> Result<Vec<u8>> {
    let echo = echo(request, turn);
    let path = request.path.split('?').next().unwrap_or_default();
    if path == "/raw" {
        return Ok(format!("{echo}\r\n\r\n").into_bytes());
    }
    let in_header: String = echo.chars().filter(|c| c.is_ascii() && !c.is_control()).collect();
    let status: u16 = path.rsplit('/').next().and_then(|last| last.parse().ok()).unwrap_or(200);
    let token = if path.starts_with("/login") && status == 200 { token(turn, shared)? } else { String::new() };
    let told = json!({
        "access_token": token,
        "expires_in": 900,
        (["error", "message", "error_description", "detail", "title"][turn % 5]): echo,
        "error": echo,
        "debug": { "headers": request.headers, "body": request.body, "path": request.path },
    });
    let (kind, body) = match turn % 4 {
        _ if !token.is_empty() => ("application/json", told.to_string()),
        0 | 1 => ("application/json", told.to_string()),
        2 => ("text/plain", echo.clone()),
        _ => ("text/html", format!("<!doctype html><title>{echo}</title>{echo}")),
    };
    let head = format!(
        "HTTP/1.1 {status} {in_header}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\
         WWW-Authenticate: Bearer realm=\"{in_header}\", error=\"{in_header}\", error_description=\"{in_header}\"\r\n\
         Location: /elsewhere?echo={in_header}\r\nX-Token: {token}\r\nX-Echo: {in_header}\r\n\
         Set-Cookie: session={token}; Path=/\r\n\r\n",
        body.len(),
    );
    Ok([head.into_bytes(), body.into_bytes()].concat())
}

/// One of the request's parts in one of the forms, another with each turn.
fn echo(request: &Request, turn: usize) -> String {
    const TELLING: [&str; 6] = ["authorization", "x-api-key", "cookie", "x-canary", "x-canary-login", "traceparent"];
    let mut parts: Vec<String> = vec![request.path.clone(), request.body.clone()];
    parts.extend(
        request.headers.iter().filter(|(name, _)| TELLING.contains(&name.as_str())).map(|(_, value)| value.clone()),
    );
    parts.retain(|part| !part.is_empty());
    let (_, form) = FORMS[turn / 7 % FORMS.len()];
    form(&parts[turn % parts.len()])
}

fn token(turn: usize, shared: &Shared) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims: Value = json!({"sub": "canary", "jti": format!("t-{turn}"), "iat": now, "exp": now + 900});
    let key = EncodingKey::from_secret(shared.jwt_secret.as_bytes());
    let token = encode(&Header::new(Algorithm::HS256), &claims, &key)?;
    shared.tokens.lock().unwrap_or_else(PoisonError::into_inner).push(token.clone());
    Ok(token)
}
