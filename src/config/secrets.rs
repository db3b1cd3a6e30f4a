//! Tries whether the secrets and TLS files of the configuration will do.

use std::path::Path;

use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use probes::credential::{SecretKey, Source, Unusable};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::sources::Use;
use crate::source::{LONGEST_PEM, file, read};

/// What is wrong with a reference, whatever it leads to now.
///
/// # Errors
/// The mistake and its remedy.
pub(super) fn form(source: &Source) -> Result<(), String> {
    match source {
        Source::Env(name) => {
            let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
            if begins && name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_') {
                return Ok(());
            }
            // Not repeated: a secret itself may have been written here.
            Err("`env` takes the name of an environment variable: letters, digits and `_`".into())
        }
        Source::File(path) if path.as_os_str().is_empty() => Err("`file` takes the path of a file".into()),
        Source::File(_) => Ok(()),
        Source::Kubernetes(SecretKey { secret, key }) if is_object(secret) && !key.is_empty() => Ok(()),
        Source::Kubernetes(_) => Err("`kubernetes` takes {secret: NAMESPACE/NAME, key: KEY}".into()),
    }
}

/// The same for what is no credential of a probe: that is read from this machine alone.
///
/// # Errors
/// The mistake and its remedy.
pub(super) fn local(source: &Source) -> Result<(), String> {
    form(source)?;
    match source {
        Source::Env(_) | Source::File(_) => Ok(()),
        Source::Kubernetes(_) => Err("Secrets of a cluster are read for probes alone: mount this one and use \
                                      {file: PATH}, or {env: NAME}"
            .into()),
    }
}

/// Whether a text has the form `NAMESPACE/NAME`.
pub(super) fn is_object(text: &str) -> bool {
    text.split_once('/').is_some_and(|(namespace, name)| is_name(namespace) && is_name(name))
}

/// Whether a text can be the name of an object in a cluster.
pub(super) fn is_name(text: &str) -> bool {
    let known = |one: char| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-' || one == '.';
    (1..=253).contains(&text.len()) && text.chars().all(known)
}

/// Tries a reference. A cluster is not asked: the file may be checked where there is none.
///
/// # Errors
/// Why its value cannot be used now.
pub(super) fn attempt(source: &Source, purpose: Use) -> Result<(), String> {
    let unusable = |Unusable(why)| format!("{}: {why}", named(source));
    if matches!(source, Source::Kubernetes(_)) {
        return Ok(());
    }
    let credential = read(source).map_err(unusable)?;
    let family = match purpose {
        Use::Text => return Ok(()),
        Use::Secret => return credential.as_secret().map(drop).map_err(unusable),
        Use::PublicKey(family) => family,
    };
    let pem = credential.expose().as_bytes();
    let tried = match family {
        Some(AlgorithmFamily::Rsa) => DecodingKey::from_rsa_pem(pem),
        Some(AlgorithmFamily::Ec) => DecodingKey::from_ec_pem(pem),
        Some(AlgorithmFamily::Ed) => DecodingKey::from_ed_pem(pem),
        Some(AlgorithmFamily::Hmac) | None => return Ok(()),
    };
    tried.map(drop).map_err(|_| format!("{}: it is no public key in PEM for the first of `algorithms`", named(source)))
}

/// Tries a file with certificates.
///
/// # Errors
/// Why it cannot be used now.
pub(super) fn certificates(path: &Path) -> Result<(), String> {
    let bytes = file(path, LONGEST_PEM).map_err(|Unusable(why)| format!("file {}: {why}", path.display()))?;
    let count = CertificateDer::pem_slice_iter(&bytes).filter(Result::is_ok).count();
    if count > 0 { Ok(()) } else { Err(format!("file {}: it holds no certificate in PEM", path.display())) }
}

/// Tries a file with a private key.
///
/// # Errors
/// Why it cannot be used now.
pub(super) fn private_key(path: &Path) -> Result<(), String> {
    let bytes = file(path, LONGEST_PEM).map_err(|Unusable(why)| format!("file {}: {why}", path.display()))?;
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(_) => Ok(()),
        Err(_) => Err(format!("file {}: it holds no private key in PEM", path.display())),
    }
}

/// A name that is not spelt as names of variables are may be the secret itself.
fn named(source: &Source) -> String {
    match source {
        Source::Env(name) if name.chars().any(|one| one.is_ascii_lowercase()) => "this environment variable".into(),
        Source::Env(_) | Source::File(_) | Source::Kubernetes(_) => source.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_variable_that_may_be_the_secret_itself_is_not_named() {
        let attempt = |name: &str| attempt(&Source::Env(name.into()), Use::Secret).unwrap_err();
        assert_eq!(attempt("NOT_SET_HERE"), "environment variable NOT_SET_HERE: it is not set");
        assert_eq!(attempt("hunter2hunter2"), "this environment variable: it is not set");
    }

    #[test]
    fn keys_and_certificates_are_told_from_other_text() {
        let folder = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str, text: String| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let certificate = file("c.pem", made.cert.pem());
        let key = file("k.pem", made.signing_key.serialize_pem());
        let public = file("p.pem", made.signing_key.public_key_pem());
        assert_eq!(certificates(&certificate), Ok(()));
        assert!(certificates(&key).is_err());
        assert_eq!(private_key(&key), Ok(()));
        assert!(private_key(&certificate).is_err());
        let of = |family| attempt(&Source::File(public.clone()), Use::PublicKey(Some(family)));
        assert_eq!(of(AlgorithmFamily::Ec), Ok(()));
        assert!(of(AlgorithmFamily::Rsa).is_err());
    }
}
