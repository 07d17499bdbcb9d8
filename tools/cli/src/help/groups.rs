//! The page of all commands, by what one wants to do.

use std::fmt::Write as _;

use clap::Command;
use clap::builder::styling::Style;

use super::translate::text_of;
use crate::exit::MEANINGS;
use terminal::Language;

/// Each group and its commands.
const GROUPS: &[(&str, &[&str])] = &[
    ("Try it", &["demo", "up", "down", "env", "explain", "register", "receiver", "directory", "statement"]),
    (
        "Look",
        &["show", "notifications", "attempts", "undelivered", "clients", "console", "doctor", "outcomes"],
    ),
    ("Act", &["call", "trigger", "replay", "identity", "csr"]),
    ("Prove", &["verify", "report"]),
    ("Plan and pay", &["capacity", "bill", "polling"]),
    ("Set up this command", &["completions", "man"]),
];

/// Writes the template of the page, whose commands have their texts already.
pub(super) fn page(command: &Command, language: Language) -> String {
    let header = Style::new().bold().underline();
    let literal = Style::new().bold();
    let text = |english: &'static str| match language {
        Language::En => english,
        Language::PtBr => text_of(english).unwrap_or(english),
    };
    let mut page =
        format!("{{about}}\n\n{header}{}{header:#} arauto {}\n", text("Usage:"), text("<COMMAND>"));
    let width = GROUPS.iter().flat_map(|(_, names)| *names).map(|name| name.len()).max().unwrap_or_default();
    for (title, names) in GROUPS {
        _ = write!(page, "\n{header}{}:{header:#}\n", text(title));
        for name in *names {
            let Some(one) = command.find_subcommand(name) else { continue };
            let about = one.get_about().map(ToString::to_string).unwrap_or_default();
            _ = writeln!(page, "  {literal}{name:width$}{literal:#}  {about}");
        }
    }
    _ = write!(page, "\n{header}{}:{header:#}\n{{options}}\n", text("Options"));
    _ = write!(page, "\n{header}{}:{header:#}\n", text("Exit codes"));
    for (code, meaning) in MEANINGS {
        _ = writeln!(page, "  {literal}{code:3}{literal:#}  {}", text(meaning));
    }
    page.push('\n');
    page.push_str(text("arauto COMMAND --help tells more of a command."));
    page
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::commands::command;

    #[test]
    fn each_command_is_in_one_group() {
        let command = command(Language::En);
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, names)| *names).copied().collect();
        let distinct: BTreeSet<_> = grouped.iter().copied().collect();
        assert_eq!(grouped.len(), distinct.len(), "a command is in two groups");
        let all: BTreeSet<_> = command.get_subcommands().map(Command::get_name).collect();
        assert_eq!(distinct, all);
    }

    #[test]
    fn the_page_has_each_command_and_no_escape_where_there_is_no_terminal() {
        let page = command(Language::En).render_help().to_string();
        assert!(page.contains("\nLook:\n  show ") && page.contains("\nExit codes:\n    0  "), "{page}");
        assert!(page.contains("-V, --version") && !page.contains('\u{1b}') && !page.contains('{'), "{page}");
    }
}
