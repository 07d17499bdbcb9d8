//! Exit codes: each means one thing, whichever the command is.

use std::io::{self, Write as _};
use std::process::ExitCode;

use account::remedy_of_expired;
use terminal::WrongUsage;

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    /// It is done, or the answer is yes.
    Done = 0,
    /// It could not be done.
    Failed = 1,
    /// The command was called wrongly, and has done nothing; clap exits with it, too.
    WrongUsage = 2,
    /// The answer is no.
    No = 3,
}

/// Each code and its meaning.
pub const MEANINGS: [(u8, &str); 5] = [
    (Exit::Done as u8, "it is done, or the answer is yes"),
    (Exit::Failed as u8, "it could not be done: a file, the network, AWS or the credentials"),
    (Exit::WrongUsage as u8, "wrong usage: nothing was done"),
    (Exit::No as u8, "the answer is no: not found, not valid, not proven, not carried, or something remains"),
    (INTERRUPTED, "stopped by Ctrl-C; 143 by SIGTERM"),
];

/// Exit codes of a process ended by SIGINT or SIGTERM, by the shell's convention.
pub const INTERRUPTED: u8 = 130;
/// See [`INTERRUPTED`].
pub const TERMINATED: u8 = 143;

impl Exit {
    /// Judges a command's result, where `true` says that all is well, and reports its error.
    pub fn of(result: anyhow::Result<bool>) -> Self {
        let error = match result {
            Ok(true) => return Self::Done,
            Ok(false) => return Self::No,
            // A closed pipe, as by `head`, is not an error.
            Err(error) if error.downcast_ref().is_some_and(is_broken_pipe) => return Self::Done,
            Err(error) => error,
        };
        let text = format!("{error:#}");
        let mut err = io::stderr().lock();
        writeln!(err, "arauto: {text}").ok();
        if let Some(remedy) = remedy_of_expired(&text) {
            writeln!(err, "arauto: {remedy}").ok();
        }
        if error.downcast_ref::<WrongUsage>().is_some() { Self::WrongUsage } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn each_kind_of_end_has_a_code_of_its_own() {
        let wrong = || anyhow::Error::from(WrongUsage("no".to_owned()));
        let pipe = io::Error::from(io::ErrorKind::BrokenPipe);
        for (result, exit) in [
            (Ok(true), Exit::Done),
            (Ok(false), Exit::No),
            (Err(anyhow!("no answer")), Exit::Failed),
            (Err(wrong()), Exit::WrongUsage),
            (Err(wrong()).context("while reading"), Exit::WrongUsage),
            (Err(pipe.into()), Exit::Done),
        ] {
            let said = format!("{result:?}");
            assert_eq!(Exit::of(result), exit, "{said}");
        }
        let codes = MEANINGS.map(|(code, _)| code);
        assert_eq!(codes, [0, 1, 2, 3, 130]);
    }
}
