//! Tells somebody by a program: it gets the message as JSON on standard input, and has to end in time.

use std::collections::BTreeMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use probes::credential::Text;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, sink};
use tokio::process::{Child, Command as Process};
use tokio::time::timeout;

use crate::alerts::alert::short;
use crate::alerts::http::text;
use crate::alerts::message::Message;
use crate::alerts::settings;

/// A program.
#[derive(Debug)]
pub(crate) struct Command {
    argv: Vec<String>,
    env: BTreeMap<String, Text>,
    timeout: Duration,
}

/// What it takes over from the environment of authprobe, which may hold secrets of targets.
const PASSED: [&str; 4] = ["PATH", "HOME", "LANG", "TZ"];
/// Bytes that are kept of what it says on standard error.
const KEPT: u64 = 4096;
/// After its end, so long is waited for what it said.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// Characters that are told of it.
const TOLD: usize = 200;

/// The processes that a program started, itself included; they end with it where it did not end by itself.
struct Group(Option<Pid>);

impl Command {
    /// The one of a receiver.
    ///
    /// # Errors
    /// When it names none.
    pub(super) fn new(receiver: &settings::Receiver) -> Result<Self, String> {
        let argv = receiver.command.clone().filter(|argv| !argv.is_empty()).ok_or("it names no program")?;
        Ok(Self { argv, env: receiver.env.clone(), timeout: receiver.timeout() })
    }

    /// Tells it one message.
    ///
    /// # Errors
    /// When it does not end well in time.
    pub(super) async fn deliver(&self, message: &Message) -> Result<(), String> {
        let mut body = serde_json::to_vec(message).map_err(|error| error.to_string())?;
        body.push(b'\n');
        let mut secrets = Vec::new();
        let mut child = self.start(&mut secrets)?;
        let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
        let Ok(ended) = timeout(self.timeout, talk(&mut child, &body)).await else {
            return Err(format!("it did not end within {:?} and was killed", self.timeout));
        };
        let (status, said) = ended.map_err(|error| format!("it broke: {}", error.kind()))?;
        group.0 = None;
        if status.success() {
            return Ok(());
        }
        let mut said = String::from_utf8_lossy(&said).into_owned();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            said = said.replace(secret, "***");
        }
        let said = short(said.lines().next().unwrap_or_default(), TOLD);
        Err(if said.is_empty() { format!("it ended with {status}") } else { format!("it ended with {status}: {said}") })
    }

    fn start(&self, secrets: &mut Vec<String>) -> Result<Child, String> {
        let [program, arguments @ ..] = self.argv.as_slice() else { return Err("it names no program".into()) };
        let mut process = Process::new(program);
        process.args(arguments).env_clear().process_group(0).kill_on_drop(true);
        process.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        process.envs(PASSED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        for (name, value) in &self.env {
            let text = text(value)?;
            process.env(name, &text);
            if value.source().is_some() {
                secrets.push(text);
            }
        }
        process.spawn().map_err(|error| format!("it cannot be started: {error}"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself in this moment.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Hands the body over, and takes what the program says and how it ends.
async fn talk(child: &mut Child, body: &[u8]) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let write = async {
        if let Some(mut input) = input {
            // A program need not read what it is told.
            let _ = input.write_all(body).await;
        }
    };
    let read = async {
        match errors {
            Some(errors) => beginning(errors).await,
            None => Vec::new(),
        }
    };
    let both = async { tokio::join!(write, read).1 };
    let said;
    tokio::pin!(both);
    let status = tokio::select! {
        status = child.wait() => {
            // What it said may still be on its way; what it left behind may hold the stream open for ever.
            said = timeout(LAST_WORDS, &mut both).await.unwrap_or_default();
            status?
        }
        all = &mut both => {
            said = all;
            child.wait().await?
        }
    };
    Ok((status, said))
}

/// The beginning of a stream, which is read to its end so that whoever writes is not held up.
async fn beginning(stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut stream = stream.take(KEPT);
    let _ = stream.read_to_end(&mut kept).await;
    let _ = tokio::io::copy(&mut stream.into_inner(), &mut sink()).await;
    kept
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;
    use crate::alerts::probation::message;

    fn command(script: &str, env: &[(&str, Text)], timeout: Duration) -> Command {
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        Command { argv, env, timeout }
    }

    const LONG: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn a_program_gets_the_message_and_the_environment_that_it_was_given_and_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let (body, env) = (dir.path().join("body"), dir.path().join("env"));
        let script = format!("cat > {}; env > {}", body.display(), env.display());
        let told = command(&script, &[("TOKEN", Text::Plain("t".into()))], LONG).deliver(&message()).await;
        assert_eq!(told, Ok(()));
        let heard: Message = serde_json::from_slice(&fs::read(body).unwrap()).unwrap();
        assert_eq!(heard, message());
        let env = fs::read_to_string(env).unwrap();
        assert!(env.contains("TOKEN=t\n") && !env.contains("CARGO"), "{env}");
    }

    #[tokio::test]
    async fn a_program_that_fails_is_told_with_the_beginning_of_what_it_says() {
        let told = command("echo no such channel >&2; exit 3", &[], LONG).deliver(&message()).await;
        assert_eq!(told, Err("it ended with exit status: 3: no such channel".into()));
        let flood = command("yes >&2 & sleep 0.2; kill $!; exit 4", &[], LONG).deliver(&message()).await.unwrap_err();
        assert!(flood.len() < 300, "{flood}");
        let absent = Command { argv: vec!["/no/such/program".into()], env: BTreeMap::new(), timeout: LONG };
        assert!(absent.deliver(&message()).await.unwrap_err().starts_with("it cannot be started"));
    }

    #[tokio::test]
    async fn a_program_that_writes_a_gigabyte_is_let_and_one_that_never_stops_writing_is_killed() {
        let flood = command("head -c 1000000000 /dev/zero; head -c 8000000 /dev/zero >&2", &[], LONG);
        assert_eq!(flood.deliver(&message()).await, Ok(()));
        for script in ["yes", "yes >&2"] {
            let told = command(script, &[], Duration::from_secs(1)).deliver(&message()).await;
            assert_eq!(told, Err("it did not end within 1s and was killed".into()));
        }
    }

    #[tokio::test]
    async fn a_program_that_does_not_end_is_killed_with_all_that_it_started() {
        let dir = tempfile::tempdir().unwrap();
        let pid = dir.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", pid.display());
        let begun = Instant::now();
        let told = command(&script, &[], Duration::from_millis(1500)).deliver(&message()).await.unwrap_err();
        assert!(told.contains("was killed") && begun.elapsed() < LONG, "{told}");
        let state = || {
            let stat = fs::read_to_string(format!("/proc/{}/stat", fs::read_to_string(&pid).unwrap().trim()));
            stat.ok().and_then(|stat| stat.rsplit(") ").next()?.chars().next())
        };
        // The kernel takes a moment to end it; an ended one may wait to be noticed.
        while !matches!(state(), None | Some('Z' | 'X')) {
            assert!(begun.elapsed() < LONG, "it still runs");
            tokio::task::yield_now().await;
        }
    }
}
