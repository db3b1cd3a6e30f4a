//! Reads the secrets of the configuration, reads a file again when it changes, and records the change.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_lc_rs::hmac;
use jiff::Timestamp;
use probes::credential::{Credential, Held, SecretKey, Source, Unusable, Wallet};
use storage::record::{Change, ChangeKind, Known, OWN_CREDENTIALS, Operation};
use tracing::info;

use crate::source;

/// How long a replaced key still verifies: servers take a new secret up pod by pod, and old tokens live on.
const OVERLAP: Duration = Duration::from_secs(15 * 60);

/// Earlier fingerprints of a secret that are remembered, to recognise one that comes back.
const REMEMBERED: usize = 16;

/// Keeps the values of all secrets. The keyed fingerprints that it records cannot be guessed without its key.
pub(crate) struct Keeper {
    key: hmac::Key,
    entries: Mutex<HashMap<Source, Entry>>,
    users: Mutex<HashMap<Source, Vec<String>>>,
    /// What was last read of the Secrets of a cluster; a run never waits for one.
    cluster: Mutex<HashMap<SecretKey, Result<Credential, Unusable>>>,
}

/// What is known of one source.
struct Entry {
    stamp: Option<Stamp>,
    /// When the source was last seen unchanged.
    seen: Timestamp,
    value: Result<Credential, Unusable>,
    /// The last usable value, its fingerprint, and its predecessor with the moment it was replaced.
    last: Option<(Credential, String)>,
    previous: Option<(Credential, Timestamp)>,
    /// Fingerprints that were in force before, each with the change that ended it.
    before: Vec<(String, String)>,
}

/// What tells that a file was written: its inode, size and modification time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    inode: u64,
    size: u64,
    modified: i128,
}

impl Keeper {
    /// A keeper that makes its fingerprints with the given key.
    pub(crate) fn new(key: &[u8]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
            entries: Mutex::default(),
            users: Mutex::default(),
            cluster: Mutex::default(),
        }
    }

    /// The key of the fingerprints.
    pub(crate) fn key(&self) -> hmac::Key {
        self.key.clone()
    }

    /// The keys of Secrets of a cluster that targets depend on.
    pub(crate) fn in_cluster(&self) -> Vec<SecretKey> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let in_cluster = |source: &Source| match source {
            Source::Kubernetes(key) => Some(key.clone()),
            Source::Env(_) | Source::File(_) => None,
        };
        users.keys().filter_map(in_cluster).collect()
    }

    /// What was read of a Secret of the cluster.
    pub(crate) fn put(&self, key: SecretKey, value: Result<Credential, Unusable>) {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner).insert(key, value);
    }

    /// Whether a value was read.
    pub(crate) fn has(&self, key: &SecretKey) -> bool {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner).get(key).is_some_and(Result::is_ok)
    }

    fn read(&self, source: &Source) -> Result<Credential, Unusable> {
        match source {
            Source::Env(_) | Source::File(_) => source::read(source),
            Source::Kubernetes(key) => {
                let cluster = self.cluster.lock().unwrap_or_else(PoisonError::into_inner);
                cluster.get(key).cloned().unwrap_or_else(|| Err(Unusable("it was not read yet".into())))
            }
        }
    }

    /// Notes that a target depends on some sources; a change of one names every target that does.
    pub(crate) fn register<'a>(&self, target: &str, sources: impl Iterator<Item = &'a Source>) {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        for source in sources {
            let targets = users.entry(source.clone()).or_default();
            if !targets.iter().any(|name| name == target) {
                targets.push(target.to_owned());
            }
        }
    }

    /// A keyed fingerprint of a text that is not to be shown: the same for the same text in this installation.
    pub(crate) fn print(&self, text: &str) -> String {
        fingerprint(&self.key, text)
    }

    /// Every value that was read, so that it can be taken out of a text.
    pub(crate) fn values(&self) -> Vec<Credential> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = entries.values().flat_map(|entry| {
            let last = entry.last.as_ref().map(|(last, _)| last);
            last.into_iter().chain(entry.previous.as_ref().map(|(previous, _)| previous))
        });
        kept.cloned().collect()
    }

    /// The values of some sources now, and what changed since they were last asked for.
    pub(crate) fn wallet<'a>(
        &self,
        sources: impl Iterator<Item = &'a Source>,
        now: Timestamp,
    ) -> (Wallet, Vec<Change>) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut wallet, mut rotations) = (Wallet::default(), Vec::new());
        for source in sources {
            if !entries.contains_key(source) {
                entries.insert(source.clone(), Entry::first(now));
            }
            let Some(entry) = entries.get_mut(source) else { continue };
            if let Some(change) = entry.refresh(source, &self.key, now, || self.read(source)) {
                let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
                rotations.push(Change { targets: users.get(source).cloned().unwrap_or_default(), ..change });
            }
            wallet.insert(source.clone(), entry.held(now));
        }
        (wallet, rotations)
    }
}

