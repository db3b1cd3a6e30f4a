//! Where a store is: the forms of `--store` and of the configuration's `store:`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::error::Error;

/// A place where records are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Locator {
    /// One SQLite file.
    Sqlite(PathBuf),
}

impl FromStr for Locator {
    type Err = Error;

    /// `PATH` or `sqlite:PATH`. What is refused is not repeated, for it may hold a password.
    fn from_str(text: &str) -> Result<Self, Error> {
        let path = match text.split_once(':') {
            Some(("sqlite", path)) if path.starts_with("//") && !path.starts_with("///") => {
                return Err(refused("`sqlite:` is followed by the path itself, as in `sqlite:authprobe.db`"));
            }
            Some(("sqlite", path)) => path,
            Some(("clickhouse", rest)) if rest.starts_with("//") => {
                return Err(refused("this version keeps its store in SQLite only: give a path or `sqlite:PATH`"));
            }
            Some((_, rest)) if rest.starts_with("//") => {
                return Err(refused("this kind of store is not known: give a path or `sqlite:PATH`"));
            }
            Some(_) | None => text,
        };
        match path {
            "" => Err(refused("the path is empty")),
            ":memory:" => Err(refused("a store must outlive the process: give the path of a file")),
            path if path.contains('\0') => Err(refused("a path cannot hold a NUL character")),
            path => Ok(Self::Sqlite(PathBuf::from(path))),
        }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
        }
    }
}

fn refused(reason: &'static str) -> Error {
    Error::InvalidLocator { reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stands_for_itself_with_or_without_the_scheme() {
        for (text, path) in [
            ("authprobe.db", "authprobe.db"),
            ("sqlite:authprobe.db", "authprobe.db"),
            ("sqlite:/var/lib/a b.db", "/var/lib/a b.db"),
            ("sqlite:///var/lib/a.db", "///var/lib/a.db"),
            ("odd:name.db", "odd:name.db"),
        ] {
            let locator: Locator = text.parse().unwrap();
            assert_eq!(locator, Locator::Sqlite(PathBuf::from(path)), "{text}");
            assert_eq!(locator.to_string().parse::<Locator>().unwrap(), locator, "{text}");
        }
    }

    #[test]
    fn what_is_no_store_of_this_version_is_refused_without_repeating_it() {
        for (text, says) in [
            ("", "empty"),
            ("sqlite:", "empty"),
            ("sqlite://authprobe.db", "`sqlite:authprobe.db`"),
            (":memory:", "outlive"),
            ("sqlite::memory:", "outlive"),
            ("clickhouse://user:canary@host/db", "SQLite only"),
            ("postgres://user:canary@host/db", "not known"),
            ("a\0b", "NUL"),
        ] {
            let message = text.parse::<Locator>().unwrap_err().to_string();
            assert!(message.contains(says), "{text}: {message}");
            assert!(!message.contains("canary"), "{message}");
        }
    }
}
