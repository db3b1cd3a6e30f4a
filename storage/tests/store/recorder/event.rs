//! What a process did to the files of its store, call by call.

use super::SAID;

/// One call on a file. The directory itself has the name `.`.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// The process said something.
    Said(String),
    /// A file came to be.
    Create(String),
    /// Bytes went into a file.
    Write { name: String, offset: usize, bytes: Vec<u8> },
    /// A file got a length.
    Truncate { name: String, length: usize },
    /// A sync ended: what was done to the file before is on the disk.
    Sync(String),
    /// A sync failed: what was done to the file since the last one may be on the disk or not, for ever.
    Lost(String),
    /// A file was removed.
    Unlink(String),
    /// A file got another name.
    Rename(String, String),
}

impl Event {
    /// The file that the call was for, by the name that it had before.
    pub(crate) fn file(&self) -> Option<&str> {
        match self {
            Self::Said(_) => None,
            Self::Create(name)
            | Self::Write { name, .. }
            | Self::Truncate { name, .. }
            | Self::Sync(name)
            | Self::Lost(name)
            | Self::Unlink(name)
            | Self::Rename(name, _) => Some(name),
        }
    }
}

/// Reads what the recorder wrote.
pub(crate) fn parse(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        let line = std::str::from_utf8(&bytes[..end]).unwrap();
        bytes = &bytes[end + 1..];
        let words: Vec<&str> = line.split(' ').collect();
        let event = match words[..] {
            ["create", name] => Event::Create(name.into()),
            ["write", name, offset, length] => {
                let (contents, rest) = bytes.split_at(length.parse().unwrap());
                bytes = rest;
                if name == SAID {
                    Event::Said(String::from_utf8(contents.to_vec()).unwrap())
                } else {
                    Event::Write { name: name.into(), offset: offset.parse().unwrap(), bytes: contents.to_vec() }
                }
            }
            ["truncate", name, length] => Event::Truncate { name: name.into(), length: length.parse().unwrap() },
            ["sync", name] => Event::Sync(name.into()),
            ["lost", name] => Event::Lost(name.into()),
            ["unlink", name] => Event::Unlink(name.into()),
            ["rename", old, new] => Event::Rename(old.into(), new.into()),
            _ => panic!("the recorder does not write `{line}`"),
        };
        events.push(event);
    }
    assert_eq!(bytes, b"", "the recording breaks off");
    events.retain(|event| event.file() != Some(SAID));
    events
}
