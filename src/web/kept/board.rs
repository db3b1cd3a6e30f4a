//! What is kept, what is wanted, and what has to go when there is too much of it.

use std::collections::VecDeque;
use std::sync::Arc;

use reports::incident::Incident;
use reports::report::Report;
use tokio::time::Instant;

use super::{Found, Question};

/// Questions that are kept.
const MOST: usize = 64;
/// Bytes that are kept, about, as JSON. One that has more is kept alone.
const BYTES: usize = 48 << 20;
/// Questions that wait to be judged.
const WANTED: usize = 16;

/// What is kept, and what is wanted.
#[derive(Default)]
pub(super) struct Board {
    kept: Vec<Entry>,
    wanted: VecDeque<Question>,
    under_way: Option<Question>,
    stopped: bool,
}

/// A question that was judged.
struct Entry {
    question: Question,
    found: Arc<Found>,
    /// When somebody looked at it.
    seen: Instant,
}

impl Board {
    /// What is kept of a question. Somebody looks at it.
    pub(super) fn find(&mut self, question: &Question) -> Option<Arc<Found>> {
        let entry = self.kept.iter_mut().find(|entry| entry.question == *question)?;
        entry.seen = Instant::now();
        Some(Arc::clone(&entry.found))
    }

    /// The same without anybody looking at it.
    pub(super) fn known(&self, question: &Question) -> Option<&Found> {
        self.kept.iter().find(|entry| entry.question == *question).map(|entry| &*entry.found)
    }

    /// Asks for a question to be judged, unless it already is. False where too many wait.
    pub(super) fn want(&mut self, question: &Question) -> bool {
        if self.stopped || self.under_way.as_ref() == Some(question) || self.wanted.contains(question) {
            return true;
        }
        let room = self.wanted.len() < WANTED;
        if room {
            self.wanted.push_back(question.clone());
        }
        room
    }

    /// Takes the question that waits longest.
    pub(super) fn next(&mut self) -> Option<Question> {
        self.under_way = self.wanted.pop_front();
        self.under_way.clone()
    }

    /// Takes a question that nobody asked.
    pub(super) fn take(&mut self, question: Question) -> Question {
        self.under_way = Some(question.clone());
        question
    }

    /// Keeps what a question came to; what nobody looked at for longest goes when there is too much.
    pub(super) fn put(&mut self, question: Question, found: Found) {
        self.under_way = None;
        let seen =
            self.kept.iter().position(|entry| entry.question == question).map(|at| self.kept.swap_remove(at).seen);
        while !self.kept.is_empty() && (self.kept.len() >= MOST || self.weight() + found.weight > BYTES) {
            let oldest = self.kept.iter().enumerate().min_by_key(|(_, entry)| entry.seen).map(|(at, _)| at);
            self.kept.swap_remove(oldest.unwrap_or(0));
        }
        self.kept.push(Entry { question, found: Arc::new(found), seen: seen.unwrap_or_else(Instant::now) });
    }

    /// An incident out of the newest list that has it.
    pub(super) fn incident(&self, id: &str) -> Option<Incident> {
        let told = self.kept.iter().filter_map(|entry| match &entry.found.answer.as_ref().ok()?.report {
            Report::Incidents(report) => {
                let incident = report.incidents.iter().find(|incident| incident.id == id)?;
                Some((entry.found.at, incident))
            }
            Report::Slo(_) | Report::Timeline(_) => None,
        });
        told.max_by_key(|(at, _)| *at).map(|(_, incident)| incident.clone())
    }

    /// Nothing is judged any more.
    pub(super) fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether nothing is judged any more.
    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    fn weight(&self) -> usize {
        self.kept.iter().map(|entry| entry.found.weight).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use reports::report::Kind;

    use super::super::Refused;
    use super::*;
    use crate::web::span::Span;

    fn question(hours: i64) -> Question {
        Question::list(Kind::Slo, Span::Last(hours * 3600))
    }

    fn found(weight: usize) -> Found {
        Found {
            at: Timestamp::UNIX_EPOCH,
            answer: Err(Refused::Store),
            took: Duration::ZERO,
            done: Instant::now(),
            weight,
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_was_looked_at_stays() {
        let mut board = Board::default();
        for hours in 1..=1000 {
            board.put(question(hours), found(1));
            assert!(board.find(&question(1)).is_some(), "after {hours}");
        }
        assert_eq!(board.kept.len(), MOST);
        assert!(board.known(&question(1000)).is_some() && board.known(&question(2)).is_none());
    }

    #[test]
    fn what_is_heavy_takes_the_place_of_others() {
        let mut board = Board::default();
        for hours in 1..=6 {
            board.put(question(hours), found(BYTES / 4));
        }
        assert!(board.weight() <= BYTES && board.kept.len() == 4);
        board.put(question(7), found(BYTES * 2));
        assert_eq!(board.kept.len(), 1);
    }

    #[test]
    fn a_question_is_judged_once_however_often_it_is_asked_and_only_so_many_wait() {
        let mut board = Board::default();
        assert!((0..100).all(|_| board.want(&question(1))));
        let taken = board.next().unwrap();
        assert!(board.want(&taken) && board.next().is_none());
        board.put(taken, found(1));
        let taken = (1..=100).filter(|hours| board.want(&question(*hours))).count();
        assert_eq!(taken, WANTED);
    }
}
