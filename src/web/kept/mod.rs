//! Keeps what windows were judged to be: a page waits for none of them, and the windows that pages offer are judged before
//! anybody asks.

mod board;
mod work;

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reports::chart::Chart;
use reports::full::Story;
use reports::incident::Incident;
use reports::report::{Kind, Report};
use reports::settings::Settings;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::board::Board;
use crate::judge::Latest;
use crate::web::desk::Unanswered;
use crate::web::span::Span;

/// The windows that pages offer.
pub(super) const WINDOWS: [&str; 6] = ["1h", "6h", "24h", "7d", "30d", "90d"];

/// What is judged is new for so long ..
const FRESH: Duration = Duration::from_secs(2);
/// .. or for so many times as long as it took.
const FRESH_TIMES: u32 = 10;

/// What is shown before the start of an incident and after its end.
const AROUND: SignedDuration = SignedDuration::from_hours(24);

/// What is asked of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    /// Which report.
    pub(super) kind: Kind,
    /// Over which window; without one, each objective's own.
    pub(super) span: Option<Span>,
    /// The only incident that is wanted. With incidents, its charts and what happened around it come along.
    pub(super) incident: Option<String>,
}

/// What a question came to.
pub(super) struct Found {
    /// The moment of which it tells.
    pub(super) at: Timestamp,
    /// What it came to, or why it came to nothing.
    pub(super) answer: Result<Told, Refused>,
    took: Duration,
    done: Instant,
    /// Bytes that it takes, about.
    weight: usize,
}

/// A report, and what stands beside that of one incident.
pub(super) struct Told {
    /// The report.
    pub(super) report: Report,
    /// How the incident went.
    pub(super) story: Option<Story>,
    /// Its charts.
    pub(super) charts: Vec<Chart>,
}

/// Why a question came to nothing.
#[derive(Debug, Clone)]
pub(super) enum Refused {
    /// There is no such incident in the window.
    Unknown(String),
    /// The store cannot be read.
    Store,
}

/// What is kept of a question, and whether it is being judged again.
pub(super) struct Kept {
    /// What it came to.
    pub(super) found: Arc<Found>,
    /// Whether it is older than it could be.
    pub(super) old: bool,
}

/// Judges windows and keeps what comes of them.
pub(crate) struct Judges {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What those who ask and those who judge have in common.
#[derive(Default)]
pub(crate) struct Shared {
    board: Mutex<Board>,
    turned: Condvar,
}

impl Judges {
    /// Judges what is asked, and what pages offer, until `stop`.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(crate) fn start(
        store: &Path,
        settings: &Arc<Settings>,
        judged: &Latest,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::default());
        let pool = work::pool()?;
        let (board, store, settings, judged) =
            (Arc::clone(&shared), store.to_owned(), Arc::clone(settings), judged.clone());
        let task = tokio::task::spawn_blocking(move || work::work(&board, &pool, &store, &settings, &judged));
        let told = Arc::clone(&shared);
        tokio::spawn(async move {
            stop.cancelled().await;
            told.board().stop();
            told.turned.notify_all();
        });
        Ok(Self { shared, task })
    }

    /// What others ask.
    pub(crate) fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Waits for the end of what is being judged.
    pub(crate) async fn finish(self) {
        let _ = self.task.await;
    }
}

impl Shared {
    /// What a question comes to: anew if that is there within `wait`, else as it is kept, else nothing yet.
    ///
    /// # Errors
    /// When too much is asked at once.
    pub(super) fn ask(&self, question: &Question, wait: Duration) -> Result<Option<Kept>, Unanswered> {
        let begun = Instant::now();
        let mut board = self.board();
        loop {
            let kept = board.find(question);
            let waited = begun.elapsed();
            let fresh = |found: &Found| found.done >= begun || found.done.elapsed() < found.fresh_for();
            // Nobody waits for what took longer the last time.
            let hopeless = |found: &Found| found.took > wait;
            if let Some(found) = kept {
                let old = !fresh(&found);
                if old {
                    // Where there is no room it stays as it is.
                    let _ = board.want(question);
                    self.turned.notify_all();
                }
                if !old || hopeless(&found) || waited >= wait {
                    return Ok(Some(Kept { found, old }));
                }
            } else {
                if !board.want(question) {
                    return Err(Unanswered::Busy);
                }
                self.turned.notify_all();
                if waited >= wait {
                    return Ok(None);
                }
            }
            board = self.wait(board, wait - waited);
        }
    }

