//! Signs the demo API's tokens, checks them, and publishes their public keys.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Validation, crypto, decode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::demo::fault::{Active, Fault};

/// The issuer that tokens name.
pub(crate) const ISSUER: &str = "llm-orchestrator";

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Signing {
    /// A shared secret; the key set is empty.
    #[default]
    Hs256,
    /// RSA of 2048 bits.
    Rs256,
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// The user or client.
    pub(crate) sub: String,
    /// Roles at the time of the login.
    #[serde(default)]
    pub(crate) roles: Vec<String>,
    /// Unix seconds from which the token is refused.
    pub(crate) exp: i64,
    /// Unix seconds of the login.
    #[serde(default)]
    pub(crate) iat: i64,
    /// Who issued it.
    #[serde(default)]
    pub(crate) iss: String,
    /// Unique for each token.
    #[serde(default)]
    pub(crate) jti: String,
}

/// One signing secret or key pair.
pub(crate) struct SigningKey {
    kid: String,
    algorithm: Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    secret: Option<String>,
    jwk: Option<Jwk>,
}

impl SigningKey {
    /// A new random key, the `number`-th of its server.
    pub(crate) fn generate(signing: Signing, number: u64) -> anyhow::Result<Self> {
        let kid = format!("demo-{number}");
        let random = rand::SystemRandom::new();
        let (algorithm, encoding) = match signing {
            Signing::Hs256 => {
                let secret = random_hex::<32>()?;
                let encoding = EncodingKey::from_secret(secret.as_bytes());
                let decoding = DecodingKey::from_secret(secret.as_bytes());
                let algorithm = Algorithm::HS256;
                return Ok(Self { kid, algorithm, encoding, decoding, secret: Some(secret), jwk: None });
            }
            Signing::Rs256 => {
                let pair = KeyPair::generate(KeySize::Rsa2048).context("generating an RSA key")?;
                let der: Pkcs8V1Der<'_> = pair.as_der().context("encoding an RSA key")?;
                let body = STANDARD.encode(der.as_ref());
                let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
                (Algorithm::RS256, EncodingKey::from_rsa_pem(pem.as_bytes())?)
            }
            Signing::Es256 => {
                let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
                    .context("generating an ECDSA key")?;
                (Algorithm::ES256, EncodingKey::from_ec_der(document.as_ref()))
            }
            Signing::EdDsa => {
                let document = Ed25519KeyPair::generate_pkcs8v1(&random).context("generating an Ed25519 key")?;
                (Algorithm::EdDSA, EncodingKey::from_ed_der(document.as_ref()))
            }
        };
        let mut jwk = Jwk::from_encoding_key(&encoding, algorithm)?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let decoding = DecodingKey::from_jwk(&jwk)?;
        Ok(Self { kid, algorithm, encoding, decoding, secret: None, jwk: Some(jwk) })
    }

    /// The shared secret, if that is what signs.
    pub(crate) fn secret(&self) -> Option<&str> {
        self.secret.as_deref()
    }

    /// The public key, if there is one.
    pub(crate) fn jwk(&self) -> Option<&Jwk> {
        self.jwk.as_ref()
    }

    /// A token with these claims, spoilt as the active faults say.
    pub(crate) fn mint(&self, claims: &Claims, faults: &Active) -> anyhow::Result<String> {
        let mut header = json!({ "typ": "JWT", "alg": self.algorithm });
        // A shared secret has no public name, so such tokens name none.
        if self.jwk.is_some() {
            header["kid"] = json!(self.kid);
        }
        let mut claims = serde_json::to_value(claims)?;
        let mut algorithm = self.algorithm;
        let mut confused = None;
        if faults.has(Fault::WrongIssuer) {
            claims["iss"] = json!("somebody-else");
        }
        if faults.has(Fault::HugeToken) {
            claims["padding"] = json!("p".repeat(1 << 20));
        }
        if faults.has(Fault::UnknownKid) {
            header["kid"] = json!("never-published");
        }
        if faults.has(Fault::HostileJwtHeader) {
            header["crit"] = json!(["x-never-heard-of"]);
            header["jku"] = json!("http://127.0.0.1:9/jwks.json");
            header["x5u"] = json!("file:///etc/passwd");
            header["kid"] = json!(format!("../../etc/passwd\0\r\nX-Injected: 1\u{1b}[31m{}", "k".repeat(8192)));
        }
        if faults.has(Fault::WrongAlgorithm) {
            algorithm = if self.jwk.is_some() { Algorithm::HS256 } else { Algorithm::HS512 };
            header["alg"] = json!(algorithm);
            // The classic confusion: the public key, which everybody has, taken as a shared secret.
            confused = self.jwk.as_ref().map(serde_json::to_vec).transpose()?.map(|jwk| EncodingKey::from_secret(&jwk));
        }
        let message = format!("{}.{}", segment(&header)?, segment(&claims)?);
        let signature = crypto::sign(message.as_bytes(), confused.as_ref().unwrap_or(&self.encoding), algorithm)?;
        Ok(format!("{message}.{signature}"))
    }

    /// The claims of a token that this key signed and that has not expired at `now` (Unix seconds).
    pub(crate) fn verify(&self, token: &str, now: i64) -> Option<Claims> {
        let mut validation = Validation::new(self.algorithm);
        // A token under another HMAC is still this server's own; a mixed list of families never verifies.
        if self.secret.is_some() {
            validation.algorithms = vec![Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
        }
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        let claims = decode::<Claims>(token, &self.decoding, &validation).ok()?.claims;
        (now < claims.exp).then_some(claims)
    }
}

/// The claims of anything shaped like a token, whoever signed it or nobody.
pub(crate) fn unverified(token: &str) -> Option<Claims> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// A random value of `N` bytes, in hexadecimal.
pub(crate) fn random_hex<const N: usize>() -> anyhow::Result<String> {
    let mut bytes = [0_u8; N];
    rand::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Unix seconds on the server's clock, right or wrong.
pub(crate) fn now(faults: &Active) -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX).saturating_add(faults.clock_shift())
}

fn segment(part: &Value) -> anyhow::Result<String> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(part)?))
}
