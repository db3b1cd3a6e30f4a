//! Starts `authprobe` as a user does, with its output kept in files, and never leaves it running.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use super::wait::{Seen, until};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_authprobe");

/// A command line, to be run in a directory.
pub(crate) struct Program {
    command: Command,
    input: Option<PathBuf>,
}

/// A running program. Dropping it kills exactly this child, also while a test panics.
pub(crate) struct Running {
    child: Child,
    output: TempDir,
    status: Option<ExitStatus>,
}

/// How a program ended and what it printed.
#[derive(Debug)]
pub(crate) struct Ended {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    /// `authprobe ARGUMENTS` in a directory, with nothing of its own in the environment.
    pub(crate) fn new(dir: &Path, arguments: &[&str]) -> Self {
        Self::of(Command::new(PROGRAM), dir, arguments)
    }

    /// The same, unable to make any file larger than so many blocks of 512 bytes; a write beyond is an error.
    pub(crate) fn with_file_limit(dir: &Path, blocks: u32, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        // Without the trap the signal of the limit would end the program before it sees the error.
        let script = format!("trap '' XFSZ; ulimit -S -f {blocks}; exec \"$0\" \"$@\"");
        shell.args(["-c", &script, PROGRAM]);
        Self::of(shell, dir, arguments)
    }

    fn of(mut command: Command, dir: &Path, arguments: &[&str]) -> Self {
        command.args(arguments).current_dir(dir);
        for (name, _) in std::env::vars_os() {
            let ours = name.to_str().is_some_and(|name| name.starts_with("AUTHPROBE") || name.starts_with("PROBE_"));
            if ours || name == "NO_COLOR" {
                command.env_remove(name);
            }
        }
        // Each daemon gets a port of its own.
        command.env("AUTHPROBE_LISTEN", "127.0.0.1:0");
        Self { command, input: None }
    }

    /// With an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// With a file as standard input.
    pub(crate) fn input(mut self, file: &Path) -> Self {
        self.input = Some(file.to_owned());
        self
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Result<Running> {
        let output = TempDir::with_prefix("authprobe-output-")?;
        let stdin = self.input.as_ref().map_or_else(|| Ok(Stdio::null()), |file| File::open(file).map(Stdio::from))?;
        let child = self
            .command
            .stdin(stdin)
            .stdout(File::create(output.path().join("out"))?)
            .stderr(File::create(output.path().join("err"))?)
            .spawn()
            .context("start authprobe")?;
        Ok(Running { child, output, status: None })
    }

    /// Starts it and waits for its end.
    pub(crate) async fn end(self) -> Result<Ended> {
        self.start()?.end().await
    }
}

impl Running {
    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed to standard output so far.
    pub(crate) fn out(&self) -> Result<String> {
        self.printed("out")
    }

    /// What it printed to standard error so far.
    pub(crate) fn err(&self) -> Result<String> {
        self.printed("err")
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> Result<bool> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status.is_some())
    }

    /// Asks it to end, as an init system does.
    pub(crate) fn terminate(&self) -> Result<()> {
        let sent = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &self.pid().to_string()]).status()?;
        ensure!(sent.success(), "SIGTERM could not be sent");
        Ok(())
    }

    /// Kills it at once: it cannot write another byte.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.status = Some(self.child.wait()?);
        Ok(())
    }

    /// Waits for its end.
    pub(crate) async fn end(mut self) -> Result<Ended> {
        until("the program to end", async || {
            let ended = self.has_ended()?;
            let state = || format!("it goes on; standard error: {}", self.err().unwrap_or_default());
            Ok(Seen::when(ended, (), state))
        })
        .await?;
        let code = self.status.and_then(|status| status.code());
        Ok(Ended { code, out: self.out()?, err: self.err()? })
    }

    /// Asks it to end and waits for that.
    pub(crate) async fn stop(self) -> Result<Ended> {
        self.terminate()?;
        self.end().await
    }

    /// Waits until standard error holds a text.
    pub(crate) async fn says(&mut self, text: &str) -> Result<()> {
        until(&format!("`{text}` on standard error"), async || {
            let said = self.err()?;
            ensure!(said.contains(text) || !self.has_ended()?, "it ended without a word of `{text}`: {said}");
            Ok(Seen::when(said.contains(text), (), || said))
        })
        .await
    }

    /// Waits until the daemon listens, and gives where: a URL without a slash at the end.
    pub(crate) async fn listens(&mut self) -> Result<String> {
        const SAID: &str = "listening on ";
        self.says(SAID).await?;
        until("the whole address in the log", async || {
            let said = self.err()?;
            let line = said.split_once(SAID).and_then(|(_, rest)| rest.split_once('\n'));
            Ok(match line {
                // In a log of JSON the message ends with a quotation mark.
                Some((url, _)) => Seen::Done(url.split('"').next().unwrap_or_default().to_owned()),
                None => Seen::NotYet(said),
            })
        })
        .await
    }

    fn printed(&self, name: &str) -> Result<String> {
        Ok(String::from_utf8_lossy(&fs::read(self.output.path().join(name))?).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            // Both fail only when the child has already ended and been waited for.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// The standard output, if it ended with the code that is expected.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        self.out
    }

    /// The standard error, if it ended with the code that is expected.
    #[track_caller]
    pub(crate) fn told(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "out: {}\nerr: {}", self.out, self.err);
        self.err
    }
}

/// Runs `authprobe ARGUMENTS` in a directory to its end.
pub(crate) async fn authprobe(dir: &Path, arguments: &[&str]) -> Result<Ended> {
    Program::new(dir, arguments).end().await
}
