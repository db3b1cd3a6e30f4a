//! Tells, with the result that shows it, which probe fails beyond doubt and which is well again.

use jiff::{SignedDuration, Timestamp};
use reports::episode::Episode;
use reports::input::Input;
use reports::live::{Live, Turn};
use reports::plan::Plan;
use reports::report::{Kind, Request};
use reports::settings::Settings;
use reports::wording;
use storage::error::Error;
use storage::record::Record;
use storage::sqlite::reader::Reader;
use storage::window::Window;
use tracing::{info, warn};

/// How far back the store is read for what failed before the start.
const BACK: SignedDuration = SignedDuration::from_hours(24);

/// The probes that are watched while `run` is going.
#[derive(Debug, Default)]
pub(crate) struct Failing(Live);

impl Failing {
    /// Begins with the last day of what is stored, so that a restart tells nothing twice.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) fn of_store(reader: &Reader, settings: &Settings, now: Timestamp) -> Result<Failing, Error> {
        let window = Window { from: now.saturating_sub(BACK).unwrap_or(now), until: now };
        let request = Request { kind: Kind::Incidents, window: Some(window), incident: None, now };
        let input = Input::load(reader, &Plan::new(settings, &request, reader.watermark()?))?;
        Ok(Failing(Live::new(&input)))
    }

    /// Takes a record in, and tells what it turned. Says whether it turned anything.
    pub(crate) fn look(&mut self, record: &Record) -> bool {
        let Record::Result(result) = record else { return false };
        let turn = self.0.push(result);
        match &turn {
            Some(Turn::Fails(Episode { target, probe, agent, reason, start, .. })) => warn!(
                target.name = %target, probe = %probe, agent = %agent, reason = wording::reason_word(*reason),
                "`{target}/{probe}` fails: {}, since {}; `authprobe report incidents --last 1h` names the likely cause",
                reason.map_or("no reason given", wording::reason),
                wording::interval(*start),
            ),
            Some(Turn::Recovers(Episode { target, probe, agent, failed, .. })) => info!(
                target.name = %target, probe = %probe, agent = %agent,
                "`{target}/{probe}` is well again after {failed} failed executions",
            ),
            None => {}
        }
        turn.is_some()
    }

    /// How many series fail.
    pub(crate) fn count(&self) -> usize {
        self.0.count()
    }
}
