//! The help in Portuguese: a table of texts, each by its English one.

use std::collections::HashMap;
use std::sync::LazyLock;

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};

/// Each English text and its translation. Texts of several paragraphs have one for each, examples one for each line that
/// is not a command.
const TABLE: &str = include_str!("pt-BR.json");

static TEXTS: LazyLock<HashMap<String, String>> =
    LazyLock::new(|| serde_json::from_str(TABLE).unwrap_or_default());

/// Returns the translation of a text.
pub(super) fn text_of(english: &str) -> Option<&'static str> {
    TEXTS.get(english).map(String::as_str)
}

/// Translates all commands. What has no translation stays English; a test holds that there is none.
pub(super) fn translate(command: Command) -> Command {
    let mut built = command.clone();
    built.build();
    one(command, &mut built).disable_version_flag(true).arg(
        Arg::new("version").short('V').long("version").action(ArgAction::Version).help(word("Print version")),
    )
}

/// Translates a command, of which `built` has what clap adds to it.
fn one(command: Command, built: &mut Command) -> Command {
    let names: Vec<_> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    let usage = usage(&built.render_usage().to_string());
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
    let help = if has_more(&command) {
        help.help(word("Print help (see more with '--help')"))
            .long_help(word("Print help (see a summary with '-h')"))
    } else {
        help.help(word("Print help"))
    };
    let mut command = command
        .help_template(format!(
            "{{before-help}}{{about-with-newline}}\nUso: {usage}\n\n{{all-args}}{{after-help}}"
        ))
        .subcommand_help_heading(word("Commands"))
        .mut_args(argument)
        .disable_help_flag(true)
        .arg(help.help_heading(word("Options")));
    if let Some(about) = command.get_about().map(translated) {
        command = command.about(about);
    }
    if let Some(about) = command.get_long_about().map(translated) {
        command = command.long_about(about);
    }
    if let Some(after) = command.get_after_help().map(translated) {
        command = command.after_help(after);
    }
    for name in names {
        if let Some(of_built) = built.find_subcommand_mut(&name) {
            command = command.mut_subcommand(&name, |inner| one(inner, of_built));
        }
    }
    command
}

/// Translates a line of usage: the words that stand for values, and those of clap.
fn usage(line: &str) -> String {
    let line =
        line.trim_start_matches("Usage: ").replace("[OPTIONS]", "[OPÇÕES]").replace("COMMAND", "COMANDO");
    let values = TEXTS.iter().filter(|(english, _)| is_value_name(english));
    values.fold(line, |line, (english, text)| {
        let of = |brackets: [char; 2], word: &str| format!("{}{word}{}", brackets[0], brackets[1]);
        [['<', '>'], ['[', ']']]
            .iter()
            .fold(line, |line, brackets| line.replace(&of(*brackets, english), &of(*brackets, text)))
    })
}

/// Says whether a text stands for a value, as FILE does.
fn is_value_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || b"|=_".contains(&byte))
}

/// Says whether `--help` tells more than `-h`.
fn has_more(command: &Command) -> bool {
    command.get_long_about().is_some()
        || command.get_arguments().any(|one| {
            one.get_long_help().is_some()
                || one.get_possible_values().iter().any(|value| value.get_help().is_some())
        })
}

fn argument(argument: Arg) -> Arg {
    let heading = match argument.get_help_heading() {
        Some(heading) => text_of(heading).unwrap_or("AWS"),
        None if argument.is_positional() => word("Arguments"),
        None => word("Options"),
    };
    let added = notes(&argument);
    let noted = |text: &StyledStr| match translated(text) {
        text if added.is_empty() => text,
        text => format!("{text} {added}"),
    };
    let (short, long) = (argument.get_help().map(noted), argument.get_long_help().map(noted));
    let names: Vec<_> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|name| text_of(name).map_or_else(|| name.clone(), Into::into))
        .collect();
    let takes_values = argument.get_action().takes_values();
    let mut argument = argument.help_heading(heading);
    if takes_values {
        argument = argument.hide_default_value(true).hide_possible_values(true);
    }
    if !names.is_empty() {
        argument = argument.value_names(names);
    }
    if let Some(short) = short {
        argument = argument.help(short);
    }
    if let Some(long) = long {
        argument = argument.long_help(long);
    }
    argument
}

