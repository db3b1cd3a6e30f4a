//! Standard output and what terminals want.

use std::io::{self, ErrorKind, IsTerminal, StdoutLock, Write};

/// Standard output. Whoever read may have read enough: what comes after that goes to nobody and is no error.
pub(crate) struct Output {
    out: StdoutLock<'static>,
    gone: bool,
}

/// Standard output for one command.
pub(crate) fn stdout() -> Output {
    Output { out: io::stdout().lock(), gone: false }
}

/// Whether a stream shows colours: on a terminal, unless `NO_COLOR` is set and not empty (no-color.org).
pub(crate) fn colours(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A text from outside without control characters, which a terminal would obey and XML cannot hold.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl Output {
    fn heard<T>(&mut self, written: io::Result<T>, unheard: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(unheard)
            }
            written => written,
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.heard(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.heard(flushed, ())
    }
}
