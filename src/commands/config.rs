//! `authprobe config`: says everything that is wrong with the configuration, and prints its JSON Schema and numbers.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use reports::cause::model::BUILT_IN;

use crate::config::mistake::Mistakes;
use crate::config::{self, Loaded};
use crate::exit::Exit;
use crate::output;

/// Check the configuration, or describe it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  authprobe config check -c /etc/authprobe/authprobe.yaml
  authprobe config schema > authprobe.schema.json
  authprobe config model > model.toml")]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Say everything that is wrong with the file, and try every secret that it refers to
    Check {
        /// Configuration file
        #[arg(short, long, value_name = "FILE", default_value = config::DEFAULT_FILE)]
        config: PathBuf,
    },
    /// Print the JSON Schema of the file, for editors
    Schema,
    /// Print the numbers that attribution rests on, to copy from for the file that `model:` names
    Model,
}

pub(crate) fn run(args: ConfigCommand) -> anyhow::Result<Exit> {
    match args.what {
        What::Check { config } => check(&config, &mut output::stdout(), &mut io::stderr()),
        What::Schema => schema(&mut output::stdout()),
        What::Model => model(&mut output::stdout()),
    }
}

fn check(file: &Path, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<Exit> {
    match config::verify(file) {
        Ok(loaded) => {
            write!(err, "{}", warned(&loaded.warnings)?)?;
            writeln!(out, "{}: {}: fine", file.display(), summary(&loaded))?;
            Ok(Exit::Fine)
        }
        Err((mistakes, warnings)) => {
            writeln!(err, "{}{mistakes}", warned(&warnings)?)?;
            Ok(Exit::Usage)
        }
    }
}

fn schema(out: &mut dyn Write) -> anyhow::Result<Exit> {
    let text = serde_json::to_string_pretty(&config::schema()).context("the JSON Schema cannot be written")?;
    writeln!(out, "{text}").context("the JSON Schema cannot be written")?;
    Ok(Exit::Fine)
}

fn model(out: &mut dyn Write) -> anyhow::Result<Exit> {
    out.write_all(BUILT_IN.as_bytes()).context("the numbers cannot be written")?;
    Ok(Exit::Fine)
}

fn warned(warnings: &Mistakes) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    warnings.lines("warning", &mut text)?;
    Ok(text)
}

fn summary(loaded: &Loaded) -> String {
    let targets = &loaded.config.targets;
    let probes = targets.iter().map(|config| config.target.probes.plans().len()).sum();
    let objectives = loaded.config.judging.slos.len();
    let mut parts = vec![counted(targets.len(), "target"), counted(probes, "probe"), counted(objectives, "objective")];
    match loaded.warnings.all().len() {
        0 => (),
        warnings => parts.push(counted(warnings, "warning")),
    }
    parts.join(", ")
}

fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> (Exit, String, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("authprobe.yaml");
        std::fs::write(&file, text).unwrap();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = check(&file, &mut out, &mut err).unwrap();
        let plain =
            |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(&format!("{}/", folder.path().display()), "");
        (exit, plain(out), plain(err))
    }

    #[test]
    fn a_right_file_gets_one_line_on_standard_output() {
        let text = "targets:\n  - name: a\n    url: http://127.0.0.1:1\n    every: 30s\n    probes:\n      login: {path: /login, \
                    username: me, password: {env: PATH}, token: /t}\n";
        let (exit, out, err) = checked(text);
        assert_eq!(exit, Exit::Fine);
        assert_eq!(out, "authprobe.yaml: 1 target, 1 probe, 0 objectives: fine\n");
        assert_eq!(err, "");
    }

    #[test]
    fn a_wrong_file_gets_a_line_for_each_mistake_on_standard_error() {
        let (exit, out, err) = checked("targts: []\nstore: ''\n");
        assert_eq!(exit, Exit::Usage);
        assert_eq!(out, "");
        insta::assert_snapshot!(err, @r"
        config authprobe.yaml:1:1: unknown key `targts`, did you mean `targets`?
        config authprobe.yaml:2:8: store: this is no place for a store: the path is empty
        2 mistakes in authprobe.yaml
        ");
    }

    #[test]
    fn a_missing_file_says_how_to_begin() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let exit = check(Path::new("no/such.yaml"), &mut out, &mut err).unwrap();
        assert_eq!(exit, Exit::Usage);
        assert!(String::from_utf8(err).unwrap().contains("authprobe init"));
    }
}
