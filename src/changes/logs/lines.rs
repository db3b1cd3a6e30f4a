//! Cuts what is read into lines of bounded length.

/// Longest line, in bytes. What a longer one goes on with is passed over.
pub(super) const LONGEST: usize = 16 * 1024;

/// The line that has begun and not ended.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes what was read next, and hands each line that ended over, without its end.
    pub(super) fn push(&mut self, read: &[u8], take: &mut dyn FnMut(&[u8])) {
        for piece in read.split_inclusive(|byte| *byte == b'\n') {
            match (piece.strip_suffix(b"\n"), self.begun.is_empty()) {
                (Some(line), true) => take(&line[..line.len().min(LONGEST)]),
                (Some(rest), false) => {
                    self.keep(rest);
                    self.end(take);
                }
                (None, _) => self.keep(piece),
            }
        }
    }

    /// Nothing will be added to the line that has begun.
    pub(super) fn end(&mut self, take: &mut dyn FnMut(&[u8])) {
        if !self.begun.is_empty() {
            take(&self.begun);
            self.begun.clear();
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        let room = LONGEST - self.begun.len();
        self.begun.extend_from_slice(&piece[..piece.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut lines, mut all) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.push(piece, &mut |line| all.push(line.to_vec()));
        }
        lines.end(&mut |line| all.push(line.to_vec()));
        all
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_and_the_next_one_is_whole() {
        let long = vec![b'a'; 3 * LONGEST];
        let all = lines(&[&long, b"b", b"\nnext\n", &long, b"\n"]);
        assert_eq!(all.iter().map(Vec::len).collect::<Vec<_>>(), [LONGEST, 4, LONGEST]);
        assert_eq!(all[1], b"next");
    }

    proptest! {
        #[test]
        fn lines_are_the_same_however_they_are_read(text in "[ab\n]{0,64}", cut in 0usize..64) {
            let (one, other) = text.as_bytes().split_at(cut.min(text.len()));
            let mut expected: Vec<Vec<u8>> = text.split('\n').map(|line| line.as_bytes().to_vec()).collect();
            // What follows the last line end is a line only if there is something.
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(lines(&[one, other]), expected);
        }
    }
}
