//! Lines of many streams that wait to be counted together, not more than a bound.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::changes::logs::tail::MOST;

/// Where streams put their lines.
#[derive(Debug, Default)]
pub(super) struct Pot(Mutex<Held>);

/// What is in it.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Lines, each with its end.
    lines: Vec<u8>,
    /// Bytes for which there was no room.
    pub(super) passed: u64,
}

impl Pot {
    /// Puts a line in, if there is room.
    pub(super) fn put(&self, line: &[u8]) {
        let mut held = self.lock();
        let size = line.len() + 1;
        if (held.lines.len() + size) as u64 > MOST {
            held.passed += size as u64;
            return;
        }
        held.lines.extend_from_slice(line);
        held.lines.push(b'\n');
    }

    /// Takes everything out.
    pub(super) fn take(&self) -> Held {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// The lines, in the order in which they came.
    pub(super) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_is_passed_over_and_counted() {
        let pot = Pot::default();
        let line = [b'x'; 1023];
        (0..5 * 1024).for_each(|_| pot.put(&line));
        let held = pot.take();
        assert_eq!((held.lines().count(), held.passed), (4 * 1024, 1024 * 1024));
        pot.put(b"");
        pot.put(b"next");
        let held = pot.take();
        assert_eq!((held.lines().collect::<Vec<_>>(), held.passed), (vec![&b""[..], b"next"], 0));
    }
}