/// What clap adds to an option's text.
fn notes(argument: &Arg) -> String {
    let mut notes = Vec::new();
    let defaults: Vec<_> = argument
        .get_default_values()
        .iter()
        .map(|value| value.to_string_lossy())
        .filter(|value| !value.is_empty())
        .collect();
    if argument.get_action().takes_values() {
        if !defaults.is_empty() && !argument.is_hide_default_value_set() {
            notes.push(format!("[padrão: {}]", defaults.join(", ")));
        }
        let possible = argument.get_possible_values();
        let possible: Vec<_> = possible.iter().map(clap::builder::PossibleValue::get_name).collect();
        if !possible.is_empty() && !argument.is_hide_possible_values_set() {
            notes.push(format!("[valores possíveis: {}]", possible.join(", ")));
        }
    }
    notes.join(" ")
}

/// A word of the table.
fn word(english: &'static str) -> &'static str {
    text_of(english).unwrap_or(english)
}

/// Translates paragraph by paragraph, examples line by line.
fn translated(text: &StyledStr) -> String {
    let text = text.to_string();
    text.split("\n\n").map(paragraph).collect::<Vec<_>>().join("\n\n")
}

fn paragraph(english: &str) -> String {
    if let Some(text) = text_of(english) {
        return text.to_owned();
    }
    let line = |line: &str| {
        let start = line.len() - line.trim_start().len();
        let (indent, words) = line.split_at(start);
        text_of(words).map_or_else(|| line.to_owned(), |text| format!("{indent}{text}"))
    };
    english.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::commands::command;
    use crate::exit::MEANINGS;
    use terminal::Language;

    /// The texts of a command and all below it that must have a translation.
    fn texts(command: &Command, found: &mut BTreeSet<String>) {
        let mut add = |text: Option<&StyledStr>| {
            let text = text.map(ToString::to_string).unwrap_or_default();
            found.extend(text.split("\n\n").filter(|text| !text.is_empty()).map(str::to_owned));
        };
        add(command.get_about());
        add(command.get_long_about());
        for argument in command.get_arguments() {
            add(argument.get_help());
            add(argument.get_long_help());
        }
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let is_command = |line: &str| {
            let line = line.trim();
            ["arauto ", "echo ", "aws ", "curl ", "openssl ", "eval ", "cargo ", "--"]
                .iter()
                .any(|word| line.starts_with(word))
        };
        found.extend(
            after
                .lines()
                .filter(|line| !line.trim().is_empty() && !is_command(line))
                .map(|line| line.trim().to_owned()),
        );
        for inner in command.get_subcommands() {
            texts(inner, found);
        }
    }

    #[test]
    fn each_text_of_the_help_has_a_translation_and_none_is_left_over() {
        let table: BTreeMap<String, String> = serde_json::from_str(TABLE).unwrap();
        let mut found = BTreeSet::new();
        texts(&command(Language::En), &mut found);
        let missing: BTreeMap<_, _> =
            found.iter().filter(|text| !table.contains_key(*text)).map(|text| (text, "")).collect();
        assert!(missing.is_empty(), "add to pt-BR.json: {}", serde_json::to_string_pretty(&missing).unwrap());
        let code: String = [include_str!("translate.rs"), include_str!("groups.rs")].concat();
        let others: BTreeSet<_> = MEANINGS.iter().map(|(_, meaning)| *meaning).collect();
        let is_used = |text: &String| {
            found.contains(text)
                || others.contains(text.as_str())
                || code.contains(&format!("\"{text}"))
                || is_value_name(text)
        };
        let left: Vec<_> = table.keys().filter(|text| !is_used(text)).collect();
        assert!(left.is_empty(), "remove from pt-BR.json: {left:#?}");
        let same = table.iter().filter(|(english, text)| english == text && english.contains(' '));
        assert_eq!(same.collect::<Vec<_>>(), [], "these are English still");
    }

    #[test]
    fn no_english_is_left_on_a_page_in_portuguese() {
        let mut command = command(Language::PtBr);
        let root = command.render_help().to_string();
        assert!(root.contains("\nUso: arauto <COMANDO>\n") && root.contains("--version"), "{root}");
        command.build();
        let names: Vec<_> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
        for name in names.iter().filter(|name| *name != "help") {
            let one = command.find_subcommand_mut(name).unwrap();
            for page in [one.render_help().to_string(), one.render_long_help().to_string()] {
                assert!(page.contains(&format!("\nUso: arauto {name}")), "{page}");
                for english in [
                    "<FILE>",
                    "<NAME>",
                    "Usage:",
                    "Options:",
                    "Arguments:",
                    "Commands:",
                    "[default",
                    "[possible",
                    "Print ",
                    "Example",
                ] {
                    assert!(!page.contains(english), "{name}: {english}\n{page}");
                }
            }
        }
    }
}
