//! A place that gets requests, and answers them as a test says.

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// How it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// 200 at once.
    Takes,
    /// 200 after nine seconds.
    Slow,
    /// 500.
    Fails,
    /// Something that is no HTTP.
    Garbage,
    /// It accepts a connection and never reads from it.
    NeverReads,
    /// A redirect to another host.
    Redirects,
    /// 200 with a set of no keys.
    Keys,
    /// 200, and the process with this id, which asks, dies before it can read the answer.
    Kills(u32),
}

/// A request that was answered with 200.
#[derive(Debug, Clone)]
pub(crate) struct Got {
    /// The request line and the header fields.
    pub(crate) head: String,
    /// The body, null where it is no JSON.
    pub(crate) body: Value,
}

/// The running place, gone when dropped.
pub(crate) struct Hook {
    port: u16,
    task: AbortHandle,
    shared: Arc<Mutex<(Manner, Vec<Got>, usize)>>,
}

impl Hook {
    /// Starts it.
    pub(crate) async fn start(manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Mutex::new((manner, Vec::new(), 0)));
        let state = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let manner = {
                    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                    state.2 += 1;
                    state.0
                };
                if manner == Manner::NeverReads {
                    held.push(stream);
                } else {
                    tokio::spawn(answer(stream, manner, Arc::clone(&state)));
                }
            }
        });
        Ok(Self { port, task: task.abort_handle(), shared })
    }

    /// Where it listens, with a path that stands for a secret.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// Answers otherwise from now on.
    pub(crate) fn becomes(&self, manner: Manner) {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).0 = manner;
    }

    /// The requests that were answered with 200, in order.
    pub(crate) fn got(&self) -> Vec<Got> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).2
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut stream: TcpStream, manner: Manner, state: Arc<Mutex<(Manner, Vec<Got>, usize)>>) -> Result<()> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(piece.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.to_lowercase().split_once("content-length: ").map_or(Ok(0), |(_, rest)| {
            rest.lines().next().unwrap_or_default().trim().parse::<usize>().context("a length")
        })?;
        if body.len() >= length {
            break (head.to_owned(), body.to_owned());
        }
    };
    let said = match manner {
        Manner::Takes => "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        Manner::Slow => {
            sleep(Duration::from_secs(9)).await;
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        }
        Manner::Fails => "HTTP/1.1 500 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        Manner::Garbage => "\u{0}\u{1}this is no HTTP\r\n\r\n",
        Manner::Redirects => {
            "HTTP/1.1 307 There\r\nLocation: http://localhost:1/x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        }
        Manner::Keys => {
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{\"keys\":[]}"
        }
        Manner::Kills(process) => {
            // It stands still while it is answered, so that it certainly notes nothing of it.
            signal("STOP", process)?;
            while !stands_still(process)? {
                tokio::task::yield_now().await;
            }
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        }
        Manner::NeverReads => return Ok(()),
    };
    if matches!(manner, Manner::Takes | Manner::Slow | Manner::Kills(_)) {
        let body = serde_json::from_str(&body).unwrap_or(Value::Null);
        state.lock().unwrap_or_else(PoisonError::into_inner).1.push(Got { head, body });
    }
    stream.write_all(said.as_bytes()).await?;
    if let Manner::Kills(process) = manner {
        signal("KILL", process)?;
    }
    Ok(stream.shutdown().await?)
}

/// Whether every thread of a process has stopped.
fn stands_still(process: u32) -> Result<bool> {
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let stat = fs::read_to_string(thread?.path().join("stat"))?;
        if !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn signal(name: &str, process: u32) -> Result<()> {
    let sent = Command::new("sh").args(["-c", &format!("kill -{name} \"$0\""), &process.to_string()]).status()?;
    ensure!(sent.success(), "SIG{name} could not be sent");
    Ok(())
}
