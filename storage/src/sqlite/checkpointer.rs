//! Works the log into the file on a thread of its own, so that no commit waits for it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::writer::{Checkpoint, Writer};
use crate::error::Error;

/// Time from one look at the log to the next.
const LOOK: Duration = Duration::from_secs(1);

/// Pages of the log beyond which a reader that holds it back is told: 256 MiB.
const LONG: u64 = 65_536;

/// A running checkpointer. It ends when it is dropped.
pub struct Checkpointer {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What a checkpointer has to tell.
#[derive(Debug)]
pub enum Notice {
    /// The log could not be worked in; it is tried again.
    Failed(Error),
    /// The log is long, and somebody who reads an old state keeps it from being emptied.
    Long(Checkpoint),
}

impl Checkpointer {
    /// Starts one for the store at `path`. `tell` gets each kind of notice once until the log is well again.
    ///
    /// # Errors
    ///
    /// When the store cannot be opened, or no thread can be started.
    pub fn start(path: &Path, tell: impl FnMut(Notice) + Send + 'static) -> Result<Self, Error> {
        let writer = Writer::open(path)?;
        let (stop, stopped) = mpsc::sync_channel(1);
        let work = move || work(writer, tell, |wait| stopped.recv_timeout(wait) == Err(RecvTimeoutError::Timeout));
        let thread = std::thread::Builder::new().name("checkpoints".into()).spawn(work).map_err(|error| {
            Error::Internal { path: PathBuf::from(path), reason: format!("no thread for checkpoints: {error}") }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been printed by itself, and costs nothing but checkpoints.
            let _ = thread.join();
        }
    }
}

fn work(mut writer: Writer, mut tell: impl FnMut(Notice), goes_on: impl Fn(Duration) -> bool) {
    let (mut failed, mut long) = (false, false);
    while goes_on(LOOK) {
        let begun = Instant::now();
        match writer.checkpoint_if_due() {
            Ok(checkpoint) => {
                failed = false;
                let behind = checkpoint.filter(|one| one.pages >= LONG && one.done < one.pages);
                match behind {
                    Some(checkpoint) if !long => tell(Notice::Long(checkpoint)),
                    Some(_) | None => {}
                }
                long = behind.is_some() || (long && checkpoint.is_none());
            }
            Err(error) if !failed => {
                failed = true;
                tell(Notice::Failed(error));
            }
            Err(_) => {}
        }
        // A slow disk is left alone for as long as it took.
        if begun.elapsed() > LOOK && !goes_on(begun.elapsed()) {
            return;
        }
    }
}
