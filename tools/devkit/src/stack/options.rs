//! What may differ between one local stack and another.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::progress::Progress;

/// What to start, where, and who is told about it.
#[derive(Clone, Debug)]
pub struct Options {
    /// Holds the log, the temporary files and, of a stack that is kept, the state; one stack per folder.
    pub state_dir: PathBuf,
    /// The parameters of the template.
    pub parameters: BTreeMap<String, String>,
    /// The template to deploy; the checkout's own when absent.
    pub template: Option<PathBuf>,
    /// Where the functions come from.
    pub code: Code,
    /// Told about every step.
    pub progress: Progress,
}

impl Options {
    /// The checkout's template, its functions built for development, no parameters, progress on standard error.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        Self {
            state_dir: state_dir.into(),
            parameters: BTreeMap::new(),
            template: None,
            code: Code::Build(Profile::Dev),
            progress: Progress::stderr(),
        }
    }

    /// Sets one parameter of the template.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.insert(name.into(), value.into());
        self
    }
}

/// Where the functions come from.
#[derive(Clone, Debug)]
pub enum Code {
    /// Built by cargo from the checkout.
    Build(Profile),
    /// Taken from a folder, one executable per function, each under the name its `Binary` property says.
    Folder(PathBuf),
}

/// How cargo builds the functions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// Quick to build.
    Dev,
    /// As deployed to AWS.
    Release,
}

impl Profile {
    /// The name of the folder below cargo's target directory, and of ours below `packages`.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Dev => "debug",
            Self::Release => "release",
        }
    }
}
