//! Tells, with the result that shows it, which probe fails beyond doubt and which is well again.

use reports::episode::Episode;
use reports::live::{Live, Turn};
use reports::wording;
use storage::record::Record;
use tracing::{info, warn};

/// The probes that are watched while `run` is going, from its start on: what failed before is told again.
#[derive(Debug, Default)]
pub(crate) struct Failing(Live);

impl Failing {
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
