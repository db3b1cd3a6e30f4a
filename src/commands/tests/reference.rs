//! docs/cli.md is made from the commands themselves.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory};

use crate::commands::Cli;

const HEAD: &str = "\
# Command line

Every command and option, made from the program itself: it is what `--help` and `authprobe man` tell.
[Commands](commands.md) says what each does, with examples and their output.
";

#[test]
fn the_reference_of_the_command_line_is_that_of_the_program() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let made = reference();
    if std::env::var_os("AUTHPROBE_WRITE_DOCS").is_some() {
        fs::write(&file, &made).unwrap();
    }
    let published = fs::read_to_string(&file).unwrap_or_default();
    assert!(made == published, "write it anew: AUTHPROBE_WRITE_DOCS=1 cargo test --bin authprobe the_reference_of");
}

fn reference() -> String {
    let mut cli = Cli::command().disable_help_subcommand(true).term_width(100);
    cli.build();
    let mut page = HEAD.to_owned();
    section(&mut page, &cli, &[]);
    page
}

/// A command and those below it. Options that all commands share stand at the top only.
fn section(page: &mut String, command: &Command, above: &[&str]) {
    let path = [above, &[command.get_name()]].concat();
    let _ = write!(page, "\n## {}\n\n", path.join(" "));
    let about = command.get_long_about().or(command.get_about()).map(StyledStr::to_string).unwrap_or_default();
    let _ = write!(page, "{}.\n\n", plain(&about));
    let usage = command.clone().render_usage().to_string();
    let _ = write!(page, "```\n{}\n```\n", usage.trim_start_matches("Usage: "));
    let shown = |arg: &&Arg| !arg.is_hide_set() && (above.is_empty() || !arg.is_global_set());
    let own = |arg: &&Arg| !matches!(arg.get_id().as_str(), "help" | "version");
    let arguments: Vec<&Arg> =
        command.get_arguments().filter(shown).filter(|arg| above.is_empty() || own(arg)).collect();
    if !arguments.is_empty() {
        page.push_str("\n| argument | default | what it is |\n|---|---|---|\n");
    }
    for arg in arguments {
        row(page, arg);
    }
    if let Some(after) = command.get_after_help() {
        let _ = write!(page, "\n```\n{after}\n```\n");
    }
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        section(page, inner, &path);
    }
}

fn row(page: &mut String, arg: &Arg) {
    let value = arg.get_value_names().unwrap_or_default().iter().map(|name| name.to_string()).collect::<Vec<_>>();
    let takes = arg.get_action().takes_values();
    let long =
        arg.get_long().map(|long| if takes { format!("--{long} {}", value.join(" ")) } else { format!("--{long}") });
    let short = arg.get_short().map(|short| format!("-{short}"));
    let names: Vec<String> = [short, long].into_iter().flatten().map(|name| format!("`{name}`")).collect();
    let name = if names.is_empty() { format!("`{}`", value.join(" ")) } else { names.join(", ") };
    let default = arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy()));
    let default: String = if takes { default.collect::<Vec<_>>().join(", ") } else { String::new() };
    let help = arg.get_long_help().or(arg.get_help()).map(StyledStr::to_string).unwrap_or_default();
    let mut what = format!("{}.", plain(&help));
    let possible = arg.get_possible_values();
    let words: Vec<String> =
        possible.iter().filter(|word| !word.is_hide_set()).map(|word| format!("`{}`", word.get_name())).collect();
    if takes && !words.is_empty() {
        let _ = write!(what, " One of {}.", words.join(", "));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(what, " Environment: `{}`.", variable.to_string_lossy());
    }
    let _ = writeln!(page, "| {name} | {default} | {what} |");
}

/// A text on one line, with what Markdown would take for its own made plain. What stands as code stays.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut code = false;
    for letter in text.split_whitespace().collect::<Vec<_>>().join(" ").chars() {
        code ^= letter == '`';
        if letter == '|' || !code && "\\<>*[]".contains(letter) {
            plain.push('\\');
        }
        plain.push(letter);
    }
    plain
}
