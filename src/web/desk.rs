//! Reads the store for those who ask over HTTP: few at once, not for long, and the same question once.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use reports::report;
use reports::settings::Settings;
use storage::sqlite::reader::Reader;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::judge::{Judgement, Latest};
use crate::web::kept::Shared;
use crate::web::watched::Watched;

/// Questions that are worked on at once: one core is left for probing.
const AT_ONCE: usize = 2;
/// Longest wait for a place.
const PLACE_WITHIN: Duration = Duration::from_secs(2);
/// Longest wait for an answer. What is ready later is kept for whoever asks again.
const ANSWER_WITHIN: Duration = Duration::from_secs(7);
/// How long an answer is given again.
const FRESH: Duration = Duration::from_secs(2);
/// Answers that are kept, and bytes of the longest of them.
const KEPT: usize = 32;
const LONGEST: usize = 512 * 1024;

/// Answers questions about the store.
pub(crate) struct Desk {
    store: PathBuf,
    settings: Arc<Settings>,
    targets: Arc<[Watched]>,
    places: Arc<Semaphore>,
    kept: Arc<Shared>,
    readers: Arc<Mutex<Vec<Reader>>>,
    answers: Arc<Mutex<VecDeque<Answer>>>,
}

/// An answer that was given.
struct Answer {
    question: String,
    at: Instant,
    text: Arc<str>,
}

/// What a question is answered from.
pub(super) struct Asked<'a> {
    /// The store.
    pub(super) reader: &'a Reader,
    /// How it is judged.
    pub(super) settings: &'a Settings,
    /// The targets of the configuration.
    pub(super) targets: &'a [Watched],
    /// The newest judgement; none in the first moments.
    pub(super) judged: Option<&'a Judgement>,
    /// What other windows were judged to be.
    pub(super) kept: &'a Shared,
    /// The present moment.
    pub(super) now: Timestamp,
    /// When nobody waits for the answer any more.
    pub(super) deadline: Instant,
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The question is none.
    #[error("{0}")]
    Wrong(String),
    /// There is nothing of this name.
    #[error("{0}")]
    Unknown(String),
    /// Too much is asked at once, or for too much.
    #[error("authprobe is busy: ask again in a few seconds, or for a shorter time")]
    Busy,
    /// What there is up to now; the rest is being judged.
    #[error("this is being judged: ask again in a moment")]
    Unfinished(String),
    /// The store cannot be read.
    #[error("the store cannot be read now; the log of authprobe says why")]
    Store,
}

impl Desk {
    /// A desk for one store.
    pub(crate) fn new(store: &Path, settings: Arc<Settings>, targets: Vec<Watched>, kept: Arc<Shared>) -> Self {
        Self {
            store: store.to_owned(),
            settings,
            targets: targets.into(),
            kept,
            places: Arc::new(Semaphore::new(AT_ONCE)),
            readers: Arc::default(),
            answers: Arc::default(),
        }
    }

    /// Answers a question, which is named by its path and query, with what `work` makes of the store.
    ///
    /// # Errors
    /// Those of `work`, and when there is no place or no time.
    pub(super) async fn answer(
        &self,
        question: &str,
        judged: &Latest,
        work: impl FnOnce(&Asked<'_>) -> Result<String, Unanswered> + Send + 'static,
    ) -> Result<Arc<str>, Unanswered> {
        if let Some(text) = known(&self.answers, question) {
            return Ok(text);
        }
        let place = timeout(PLACE_WITHIN, Arc::clone(&self.places).acquire_owned()).await;
        let Ok(Ok(place)) = place else { return Err(Unanswered::Busy) };
        // Somebody may have asked the same meanwhile.
        if let Some(text) = known(&self.answers, question) {
            return Ok(text);
        }
        let (store, readers, answers) = (self.store.clone(), Arc::clone(&self.readers), Arc::clone(&self.answers));
        let (settings, targets, kept) = (Arc::clone(&self.settings), Arc::clone(&self.targets), Arc::clone(&self.kept));
        let judged = judged.borrow().clone();
        let question = question.to_owned();
        let deadline = Instant::now() + ANSWER_WITHIN;
        let working = tokio::task::spawn_blocking(move || {
            let _place = place;
            let idle = readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let reader = match idle {
                Some(reader) => reader,
                None => Reader::open(&store)?,
            };
            let judged = judged.as_deref();
            let now = Timestamp::now();
            let (settings, targets, kept) = (&settings, &targets, &kept);
            let asked = Asked { reader: &reader, settings, targets, judged, kept, now, deadline };
            let text: Arc<str> = work(&asked)?.into();
            readers.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
            keep(&answers, question, &text);
            Ok(text)
        });
        match timeout(ANSWER_WITHIN, working).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                warn!("answering a question about the store broke: {error}");
                Err(Unanswered::Store)
            }
            Err(_) => Err(Unanswered::Busy),
        }
    }
}

impl From<storage::error::Error> for Unanswered {
    fn from(error: storage::error::Error) -> Self {
        warn!("the store cannot be read for an answer: {error}");
        Unanswered::Store
    }
}

impl From<report::Error> for Unanswered {
    fn from(error: report::Error) -> Self {
        match error {
            report::Error::Store(error) => error.into(),
            report::Error::UnknownIncident(id) => Unanswered::Unknown(format!("no incident `{id}` in this window")),
        }
    }
}

fn known(answers: &Mutex<VecDeque<Answer>>, question: &str) -> Option<Arc<str>> {
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    answers.retain(|answer| answer.at.elapsed() < FRESH);
    answers.iter().find(|answer| answer.question == question).map(|answer| Arc::clone(&answer.text))
}

fn keep(answers: &Mutex<VecDeque<Answer>>, question: String, text: &Arc<str>) {
    if text.len() > LONGEST {
        return;
    }
    let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
    if answers.len() >= KEPT {
        answers.pop_front();
    }
    answers.push_back(Answer { question, at: Instant::now(), text: Arc::clone(text) });
}
