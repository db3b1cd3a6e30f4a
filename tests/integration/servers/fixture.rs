//! Configurations whose `${name}` places are filled for one run.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// Reads `tests/fixtures/NAME` and fills its places; a place without a value is an error.
pub(crate) fn filled(name: &str, values: &[(&str, &str)]) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("${") {
        let (place, after) = after.split_once('}').with_context(|| format!("{name}: a place without its end"))?;
        let Some((_, value)) = values.iter().find(|(key, _)| *key == place) else {
            bail!("{name}: no value for `${{{place}}}`");
        };
        out.push_str(before);
        out.push_str(value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// Writes credentials as files, one a name, as a configuration refers to them.
pub(crate) fn write_credentials(dir: &Path, credentials: &[(&str, &str)]) -> Result<()> {
    for (name, value) in credentials {
        super::process::replace_file(&dir.join(name), value)?;
    }
    Ok(())
}
