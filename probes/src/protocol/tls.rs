//! TLS profiles: one is built for each distinct set of files and shared by every request that uses it.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue, WebPkiServerVerifier,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, NamedGroup, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use crate::protocol::phases;

/// Contents of a target's TLS files, in PEM.
#[derive(Default)]
pub struct Files {
    /// Authorities that are trusted in place of the system's.
    pub ca: Option<Vec<u8>>,
    /// The client's certificate and its chain, with its private key.
    pub client: Option<(Vec<u8>, Vec<u8>)>,
}

/// What a TLS handshake offers and trusts.
#[derive(Clone, Debug)]
pub struct Profile(pub(crate) Arc<ClientConfig>);

/// Why no profile can be built from the files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Unusable {
    /// Which file is at fault: `ca`, `client_cert` or `client_key`.
    pub what: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Profile {
    /// Builds a profile: TLS 1.2 and 1.3, the system's authorities unless `files` name others.
    ///
    /// # Errors
    /// When a file is not PEM, holds nothing usable, or certificate and key do not belong together.
    pub fn new(files: &Files) -> Result<Self, Unusable> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| unusable("tls", error))?;
        let judge: Arc<dyn ServerCertVerifier> = match &files.ca {
            Some(pem) => WebPkiServerVerifier::builder_with_provider(Arc::new(roots(pem)?), provider)
                .build()
                .map_err(|error| unusable("ca", error))?,
            None => Arc::new(Verifier::new(provider).map_err(|error| unusable("system certificates", error))?),
        };
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(Witness(judge)));
        let mut config = match &files.client {
            Some((chain, key)) => {
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| unusable("client_key", error))?;
                builder
                    .with_client_auth_cert(certificates("client_cert", chain)?, key)
                    .map_err(|error| unusable("client_cert", error))?
            }
            None => builder.with_no_client_auth(),
        };
        // A probe sees what a new client sees, so no session is ever resumed.
        config.resumption = Resumption::store(Arc::new(HandshakeBegins));
        Ok(Self(Arc::new(config)))
    }

    /// What rustls is to do; for protocols that are not probed.
    #[must_use]
    pub fn client_config(&self) -> &ClientConfig {
        &self.0
    }
}

fn roots(pem: &[u8]) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates("ca", pem)? {
        roots.add(certificate).map_err(|error| unusable("ca", error))?;
    }
    Ok(roots)
}

fn certificates(what: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Unusable> {
    let all =
        CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|error| unusable(what, error))?;
    match all.is_empty() {
        true => Err(unusable(what, "no certificate in it")),
        false => Ok(all),
    }
}

fn unusable(what: &'static str, why: impl ToString) -> Unusable {
    Unusable { what, why: why.to_string() }
}

/// Remembers nothing; its question for a key exchange hint is the first thing that happens in a handshake,
/// which is the boundary between the phases `connect` and `tls`.
#[derive(Debug)]
struct HandshakeBegins;

impl ClientSessionStore for HandshakeBegins {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        phases::stamp(phases::Mark::Handshake);
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, _: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// Notes the certificate that a server shows before it is judged, so that one that is refused is seen too.
/// The judgement is another's.
#[derive(Debug)]
struct Witness(Arc<dyn ServerCertVerifier>);

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        phases::shown(name, leaf);
        self.0.verify_server_cert(leaf, others, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, leaf, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, leaf, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.0.requires_raw_public_keys()
    }

    fn root_hint_subjects(&self) -> Option<&[DistinguishedName]> {
        self.0.root_hint_subjects()
    }
}