impl Entry {
    fn first(now: Timestamp) -> Self {
        let value = Err(Unusable("it was not read".into()));
        Self { stamp: None, seen: now, value, last: None, previous: None, before: Vec::new() }
    }

    /// Reads the source if it may have changed. A change is told once its new value is usable:
    /// a file that is being written is empty for a moment, and that is no rotation.
    fn refresh(
        &mut self,
        source: &Source,
        key: &hmac::Key,
        now: Timestamp,
        read: impl Fn() -> Result<Credential, Unusable>,
    ) -> Option<Change> {
        let since = std::mem::replace(&mut self.seen, now);
        match source {
            // The environment of a process does not change.
            Source::Env(_) if self.value.is_ok() => return None,
            Source::Env(_) | Source::Kubernetes(_) => self.value = read(),
            Source::File(path) => {
                let stamp = Stamp::of(path);
                if stamp.is_some() && stamp == self.stamp {
                    return None;
                }
                self.stamp = stamp;
                self.value = read();
            }
        }
        let value = self.value.as_ref().ok()?.clone();
        // The beginning of a secret that is too short for one is no new value either.
        let had_secret = self.last.as_ref().is_some_and(|(last, _)| last.as_secret().is_ok());
        if had_secret && value.as_secret().is_err() {
            return None;
        }
        let print = fingerprint(key, value.expose());
        match self.last.replace((value.clone(), print.clone())) {
            None => None,
            Some((old, _)) if old == value => None,
            Some((old, old_print)) => {
                self.previous = Some((old, now));
                Some(self.rotated(source, old_print, print, since, now))
            }
        }
    }

    fn rotated(&mut self, source: &Source, old: String, new: String, since: Timestamp, now: Timestamp) -> Change {
        // A rotation back to an earlier value undoes the change that ended it.
        let reverts = self.before.iter().rev().find(|(print, _)| *print == new).map(|(_, change)| change.clone());
        let id = format!("secret-{new}-{}", now.as_millisecond());
        self.before.push((old.clone(), id.clone()));
        if self.before.len() > REMEMBERED {
            self.before.remove(0);
        }
        let written = self.stamp.and_then(Stamp::moment).filter(|written| since <= *written && *written <= now);
        info!(source = %source, "a secret changed: {source}");
        Change {
            id,
            time: written,
            // The clock may have been set back in between.
            time_lo: written.is_none().then_some(since.min(now)),
            time_hi: written.is_none().then_some(since.max(now)),
            kind: ChangeKind::Secret,
            object: object(source),
            data_changed: Some(Known::Yes),
            reverts,
            operation: Some(Operation::Updated),
            summary: format!("content changed, keyed fingerprint {old} → {new}"),
            source: OWN_CREDENTIALS.into(),
            known_at: Some(now),
            ..Change::default()
        }
    }

    fn held(&self, now: Timestamp) -> Result<Held, Unusable> {
        let current = self.value.clone()?;
        let fresh =
            |replaced: &Timestamp| Duration::try_from(now.duration_since(*replaced)).unwrap_or_default() < OVERLAP;
        let previous = self.previous.as_ref().filter(|(_, replaced)| fresh(replaced)).map(|(old, _)| old.clone());
        Ok(Held { current, previous })
    }
}

impl Stamp {
    /// The stamp of a file now; `None` when there is none to be read.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let data = fs::metadata(path).ok()?;
        let modified = i128::from(data.mtime()) * 1_000_000_000 + i128::from(data.mtime_nsec());
        Some(Self { inode: data.ino(), size: data.len(), modified })
    }

    fn moment(self) -> Option<Timestamp> {
        Timestamp::from_nanosecond(self.modified).ok()
    }
}

/// How a source is called as the object of a change.
pub(crate) fn object(source: &Source) -> String {
    match source {
        Source::Env(name) => format!("Env/{name}"),
        Source::File(path) => format!("File/{}", path.display().to_string().trim_start_matches('/')),
        Source::Kubernetes(key) => format!("Secret/{}", key.secret),
    }
}

