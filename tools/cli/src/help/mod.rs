//! The help: commands in groups, exit codes, and the language of the locale.

mod groups;
mod translate;

use clap::Command;
pub use terminal::Language;

use self::groups::page;
use self::translate::translate;

/// Completes the commands' help in this language.
pub fn complete(command: Command, language: Language) -> Command {
    let command = command.mut_subcommands(|one| one.disable_help_subcommand(true));
    match language {
        Language::En => {
            let page = page(&command, language);
            command.help_template(page)
        }
        Language::PtBr => {
            let command = translate(command);
            let page = page(&command, language);
            command.help_template(page)
        }
    }
}
