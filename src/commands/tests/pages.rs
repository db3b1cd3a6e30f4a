//! Every `authprobe …` in the documentation and in the examples of the help is a command that the program takes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory, Parser};
use regex::Regex;

use crate::commands::Cli;

/// What ends a command in a shell.
const ENDS: [&str; 5] = ["|", "||", "&&", ";", "&"];

#[test]
fn every_command_in_the_documentation_is_one_that_the_program_takes() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for (line, command) in commands(&text) {
            for arguments in calls(&command) {
                count += 1;
                if let Err(why) = takes(&arguments) {
                    wrong.push(format!("{}:{line}: {command}\n{why}", page.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 30, "only {count} commands were found");
}

#[test]
fn every_example_of_the_help_is_a_command_that_the_program_takes() {
    let mut count = 0;
    for help in helps(&Cli::command()) {
        // What follows two spaces explains.
        for example in help.lines().filter_map(|line| line.strip_prefix("  ")?.split("  ").next()) {
            for arguments in calls(example) {
                count += 1;
                assert_eq!(takes(&arguments), Ok(()), "{example}");
            }
        }
    }
    assert!(count > 30, "only {count} examples were found");
}

#[test]
fn calls_are_found_where_a_shell_runs_them() {
    let check = |line: &str, found: &[&str]| {
        let calls: Vec<String> = calls(line).into_iter().map(|words| words.join(" ")).collect();
        assert_eq!(calls, found, "{line}");
    };
    check("authprobe init && authprobe config check", &["init", "config check"]);
    check("A=b authprobe export > all.ndjson | gzip # authprobe", &["export"]);
    check("kubectl -n authprobe exec pod -- /usr/local/bin/authprobe run", &["run"]);
    check("cargo run --release -- demo", &["demo"]);
    check("cat authprobe.yaml authprobe", &[]);
    check("authprobe run 2>run.log &", &["run"]);
    check("authprobe store backup a-$(date +%F).db", &["store backup a-2026-11-24.db"]);
}

fn takes(arguments: &[String]) -> Result<(), String> {
    let words = ["authprobe"].into_iter().chain(arguments.iter().map(String::as_str));
    match Cli::try_parse_from(words) {
        Err(error) if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Err(error.to_string())
        }
        _ => Ok(()),
    }
}

/// The pages of the book, and every README.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("deploy/helm/authprobe/README.md")];
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|ending| ending == "md")));
    pages.sort();
    pages
}

/// The examples of a command and of those below it.
fn helps(command: &Command) -> Vec<String> {
    let own = command.get_after_help().map(ToString::to_string);
    own.into_iter().chain(command.get_subcommands().flat_map(helps)).collect()
}

/// The command lines of a page with their places: all lines of a block of shell, of other blocks what follows a prompt.
fn commands(page: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut block: Option<&str> = None;
    let mut goes_on = false;
    for (number, line) in (1..).zip(page.lines().map(str::trim)) {
        if let Some(language) = line.strip_prefix("```") {
            block = if block.is_none() { Some(language) } else { None };
            goes_on = false;
            continue;
        }
        let command = match block {
            Some(_) if goes_on => Some(line),
            Some("sh") => Some(line),
            Some("yaml") => Some(line.trim_start_matches("- ").trim_start_matches("run: ")),
            Some(_) => line.strip_prefix("$ "),
            None => None,
        };
        let Some(command) = command else { continue };
        match found.last_mut() {
            Some((_, first)) if goes_on => first.push_str(command.trim_end_matches('\\')),
            _ => found.push((number, command.trim_end_matches('\\').to_owned())),
        }
        goes_on = command.ends_with('\\');
    }
    found
}

/// The arguments of each call of the program in a command line.
fn calls(line: &str) -> Vec<Vec<String>> {
    // What is no whole line of a shell calls nothing: a part of a text in quotation marks.
    let words = shlex::split(&expanded(line)).unwrap_or_default();
    words.split(|word| ENDS.contains(&word.as_str())).filter_map(call).collect()
}

/// A line as a shell would go on with it: a command in its place gives a date, a URL is one.
fn expanded(line: &str) -> String {
    static COMMAND: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$\([^)]*\)").unwrap());
    static URL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\$[A-Z_]*URL\b").unwrap());
    URL.replace_all(&COMMAND.replace_all(line, "2026-11-24"), "http://127.0.0.1:9464").into_owned()
}

fn call(words: &[String]) -> Option<Vec<String>> {
    let redirects = words.iter().position(|word| word.contains('>')).unwrap_or(words.len());
    let words = &words[..redirects];
    let own = words.iter().position(|word| !word.contains('='))?;
    let is_ours = |word: &str| word == "authprobe" || word.ends_with("/authprobe");
    if is_ours(&words[own]) {
        return Some(words[own + 1..].to_vec());
    }
    let (_, after) = words.split_at(words.iter().position(|word| word == "--")? + 1);
    if words.starts_with(&["cargo".to_owned(), "run".to_owned()]) {
        return Some(after.to_vec());
    }
    after.first().filter(|word| is_ours(word)).map(|_| after[1..].to_vec())
}
