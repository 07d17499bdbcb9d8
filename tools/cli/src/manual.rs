//! `arauto completions` and `arauto man`: what a shell and `man` want to know of this command.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::{Args, Command};
use clap_complete::Shell;

use crate::exit::MEANINGS;

/// Print the completions of a shell
///
/// Your shell's manual says where they belong: for bash in ~/.local/share/bash-completion/completions/arauto.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Examples:\n  arauto completions bash > ~/.local/share/bash-completion/completions/arauto\n  \
    arauto completions fish > ~/.config/fish/completions/arauto.fish"
)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write the man pages, one for each command
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  arauto man ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Folder for the pages, which is made if it is not there
    folder: PathBuf,
}

/// Prints the completions.
pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<()> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "arauto", &mut text);
    Ok(io::stdout().lock().write_all(&text)?)
}

/// Writes the man pages.
pub fn man(args: &ManArgs, command: Command) -> Result<()> {
    let folder = &args.folder;
    let failed = || format!("failed to write the pages to {}", folder.display());
    let codes = MEANINGS.map(|(code, meaning)| format!("  {code:3}  {meaning}")).join("\n");
    let command = command.after_help(format!("Exit codes:\n{codes}"));
    std::fs::create_dir_all(folder).with_context(failed)?;
    clap_mangen::generate_to(command, folder).with_context(failed)
}
