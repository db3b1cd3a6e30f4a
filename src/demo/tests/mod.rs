//! What the demo API's tests share: a started API and a client that speaks to it.

mod control;
mod faults;
mod logins;
mod protected;
mod rotation;
mod wire;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, Response, redirect};
use rustls::crypto::aws_lc_rs;
use serde_json::{Value, json};

use crate::demo::api::Api;
use crate::demo::directory::Credentials;
use crate::demo::state::Settings;

/// A demo API and a client.
pub(super) struct Bench {
    pub(super) api: Api,
    pub(super) client: Client,
}

impl Bench {
    pub(super) async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub(super) async fn with(settings: Settings) -> Self {
        Self { api: Api::start(settings, None).await.unwrap(), client: builder().build().unwrap() }
    }

    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.api.url()))
    }

    pub(super) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(super) fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    pub(super) fn credentials(&self) -> Credentials {
        self.api.credentials().clone()
    }

    /// The prober's login by JSON.
    pub(super) async fn login(&self) -> Response {
        let Credentials { username, password, .. } = self.credentials();
        self.login_as(&username, &password).await
    }

    pub(super) async fn login_as(&self, username: &str, password: &str) -> Response {
        let body = json!({ "username": username, "password": password });
        json_body(self.post("/api/v1/auth/login"), &body).send().await.unwrap()
    }

    /// The prober's token.
    pub(super) async fn token(&self) -> String {
        token_in(self.login().await).await
    }

    /// Status of listing workflows with a token.
    pub(super) async fn use_token(&self, token: &str) -> u16 {
        status(self.get("/api/v1/workflows").header("authorization", format!("Bearer {token}"))).await
    }

    /// Status of listing workflows with a key.
    pub(super) async fn use_key(&self, key: &str) -> u16 {
        status(self.get("/api/v1/workflows").header("x-api-key", key)).await
    }
}

/// A client that follows nothing and trusts nobody yet.
pub(super) fn builder() -> ClientBuilder {
    // Another test may have installed the same one already.
    let _ = aws_lc_rs::default_provider().install_default();
    Client::builder().redirect(redirect::Policy::none()).tls_certs_only([]).no_proxy()
}

pub(super) fn json_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

pub(super) fn form_body(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

pub(super) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

pub(super) async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

pub(super) async fn body(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

/// The token of a successful login.
pub(super) async fn token_in(response: Response) -> String {
    assert_eq!(response.status(), 200);
    body(response).await["access_token"].as_str().unwrap().to_owned()
}

/// One part of a JWT: 0 the header, 1 the claims.
pub(super) fn part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A TLS configuration for `localhost`, and the certificate that a client must trust.
pub(super) fn tls() -> (Arc<rustls::ServerConfig>, reqwest::Certificate) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let trusted = reqwest::Certificate::from_der(made.cert.der()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    (Arc::new(config), trusted)
}
