//! Follows the log of one container, and takes it up where it broke.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::AsyncReadExt;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Error};
use tokio::time::{Instant, timeout};

use crate::changes::kubernetes::client::is;
use crate::changes::logs::lines::Lines;
use crate::changes::logs::look::{Container, trouble};
use crate::changes::logs::pot::Pot;

/// A request that has not failed by then was accepted. The head of its answer may come with the first line only.
const ACCEPTED: Duration = Duration::from_secs(15);

/// Longest pause before a log is asked for again.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Bytes that are read at once.
const PIECE: usize = 16 * 1024;

/// Bytes of the last line that are asked for, to learn its time.
const STAMP: i64 = 64;

/// Why nothing is read of a stream; none while it is read or has nothing to say.
#[derive(Debug, Clone, Default)]
pub(super) struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    /// What it is.
    pub(super) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, why: Option<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// Reads the log of a container.
pub(super) struct Stream {
    api: Api<Pod>,
    container: Container,
    pot: Arc<Pot>,
    trouble: Trouble,
    /// Whether it is known where to begin.
    begun: bool,
    /// Time of the last line that was read, by the clock of its node; none: from the beginning.
    mark: Option<Timestamp>,
}

impl Stream {
    /// A log that is read from its end, or from its beginning, into `pot`.
    pub(super) fn new(api: Api<Pod>, container: Container, from_end: bool, pot: Arc<Pot>, trouble: Trouble) -> Self {
        Self { api, container, pot, trouble, begun: !from_end, mark: None }
    }

    /// Reads until the pod is gone. `pause` is the shortest between two requests.
    pub(super) async fn follow(mut self, pause: Duration) {
        let mut wait = pause;
        loop {
            let asked = Instant::now();
            let ended = self.read().await;
            match ended {
                Err(error) if is(&error, 404) => return self.trouble.set(None),
                // A container that does not run has no log: there is nothing that is not seen.
                Err(error) if is(&error, 400) => self.trouble.set(None),
                // One that was silent for long is ended by the client.
                Err(error) if asked.elapsed() < ACCEPTED => {
                    self.trouble.set(Some(trouble(&error, "get", "pods/log")));
                }
                Ok(()) | Err(_) => (),
            }
            if asked.elapsed() >= ACCEPTED {
                wait = pause;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_PAUSE);
        }
    }

    /// Reads until the stream ends or breaks.
    async fn read(&mut self) -> Result<(), Error> {
        if !self.begun {
            self.mark = self.end().await?;
            self.begun = true;
        }
        let params = LogParams {
            container: Some(self.container.name.clone()),
            follow: true,
            timestamps: true,
            // In whole seconds, so lines that were read come again.
            since_time: self.mark.and_then(|mark| Timestamp::from_second(mark.as_second()).ok()),
            ..LogParams::default()
        };
        let api = self.api.clone();
        let mut opening = pin!(api.log_stream(&self.container.pod, &params));
        let opened = match timeout(ACCEPTED, &mut opening).await {
            Ok(opened) => opened,
            Err(_) => {
                self.trouble.set(None);
                opening.await
            }
        };
        let mut stream = pin!(opened?);
        self.trouble.set(None);
        let (mut lines, mut piece, mut again) = (Lines::default(), vec![0; PIECE], self.mark);
        loop {
            match stream.read(&mut piece).await {
                Ok(0) => {
                    lines.end(&mut |line| take(line, &self.pot, &mut self.mark, &mut again));
                    return Ok(());
                }
                Ok(count) => lines.push(&piece[..count], &mut |line| take(line, &self.pot, &mut self.mark, &mut again)),
                // The line that has begun comes again as a whole.
                Err(_) => return Ok(()),
            }
        }
    }

    /// The time of the last line there is, by the clock of its node.
    async fn end(&self) -> Result<Option<Timestamp>, Error> {
        let params = LogParams {
            container: Some(self.container.name.clone()),
            tail_lines: Some(1),
            limit_bytes: Some(STAMP),
            timestamps: true,
            ..LogParams::default()
        };
        let last = match timeout(ACCEPTED, self.api.logs(&self.container.pod, &params)).await {
            Ok(last) => last?,
            // The stream itself will say what is wrong.
            Err(_) => return Ok(Some(Timestamp::now())),
        };
        let line = last.trim_end();
        Ok((!line.is_empty()).then(|| stamped(line.as_bytes()).0.unwrap_or_else(Timestamp::now)))
    }
}

/// Takes a line with its time, unless it is not later than `again`, up to which lines were read before.
fn take(line: &[u8], pot: &Pot, mark: &mut Option<Timestamp>, again: &mut Option<Timestamp>) {
    let (time, text) = stamped(line);
    if let Some(last) = *again {
        if time.is_none_or(|time| time <= last) {
            return;
        }
        // From here on every line is new, whatever its node's clock does.
        *again = None;
    }
    *mark = time.or(*mark);
    pot.put(text);
}

/// A line's time, and what was written. What is no time belongs to the line.
fn stamped(line: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let cut = line.iter().take(STAMP as usize).position(|byte| *byte == b' ');
    let (stamp, text) = cut.map_or((line, &line[line.len()..]), |cut| (&line[..cut], &line[cut + 1..]));
    match str::from_utf8(stamp).ok().and_then(|stamp| stamp.parse().ok()) {
        Some(time) => (Some(time), text),
        None => (None, line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_up_to_the_mark_are_passed_over_once_and_a_clock_that_is_set_back_hides_none() {
        let (pot, mut mark) = (Pot::default(), Some("2026-11-24T12:00:01.5Z".parse().unwrap()));
        let mut again = mark;
        for line in [
            "2026-11-24T12:00:01.4Z read",
            "2026-11-24T12:00:01.5Z read too",
            "the rest of it",
            "2026-11-24T12:00:01.500000001Z new",
            "2026-11-24T11:00:00Z back",
            "no time",
            "2026-11-24T11:00:01+00:00",
        ] {
            take(line.as_bytes(), &pot, &mut mark, &mut again);
        }
        let held = pot.take();
        let lines: Vec<&[u8]> = held.lines().collect();
        assert_eq!(lines, [&b"new"[..], b"back", b"no time", b""]);
        assert_eq!(mark, "2026-11-24T11:00:01Z".parse().ok());
    }
}
