//! A directory from which a server is probed: a configuration from a fixture, secrets as files, a store.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use super::program::{Program, Running, authprobe};
use super::store::Store;
use crate::servers::fixture::{filled, write_credentials};
use crate::servers::process::replace_file;

/// What probes a server. Gone when dropped.
pub(crate) struct Probed {
    dir: TempDir,
}

impl Probed {
    /// Writes what is needed to probe the server at a URL every second.
    pub(crate) fn new(fixture: &str, url: &str, credentials: &[(&str, &str)]) -> Result<Self> {
        let dir = TempDir::with_prefix("authprobe-")?;
        fs::create_dir(dir.path().join("secrets"))?;
        write_credentials(&dir.path().join("secrets"), credentials)?;
        let probed = Self { dir };
        probed.configure(fixture, url)?;
        Ok(probed)
    }

    /// Writes the configuration anew from a fixture.
    pub(crate) fn configure(&self, fixture: &str, url: &str) -> Result<()> {
        let values = [("url", url), ("every", "1s"), ("store", "authprobe.db"), ("credentials", "secrets")];
        Ok(fs::write(self.path("authprobe.yaml"), filled(fixture, &values)?)?)
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The store of the configuration.
    pub(crate) fn store(&self) -> Store {
        Store::at(&self.path("authprobe.db"))
    }

    /// Replaces a secret's file as a whole.
    pub(crate) fn set_secret(&self, name: &str, value: &str) -> Result<()> {
        replace_file(&self.path("secrets").join(name), value)
    }

    /// `authprobe run` with the configuration.
    pub(crate) fn run(&self) -> Result<Running> {
        Program::new(self.dir(), &["run"]).start()
    }

    /// Runs every report on the store, and checks what holds for each: its exit code, its form, its fields.
    pub(crate) async fn report(&self, slo_exit: i32) -> Result<[Value; 3]> {
        let mut all = [Value::Null, Value::Null, Value::Null];
        for (kind, report) in ["slo", "incidents", "timeline"].into_iter().zip(&mut all) {
            let code = if kind == "slo" { slo_exit } else { 0 };
            let page = authprobe(self.dir(), &["report", kind]).await?.with(code);
            ensure!(!page.trim().is_empty(), "report {kind} says nothing");
            let json = authprobe(self.dir(), &["report", kind, "--format", "json"]).await?.with(code);
            *report = serde_json::from_str(&json)?;
            ensure!(report["schema"] == "authprobe.report/v1" && report["kind"] == kind, "{report}");
            for field in ["/window/from", "/window/until", "/generated_from"] {
                ensure!(report.pointer(field).is_some_and(Value::is_string), "report {kind} lacks {field}: {report}");
            }
            let file = self.path(&format!("{kind}.json"));
            let to = file.to_str().unwrap_or_default();
            authprobe(self.dir(), &["report", kind, "-o", to]).await?.with(code);
            let written: Value = serde_json::from_str(&fs::read_to_string(&file)?)?;
            ensure!(written["kind"] == kind, "the form is guessed from the ending");
        }
        Ok(all)
    }
}

/// Fails unless an object has all of these keys.
pub(crate) fn has(object: &Value, keys: &[&str]) -> Result<()> {
    let missing: Vec<&&str> = keys.iter().filter(|key| object.get(key).is_none()).collect();
    ensure!(missing.is_empty(), "{missing:?} are missing in {object}");
    Ok(())
}
