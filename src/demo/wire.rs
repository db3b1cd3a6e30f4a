//! A connection that breaks when something is written to it while that is the fault.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::demo::fault::{Fault, Faults};

/// What `Fault::Garbage` answers.
const GARBAGE: &[u8] = b"\x16\x00\xff\xfe this is no HTTP \x00\x01\x02\r\n\r\n\xde\xad\xbe\xef";

/// A stream under the faults of its moment. Reading always works, so a request is heard before it is let down.
pub(crate) struct Wire<S> {
    stream: S,
    faults: Arc<Faults>,
    garbled: usize,
}

impl<S> Wire<S> {
    /// Puts a stream under faults.
    pub(crate) fn new(stream: S, faults: Arc<Faults>) -> Self {
        Self { stream, faults, garbled: 0 }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, faults, garbled } = &mut *self;
        let active = faults.active();
        let garbage = active.has(Fault::Garbage);
        if !garbage && !active.has(Fault::CloseEarly) {
            return Pin::new(stream).poll_write(cx, bytes);
        }
        while garbage && *garbled < GARBAGE.len() {
            let rest = GARBAGE.get(*garbled..).unwrap_or_default();
            *garbled += match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
                0 => break,
                written => written,
            };
        }
        // TLS holds back what is written until it is flushed.
        ready!(Pin::new(stream).poll_flush(cx))?;
        Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}
