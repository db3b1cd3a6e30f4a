//! Looks for a secret in bytes, in every form in which a careless program lets one out.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What is hunted: cores of letters and digits, which no escaping alters, each with the name of its secret.
#[derive(Debug, Default)]
pub(crate) struct Hunt {
    /// By their first bytes, so that one pass over a file looks for all of them.
    forms: HashMap<[u8; BEGINNING], Vec<(String, Vec<u8>)>>,
}

/// Every form is at least this long.
const BEGINNING: usize = 8;

impl Hunt {
    /// Adds a secret by its core.
    pub(crate) fn add(&mut self, name: &str, core: &str) {
        assert!(core.len() >= 10, "the core of {name} is too short to be distinctive");
        let encoded = base64_within(core);
        // What is encoded twice, as the header of a Basic authentication in an encoded echo.
        let twice: Vec<String> = encoded.iter().flat_map(|form| base64_within(form)).collect();
        let hex: String = core.bytes().map(|byte| format!("{byte:02x}")).collect();
        for form in [core.to_owned(), hex].into_iter().chain(encoded).chain(twice) {
            let form = form.to_lowercase().into_bytes();
            let Some(beginning) = form.first_chunk() else { continue };
            self.forms.entry(*beginning).or_default().push((name.to_owned(), form));
        }
    }

    /// The secrets that are in some bytes, each with the form.
    pub(crate) fn find(&self, bytes: &[u8]) -> Vec<String> {
        let bytes = bytes.to_ascii_lowercase();
        let mut found = Vec::new();
        for at in 0..bytes.len() {
            let rest = &bytes[at..];
            let begin = rest.first_chunk().and_then(|beginning| self.forms.get(beginning)).into_iter().flatten();
            let here = begin.filter(|(_, form)| rest.starts_with(form));
            found.extend(here.map(|(name, form)| format!("{name} as `{}`", String::from_utf8_lossy(form))));
        }
        found.sort();
        found.dedup();
        found
    }

    /// The secrets that are in any file below a directory, but for one folder in it. Gives how many files were read.
    pub(crate) fn search(&self, dir: &Path, but: &str) -> Result<(usize, Vec<String>)> {
        let (mut files, mut found) = (0, Vec::new());
        for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
            let path = entry?.path();
            if path.is_dir() {
                if path.file_name().is_some_and(|name| name != but) {
                    let (more, in_it) = self.search(&path, but)?;
                    files += more;
                    found.extend(in_it);
                }
                continue;
            }
            files += 1;
            found.extend(self.find(&fs::read(&path)?).into_iter().map(|what| format!("{}: {what}", path.display())));
        }
        Ok((files, found))
    }
}

/// A text in base64 as it stands within a longer one: three alignments, without the characters at the seams.
fn base64_within(text: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for (shift, seam) in [(0, 0), (1, 2), (2, 3)] {
        let mut shifted = vec![0; shift];
        shifted.extend_from_slice(text.as_bytes());
        let whole = shifted.len() / 3 * 3;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let form = engine.encode(&shifted[..whole]).split_off(seam);
            if form.len() >= 10 && !forms.contains(&form) {
                forms.push(form);
            }
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canary::echo::FORMS;

    const CORE: &str = "Xk7Canary0ControlQ";

    #[test]
    fn a_leak_is_found_in_every_form_in_which_the_echo_server_answers() {
        let mut hunt = Hunt::default();
        hunt.add("control", CORE);
        for (name, form) in FORMS {
            for before in ["", "a", "ab", "Bearer ", "user:"] {
                let leak = form(&format!("{before}{CORE}\"\\/&+ %ü and more"));
                let text = format!("HTTP 401 Unauthorized ({leak})");
                assert!(!hunt.find(text.as_bytes()).is_empty(), "not found as {name}: {text}");
            }
        }
        let basic = format!("Basic {}", STANDARD_NO_PAD.encode(format!("user:{CORE}")));
        assert!(!hunt.find(STANDARD_NO_PAD.encode(basic).as_bytes()).is_empty());
        assert!(!hunt.find(CORE.to_uppercase().as_bytes()).is_empty());
    }

    #[test]
    fn what_is_no_leak_is_not_found() {
        let mut hunt = Hunt::default();
        hunt.add("control", CORE);
        assert_eq!(hunt.find(b"HTTP 401 Unauthorized (<redacted>); Xk7Canary was here"), Vec::<String>::new());
    }

    #[test]
    fn a_leak_in_a_file_is_found_with_its_place_and_the_folder_of_the_secrets_is_left_out() -> Result<()> {
        let mut hunt = Hunt::default();
        hunt.add("control", CORE);
        let dir = tempfile::TempDir::new()?;
        for folder in ["secrets", "deep"] {
            fs::create_dir(dir.path().join(folder))?;
            fs::write(dir.path().join(folder).join("file"), [b"\0\xff".as_slice(), CORE.as_bytes()].concat())?;
        }
        let (files, found) = hunt.search(dir.path(), "secrets")?;
        assert_eq!(files, 1);
        assert!(matches!(found.as_slice(), [one] if one.contains("deep/file: control")), "{found:?}");
        Ok(())
    }
}
