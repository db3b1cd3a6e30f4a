//! The ways to the targets: TLS files are read once for all targets that name them, and again when they change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use probes::credential::Unusable;
use probes::protocol::http::Transport;
use probes::protocol::tls::{Files, Profile};
use probes::target::{Target, Tls};
use tracing::info;

use crate::credentials::Stamp;
use crate::source;

/// The TLS profiles of all targets.
#[derive(Debug, Default)]
pub(crate) struct Profiles(Mutex<HashMap<Tls, Made>>);

#[derive(Debug, Clone)]
struct Made {
    stamps: Vec<Option<Stamp>>,
    /// Counts how often the files changed.
    edition: u64,
    profile: Result<Profile, String>,
}

/// The way to one target, made anew when its TLS files change.
#[derive(Debug, Default)]
pub(crate) struct Way(Mutex<Option<(u64, Arc<Transport>)>>);

impl Profiles {
    /// The profile of some TLS files as they are now, and its edition.
    fn get(&self, tls: &Tls) -> (u64, Result<Profile, String>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps: Vec<_> = files(tls).map(|path| Stamp::of(path)).collect();
        let edition = match all.get(tls) {
            Some(made) if made.stamps == stamps => return (made.edition, made.profile.clone()),
            Some(made) => {
                info!("TLS files changed and are read again");
                made.edition + 1
            }
            None => 0,
        };
        let profile = read(tls).and_then(|files| Profile::new(&files).map_err(|error| error.to_string()));
        all.insert(tls.clone(), Made { stamps, edition, profile: profile.clone() });
        (edition, profile)
    }
}

impl Way {
    /// The way to a target now.
    ///
    /// # Errors
    /// When its TLS files cannot be used; says why.
    pub(crate) fn to(&self, target: &Target, tls: &Tls, profiles: &Profiles) -> Result<Arc<Transport>, String> {
        let (edition, profile) = profiles.get(tls);
        let profile = profile?;
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, transport)) = made.as_ref().filter(|(of, _)| *of == edition) {
            return Ok(Arc::clone(transport));
        }
        let transport = Arc::new(Transport::new(profile, target.connection.clone(), &target.url)?);
        *made = Some((edition, Arc::clone(&transport)));
        Ok(transport)
    }
}

fn files(tls: &Tls) -> impl Iterator<Item = &PathBuf> {
    let Tls { ca, client_cert, client_key, server_name: _ } = tls;
    [ca, client_cert, client_key].into_iter().flatten()
}

fn read(tls: &Tls) -> Result<Files, String> {
    let Tls { ca, client_cert, client_key, server_name: _ } = tls;
    let ca = ca.as_deref().map(content).transpose()?;
    let client = match (client_cert, client_key) {
        (Some(certificate), Some(key)) => Some((content(certificate)?, content(key)?)),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err("`client_cert` and `client_key` belong together".into()),
    };
    Ok(Files { ca, client })
}

fn content(path: &Path) -> Result<Vec<u8>, String> {
    let read = source::file(path, source::LONGEST_PEM);
    read.map(|bytes| bytes.to_vec()).map_err(|Unusable(why)| format!("file {}: {why}", path.display()))
}
