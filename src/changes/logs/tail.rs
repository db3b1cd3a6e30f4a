//! Follows a file from its end: as it grows, is cut off, is replaced by another, or is not there yet.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::changes::logs::lines::Lines;

/// Most bytes of a file that are looked at in one go. What is beyond is passed over.
pub(super) const MOST: u64 = 4 * 1024 * 1024;

/// Bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// A file that is followed.
pub(super) struct Tail {
    path: PathBuf,
    open: Option<Opened>,
    /// Whether the path was looked at before: what is new since then is read from its beginning.
    begun: bool,
    lines: Lines,
    piece: Vec<u8>,
}

struct Opened {
    file: File,
    /// What tells the file from the one that takes its name after a rotation.
    identity: (u64, u64),
    position: u64,
}

impl Tail {
    /// Follows what is at a path, there or not.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None, begun: false, lines: Lines::default(), piece: vec![0; PIECE] }
    }

    /// Hands over every line since the last call. Gives how many bytes were passed over, since they were too many.
    ///
    /// # Errors
    /// When the path leads to no file that can be read now. What was open under it before was read.
    pub(super) fn read(&mut self, take: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
        let first = !std::mem::replace(&mut self.begun, true);
        let mut left = MOST;
        let mut passed = self.rest(&mut left, take)?;
        let there = fs::metadata(&self.path)?;
        if !there.is_file() {
            // Whatever else it is, such as a pipe, opening it may never end.
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is no file"));
        }
        match &mut self.open {
            Some(open) if open.identity == identity(&there) && there.len() >= open.position => return Ok(passed),
            Some(open) if open.identity == identity(&there) => open.position = open.file.seek(SeekFrom::Start(0))?,
            Some(_) | None => {
                let mut file = File::open(&self.path)?;
                let position = if first { file.seek(SeekFrom::End(0))? } else { 0 };
                self.open = Some(Opened { identity: identity(&file.metadata()?), file, position });
            }
        }
        self.lines.end(take);
        passed += self.rest(&mut left, take)?;
        Ok(passed)
    }

    /// Reads the open file to its end, or as much of it as is left to be read now.
    fn rest(&mut self, left: &mut u64, take: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
        let Some(open) = &mut self.open else { return Ok(0) };
        while *left > 0 {
            let most = self.piece.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            let count = match open.file.read(&mut self.piece[..most]) {
                Ok(0) => return Ok(0),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            open.position += count as u64;
            *left -= count as u64;
            self.lines.push(&self.piece[..count], take);
        }
        let end = open.file.seek(SeekFrom::End(0))?;
        let passed = end.saturating_sub(open.position);
        open.position = end;
        if passed > 0 {
            self.lines.end(take);
        }
        Ok(passed)
    }
}

fn identity(data: &Metadata) -> (u64, u64) {
    (data.dev(), data.ino())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    struct Log {
        dir: tempfile::TempDir,
        tail: Tail,
    }

    impl Log {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let tail = Tail::new(dir.path().join("app.log"));
            Self { dir, tail }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn add(&self, text: &str) {
            let mut file = File::options().create(true).append(true).open(self.path("app.log")).unwrap();
            file.write_all(text.as_bytes()).unwrap();
        }

        fn read(&mut self) -> Vec<String> {
            let mut all = Vec::new();
            let passed = self.tail.read(&mut |line| all.push(String::from_utf8_lossy(line).into_owned()));
            assert_eq!(passed.unwrap(), 0);
            all
        }
    }

    #[test]
    fn a_file_is_followed_from_its_end_line_by_line() {
        let mut log = Log::new();
        log.add("long ago\n");
        assert_eq!(log.read(), Vec::<String>::new());
        log.add("one\ntw");
        assert_eq!(log.read(), ["one"]);
        log.add("o\n");
        assert_eq!(log.read(), ["two"]);
    }

    #[test]
    fn a_file_that_appears_later_is_read_from_its_beginning() {
        let mut log = Log::new();
        assert_eq!(log.tail.read(&mut |_| ()).unwrap_err().kind(), ErrorKind::NotFound);
        log.add("one\n");
        assert_eq!(log.read(), ["one"]);
    }

    #[test]
    fn nothing_is_lost_when_a_file_is_rotated() {
        let mut log = Log::new();
        log.add("before\n");
        log.read();
        log.add("old one\nold two");
        fs::rename(log.path("app.log"), log.path("app.log.1")).unwrap();
        log.add("new one\n");
        assert_eq!(log.read(), ["old one", "old two", "new one"]);
        log.add("new two\n");
        assert_eq!(log.read(), ["new two"]);
    }

    #[test]
    fn what_was_written_to_a_file_that_was_moved_away_is_read_although_no_other_took_its_place() {
        let mut log = Log::new();
        log.add("before\n");
        log.read();
        log.add("one\n");
        fs::rename(log.path("app.log"), log.path("app.log.1")).unwrap();
        let mut all = Vec::new();
        assert!(log.tail.read(&mut |line| all.push(line.to_vec())).is_err());
        assert_eq!(all, [b"one"]);
        log.add("two\n");
        assert_eq!(log.read(), ["two"]);
    }

    #[test]
    fn a_file_that_was_cut_off_is_read_from_its_beginning() {
        let mut log = Log::new();
        log.add("a long line before\n");
        log.read();
        fs::write(log.path("app.log"), "one\n").unwrap();
        assert_eq!(log.read(), ["one"]);
    }

    #[test]
    fn what_is_too_much_is_passed_over_and_counted() {
        let mut log = Log::new();
        log.add("");
        log.read();
        let line = "x".repeat(1023) + "\n";
        log.add(&line.repeat(5 * 1024));
        let mut count = 0;
        assert_eq!(log.tail.read(&mut |_| count += 1).unwrap(), 1024 * 1024);
        assert_eq!(count, 4 * 1024);
        log.add("next\n");
        assert_eq!(log.read(), ["next"]);
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let mut tail = Tail::new("/dev/zero".into());
        assert_eq!(tail.read(&mut |_| ()).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
