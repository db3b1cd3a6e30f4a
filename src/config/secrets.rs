//! Reads the value of a secret reference, and tries whether it will do.

use std::env::{self, VarError};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use jsonwebtoken::{AlgorithmFamily, DecodingKey};
use probes::credential::{Credential, Source, Unusable};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use crate::config::sources::Use;

/// Longest file with a secret that is read, in bytes.
const LONGEST_SECRET: u64 = 64 * 1024;
/// Longest PEM file that is read, in bytes; a bundle of authorities is long.
const LONGEST_PEM: u64 = 1024 * 1024;

/// What is said of a reference to Kubernetes.
const NOT_YET: &str = "reading Kubernetes Secrets is not in this version; mount the Secret and use {file: PATH}, \
                       or {env: NAME}";

/// Reads the value that a reference leads to now.
///
/// # Errors
/// Why there is none, or why it will not do; nothing of its value.
pub(crate) fn read(source: &Source) -> Result<Credential, Unusable> {
    let value = match source {
        Source::Env(name) => env::var(name).map_err(|error| match error {
            VarError::NotPresent => Unusable("it is not set".into()),
            VarError::NotUnicode(_) => Unusable("it is no UTF-8 text".into()),
        })?,
        Source::File(path) => {
            let bytes = file(path, LONGEST_SECRET)?;
            str::from_utf8(&bytes).map_err(|_| Unusable("it is no UTF-8 text".into()))?.to_owned()
        }
        Source::Kubernetes(_) => return Err(Unusable(NOT_YET.into())),
    };
    Credential::new(value)
}

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
        Source::Kubernetes(_) => Err(NOT_YET.into()),
    }
}

/// Tries a reference.
///
/// # Errors
/// Why its value cannot be used now.
pub(super) fn attempt(source: &Source, purpose: Use) -> Result<(), String> {
    let credential = read(source).map_err(|Unusable(why)| format!("{}: {why}", named(source)))?;
    let Use::PublicKey(family) = purpose else { return Ok(()) };
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

fn file(path: &Path, longest: u64) -> Result<Zeroizing<Vec<u8>>, Unusable> {
    let unreadable = |error: io::Error| match error.kind() {
        ErrorKind::NotFound => Unusable("there is no such file".into()),
        ErrorKind::PermissionDenied => Unusable("this user may not read it".into()),
        other => Unusable(format!("it cannot be read: {other}")),
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    // Whatever else a path leads to, such as a pipe, may never end or never begin.
    if !metadata.is_file() {
        return Err(Unusable("it is no file".into()));
    }
    let mut bytes = Zeroizing::new(Vec::new());
    File::open(path).and_then(|file| file.take(longest + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > longest {
        return Err(Unusable(format!("it is longer than {longest} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_of_a_file_is_read_up_to_a_limit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jwt.key");
        let source = Source::File(path.clone());
        fs::write(&path, "a-secret-value\n").unwrap();
        assert_eq!(read(&source).unwrap().expose(), "a-secret-value");
        fs::write(&path, vec![b'a'; 65 * 1024]).unwrap();
        assert_eq!(read(&source), Err(Unusable("it is longer than 65536 bytes".into())));
        fs::write(&path, [0xff; 16]).unwrap();
        assert_eq!(read(&source), Err(Unusable("it is no UTF-8 text".into())));
    }

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