fn fingerprint(key: &hmac::Key, value: &str) -> String {
    const BYTES: usize = 6;
    let tag = hmac::sign(key, value.as_bytes());
    tag.as_ref().iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::path::PathBuf;
    use std::time::SystemTime;

    use storage::record::Record;

    use super::*;

    struct Secret {
        _dir: tempfile::TempDir,
        path: PathBuf,
        keeper: Keeper,
    }

    impl Secret {
        fn new() -> Self {
            let dir = tempfile::tempdir().expect("a directory");
            let path = dir.path().join("jwt.key");
            Self { _dir: dir, path, keeper: Keeper::new(b"a key of this test") }
        }

        /// Writes a value as if at a second, so that no test depends on the clock's grain.
        fn write(&self, value: &str, second: u64) {
            fs::write(&self.path, value).expect("written");
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            File::options().write(true).open(&self.path).and_then(|file| file.set_modified(time)).expect("dated");
        }

        fn rotations(&self, second: i64) -> Vec<Change> {
            let source = Source::File(self.path.clone());
            let now = Timestamp::from_second(second).expect("in range");
            self.keeper.wallet(std::iter::once(&source), now).1
        }
    }

    #[test]
    fn the_first_value_is_no_change_and_a_new_one_is_told_once_with_its_moment() {
        let secret = Secret::new();
        secret.write("first-value", 100);
        assert_eq!(secret.rotations(1000), []);
        secret.write("second-value", 1005);
        let told = secret.rotations(1010);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].time, Timestamp::from_second(1005).ok());
        assert!(!format!("{told:?}").contains("value"), "{told:?}");
        assert_eq!(secret.rotations(1020), []);
    }

    #[test]
    fn a_change_names_every_target_that_depends_on_the_secret() {
        let secret = Secret::new();
        let source = Source::File(secret.path.clone());
        for target in ["a", "b"] {
            secret.keeper.register(target, std::iter::once(&source));
        }
        secret.write("first-value", 100);
        secret.rotations(1000);
        secret.write("second-value", 1005);
        assert_eq!(secret.rotations(1010)[0].targets, ["a", "b"]);
    }

    #[test]
    fn a_file_with_an_old_date_is_told_as_an_interval() {
        let secret = Secret::new();
        secret.write("first-value", 100);
        secret.rotations(1000);
        secret.write("second-value", 50);
        let told = secret.rotations(1010);
        assert_eq!(
            (told[0].time_lo, told[0].time_hi),
            (Timestamp::from_second(1000).ok(), Timestamp::from_second(1010).ok())
        );
    }

    #[test]
    fn a_rotation_around_a_step_of_the_clock_back_is_told_as_an_interval_that_can_be_kept() {
        let secret = Secret::new();
        secret.write("first-value", 100);
        secret.rotations(1000);
        secret.write("second-value", 405);
        let told = secret.rotations(410);
        assert_eq!(
            (told[0].time_lo, told[0].time_hi),
            (Timestamp::from_second(410).ok(), Timestamp::from_second(1000).ok())
        );
        storage::check::check(&Record::Change(told[0].clone())).expect("kept");
    }

    #[test]
    fn a_file_that_is_being_written_is_no_rotation() {
        let secret = Secret::new();
        secret.write("first-value", 100);
        secret.rotations(1000);
        secret.write("", 1001);
        assert_eq!(secret.rotations(1002), []);
        secret.write("fir", 1003);
        assert_eq!(secret.rotations(1004), []);
        secret.write("first-value", 1005);
        assert_eq!(secret.rotations(1006), []);
    }

    #[test]
    fn a_value_that_comes_back_names_the_change_that_it_undoes() {
        let secret = Secret::new();
        secret.write("first-value", 100);
        secret.rotations(1000);
        secret.write("second-value", 1001);
        let away = secret.rotations(1002);
        secret.write("first-value", 1003);
        let back = secret.rotations(1004);
        assert_eq!(back[0].reverts.as_ref(), Some(&away[0].id));
        assert_eq!(away[0].reverts, None);
    }

    #[test]
    fn the_value_before_a_rotation_is_kept_for_a_while() {
        let secret = Secret::new();
        secret.write("first-value", 100);
        secret.rotations(1000);
        secret.write("second-value", 1001);
        secret.rotations(1002);
        let entries = secret.keeper.entries.lock().expect("not poisoned");
        let entry = entries.values().next().expect("one source");
        let held = |second| entry.held(Timestamp::from_second(second).expect("in range")).expect("usable");
        assert_eq!(held(1003).previous.expect("the first").expose(), "first-value");
        assert_eq!(held(1002 + OVERLAP.as_secs() as i64).previous, None);
    }
}