    /// An incident out of the newest list that has it.
    pub(super) fn incident(&self, id: &str) -> Option<Incident> {
        self.board().incident(id)
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something turns, or so long.
    fn wait<'a>(&self, board: MutexGuard<'a, Board>, long: Duration) -> MutexGuard<'a, Board> {
        self.turned.wait_timeout(board, long).unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Question {
    /// The list of a kind over a window.
    pub(super) fn list(kind: Kind, span: Span) -> Self {
        Self { kind, span: Some(span), incident: None }
    }

    /// One incident, its charts and what happened around it.
    pub(super) fn story(span: Span, id: &str) -> Self {
        Self { kind: Kind::Incidents, span: Some(span), incident: Some(id.to_owned()) }
    }
}

impl Found {
    fn fresh_for(&self) -> Duration {
        (self.took * FRESH_TIMES).max(FRESH)
    }

    /// What it came to.
    ///
    /// # Errors
    /// Why it came to nothing.
    pub(super) fn told(&self) -> Result<&Told, Unanswered> {
        self.answer.as_ref().map_err(|refused| match refused {
            Refused::Unknown(id) => Unanswered::Unknown(format!("no incident `{id}` in this window")),
            Refused::Store => Unanswered::Store,
        })
    }
}

/// The stretch around an incident that its page shows. It ends now as long as the incident is open.
pub(super) fn around(incident: &Incident) -> Span {
    let second = |at: Timestamp| Timestamp::from_second(at.as_second()).unwrap_or(at);
    let from = second(incident.start.lo.checked_sub(AROUND).unwrap_or(Timestamp::MIN));
    match incident.end {
        None => Span::Since(from),
        Some(end) => Span::Fixed(from, second(end.hi.checked_add(AROUND).unwrap_or(Timestamp::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn found(took: Duration, age: Duration) -> Found {
        let done = Instant::now().checked_sub(age).unwrap();
        Found { at: Timestamp::UNIX_EPOCH, answer: Err(Refused::Store), took, done, weight: 1 }
    }

    #[test]
    fn nobody_waits_for_what_took_too_long_and_what_is_old_is_judged_again() {
        let (shared, question) = (Shared::default(), Question::list(Kind::Slo, Span::Last(3600)));
        let long = Duration::from_secs(3600);
        shared.board().put(question.clone(), found(Duration::from_secs(7200), Duration::from_secs(5)));
        assert!(!shared.ask(&question, long).unwrap().unwrap().old);
        assert_eq!(shared.board().next(), None);
        shared.board().put(question.clone(), found(Duration::from_secs(20), Duration::from_secs(201)));
        assert!(shared.ask(&question, Duration::ZERO).unwrap().unwrap().old);
        assert_eq!(shared.board().next(), Some(question));
    }

    #[test]
    fn who_waits_gets_it_as_soon_as_it_is_there() {
        let (shared, question) = (Arc::new(Shared::default()), Question::list(Kind::Slo, Span::Last(3600)));
        assert!(shared.ask(&question, Duration::ZERO).unwrap().is_none());
        let judging = {
            let (shared, question) = (Arc::clone(&shared), question.clone());
            thread::spawn(move || {
                let wanted = shared.board().next();
                shared.board().put(question, found(Duration::ZERO, Duration::ZERO));
                shared.turned.notify_all();
                wanted
            })
        };
        assert!(!shared.ask(&question, Duration::from_secs(60)).unwrap().unwrap().old);
        assert_eq!(judging.join().unwrap(), Some(question));
    }

    #[test]
    fn beyond_what_may_wait_readers_are_sent_away() {
        let shared = Shared::default();
        let ask = |hours: i64| shared.ask(&Question::list(Kind::Slo, Span::Last(hours * 3600)), Duration::ZERO);
        assert_eq!((1..=100).filter(|hours| ask(*hours).is_ok()).count(), 16);
        assert!(ask(1).unwrap().is_none());
    }
}
