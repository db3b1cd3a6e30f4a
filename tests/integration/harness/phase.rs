//! A stretch of a test in which something is wrong: what each probe must say of it.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use jiff::Timestamp;
use storage::record::{ProbeResult, Reason};

use super::store::{Records, Store, ending};

/// What is expected of one `target/probe`: an ending that must be seen twice, and after a bar those that may be seen
/// besides, as in `signature_invalid|success`.
pub(crate) type Expected<'a> = (&'a str, &'a str);

/// Results of a probe that must be there before a phase is judged.
const ENOUGH: usize = 3;

/// Runs within which everything must be well again after a recovery.
const SOON: usize = 6;

/// A phase that began with a fault.
pub(crate) struct Phase<'a> {
    store: &'a Store,
    what: &'a str,
    since: Timestamp,
}

impl<'a> Phase<'a> {
    /// Begins now.
    pub(crate) fn begin(store: &'a Store, what: &'a str) -> Self {
        Self { store, what, since: Timestamp::now() }
    }

    /// Waits until each probe that is named shows what is expected of it; every other one must be well all the time.
    /// The first result of each is left out, since its run may have been under way when the phase began.
    pub(crate) async fn expect(&self, expected: &[Expected<'_>]) -> Result<Records> {
        let records = self.store.until(self.what, |records| {
            let known = expected.iter().all(|(probe, _)| !records.of(probe).is_empty());
            let enough =
                |probe: &String| self.of(records, probe).len() >= ENOUGH && self.is_seen(records, probe, expected);
            known && !records.results.is_empty() && records.probes().iter().all(enough)
        });
        let records = match records.await {
            Ok(records) => records,
            Err(late) => {
                let now = self.store.records().await?;
                return Err(late.context(self.judge(&now, expected).err().map_or_else(String::new, |e| e.to_string())));
            }
        };
        self.judge(&records, expected)?;
        Ok(records)
    }

    /// Waits until every probe is well again, which must take a few runs only.
    pub(crate) async fn recover(&self) -> Result<Records> {
        let well = |endings: &[&str]| endings.len() >= ENOUGH && endings[endings.len() - 2..] == ["success", "success"];
        let all = |records: &Records| {
            !records.results.is_empty() && records.probes().iter().all(|probe| well(&self.of(records, probe)))
        };
        let records = self.store.until(&format!("recovery: {}", self.what), all).await?;
        for probe in records.probes() {
            let endings = self.of(&records, &probe);
            let ill = endings.iter().rposition(|ending| *ending != "success").map_or(0, |last| last + 1);
            if ill > SOON {
                bail!("recovery: {}: {probe} was well only after {ill} runs: {endings:?}", self.what);
            }
        }
        Ok(records)
    }

    fn judge(&self, records: &Records, expected: &[Expected<'_>]) -> Result<()> {
        let mut wrong = BTreeMap::new();
        for probe in records.probes() {
            let allowed: Vec<&str> = wanted(&probe, expected).split('|').collect();
            let unfit = |ending: &&str| !allowed.contains(ending);
            for result in self.executed(records, &probe).skip(1) {
                if unfit(&ending(result)) {
                    let detail = result.detail.as_deref().unwrap_or_default();
                    *wrong.entry(format!("{probe}: {} ({detail})", ending(result))).or_insert(0) += 1;
                }
            }
        }
        if !wrong.is_empty() {
            bail!("{}: expected {expected:?}, saw so many times {wrong:#?}", self.what);
        }
        Ok(())
    }

    fn is_seen(&self, records: &Records, probe: &str, expected: &[Expected<'_>]) -> bool {
        let main = wanted(probe, expected).split('|').next();
        self.of(records, probe).iter().filter(|ending| Some(**ending) == main).count() >= 2
    }

    /// How the results of a probe in this phase ended.
    fn of(&self, records: &Records, probe: &str) -> Vec<&'static str> {
        self.executed(records, probe).map(ending).collect()
    }

    /// The results of a probe in this phase. A slot that found the last run still going tells of a busy machine
    /// under the test, not of the server.
    fn executed<'r>(&self, records: &'r Records, probe: &str) -> impl Iterator<Item = &'r ProbeResult> {
        let busy = |result: &ProbeResult| {
            result.reason == Some(Reason::Overlap) && result.detail.as_deref() == Some("the last run was still going")
        };
        let since = self.since;
        records.of(probe).into_iter().filter(move |result| result.time >= since && !busy(result))
    }
}

fn wanted<'a>(probe: &str, expected: &[Expected<'a>]) -> &'a str {
    expected.iter().find(|(name, _)| *name == probe).map_or("success", |(_, wanted)| wanted)
}
